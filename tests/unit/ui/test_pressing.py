"""Keys pressed at a question, on a keyboard made of a pipe."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import DummyInput, create_pipe_input
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.output import DummyOutput

from devports.ui.prompts import menu_of, pressed
from tests.harness.capabilities import NEEDS_FAKE_KEYS
from tests.unit.ui.samples import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prompt_toolkit.input import PipeInput

UP, DOWN, ENTER = "\x1b[A", "\x1b[B", "\r"
MENU, YES_NO = menu_of("stop it?", "dp"), menu_of("stop it?")


class Low(DummyOutput):
    """A terminal too low for a list."""

    def get_size(self) -> Size:
        return Size(rows=4, columns=80)


@contextlib.contextmanager
def keyboard(typed: str, before: str = "") -> Iterator[PipeInput]:
    """A keyboard on which `typed` is typed when the question is there, `before` before it is."""
    with create_pipe_input() as keys:
        keys.send_text(before)
        read = keys.read_keys

        def reading() -> list[KeyPress]:
            found = read()
            if not found:  # what was there before has been dropped
                keys.read_keys = read  # type: ignore[method-assign]
                keys.send_text(typed)
            return found

        keys.read_keys = reading  # type: ignore[method-assign]
        yield keys


KEYS = [
    pytest.param("y", "yes", id="y"),
    pytest.param("Y", "yes", id="Y, with caps lock"),
    pytest.param("n", "no", id="n"),
    pytest.param("nny\x03", "no", id="n, and more in the same moment"),
    pytest.param("d", "details", id="d"),
    pytest.param("p", "next", id="p"),
    pytest.param(ENTER, "no", id="Enter: what is pointed at first is no"),
    pytest.param("\x04", "no", id="Ctrl-D"),
    pytest.param("\x1b", "no", id="Esc"),
    pytest.param("\x1by", "no", id="Alt-y is Esc"),
    pytest.param(f"x1 {ENTER}", "no", id="keys that mean nothing, and Enter"),
    pytest.param("\x1b[200~y\r\x1b[201~n", "no", id="what is pasted answers nothing"),
]
ARROWS = [
    pytest.param(UP + ENTER, "yes", id="up"),
    pytest.param("k" + ENTER, "yes", id="k"),
    pytest.param("\x10" + ENTER, "yes", id="Ctrl-P"),
    pytest.param(DOWN + ENTER, "details", id="down"),
    pytest.param("jj" + ENTER, "next", id="j, twice"),
    pytest.param("\x0e" + ENTER, "details", id="Ctrl-N"),
    pytest.param(UP * 5 + ENTER, "yes", id="up beyond the first"),
    pytest.param(DOWN * 5 + ENTER, "next", id="down beyond the last"),
    pytest.param(UP + "n", "no", id="a key counts, wherever the arrow is"),
    pytest.param(UP + "\x1b", "no", id="Esc, wherever the arrow is"),
    pytest.param(UP + "\x04", "no", id="Ctrl-D, wherever the arrow is"),
]


@NEEDS_FAKE_KEYS
@pytest.mark.parametrize(("typed", "answer"), [*KEYS, *ARROWS])
@pytest.mark.parametrize("colour", [pytest.param("", id="colour"), pytest.param("1", id="none")])
def test_keys_in_the_list(typed: str, answer: str, colour: str) -> None:
    with keyboard(typed) as keys:
        screen = Stage(NO_COLOR=colour).screen
        assert pressed(MENU, keys, DummyOutput(), screen).answer == answer


@NEEDS_FAKE_KEYS
@pytest.mark.parametrize(("typed", "answer"), [*KEYS, pytest.param(UP + ENTER, "no", id="up")])
def test_keys_on_one_line(typed: str, answer: str) -> None:
    """Nothing is pointed at there, so Enter is no."""
    with keyboard(typed) as keys:
        assert pressed(MENU, keys, Low(), Stage().screen).answer == answer


@NEEDS_FAKE_KEYS
@pytest.mark.parametrize("typed", [UP + ENTER, "pdn"], ids=["up", "keys that are not offered"])
def test_yes_and_no_are_no_list(typed: str) -> None:
    with keyboard(typed) as keys:
        assert pressed(YES_NO, keys, DummyOutput(), Stage().screen).answer == "no"


@NEEDS_FAKE_KEYS
@pytest.mark.parametrize(
    "before",
    [
        pytest.param("yyy", id="keys"),
        pytest.param(UP + ENTER, id="an arrow and Enter"),
        pytest.param("\x03", id="Ctrl-C"),
        pytest.param("y\x1b", id="and half a key"),
    ],
)
def test_what_was_typed_before_the_question_is_forgotten(before: str) -> None:
    with keyboard("d", before) as keys:
        assert pressed(MENU, keys, DummyOutput(), Stage().screen).answer == "details"


class Endless(DummyInput):
    """A keyboard on which something lies."""

    def read_keys(self) -> list[KeyPress]:
        return [KeyPress("y")]


def test_keys_without_an_end_are_no_answer() -> None:
    with pytest.raises(EOFError):
        pressed(MENU, Endless(), DummyOutput(), Stage().screen)


@NEEDS_FAKE_KEYS
@pytest.mark.parametrize(
    ("typed", "said"),
    [
        pytest.param("y", "? stop it? yes\n", id="yes"),
        pytest.param("\x1b", "? stop it? no\n", id="no"),
        pytest.param("p", "? stop it? no, on another port\n", id="another port"),
    ],
)
def test_one_line_is_left(typed: str, said: str) -> None:
    stage = Stage(NO_COLOR="1")
    with keyboard(typed) as keys:
        pressed(MENU, keys, DummyOutput(), stage.screen)
    assert stage.stderr.getvalue() == said


@NEEDS_FAKE_KEYS
def test_ctrl_c_is_raised_and_said() -> None:
    stage = Stage(NO_COLOR="1")
    with keyboard(UP + "\x03") as keys, pytest.raises(KeyboardInterrupt):
        pressed(MENU, keys, DummyOutput(), stage.screen)
    assert stage.stderr.getvalue() == "? stop it? no (Ctrl-C)\n"


def test_the_end_of_the_input_is_raised_for_the_gate() -> None:
    with pytest.raises(EOFError):
        pressed(MENU, DummyInput(), DummyOutput(), Stage().screen)
