from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from prompt_toolkit.input import DummyInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from devports.core.outcome import Question
from devports.core.standing import OtherUser
from devports.ui.console import Screen
from devports.ui.prompt import ask, confirmed, on_terminal
from tests.unit.ui import samples as s
from tests.unit.ui.samples import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

STOP = Question("stop", s.NODE_TARGET, s.HELD)


def never(text: str, _screen: Screen) -> bool:
    raise AssertionError(f"asked: {text}")


class Answer:
    """A person who answers what they are asked."""

    def __init__(self, answer: bool | type[BaseException]) -> None:
        self.answer, self.asked = answer, ""

    def __call__(self, text: str, _screen: Screen) -> bool:
        self.asked = text
        if isinstance(self.answer, bool):
            return self.answer
        raise self.answer


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
    assert ask(STOP, stage.screen, confirm=never) is False
    assert stage.stderr.getvalue() == ""


@pytest.mark.parametrize("said", [pytest.param(True, id="yes"), pytest.param(False, id="no")])
def test_the_holder_is_shown_and_the_answer_counts(said: bool) -> None:
    stage, person = Stage(COLUMNS="80", NO_COLOR="1"), Answer(said)
    assert ask(STOP, stage.screen, "backend", reader=s.ANN, confirm=person) is said
    assert stage.stderr.getvalue() == (
        "warning: 127.0.0.1:8000 is held by `node`\n"
        "  process     `node` (pid 4242), you, running for 2 h (since 12:11)\n"
        "  socket      LISTEN 0.0.0.0:8000 and [::]:8000\n"
        "  folder      ~/shop/web\n"
        "  command     node server.js --port 8000\n"
        "  started by  `npm run dev` <- `zsh` <- `code`\n"
    )
    assert person.asked == ("stop `node` (pid 4242) with SIGTERM, so that `backend` can start?")
    assert stage.stdout.getvalue() == ""


def test_another_user_is_named() -> None:
    stage, person = Stage(NO_COLOR="1"), Answer(False)  # the answer
    theirs = s.NODE_TARGET.but(standing=OtherUser("bob", permitted=True))
    ask(STOP.but(target=theirs), stage.screen, confirm=person)
    assert "which belongs to user bob and not to you" in person.asked
    assert "note        belongs to user bob" in stage.stderr.getvalue()


def test_ctrl_c_is_not_an_answer() -> None:
    with pytest.raises(KeyboardInterrupt):
        ask(STOP, Stage().screen, confirm=Answer(KeyboardInterrupt))


def test_hostile_names_in_the_question() -> None:
    stage, person = Stage(NO_COLOR="1"), Answer(True)  # the answer
    ask(Question("kill", s.EVIL_TARGET, s.EVIL_FINDING), stage.screen, s.EVIL, confirm=person)
    said = person.asked + stage.stderr.getvalue()
    assert "\x1b" not in said
    assert "\nerror:" not in said


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        pytest.param("y", True, id="y"),
        pytest.param("n", False, id="n"),
        pytest.param("\r", False, id="Enter"),
        pytest.param("\x04", False, id="Ctrl-D"),
        pytest.param("x\r", False, id="another key and Enter"),
    ],
)
@pytest.mark.parametrize("colour", [pytest.param("", id="colour"), pytest.param("1", id="none")])
def test_keys(keys: str, answer: bool, colour: str) -> None:
    with create_pipe_input() as keyboard:
        keyboard.send_text(keys)
        screen = Stage(NO_COLOR=colour).screen
        assert confirmed("stop it?", keyboard, DummyOutput(), screen) is answer


def test_ctrl_c_at_the_question_is_raised() -> None:
    with create_pipe_input() as keyboard:
        keyboard.send_text("\x03")
        with pytest.raises(KeyboardInterrupt):
            confirmed("stop it?", keyboard, DummyOutput(), Stage().screen)


def test_the_end_of_the_input_is_raised_for_the_gate() -> None:
    with pytest.raises(EOFError):
        confirmed("stop it?", DummyInput(), DummyOutput(), Stage().screen)


@pytest.fixture
def terminal() -> Iterator[tuple[int, Screen]]:
    """A pseudo terminal: the descriptor of its keyboard, and a screen on it."""
    keyboard, side = os.openpty()
    reading = open(side, encoding="utf-8", closefd=False)  # noqa: SIM115
    writing = open(side, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    with reading, writing:
        yield keyboard, Screen(reading, writing, writing, {"TERM": "xterm"})
    os.close(keyboard)
    os.close(side)


def test_keys_from_before_the_question_are_forgotten(terminal: tuple[int, Screen]) -> None:
    keyboard, screen = terminal
    os.write(keyboard, b"y\nyy")

    def pressed(*_: object) -> bool:
        os.set_blocking(side, False)
        with pytest.raises(BlockingIOError):
            os.read(side, 10)
        return True

    stdin = screen.streams["stdin"]
    assert stdin is not None
    side = stdin.fileno()
    assert on_terminal("stop it?", screen, confirm=pressed) is True


def test_a_question_asks_the_terminal_nothing(terminal: tuple[int, Screen]) -> None:
    def asked(_text: str, _source: object, sink: Any, _screen: Screen) -> bool:
        return bool(sink.responds_to_cpr)

    assert on_terminal("stop it?", terminal[1], confirm=asked) is False


def test_a_stderr_that_is_not_a_terminal_after_all(terminal: tuple[int, Screen]) -> None:
    stdin = terminal[1].streams["stdin"]
    screen = Screen(stdin, None, Stage(terminal=False).stderr, {})
    assert on_terminal("stop it?", screen, confirm=lambda *_: True) is True


def test_no_input_at_all_is_no() -> None:
    assert on_terminal("stop it?", Screen(None, None, None, {})) is False


@pytest.mark.parametrize(
    "problem",
    [
        pytest.param(EOFError, id="the end of the input"),
        pytest.param(OSError, id="the terminal has gone"),
    ],
)
def test_a_vanished_terminal_is_no(terminal: tuple[int, Screen], problem: type[Exception]) -> None:
    def gone(*_: object) -> bool:
        raise problem

    assert on_terminal("stop it?", terminal[1], confirm=gone) is False
