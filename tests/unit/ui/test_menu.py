"""A question as a list and as one line, at every width."""

from __future__ import annotations

import pytest

from devports.core.holder_kind import Container, OtherUser
from devports.core.stop_plan import Question
from devports.ui.prompts import (
    DETAILS,
    NO,
    OTHER,
    YES,
    Prompt,
    answered,
    is_list,
    menu_for,
    menu_to_take_over,
    shown,
    yes_or_no,
)
from devports.ui.text import OutputStyle
from tests.unit.ui import samples as s

STOP = Question("stop", s.NODE_TARGET, s.HELD, may_move=True)
MENU = menu_for(STOP, "backend")
WIDE = OutputStyle(width=80)


def lines(menu: Prompt, width: int = 80, rows: int = 24, *, guarded: bool = False) -> list[str]:
    above, below = shown(menu, menu.safe, OutputStyle(width=width), rows, guarded=guarded)
    return [*above, *below]


def test_the_list() -> None:
    assert lines(MENU) == [
        "? stop `node` (pid 4242) with SIGTERM, so that `backend` can start?",
        "  > n  no, leave it running",
        "    y  yes, stop it and start `backend`",
        "    d  show the details",
        "    p  no, start `backend` on the next free port after 8000",
        "  arrows and Enter, or a key",
    ]


def test_the_list_at_60() -> None:
    assert lines(MENU, 60) == [
        "? stop `node` (pid 4242) with SIGTERM, so that `backend` can",
        "  start?",
        "  > n  no, leave it running",
        "    y  yes, stop it and start `backend`",
        "    d  show the details",
        "    p  no, start `backend` on the next free port after 8000",
        "  arrows and Enter, or a key",
    ]


def test_a_narrow_terminal_gets_one_line_of_keys() -> None:
    assert lines(MENU, 39) == [
        "? stop `node` (pid 4242) with SIGTERM,",
        "  so that `backend` can start? (y/N, d",
        "  = details, p = take another port)",
    ]


OTHERS = [
    pytest.param(Prompt("stop it?", (NO, YES, DETAILS, OTHER)), id="every answer there is"),
    pytest.param(yes_or_no("write `devports.toml`?"), id="yes and no"),
    pytest.param(menu_for(STOP, ""), id="free"),
    pytest.param(menu_for(STOP.replace(kind="kill"), "web"), id="SIGKILL"),
    pytest.param(menu_to_take_over("web", 77), id="another run in charge"),
]


@pytest.mark.parametrize("menu", [*OTHERS, pytest.param(MENU, id="run")])
def test_no_comes_first_and_is_pointed_at(menu: Prompt) -> None:
    assert menu.safe == 0
    assert [choice.answer for choice in menu.choices][:2] == ["no", "yes"]
    rows = [line for line in lines(menu, 120) if not line.startswith("?")]
    assert rows[0].startswith("  > n  no")


def test_the_question_about_another_run_in_charge_is_a_list_too() -> None:
    assert lines(menu_to_take_over("web", 77)) == [
        "? another `devports run web` is in charge (pid 77): stop it and start here?",
        "  > n  no, leave it running",
        "    y  yes, stop it and start `web` here",
        "  arrows and Enter, or a key",
    ]


def test_the_question_about_a_run_of_no_service_names_what_was_typed() -> None:
    menu = menu_to_take_over("uvicorn:8000", 77)
    assert "`devports run --port 8000 -- uvicorn` is in charge (pid 77)" in lines(menu)[0]
    assert "    y  yes, stop it and start `uvicorn` here" in lines(menu)


@pytest.mark.parametrize("menu", [*OTHERS, pytest.param(MENU, id="run")])
@pytest.mark.parametrize("width", [20, 36, 60, 80, 120])
def test_how_to_answer_is_shown_last_and_moves_nothing(menu: Prompt, width: int) -> None:
    guarded, told = lines(menu, width, guarded=True), lines(menu, width)
    if width < 40:
        assert "\n".join(told).startswith("\n".join(guarded))
        assert "/N" in "".join(told).removeprefix("".join(guarded))
        return
    assert told == [*guarded[:-1], "  arrows and Enter, or a key"]
    assert guarded[-1] == ""


