from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from devports.core.holder_kind import OrdinaryProcess, OtherUser
from devports.core.model import Holder
from devports.core.stop_plan import PortClients, Question, StopTarget, UntouchedProcess
from devports.ui.console import Console
from devports.ui.prompts import DETAILS, NO, YES, Prompt, answer_on_terminal, ask
from tests.harness.capabilities import NEEDS_PTY
from tests.unit.ui import samples as s
from tests.unit.ui.samples import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.core.stop_plan import QuestionKind
    from devports.ui.prompts import Chosen

STOP = Question("stop", s.NODE_TARGET, s.HELD)
MENU = Prompt("stop it?", (NO, YES, DETAILS))


def never(menu: Prompt, _screen: Console) -> Chosen:
    raise AssertionError(f"asked: {menu.text}")


class Person:
    """Somebody who chooses these, one for each time they are asked."""

    def __init__(self, *answers: Chosen) -> None:
        self.answers, self.asked, self.keys = list(answers), "", ""

    def __call__(self, menu: Prompt, _screen: Console) -> Chosen:
        self.asked, self.keys = menu.text, "".join(choice.key for choice in menu.choices)
        return self.answers.pop(0)


def interrupting(*_: object) -> Chosen:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "stage",
    [
        pytest.param(Stage(terminal=False), id="no terminal"),
        pytest.param(Stage(may_ask=False), id="--no-input"),
        pytest.param(Stage(CI="true"), id="CI"),
        pytest.param(Stage(terminal=False, FORCE_COLOR="1"), id="colours forced on a pipe"),
    ],
)
def test_nobody_to_ask_is_no_without_a_question(stage: Stage) -> None:
    assert ask(STOP, stage.screen, choose=never) == "no"
    assert stage.stderr.getvalue() == ""


@pytest.mark.parametrize("said", ["yes", "no", "next"])
def test_the_holder_is_shown_and_the_answer_counts(said: Chosen) -> None:
    stage, person = Stage(COLUMNS="80", NO_COLOR="1"), Person(said)
    given = ask(STOP, stage.screen, "backend", project="`shop`", reader=s.ANN, choose=person)
    assert given == said
    assert stage.stderr.getvalue() == (
        "! 127.0.0.1:8000 is in use by `node`\n"
        "  command     node server.js --port 8000\n"
        "  process     pid 4242, you, up 2 h\n"
        "  folder      ~/shop/web (`shop`)\n"
        "  started by  `npm run dev` <- `zsh` <- `code`\n"
    )
    asked = "127.0.0.1:8000 is in use by `node` (pid 4242): stop it and start `backend`?"
    assert person.asked == asked
    assert stage.stdout.getvalue() == ""


def test_another_user_is_named() -> None:
    stage, person = Stage(NO_COLOR="1"), Person("no")
    theirs = s.NODE_TARGET.replace(kind=OtherUser("bob", permitted=True))
    ask(STOP.replace(target=theirs), stage.screen, choose=person)
    assert "of user `bob`" in person.asked
    assert "  note        belongs to user `bob`\n" in stage.stderr.getvalue()


def test_ctrl_c_is_not_an_answer() -> None:
    with pytest.raises(KeyboardInterrupt):
        ask(STOP, Stage().screen, choose=interrupting)


@pytest.mark.parametrize("kind", ["stop", "kill"])
def test_hostile_names_in_the_question(kind: QuestionKind) -> None:
    stage, person = Stage(NO_COLOR="1"), Person("details", "yes")
    ask(Question(kind, s.EVIL_TARGET, s.EVIL_FINDING), stage.screen, s.EVIL, choose=person)
    said = person.asked + stage.stderr.getvalue()
    assert "\x1b" not in said
    assert "\nerror:" not in said


def test_details_are_shown_and_the_question_is_asked_again() -> None:
    stage, person = Stage(NO_COLOR="1", COLUMNS="100"), Person("details", "no")
    known = PortClients(2, (UntouchedProcess(s.PYTHON, "client"),))
    question = Question("stop", s.UVICORN_TARGET, s.HELD, known)
    assert ask(question, stage.screen, reader=s.ANN, choose=person) == "no"
    said = stage.stderr.getvalue()
    assert "  clients     2 connected (local: `python` (pid 77)); not stopped\n" in said
    assert "  what will be stopped\n  10    uvicorn main:app --reload" in said
    assert "\n    11  python" in said, "a worker stands below its parent"
    assert "devports sends SIGTERM, like `kill -TERM 10`" in said
    assert "not stopped: `python` (pid 77) (client)" in said
    assert not person.answers


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        pytest.param(15, ["!", "command", "process", "folder", "started"], id="all of it"),
        pytest.param(14, ["command", "process", "folder", "started"], id="no headline"),
        pytest.param(9, ["command", "process"], id="the most telling"),
        pytest.param(5, [], id="the question alone"),
    ],
)
def test_a_card_has_the_lines_that_the_question_leaves(lines: int, shown: list[str]) -> None:
    stage = Stage(NO_COLOR="1", COLUMNS="80", LINES=str(lines))
    ask(STOP.replace(may_move=True), stage.screen, "web", reader=s.ANN, choose=Person("no"))
    assert [line.split()[0] for line in stage.stderr.getvalue().splitlines()] == shown


