"""What a question asks, its answers, and how they are folded at every width."""

from __future__ import annotations

import pytest

from devports.core.holder_kind import Container, OtherUser
from devports.core.model import Endpoint
from devports.core.stop_plan import Question
from devports.core.text import cells
from devports.ui.prompts import (
    ANSWER_WIDTH,
    DETAILS,
    NO,
    OTHER,
    YES,
    Prompt,
    option_lines,
    prompt_for,
    question_lines,
    rows_of,
    take_over_prompt,
    yes_or_no,
)
from tests.unit.ui import samples as s

STOP = Question("stop", s.NODE_TARGET, s.HELD, may_move=True)
MENU = prompt_for(STOP, "backend")


def lines(menu: Prompt, width: int = 80) -> list[str]:
    told = [line for one in menu.choices for line in option_lines(one.text, width)]
    return [
        "?" + question_lines(menu.text, width)[0][1:],
        *question_lines(menu.text, width)[1:],
        *told,
    ]


def test_the_list() -> None:
    assert lines(MENU) == [
        "? 127.0.0.1:8000 is in use by `node` (pid 4242): stop it and start `backend`?",
        "   n  no, leave it running",
        "   y  yes, stop it and start `backend`",
        "   d  show details",
        "   p  no, start `backend` on the next free port after 8000",
    ]


def test_the_list_at_60() -> None:
    assert lines(MENU, 60) == [
        "? 127.0.0.1:8000 is in use by `node` (pid 4242): stop it",
        "  and start `backend`?",
        "   n  no, leave it running",
        "   y  yes, stop it and start `backend`",
        "   d  show details",
        "   p  no, start `backend` on the next free port after 8000",
    ]


OTHERS = [
    pytest.param(Prompt("stop it?", (NO, YES, DETAILS, OTHER)), id="every answer there is"),
    pytest.param(yes_or_no("write `devports.toml`?"), id="yes and no"),
    pytest.param(prompt_for(STOP, ""), id="free"),
    pytest.param(prompt_for(STOP.replace(kind="kill"), "web"), id="SIGKILL"),
    pytest.param(take_over_prompt("web", 77), id="another run in charge"),
]


@pytest.mark.parametrize("menu", [*OTHERS, pytest.param(MENU, id="run")])
def test_no_comes_first_and_is_pointed_at(menu: Prompt) -> None:
    assert [choice.answer for choice in menu.choices][:2] == ["no", "yes"]
    assert menu.choices[0].row.startswith("no")


def test_the_question_about_another_run_in_charge_is_a_list_too() -> None:
    assert lines(take_over_prompt("web", 77)) == [
        "? `devports run web` is already running (pid 77): stop it and start it here?",
        "   n  no, leave it running",
        "   y  yes, stop it and start `web` here",
    ]


def test_the_question_about_a_run_of_no_service_names_what_was_typed() -> None:
    menu = take_over_prompt("uvicorn:8000", 77)
    assert "`devports run --port 8000 -- uvicorn` is already running (pid 77)" in lines(menu)[0]
    assert any("yes, stop it and start `uvicorn` here" in line for line in lines(menu))


@pytest.mark.parametrize("width", range(20, 130))
def test_no_word_is_broken_and_no_line_too_long(width: int) -> None:
    told = lines(MENU, width)
    whole = " ".join(lines(MENU)).split()
    assert " ".join(told).split() == whole
    assert all(len(line) <= width for line in told)
    assert rows_of(MENU, width) == len(told)


@pytest.mark.parametrize("name", ["web", "frontend", "nine-char", "a" * 64, "サービス" * 4])
@pytest.mark.parametrize("kind", ["stop", "kill"])
def test_no_answer_is_folded_at_60(name: str, kind: str) -> None:
    finding = s.HELD.replace(endpoint=Endpoint("127.0.0.1", 65535))
    question = Question("stop", s.UVICORN_TARGET, finding, may_move=True).replace(kind=kind)
    menus = prompt_for(question, name), take_over_prompt(name, 4194304)
    rows = [choice.row for menu in menus for choice in menu.choices]
    assert max(map(cells, rows)) <= ANSWER_WIDTH, rows


BOB = s.NODE_TARGET.replace(kind=OtherUser("bob", permitted=True))
ONE = s.NODE_TARGET.replace(kind=Container("docker", name="db", engine_answer="one"))
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
    assert [choice.row for choice in prompt_for(question, service).choices][:2] == expected


@pytest.mark.parametrize("kind", ["stop", "kill"])
def test_hostile_names_stay_on_their_line(kind: str) -> None:
    menu = prompt_for(Question("stop", s.EVIL_TARGET, s.EVIL_FINDING).replace(kind=kind), s.EVIL)
    told = "\n".join(lines(menu))
    assert "\x1b" not in told
    assert "\nerror:" not in told
