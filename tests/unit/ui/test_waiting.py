"""A wait on a terminal is one line that counts and goes; on a pipe it is told once."""

from __future__ import annotations

import pyte
import pytest

from devports.ui.waiting import waiting
from tests.unit.ui.samples import Stage

LINE, TEXT = "waiting up to 30 s for `db`", "waiting for `db` on 127.0.0.1:5432"
LONG_TEXT = TEXT + " and for much more that has no room"


def screen_of(stage: Stage, columns: int = 60) -> pyte.Screen:
    """Return what a terminal shows that has got what was written."""
    screen = pyte.Screen(columns, 5)
    pyte.Stream(screen).feed(stage.stderr.getvalue().replace("\n", "\r\n"))
    return screen


def shown(stage: Stage, text: str = TEXT, *, waited: float = 4.2, columns: int = 60) -> str:
    """Return what stands on the screen in the middle of a wait."""
    with waiting(stage.screen, LINE, text, 30 - waited, waited=waited) as tick:
        tick()
        return "\n".join(screen_of(stage, columns).display).rstrip()


@pytest.mark.parametrize(
    ("env", "text", "line"),
    [
        pytest.param({}, TEXT, f"⠋ {TEXT}  4 s of 30", id="what, how long already, and at most"),
        pytest.param({"COLUMNS": "40"}, LONG_TEXT, "⠋ waiting for `db` on 12…  4 s of 30",
                     id="it stays one line, and shows how long"),
        pytest.param({"COLUMNS": "20"}, TEXT, "⠋ wa…  4 s of 30", id="on the narrowest terminal"),
        pytest.param({"NO_COLOR": "1"}, TEXT, f"⠋ {TEXT}  4 s of 30", id="without colour"),
    ],
)  # fmt: skip
def test_it_is_one_line(env: dict[str, str], text: str, line: str):
    assert shown(Stage({"COLUMNS": "60", **env}), text) == line


def test_it_is_written_in_ascii_where_there_is_nothing_else():
    stage = Stage(COLUMNS="40", encoding="ascii")
    assert shown(stage, LONG_TEXT) == "- waiting for `db` on 12...  4 s of 30"


def test_the_time_is_dim_and_nothing_else():
    stage = Stage(COLUMNS="60")
    shown(stage)
    assert f"{TEXT}\x1b[2m  4 s of 30\x1b[0m" in stage.stderr.getvalue()
    stage = Stage(COLUMNS="60", NO_COLOR="1")
    shown(stage)
    assert "m" not in stage.stderr.getvalue().replace(TEXT, "")


def test_it_goes_when_the_wait_ends_and_leaves_the_cursor():
    stage = Stage(COLUMNS="60")
    stage.screen.err("before")
    shown(stage)
    screen = screen_of(stage)
    assert "\n".join(screen.display).rstrip() == "before"
    assert (screen.cursor.y, screen.cursor.x, screen.cursor.hidden) == (1, 0, False)


def test_it_goes_when_the_wait_is_interrupted():
    stage = Stage(COLUMNS="60")

    def interrupted() -> None:
        with waiting(stage.screen, LINE, TEXT, 30, waited=1) as tick:
            tick()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert "".join(screen_of(stage).display).strip() == ""


def test_a_cursor_that_nobody_could_bring_back_is_not_hidden():
    stage = Stage(COLUMNS="60")
    with waiting(stage.screen, LINE, TEXT, 30, waited=1) as tick:
        tick()
        assert not screen_of(stage).cursor.hidden


@pytest.mark.parametrize("waited", [0.0, 0.2], ids=["it just began", "it has begun"])
def test_a_short_wait_shows_nothing(waited: float):
    stage = Stage(COLUMNS="60")
    assert shown(stage, waited=waited) == ""
    assert stage.stderr.getvalue() == ""


def test_it_is_not_drawn_more_often_than_ten_times_a_second():
    stage = Stage(COLUMNS="60")
    with waiting(stage.screen, LINE, TEXT, 30, waited=1) as tick:
        tick()
        first = stage.stderr.getvalue()
        tick()
        assert stage.stderr.getvalue() == first


@pytest.mark.parametrize(
    "stage",
    [
        pytest.param(Stage(terminal=False), id="a pipe"),
        pytest.param(Stage(terminal=False, FORCE_COLOR="1"), id="a pipe with colour"),
        pytest.param(Stage(TERM="dumb", COLUMNS="60"), id="TERM=dumb"),
    ],
)
def test_it_is_told_once_where_nothing_can_be_drawn_over(stage: Stage):
    shown(stage)
    assert stage.stderr.getvalue() == f"devports: {LINE}\n"