def test_what_the_card_has_no_room_for_is_the_first_detail() -> None:
    stage = Stage(NO_COLOR="1", COLUMNS="80", LINES="5")
    ask(STOP, stage.screen, reader=s.ANN, choose=Person("details", "no"))
    assert [line.split()[0] for line in stage.stderr.getvalue().splitlines()] == [
        "command", "process", "folder",
    ]  # fmt: skip


def test_a_command_in_what_yes_does_is_never_broken() -> None:
    stage = Stage(COLUMNS="44", LINES="60", NO_COLOR="1")
    ask(STOP, stage.screen, reader=s.ANN, choose=Person("details", "no"))
    assert "`kill -TERM 4242`" in stage.stderr.getvalue()


def test_the_details_go_when_all_of_them_were_shown() -> None:
    person = Person("details", "no")
    ask(STOP, Stage(LINES="90").screen, reader=s.ANN, choose=person)
    assert person.keys == "ny"


def test_an_ancestor_with_a_long_command_line_fills_no_page() -> None:
    runner = s.process(300, "runner", "runner", "--env", "A=b " * 1000)
    server = StopTarget(s.NODE, OrdinaryProcess(), (Holder(s.NODE, (5,), (runner,)),))
    stage = Stage(COLUMNS="80", LINES="40", NO_COLOR="1")
    ask(STOP.replace(target=server), stage.screen, reader=s.ANN, choose=Person("details", "no"))
    said = stage.stderr.getvalue()
    assert len(said.partition("  300 ")[2].partition("if you answer yes")[0]) < 200
    assert "if you answer yes" in said


@pytest.mark.parametrize(
    ("may_move", "keys"),
    [
        pytest.param(True, "nydp", id="where it may"),
        pytest.param(False, "nyd", id="where it may not"),
    ],
)
def test_another_port_is_offered(may_move: bool, keys: str) -> None:
    person = Person("no")
    ask(STOP.replace(may_move=may_move), Stage().screen, choose=person)
    assert person.keys == keys


@pytest.fixture
def terminal() -> Iterator[tuple[int, Console]]:
    """A pseudo terminal: the descriptor of its keyboard, and a screen on it."""
    if not hasattr(os, "openpty"):
        pytest.skip(NEEDS_PTY.kwargs["reason"])
    keyboard, side = os.openpty()
    reading = open(side, encoding="utf-8", closefd=False)  # noqa: SIM115
    writing = open(side, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    with reading, writing:
        yield keyboard, Console(reading, writing, writing, {"TERM": "xterm"})
    os.close(keyboard)
    os.close(side)


def test_keys_from_before_the_question_are_forgotten(terminal: tuple[int, Console]) -> None:
    keyboard, screen = terminal
    os.write(keyboard, b"y\nyy")

    def read(*_: object) -> Chosen:
        os.set_blocking(side, False)
        with pytest.raises(BlockingIOError):
            os.read(side, 10)
        return "yes"

    stdin = screen.streams["stdin"]
    assert stdin is not None
    side = stdin.fileno()
    assert answer_on_terminal(MENU, screen, press=read) == "yes"


def test_a_question_asks_the_terminal_nothing(terminal: tuple[int, Console]) -> None:
    def asked(_menu: Prompt, _source: object, sink: Any, _screen: Console) -> Chosen:
        return "yes" if sink.responds_to_cpr else "no"

    assert answer_on_terminal(MENU, terminal[1], press=asked) == "no"


def test_a_stderr_that_is_not_a_terminal_after_all(terminal: tuple[int, Console]) -> None:
    stdin = terminal[1].streams["stdin"]
    screen = Console(stdin, None, Stage(terminal=False).stderr, {})
    assert answer_on_terminal(MENU, screen, press=lambda *_: "yes") == "yes"


def test_no_input_at_all_is_no() -> None:
    assert answer_on_terminal(MENU, Console(None, None, None, {})) == "no"


@pytest.mark.parametrize(
    "problem",
    [
        pytest.param(EOFError, id="the end of the input"),
        pytest.param(OSError, id="the terminal has gone"),
    ],
)
def test_a_vanished_terminal_is_no(terminal: tuple[int, Console], problem: type[Exception]) -> None:
    def gone(*_: object) -> Chosen:
        raise problem

    assert answer_on_terminal(MENU, terminal[1], press=gone) == "no"
