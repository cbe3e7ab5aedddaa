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
from tests.harness.terminal import DOWN, UP, typed_ahead
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from tests.conftest import Zoo
    from tests.e2e.conftest import OnTerminal
    from tests.harness.actors import Actor
    from tests.harness.project import Project
    from tests.harness.terminal import Terminal

pytestmark = [NEEDS_FORK, NEEDS_PTY]

ENTER, ESCAPE, CTRL_D = "\r", "\x1b", "\x04"
PASTED = "\x1b[200~y\ry\r\x1b[201~"
COLOURS = re.compile(rb"\x1b\[[0-9;]*[1-9][0-9;]*m")


@pytest.fixture
def holder(port: int, zoo: Zoo, project: Project) -> Actor:
    """Somebody on the port of the service `web`."""
    project.service("web", port, shlex.join(argv_of("listener", "{port}", "--stay")))
    return zoo("listener", port)


def listens(terminal: Terminal) -> Terminal:
    """Wait until every key counts, and leave the list as it was at first."""
    terminal.point("y")
    terminal.point("n")
    return terminal


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
    terminal = on_terminal(*words).asked()
    rows = [line for line in terminal.screen().splitlines() if line[:3] in (" > ", "   ")]
    assert rows[0] == " > n  no, leave it running"
    terminal.answer(keys)
    declined(terminal, holder)


def test_up_stays_on_no(holder: Actor, on_terminal: OnTerminal) -> None:
    terminal = on_terminal("free", "web")
    terminal.point("y")
    terminal.send(UP * 2)
    eventually(lambda: terminal.drain() and terminal.pointed == "n")
    terminal.send(ENTER)
    declined(terminal, holder)


ANSWERS = [
    pytest.param("y", "yes", id="y"),
    pytest.param("Y", "yes", id="Y"),
    pytest.param("n", "no", id="n"),
    pytest.param("p", "no, on another port", id="p"),
    pytest.param(ENTER, "no", id="Enter"),
    pytest.param(ESCAPE, "no", id="Esc"),
    pytest.param(CTRL_D, "no", id="Ctrl-D"),
    pytest.param("\x03", "no (Ctrl-C)", id="Ctrl-C"),
    pytest.param(UP + ENTER, "no", id="up and Enter"),
    pytest.param(DOWN + ENTER, "yes", id="down and Enter"),
    pytest.param("\x1bOB" + ENTER, "yes", id="down of a terminal in application mode"),
    pytest.param(DOWN * 9 + ENTER, "no, on another port", id="down beyond the last"),
    pytest.param("jk" + ENTER, "no", id="j and k"),
    pytest.param("xq\x11\x16n", "no", id="keys that mean nothing, and n"),
    pytest.param(PASTED + "n", "no", id="a pasted yes, and n"),
]


