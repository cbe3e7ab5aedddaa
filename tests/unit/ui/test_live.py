from __future__ import annotations

import pyte
import pytest

from devports.ui.status_table import CLEAR, ENTER, LEAVE, Live, changes, cut
from tests.unit.ui.samples import Stage


def test_only_the_lines_that_changed_are_written() -> None:
    text = changes(["head", "web  free", "db  held"], ["head", "web  held", "db  held"])
    assert text == "\x1b[2;1H\x1b[2Kweb  held"


def test_nothing_is_written_where_nothing_changed() -> None:
    stage = Stage()
    live = Live(stage.screen)
    live.enter()
    live.show(["a", "b"])
    size = len(stage.stdout.getvalue())
    live.show(["a", "b"])
    assert len(stage.stdout.getvalue()) == size


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([["a", "b"], ["a", "c"]], id="another line"),
        pytest.param([["a", "b", "c"], ["a"]], id="fewer lines"),
        pytest.param([["a"], ["a", "b", "c"]], id="more lines"),
        pytest.param([["a" * 80, "b"], ["a" * 79, "b"]], id="a line as wide as the terminal"),
        pytest.param([["a" * 200, "b"], ["c", "b"]], id="a line wider than the terminal"),
    ],
)
def test_the_screen_shows_the_last_frame(frames: list[list[str]]) -> None:
    stage = Stage(COLUMNS="80", LINES="10")
    live = Live(stage.screen)
    live.enter()
    for frame in frames:
        live.show(frame)
    screen = pyte.Screen(80, 10)
    pyte.Stream(screen).feed(stage.stdout.getvalue())
    shown = [line.rstrip() for line in screen.display]
    assert shown == [*frames[-1], *[""] * (10 - len(frames[-1]))]


def test_a_terminal_that_is_too_low_says_how_much_is_missing() -> None:
    assert cut(["1", "2", "3", "4"], 4) == ["1", "2", "3", "4"]
    assert cut(["1", "2", "3", "4"], 3) == ["1", "2", "... 2 more lines"]


def test_after_a_resize_everything_is_drawn_again() -> None:
    stage = Stage(LINES="10")
    live = Live(stage.screen)
    live.enter()
    live.show(["a"])
    live.clear()
    live.show(["a"])
    assert stage.stdout.getvalue().rpartition(CLEAR + "\x1b[?2026h")[2] == (
        "\x1b[1;1H\x1b[2Ka\x1b[?2026l"
    )


def test_the_terminal_is_given_back_once() -> None:
    stage = Stage()
    live = Live(stage.screen)
    live.leave()
    live.clear()
    assert stage.stdout.getvalue() == ""
    live.enter()
    live.leave()
    live.leave()
    assert stage.stdout.getvalue() == ENTER + LEAVE
