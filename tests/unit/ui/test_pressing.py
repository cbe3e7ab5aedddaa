"""Keys pressed at a question, on a keyboard made of a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING

import pytest
from prompt_toolkit.input import DummyInput, create_pipe_input
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.output import DummyOutput
from prompt_toolkit.output.vt100 import Vt100_Output

from devports.ui.prompts import DETAILS, GUARD, NO, OTHER, YES, Prompt, run_prompt, yes_or_no
from tests.harness.capabilities import NEEDS_FAKE_KEYS
from tests.unit.ui.samples import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prompt_toolkit.input import Input, PipeInput
    from prompt_toolkit.output import Output

    from devports.ui.prompts import Chosen, Now

UP, DOWN, ENTER = "\x1b[A", "\x1b[B", "\r"
MENU = Prompt("stop it?", (NO, YES, DETAILS, OTHER))
YES_NO = yes_or_no("stop it?")


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
    pytest.param(UP + ENTER, "no", id="up, as in a shell: no comes first"),
    pytest.param("k" + ENTER, "no", id="k"),
    pytest.param("\x10" + ENTER, "no", id="Ctrl-P"),
    pytest.param(DOWN + ENTER, "yes", id="down"),
    pytest.param("jj" + ENTER, "details", id="j, twice"),
    pytest.param("\x0e" + ENTER, "yes", id="Ctrl-N"),
    pytest.param(DOWN + UP * 5 + ENTER, "no", id="up beyond the first"),
    pytest.param(DOWN * 5 + ENTER, "next", id="down beyond the last"),
    pytest.param(DOWN * 5 + UP * 2 + ENTER, "yes", id="and back"),
    pytest.param(DOWN + "n", "no", id="a key counts, wherever the arrow is"),
    pytest.param(DOWN + "\x1b", "no", id="Esc, wherever the arrow is"),
    pytest.param(DOWN + "\x04", "no", id="Ctrl-D, wherever the arrow is"),
]


def at_once() -> Now:
    """A clock by which the first moments are over as soon as the question is drawn."""
    return itertools.count().__next__


def never() -> float:
    """A clock by which they do not end."""
    return 0.0


class Clock:
    """A clock that does something when the question has been drawn."""

    def __init__(self, drawn: Callable[[], object]) -> None:
        self.time, self._drawn = 0.0, drawn

    def __call__(self) -> float:
        drawn, self._drawn = self._drawn, lambda: None
        drawn()
        return self.time


def answer(
    menu: Prompt,
    keys: Input,
    sink: Output | None = None,
    stage: Stage | None = None,
    now: Now | None = None,
) -> Chosen:
    screen = (stage or Stage(NO_COLOR="1")).screen
    return run_prompt(menu, keys, sink or DummyOutput(), screen, now=now or at_once())


def nameless() -> tuple[Output, Stage]:
    """A terminal on which nobody knows to draw."""
    stage = Stage(NO_COLOR="1", TERM="unknown")
    return Vt100_Output(stage.stderr, DummyOutput().get_size), stage


@NEEDS_FAKE_KEYS
@pytest.mark.parametrize(("typed", "expected"), [*KEYS, *ARROWS])
@pytest.mark.parametrize("colour", [pytest.param("", id="colour"), pytest.param("1", id="none")])
def test_keys_in_the_list(typed: str, expected: str, colour: str) -> None:
    with keyboard(typed) as keys:
        assert answer(MENU, keys, stage=Stage(NO_COLOR=colour)) == expected


@NEEDS_FAKE_KEYS
@pytest.mark.parametrize(
    ("typed", "expected"), [*KEYS, pytest.param(DOWN + ENTER, "no", id="down")]
)
def test_keys_where_nothing_can_be_drawn(typed: str, expected: str) -> None:
    """Nothing is pointed at there, so Enter is no."""
    with keyboard(typed) as keys:
        assert answer(MENU, keys, *nameless()) == expected


@NEEDS_FAKE_KEYS
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        pytest.param(UP + ENTER, "no", id="up"),
        pytest.param(DOWN * 3 + ENTER, "yes", id="down beyond the last"),
        pytest.param("pdn", "no", id="keys that are not offered"),
    ],
)
def test_yes_and_no_are_a_list_too(typed: str, expected: str) -> None:
    with keyboard(typed) as keys:
        assert answer(YES_NO, keys) == expected


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
        assert answer(MENU, keys) == "details"


@contextlib.contextmanager
def hasty(early: str, late: str) -> Iterator[tuple[PipeInput, Now]]:
    """A keyboard on which `early` is typed right after the first drawing, `late` when it counts.

    The time between them is not waited for: it is over when the early keys have been looked at.
    """
    with create_pipe_input() as keys:
        read = keys.read_keys

        def drawn() -> None:
            keys.read_keys = reading  # type: ignore[method-assign]
            keys.send_text(early)

        def reading() -> list[KeyPress]:
            keys.read_keys = read  # type: ignore[method-assign]
            asyncio.get_running_loop().call_soon(over)
            return read()

        def over() -> None:
            clock.time = GUARD
            keys.send_text(late)

        clock = Clock(drawn)
        yield keys, clock


EARLY = [
    pytest.param("y", id="y"),
    pytest.param("Y", id="Y"),
    pytest.param(ENTER, id="Enter"),
    pytest.param("d", id="d"),
    pytest.param("p", id="p"),
    pytest.param(UP + ENTER, id="up and Enter"),
    pytest.param(DOWN + ENTER, id="down and Enter"),
    pytest.param(DOWN, id="an arrow alone"),
    pytest.param("jj\x0e", id="j and Ctrl-N"),
    pytest.param("yy\ry\r" * 20, id="many keys"),
]


LISTS = [
    pytest.param(lambda: (DummyOutput(), Stage(NO_COLOR="1")), id="list"),
    pytest.param(nameless, id="nothing can be drawn"),
]


@NEEDS_FAKE_KEYS
@pytest.mark.parametrize("early", EARLY)
@pytest.mark.parametrize("menu", [MENU, YES_NO], ids=["four answers", "yes and no"])
@pytest.mark.parametrize("terminal", LISTS)
def test_what_comes_with_the_first_drawing_answers_nothing_and_moves_nothing(
    early: str, menu: Prompt, terminal: Callable[[], tuple[Output, Stage]]
) -> None:
    with hasty(early, ENTER) as (keys, now):
        assert answer(menu, keys, *terminal(), now) == "no"
    with hasty(early, "y") as (keys, now):
        assert answer(menu, keys, *terminal(), now) == "yes"


@NEEDS_FAKE_KEYS
@pytest.mark.parametrize("key", ["n", "N", "\x1b", "\x04"], ids=["n", "N", "Esc", "Ctrl-D"])
@pytest.mark.parametrize("terminal", LISTS)
def test_no_counts_from_the_first_moment_on(
    key: str, terminal: Callable[[], tuple[Output, Stage]]
) -> None:
    with keyboard(f"y{DOWN}{ENTER}{key}") as keys:
        assert answer(MENU, keys, *terminal(), never) == "no"


@NEEDS_FAKE_KEYS
def test_ctrl_c_counts_from_the_first_moment_on() -> None:
    with keyboard("y\x03") as keys, pytest.raises(KeyboardInterrupt):
        answer(MENU, keys, now=never)


@NEEDS_FAKE_KEYS
def test_by_default_too_a_yes_in_the_moment_of_the_first_drawing_is_none() -> None:
    with keyboard("yn") as keys:
        assert run_prompt(MENU, keys, DummyOutput(), Stage().screen) == "no"


@NEEDS_FAKE_KEYS
def test_a_signal_that_comes_while_the_question_is_drawn_ends_it() -> None:
    """A handler runs wherever the program is, and asyncio catches exceptions of its callbacks."""
    from devports.run.terminal import SignalReceived

    def handler() -> None:
        raise SignalReceived(15)

    def drawn() -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(handler)
        stops.append(loop.call_later(5, loop.stop))  # who caught it would wait for a key

    stage, stops = Stage(), list[asyncio.TimerHandle]()
    with create_pipe_input() as keys:
        sink = Vt100_Output(stage.stderr, DummyOutput().get_size)
        with pytest.raises(SignalReceived):
            answer(MENU, keys, sink, stage, Clock(drawn))
    stops[0].cancel()
    assert "Ctrl-C" not in stage.stderr.getvalue()


def test_where_nothing_can_be_drawn_the_answers_are_written_once() -> None:
    sink, stage = nameless()
    with keyboard(DOWN + "y") as keys:
        assert answer(YES_NO, keys, sink, stage) == "yes"
    assert stage.stderr.getvalue() == "? stop it?\n   n  no\n   y  yes\n? stop it? yes\n"


class Endless(DummyInput):
    """A keyboard on which something lies."""

    def read_keys(self) -> list[KeyPress]:
        return [KeyPress("y")]


def test_keys_without_an_end_are_no_answer() -> None:
    with pytest.raises(EOFError):
        answer(MENU, Endless())


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
        answer(MENU, keys, stage=stage)
    assert stage.stderr.getvalue() == said


@NEEDS_FAKE_KEYS
def test_ctrl_c_is_raised_and_said() -> None:
    stage = Stage(NO_COLOR="1")
    with keyboard(DOWN + "\x03") as keys, pytest.raises(KeyboardInterrupt):
        answer(MENU, keys, stage=stage)
    assert stage.stderr.getvalue() == "? stop it? no (Ctrl-C)\n"


def test_the_end_of_the_input_is_raised_for_the_gate() -> None:
    with pytest.raises(EOFError):
        answer(MENU, DummyInput())
