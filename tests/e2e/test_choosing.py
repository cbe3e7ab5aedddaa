"""The question as a list: arrows and Enter or a key, and whatever else a terminal may do."""

from __future__ import annotations

import re
import shlex
import signal
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.actors import NOBODY, argv_of
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PTY, NEEDS_SECOND_USER
from tests.harness.terminal import ASKING
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from tests.conftest import Zoo
    from tests.e2e.conftest import OnTerminal
    from tests.harness.actors import Actor
    from tests.harness.project import Project
    from tests.harness.terminal import Terminal

pytestmark = [NEEDS_FORK, NEEDS_PTY]

UP, DOWN, ENTER, ESCAPE, CTRL_D = "\x1b[A", "\x1b[B", "\r", "\x1b", "\x04"
PASTED = "\x1b[200~y\ry\r\x1b[201~"
COLOURS = re.compile(rb"\x1b\[[0-9;]*[1-9][0-9;]*m")


@pytest.fixture
def holder(port: int, zoo: Zoo, project: Project) -> Actor:
    """Somebody on the port of the service `web`."""
    project.service("web", port, shlex.join(argv_of("listener", "{port}", "--stay")))
    return zoo("listener", port)


def asked(terminal: Terminal) -> Terminal:
    terminal.expect(ASKING)
    return terminal


def pointed(terminal: Terminal) -> str:
    """Return the key of the row that is pointed at; empty if there is no list."""
    rows = re.findall(r"^  > (.)  ", terminal.screen(), re.MULTILINE)
    return rows[-1] if rows else ""


def declined(terminal: Terminal, holder: Actor) -> None:
    assert terminal.exit_code() == exitcodes.HELD, terminal.screen()
    assert holder.alive


@pytest.mark.parametrize("words", [("run", "web"), ("free", "web")], ids=["run", "free"])
@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(UP + ENTER, id="the last command of a shell, once more"),
        pytest.param(DOWN + UP * 3 + ENTER, id="there and back"),
    ],
)
def test_up_and_enter_end_nobody(
    keys: str, words: tuple[str, ...], holder: Actor, on_terminal: OnTerminal
) -> None:
    terminal = asked(on_terminal(*words))
    rows = [line for line in terminal.screen().splitlines() if line[:4] in ("  > ", "    ")]
    assert rows[0] == "  > n  no, leave it running"
    terminal.send(keys)
    declined(terminal, holder)


def test_up_stays_on_no(holder: Actor, on_terminal: OnTerminal) -> None:
    terminal = asked(on_terminal("free", "web"))
    terminal.send(DOWN)
    eventually(lambda: terminal.drain() and pointed(terminal) == "y")
    terminal.send(UP * 2)
    eventually(lambda: terminal.drain() and pointed(terminal) == "n")
    terminal.send(ENTER)
    declined(terminal, holder)


@pytest.mark.parametrize("keys", [DOWN + ENTER, "j" + ENTER, DOWN * 2 + UP + ENTER])
def test_yes_by_arrow_and_enter(
    keys: str, holder: Actor, port: int, on_terminal: OnTerminal
) -> None:
    terminal = asked(on_terminal("free", "web"))
    assert pointed(terminal) == "n"
    terminal.send(keys)
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    holder.gone()
    assert tables.bindable(port)


def test_yes_by_arrow_frees_and_starts_the_server(
    holder: Actor, port: int, on_terminal: OnTerminal
) -> None:
    terminal = asked(on_terminal("run", "web"))
    terminal.send(DOWN)
    terminal.expect("> y  yes, stop it and start `web`")
    assert holder.alive
    terminal.send(ENTER)
    holder.gone()
    terminal.expect("is ready on")
    terminal.ctrl_c()
    assert terminal.exit_code() == 130, terminal.screen()


