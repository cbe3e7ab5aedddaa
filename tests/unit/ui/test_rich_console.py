from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rich.live import Live
from rich.text import Text

from devports.ui.rich_console import MARKS, Hanging, draw, facts, folded, marked, rich_console
from tests.unit.ui.samples import Stage

if TYPE_CHECKING:
    from rich.console import RenderableType

COMMAND = "devports free frontend auth postgres"


def drawn(stage: Stage, *items: RenderableType) -> str:
    draw(rich_console(stage.screen, "stderr"), items)
    return stage.stderr.getvalue()


@pytest.mark.parametrize(
    ("env", "told"),
    [
        pytest.param({}, "\x1b[1;31mx\x1b[0m y\n", id="a terminal gets the eight basic colours"),
        pytest.param({"COLORTERM": "truecolor", "TTY_COMPATIBLE": "0"},
                     "\x1b[1;31mx\x1b[0m y\n", id="what rich would read is not read"),
        pytest.param({"NO_COLOR": "1"}, "x y\n", id="NO_COLOR: not bold either"),
        pytest.param({"FORCE_COLOR": "0"}, "x y\n", id="FORCE_COLOR=0 is no colour"),
        pytest.param({"NO_COLOR": "1", "FORCE_COLOR": "1"}, "x y\n", id="NO_COLOR wins"),
        pytest.param({"TERM": "dumb"}, "x y\n", id="TERM=dumb"),
    ],
)  # fmt: skip
def test_colours_are_what_our_console_says(env: dict[str, str], told: str):
    assert drawn(Stage(env), Text.assemble(("x", "error"), " y")) == told


@pytest.mark.parametrize("term", ["dumb", ""], ids=["TERM=dumb", "no TERM"])
def test_nothing_is_drawn_over_where_the_cursor_cannot_be_moved(term: str):
    stage = Stage({"TERM": term})
    with Live("one", console=rich_console(stage.screen, "stderr"), auto_refresh=False) as live:
        live.update("two", refresh=True)
    assert "\x1b" not in stage.stderr.getvalue()


def test_foreign_text_is_neither_markup_nor_emoji():
    text = Text("[red]x[/] :bomb: 127.0.0.1")
    assert drawn(Stage(NO_COLOR="1"), text) == "[red]x[/] :bomb: 127.0.0.1\n"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param(f"stop it (asks first): `{COMMAND}`",
                     ["-> stop it (asks first):", f"   `{COMMAND}`"],
                     id="a command is not broken, however long"),
        pytest.param("a word_that_is_longer_than_a_line is whole",
                     ["-> a", "   word_that_is_longer_than_a_line", "   is whole"],
                     id="a word is not cut"),
        pytest.param("one ` has no twin", ["-> one ` has no twin"], id="a single backtick"),
        pytest.param("サーバー サーバー サーバー", ["-> サーバー サーバー", "   サーバー"],
                     id="a wide character is two cells"),
    ],
)  # fmt: skip
def test_further_lines_hang_below_the_text(text: str, lines: list[str]):
    stage = Stage(NO_COLOR="1", COLUMNS="24")
    assert drawn(stage, Hanging("-> ", text)).splitlines() == lines


def test_what_can_be_typed_has_its_colour_and_the_rest_has_none():
    text = marked("run `a b` now", typed="hint")
    assert drawn(Stage(), text) == "run \x1b[36m`a b`\x1b[0m now\n"


@pytest.mark.parametrize(
    ("encoding", "lines"),
    [
        pytest.param(
            "ascii",
            ["  ok a-b \\u3042a-b", "     \\u3042"],
            id="ASCII: as wide as its twin",
        ),
        pytest.param(
            "latin-1",
            ["  ok a·b \\u3042a·b", "     \\u3042"],
            id="Latin-1 says some of them",
        ),
        pytest.param("utf-8", ["  ✓ a·b あa·b あ"], id="UTF-8"),
    ],
)
def test_what_the_stream_cannot_say_is_measured_as_it_is_shown(encoding: str, lines: list[str]):
    stage = Stage(NO_COLOR="1", COLUMNS="20", encoding=encoding)
    item = Hanging(f"{MARKS['good']} ", "a·b あ" * 2, indent=2)
    assert drawn(stage, item).splitlines() == lines


def test_values_stand_below_each_other_and_empty_ones_are_left_out():
    told = drawn(
        Stage(NO_COLOR="1"), *facts([("command", "x"), ("note", ""), ("up", Text("5 min"))])
    )
    assert told.splitlines() == ["  command  x", "  up       5 min"]


def test_styles_survive_the_folding():
    whole = Text.assemble(("red red", "error"), " plain")
    assert [(line.plain, line.spans[0].style) for line in folded(whole, 5)[:2]] == [
        ("red", "error"),
        ("red", "error"),
    ]


def test_a_reader_that_has_gone_ends_nothing():
    stage = Stage(FORCE_COLOR="1")
    console = rich_console(stage.screen, "stderr")
    stage.stderr.close()
    draw(console, [Text("x")])
    assert "stderr" in stage.screen.lost