@pytest.mark.parametrize("width", range(20, 130))
@pytest.mark.parametrize("rows", [3, 24])
def test_no_word_is_broken_and_no_line_too_long(width: int, rows: int) -> None:
    told = lines(MENU, width, rows)
    assert all(len(line) <= width for line in told)
    whole = " ".join([*lines(MENU), *lines(MENU, rows=3)]).split()
    assert [word for word in " ".join(told).split() if word not in whole] == []


@pytest.mark.parametrize("pointed", range(4))
def test_one_row_is_pointed_at_and_begins_the_second_part(pointed: int) -> None:
    above, below = shown(MENU, pointed, WIDE, 24)
    assert [line for line in [*above, *below] if line.startswith("  >")] == below[:1]
    assert below[0].startswith(f"  > {MENU.choices[pointed].key}")


@pytest.mark.parametrize(
    ("menu", "width", "rows", "expected"),
    [
        pytest.param(MENU, 80, 7, True, id="as high as it has to be"),
        pytest.param(MENU, 80, 6, False, id="one line too low"),
        pytest.param(MENU, 40, 24, True, id="as wide as it has to be"),
        pytest.param(MENU, 39, 24, False, id="too narrow"),
        pytest.param(yes_or_no("stop it?"), 80, 24, True, id="yes and no are a list too"),
    ],
)
def test_where_there_is_a_list(menu: Prompt, width: int, rows: int, expected: bool) -> None:
    assert is_list(menu, OutputStyle(width=width), rows) is expected


BOB = s.NODE_TARGET.replace(standing=OtherUser("bob", permitted=True))
ONE = s.NODE_TARGET.replace(standing=Container("docker", name="db", said="one"))
ROWS = [
    pytest.param(STOP, "", ["no, leave it running", "yes, stop it"], id="free starts nothing"),
    pytest.param(
        STOP.replace(target=s.UVICORN_TARGET), "",
        ["no, leave them running", "yes, stop them"], id="a server and its workers",
    ),
    pytest.param(
        STOP.replace(kind="kill"), "web",
        ["no, leave it running", "yes, kill it and start `web`"], id="what did not end in time",
    ),
    pytest.param(
        STOP.replace(target=BOB), "web",
        ["no, leave it running", "yes, stop what belongs to bob and start `web`"],
        id="another user's",
    ),
    pytest.param(
        STOP.replace(kind="container", target=ONE), "",
        ["no, leave it running", "yes, stop it"], id="a container",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("question", "service", "expected"), ROWS)
def test_rows(question: Question, service: str, expected: list[str]) -> None:
    assert [choice.row for choice in menu_for(question, service).choices][:2] == expected


@pytest.mark.parametrize("kind", ["stop", "kill"])
def test_hostile_names_stay_on_their_line(kind: str) -> None:
    menu = menu_for(Question("stop", s.EVIL_TARGET, s.EVIL_FINDING).replace(kind=kind), s.EVIL)
    told = "\n".join([*lines(menu), answered(menu, "no", WIDE)])
    assert "\x1b" not in told
    assert "\nerror:" not in told


def test_what_is_pointed_at_and_the_mark_are_coloured() -> None:
    above, below = shown(
        Prompt("stop it?", (NO, YES, DETAILS)), 1, OutputStyle(colour=True, width=80), 24
    )
    assert above == ["\x1b[36m?\x1b[0m stop it?", "    n  no"]
    assert below[0] == "  \x1b[1m> y  yes\x1b[0m"


def test_what_is_left() -> None:
    assert answered(MENU, "yes", WIDE) == (
        "? stop `node` (pid 4242) with SIGTERM, so that `backend` can start? yes"
    )
    assert answered(MENU, "", OutputStyle(width=60)) == (
        "? stop `node` (pid 4242) with SIGTERM, so that `backend` can\n  start?"
    )