def test_another_port_by_arrow(holder: Actor, port: int, on_terminal: OnTerminal) -> None:
    terminal = asked(on_terminal("run", "web"))
    terminal.send(DOWN * 3 + ENTER)
    terminal.expect("can start? no, on another port")
    terminal.expect("is ready on")
    assert holder.alive
    terminal.ctrl_c()
    assert terminal.exit_code() == 130, terminal.screen()
    assert holder.alive


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(ENTER, id="Enter"),
        pytest.param(ESCAPE, id="Esc"),
        pytest.param(DOWN + ESCAPE, id="Esc beside yes"),
        pytest.param(DOWN + CTRL_D, id="Ctrl-D beside yes"),
        pytest.param(DOWN + "n", id="n beside yes"),
        pytest.param(PASTED + ENTER, id="a pasted yes, and Enter"),
    ],
)
def test_no_leaves_one_line_and_the_modes_as_they_were(
    keys: str, holder: Actor, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal("free", "web")
    before = terminal.modes()
    asked(terminal).send(keys)
    declined(terminal, holder)
    assert f"\n? stop `python` (pid {holder.pid}) with SIGTERM? no\n" in terminal.screen()
    assert ASKING not in terminal.screen()
    assert terminal.modes() == before


def test_ctrl_c_says_so(holder: Actor, on_terminal: OnTerminal) -> None:
    terminal = on_terminal("run", "web")
    before = terminal.modes()
    asked(terminal).send(DOWN)
    terminal.ctrl_c()
    assert terminal.exit_code() == 130, terminal.screen()
    assert "can start? no (Ctrl-C)" in terminal.screen()
    assert terminal.modes() == before
    assert holder.alive


@pytest.mark.parametrize("words", [("run", "web"), ("free", "web")], ids=["run", "free"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_a_signal_beside_yes_is_no_answer_and_gives_the_modes_back(
    number: signal.Signals, words: tuple[str, ...], holder: Actor, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal(*words)
    before = terminal.modes()
    asked(terminal).send(DOWN)
    eventually(lambda: terminal.drain() and pointed(terminal) == "y")
    terminal.signal(number)
    assert terminal.exit_code() == 128 + number, terminal.screen()
    assert terminal.modes() == before
    assert ASKING not in terminal.screen()
    assert holder.alive


@pytest.mark.parametrize("words", [("run", "web"), ("free", "web")], ids=["run", "free"])
def test_a_terminal_that_goes_away_beside_yes_is_no(
    words: tuple[str, ...], holder: Actor, on_terminal: OnTerminal
) -> None:
    terminal = asked(on_terminal(*words))
    terminal.send(DOWN)
    eventually(lambda: terminal.drain() and pointed(terminal) == "y")
    terminal.hang_up()
    assert terminal.exit_code() in (exitcodes.HELD, 128 + signal.SIGHUP)
    assert holder.alive


def test_keys_from_before_the_list_move_and_answer_nothing(
    holder: Actor, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal("run", "web")
    terminal.send(DOWN + ENTER + "y" + UP + ENTER + DOWN)
    asked(terminal)
    assert pointed(terminal) == "n"
    terminal.send(ENTER)
    declined(terminal, holder)


def test_details_come_back_to_the_list_with_no_pointed_at(
    holder: Actor, on_terminal: OnTerminal
) -> None:
    terminal = asked(on_terminal("free", "web"))
    terminal.send(DOWN * 2 + ENTER)
    terminal.expect("what happens on yes")
    assert pointed(asked(terminal)) == "n"
    terminal.send(ENTER)
    declined(terminal, holder)


def test_each_of_several_holders_is_chosen_for_itself(
    holder: Actor, port: int, zoo: Zoo, on_terminal: OnTerminal
) -> None:
    second = zoo("listener", port + 2)
    terminal = asked(on_terminal("free", port, port + 2))
    terminal.send(DOWN + ENTER)
    terminal.expect(f"stop `python` (pid {second.pid}) with SIGTERM?")
    assert pointed(asked(terminal)) == "n"
    terminal.send(ENTER)
    declined(terminal, second)


@NEEDS_SECOND_USER
def test_another_users_holder_is_named_as_theirs(
    port: int, zoo: Zoo, on_terminal: OnTerminal
) -> None:
    theirs = zoo("listener", port, uid=NOBODY)
    terminal = asked(on_terminal("free", port, "--yes"))
    terminal.expect("yes, stop what belongs to nobody")
    terminal.send(DOWN + ENTER)
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    theirs.gone()


def test_what_does_not_end_is_killed_after_a_list_of_its_own(
    port: int, zoo: Zoo, on_terminal: OnTerminal
) -> None:
    deaf = zoo("stubborn", port)
    terminal = asked(on_terminal("free", port, "--timeout", "0.2"))
    terminal.send("y")
    terminal.expect("y  yes, kill it")
    assert pointed(asked(terminal)) == "n"
    terminal.send(DOWN + ENTER)
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    deaf.gone()


def test_the_list_follows_the_size_of_the_terminal(holder: Actor, on_terminal: OnTerminal) -> None:
    terminal = asked(on_terminal("run", "web"))
    terminal.send(DOWN * 2)
    terminal.expect("> d  show the details")
    terminal.resize(24, 60)
    eventually(lambda: terminal.drain() and pointed(terminal) == "d")
    terminal.resize(24, 36)
    terminal.expect("d = details, p = take another port)")
    terminal.send(UP + ENTER)  # nothing is pointed at there: no
    declined(terminal, holder)


def test_a_low_terminal_gets_one_line(holder: Actor, on_terminal: OnTerminal) -> None:
    terminal = on_terminal("free", "web", size=(5, 80))
    terminal.expect("with SIGTERM? (y/N, d = details)")
    terminal.send(DOWN + ENTER)
    declined(terminal, holder)


@pytest.mark.parametrize("width", [60, 44, 30])
def test_no_word_is_broken(width: int, holder: Actor, on_terminal: OnTerminal) -> None:
    terminal = on_terminal("run", "web", size=(40, width))
    terminal.expect(ASKING if width >= 40 else "take another port)")
    words = " ".join(terminal.screen().split())
    assert f"? stop `python` (pid {holder.pid}) with SIGTERM, so that `web` can start?" in words
    terminal.send("n")
    declined(terminal, holder)


def test_without_colours_nothing_is_coloured_or_bold(
    holder: Actor, on_terminal: OnTerminal
) -> None:
    terminal = asked(on_terminal("run", "web", env={"NO_COLOR": "1"}))
    terminal.send(DOWN + UP + ENTER)
    declined(terminal, holder)
    assert COLOURS.findall(terminal.bytes) == []


@pytest.mark.parametrize("term", ["", "unknown"])
@pytest.mark.parametrize(
    ("keys", "said"),
    [pytest.param("n", "no", id="n"), pytest.param(DOWN + ENTER, "no", id="an arrow and Enter")],
)
def test_a_terminal_without_a_name_gets_one_line_and_no_sequences(
    term: str, keys: str, said: str, holder: Actor, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal("free", "web", env={"TERM": term, "NO_COLOR": "1"})
    before = terminal.modes()
    terminal.expect("with SIGTERM? (y/N, d = details)")
    terminal.send(keys)
    declined(terminal, holder)
    assert f"(y/N, d = details) {said}\n" in terminal.screen()
    assert b"\x1b" not in terminal.bytes
    assert terminal.modes() == before


def test_a_dumb_terminal_is_no_person(holder: Actor, on_terminal: OnTerminal) -> None:
    """Editors and programs that drive others call theirs so; there, nobody may be at the keys."""
    terminal = on_terminal("run", "web", env={"TERM": "dumb"})
    terminal.send("y\r")
    declined(terminal, holder)
    assert "run `devports free web --yes`" in terminal.screen()
    assert b"\x1b" not in terminal.bytes