@pytest.mark.parametrize(("keys", "said"), ANSWERS)
def test_each_key_has_its_answer(
    keys: str, said: str, holder: Actor, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal("run", "web")
    listens(terminal).send(keys)
    terminal.expect(f"stop it and start `web`? {said}")
    (asked,) = [line for line in terminal.screen().splitlines() if line.startswith("? ")]
    assert asked.endswith(f"? {said}")
    if said == "yes":
        holder.gone()
    else:
        assert holder.alive


@pytest.mark.parametrize("keys", [DOWN + ENTER, "j" + ENTER, DOWN * 2 + UP + ENTER])
def test_yes_by_arrow_and_enter(
    keys: str, holder: Actor, port: int, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal("free", "web").asked()
    assert terminal.pointed == "n"
    listens(terminal).send(keys)
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    holder.gone()
    assert tables.bindable(port)


def test_yes_by_arrow_frees_and_starts_the_server(
    holder: Actor, port: int, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal("run", "web")
    terminal.point("y")
    terminal.expect("> y  yes, stop it and start `web`")
    assert holder.alive
    terminal.send(ENTER)
    holder.gone()
    terminal.expect("is ready on")
    terminal.ctrl_c()
    assert terminal.exit_code() == 130, terminal.screen()


def test_another_port_by_arrow(holder: Actor, port: int, on_terminal: OnTerminal) -> None:
    terminal = on_terminal("run", "web")
    listens(terminal).send(DOWN * 3 + ENTER)
    terminal.expect("and start `web`? no, on another port")
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
    keys: str, holder: Actor, port: int, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal("free", "web")
    before = terminal.modes()
    terminal.answer(keys)
    declined(terminal, holder)
    asked = f"? 127.0.0.1:{port} is in use by `python` (pid {holder.pid}): stop it? no"
    assert f"\n{asked}\n" in terminal.screen()
    assert not terminal.asks
    assert terminal.modes() == before


def test_ctrl_c_says_so(holder: Actor, on_terminal: OnTerminal) -> None:
    terminal = on_terminal("run", "web")
    before = terminal.modes()
    terminal.point("y")
    terminal.ctrl_c()
    assert terminal.exit_code() == 130, terminal.screen()
    assert "and start `web`? no (Ctrl-C)" in terminal.screen()
    assert terminal.modes() == before
    assert holder.alive


@pytest.mark.parametrize("words", [("run", "web"), ("free", "web")], ids=["run", "free"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_a_signal_beside_yes_is_no_answer_and_gives_the_modes_back(
    number: signal.Signals, words: tuple[str, ...], holder: Actor, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal(*words)
    before = terminal.modes()
    terminal.point("y")
    terminal.signal(number)
    assert terminal.exit_code() == 128 + number, terminal.screen()
    assert terminal.modes() == before
    assert not terminal.asks
    assert holder.alive


@pytest.mark.parametrize("words", [("run", "web"), ("free", "web")], ids=["run", "free"])
def test_a_terminal_that_goes_away_beside_yes_is_no(
    words: tuple[str, ...], holder: Actor, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal(*words)
    terminal.point("y")
    terminal.hang_up()
    assert terminal.exit_code() in (exitcodes.HELD, 128 + signal.SIGHUP)
    assert holder.alive


AHEAD = [
    pytest.param("y", id="y"),
    pytest.param("y\r", id="y and Enter"),
    pytest.param(UP + ENTER, id="up and Enter"),
    pytest.param("\x1b[", id="half a key"),
    pytest.param("y\r" * 900, id="1800 bytes"),
    pytest.param(ENTER, id="Enter"),
    pytest.param(CTRL_D, id="Ctrl-D"),
]


@pytest.mark.parametrize("shown", ["", "  command  "], ids=["at once", "while the card is there"])
@pytest.mark.parametrize("keys", [*AHEAD, pytest.param(DOWN + ENTER + DOWN, id="down and Enter")])
def test_keys_from_before_the_list_move_and_answer_nothing(
    keys: str, shown: str, holder: Actor, on_terminal: OnTerminal
) -> None:
    terminal = typed_ahead(lambda: on_terminal("run", "web"), keys, shown)
    assert terminal.asked().pointed == "n"
    assert b"? no" not in terminal.bytes
    terminal.answer(ENTER)
    declined(terminal, holder)


def test_details_come_back_to_the_list_with_no_pointed_at(
    holder: Actor, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal("free", "web")
    terminal.point("d")
    terminal.send(ENTER)
    terminal.expect("if you answer yes")
    assert terminal.asked().pointed == "n"
    terminal.answer(ENTER)
    declined(terminal, holder)


def test_details_are_shown_page_by_page(holder: Actor, on_terminal: OnTerminal) -> None:
    terminal = on_terminal("run", "web", size=(11, 60))
    for _ in range(40):
        terminal.answer("d")
        rows = terminal.asked().screen().splitlines()[-4:]
        if not any("details" in row for row in rows):
            break
        assert re.fullmatch(r"   d  more details \(\d+ lines?\)", rows[2])
    assert "if you answer yes" in terminal.screen()
    terminal.answer("n")
    declined(terminal, holder)
    shown = [line.strip() for line in terminal.screen().splitlines()]
    assert shown.count("what will be stopped") == 1
    assert f"devports sends SIGTERM, like `kill -TERM {holder.pid}`" in shown


def test_each_of_several_holders_is_chosen_for_itself(
    holder: Actor, port: int, zoo: Zoo, on_terminal: OnTerminal
) -> None:
    second = zoo("listener", port + 2)
    terminal = on_terminal("free", port, port + 2)
    terminal.point("y")
    terminal.send(ENTER)
    terminal.expect(f"in use by `python` (pid {second.pid}): stop it?")
    assert terminal.asked().pointed == "n"
    terminal.answer(ENTER)
    declined(terminal, second)


@NEEDS_SECOND_USER
def test_another_users_holder_is_named_as_theirs(
    port: int, zoo: Zoo, on_terminal: OnTerminal
) -> None:
    theirs = zoo("listener", port, uid=NOBODY)
    terminal = on_terminal("free", port, "--yes").asked()
    terminal.expect("yes, stop what belongs to nobody")
    terminal.point("y")
    terminal.send(ENTER)
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    theirs.gone()


def test_what_does_not_end_is_killed_after_a_list_of_its_own(
    port: int, zoo: Zoo, on_terminal: OnTerminal
) -> None:
    deaf = zoo("stubborn", port)
    terminal = on_terminal("free", port, "--timeout", "0.2")
    terminal.answer("y")
    terminal.expect("y  yes, kill it")
    assert terminal.asked().pointed == "n"
    terminal.point("y")
    terminal.send(ENTER)
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    deaf.gone()


def test_the_list_follows_the_size_of_the_terminal(holder: Actor, on_terminal: OnTerminal) -> None:
    terminal = on_terminal("run", "web")
    terminal.point("d")
    for width in (60, 36):
        terminal.resize(24, width)
        eventually(lambda: terminal.drain() and terminal.pointed == "d")
    terminal.expect("p  no, start `web` on the next free port after")
    terminal.send(UP * 2 + ENTER)
    declined(terminal, holder)


def test_a_low_terminal_gets_the_question_alone(holder: Actor, on_terminal: OnTerminal) -> None:
    terminal = on_terminal("free", "web", size=(5, 80)).asked()
    assert terminal.screen().startswith("? ")
    terminal.answer(UP + ENTER)
    declined(terminal, holder)


@pytest.mark.parametrize(("rows", "width"), [(11, 60), (11, 100), (12, 60)])
def test_the_panel_of_an_editor_has_room_for_all_of_it(
    rows: int, width: int, holder: Actor, port: int, on_terminal: OnTerminal
) -> None:
    """Its first row is covered, and the cursor is on another one."""
    terminal = on_terminal("run", "web", size=(rows, width)).asked()
    lines = terminal.screen().splitlines()
    assert len(lines) <= rows - 2, terminal.screen()
    assert lines[0].startswith("  command  ")
    assert [line for line in lines if line[:3] in (" > ", "   ")] == [
        " > n  no, leave it running",
        "   y  yes, stop it and start `web`",
        "   d  show details",
        f"   p  no, start `web` on the next free port after {port}",
    ]
    asked = f"? 127.0.0.1:{port} is in use by `python` (pid {holder.pid}): stop it and start `web`?"
    assert asked in " ".join(terminal.screen().split())
    terminal.answer("n")
    declined(terminal, holder)


@pytest.mark.parametrize("width", [60, 44, 30])
def test_no_word_is_broken(width: int, holder: Actor, port: int, on_terminal: OnTerminal) -> None:
    terminal = on_terminal("run", "web", size=(40, width)).asked()
    words = " ".join(terminal.screen().split())
    assert f"is in use by `python` (pid {holder.pid}): stop it and start `web`?" in words
    assert f"p no, start `web` on the next free port after {port}" in words
    terminal.answer("n")
    declined(terminal, holder)


def test_without_colours_nothing_is_coloured_or_bold(
    holder: Actor, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal("run", "web", env={"NO_COLOR": "1"})
    terminal.point("y")
    terminal.send(UP + ENTER)
    declined(terminal, holder)
    assert COLOURS.findall(terminal.bytes) == []


def test_an_encoding_without_the_marks_gets_the_same_lines(
    holder: Actor, port: int, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal("run", "web", size=(11, 60), env={"PYTHONIOENCODING": "ascii"}).asked()
    assert terminal.bytes.isascii()
    assert "..." in terminal.screen().splitlines()[0]
    assert len(terminal.screen().splitlines()) <= 9
    terminal.answer("n")
    declined(terminal, holder)
    assert terminal.bytes.isascii()


@pytest.mark.parametrize("term", ["", "unknown"])
@pytest.mark.parametrize(
    ("keys", "said"),
    [pytest.param("n", "no", id="n"), pytest.param(DOWN + ENTER, "no", id="an arrow and Enter")],
)
def test_a_terminal_without_a_name_gets_its_answers_once_and_no_sequences(
    term: str, keys: str, said: str, holder: Actor, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal("free", "web", env={"TERM": term, "NO_COLOR": "1"})
    before = terminal.modes()
    terminal.expect("d  show details")
    terminal.press(keys, lambda: f"): stop it? {said}\n" in terminal.screen())
    declined(terminal, holder)
    assert b"\x1b" not in terminal.bytes
    assert terminal.modes() == before


def test_a_dumb_terminal_is_no_person(holder: Actor, on_terminal: OnTerminal) -> None:
    """Editors and programs that drive others call theirs so; there, nobody may be at the keys."""
    terminal = on_terminal("run", "web", env={"TERM": "dumb"})
    terminal.send("y\r")
    declined(terminal, holder)
    assert "to stop it without asking, run `devports free web --yes`" in terminal.screen()
    assert b"\x1b" not in terminal.bytes
