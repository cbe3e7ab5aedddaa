"""Nobody is ended without a yes, and only a person on a terminal can say it."""

from __future__ import annotations

import shlex
import signal
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.actors import argv_of
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PTY
from tests.harness.terminal import typed_ahead
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Zoo
    from tests.e2e.conftest import OnTerminal
    from tests.harness.actors import Actor
    from tests.harness.bystanders import Bystanders
    from tests.harness.command import Command
    from tests.harness.project import Project

pytestmark = [NEEDS_FORK, NEEDS_PTY, pytest.mark.usefixtures("web")]


@pytest.fixture
def holder(port: int, zoo: Zoo, bystanders: Callable[[int], Bystanders]) -> Actor:
    actor = zoo("listener", port)
    bystanders(port)
    return actor


@pytest.fixture
def web(port: int, project: Project) -> None:
    """The service that wants the port."""
    project.zoo("web", "listener", port)


WAYS = [
    pytest.param(b"y\n", {}, id="a yes from a pipe"),
    pytest.param(b"y\ny\ny\nyes\n", {}, id="many a yes from a pipe"),
    pytest.param(None, {}, id="/dev/null"),
    pytest.param(b"y\n", {"CI": "1"}, id="a yes from a pipe under CI"),
    pytest.param(b"y\n", {"FORCE_COLOR": "1"}, id="a yes from a pipe with forced colours"),
    pytest.param(b"y\n", {"TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "1"}, id="a claimed terminal"),
]


@pytest.mark.parametrize("words", [("run", "web"), ("free", "web")], ids=["run", "free"])
@pytest.mark.parametrize(("stdin", "env"), WAYS)
def test_what_is_no_person_is_not_asked(
    *,
    words: tuple[str, ...],
    stdin: bytes | None,
    env: dict[str, str],
    holder: Actor,
    devports: Command,
) -> None:
    done = devports(*words, stdin=stdin, env=env)
    assert done.code == exitcodes.HELD, done
    assert holder.alive
    assert str(holder.pid) in done.err
    assert "--yes" in done.err


def test_closed_descriptors_are_no_yes(holder: Actor, devports: Command) -> None:
    closed = devports.under("sh", "-c", '"$@" <&- >&- 2>&-', "sh")
    assert closed("run", "web").code == exitcodes.HELD
    assert holder.alive


@pytest.mark.parametrize("words", [("run", "web"), ("free", "web")], ids=["run", "free"])
@pytest.mark.parametrize(
    "keys", ["n", "\r", "\x04", "\x1b[A\r"], ids=["n", "Enter", "Ctrl-D", "up and Enter"]
)
def test_no_leaves_the_holder_alone(
    words: tuple[str, ...], keys: str, holder: Actor, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal(*words)
    terminal.expect(str(holder.pid))
    terminal.answer(keys)
    assert terminal.exit_code() == exitcodes.HELD, terminal.screen()
    assert holder.alive


def test_after_no_the_holder_is_not_described_again(
    holder: Actor, port: int, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal("free", "web")
    terminal.answer("n")
    assert terminal.exit_code() == exitcodes.HELD, terminal.screen()
    _, _, after = terminal.screen().partition("stop it? no\n")
    what, blank, by_hand, *_ = after.splitlines()
    assert (
        what == f"error: left `python` (pid {holder.pid}) running: 127.0.0.1:{port} is still in use"
    )
    assert (blank, by_hand) == ("", "to fix it manually:")
    assert f"    kill -TERM {holder.pid}" in after
    assert "started by" not in after


def test_no_about_a_holder_that_has_exited_since_says_that_the_port_is_free(
    holder: Actor, port: int, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal("free", "web").asked()
    holder.end()
    eventually(lambda: tables.bindable(port))
    terminal.answer("n")
    assert terminal.exit_code() == exitcodes.HELD, terminal.screen()
    _, _, after = terminal.screen().partition("stop it? no\n")
    what = f"nothing was stopped: 127.0.0.1:{port} has become free since the question"
    assert after == f"error: {what}"


def test_a_key_answers_only_the_question_it_was_pressed_at(
    port: int, holder: Actor, zoo: Zoo, on_terminal: OnTerminal
) -> None:
    """A doubled `y` must not end the next one unread."""
    second = zoo("listener", port + 2)
    terminal = on_terminal("free", port, port + 2)
    terminal.answer("yy")
    terminal.expect(f"(pid {second.pid}): stop it?")
    terminal.asked()
    assert second.alive
    terminal.send("n")
    assert terminal.exit_code() == exitcodes.HELD, terminal.screen()
    assert second.alive


@pytest.mark.parametrize("words", [("run", "web"), ("free", "web")], ids=["run", "free"])
def test_ctrl_c_at_the_question_ends_nobody(
    words: tuple[str, ...], holder: Actor, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal(*words)
    before = terminal.modes()
    terminal.asked()
    terminal.ctrl_c()
    assert terminal.exit_code() == 130, terminal.screen()
    assert holder.alive
    assert terminal.modes() == before


def test_yes_frees_the_port(holder: Actor, port: int, on_terminal: OnTerminal) -> None:
    terminal = on_terminal("free", "web")
    terminal.answer("y")
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    holder.gone()
    assert tables.bindable(port)


def test_yes_frees_the_port_and_starts_the_server(
    holder: Actor, port: int, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal("run", "web")
    terminal.answer("y")
    holder.gone()
    eventually(lambda: tables.listening_pids(port))
    terminal.ctrl_c()
    assert terminal.exit_code() == 130, terminal.screen()
    assert tables.bindable(port)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_signals_still_reach_a_run_that_has_asked(
    number: signal.Signals, holder: Actor, port: int, on_terminal: OnTerminal
) -> None:
    """A question is asked by an event loop, and loops take the signals' wake-up to themselves."""
    terminal = on_terminal("run", "web")
    terminal.answer("y")
    holder.gone()
    terminal.expect("is ready on")
    terminal.signal(number)
    terminal.exit_code(10)
    eventually(lambda: not tables.holding_pids(port), what="the port is given back")


@pytest.mark.parametrize("words", [("run", "web"), ("free", "web")], ids=["run", "free"])
@pytest.mark.parametrize(
    "keys",
    ["y\ry\r", "\x1b[B\r", "\r", "\x1b["],
    ids=["y", "down and Enter", "Enter", "half a key"],
)
def test_keys_typed_before_the_question_do_not_count(
    keys: str, words: tuple[str, ...], holder: Actor, on_terminal: OnTerminal
) -> None:
    terminal = typed_ahead(lambda: on_terminal(*words), keys)
    terminal.answer("n")
    assert terminal.exit_code() == exitcodes.HELD, terminal.screen()
    assert holder.alive


def test_a_holder_that_leaves_during_the_question_is_not_signalled(
    holder: Actor, port: int, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal("free", "web")
    terminal.asked()
    holder.let_go()
    holder.gone()
    terminal.answer("y")
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    assert tables.bindable(port)


def test_a_new_holder_after_the_answer_is_asked_about_again(
    holder: Actor, port: int, zoo: Zoo, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal("free", "web")
    terminal.asked()
    holder.let_go()
    holder.gone()
    successor = zoo("listener", port)
    terminal.answer("y")
    terminal.expect(f"(pid {successor.pid}): stop it?")
    terminal.answer("n")
    assert terminal.exit_code() == exitcodes.HELD, terminal.screen()
    assert successor.alive


def test_no_input_asks_nobody_on_a_terminal(holder: Actor, on_terminal: OnTerminal) -> None:
    terminal = on_terminal("run", "web", "--no-input")
    assert terminal.exit_code() == exitcodes.HELD, terminal.screen()
    assert holder.alive


def test_a_checked_in_configuration_cannot_say_yes(
    holder: Actor, port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "listener", port, on_conflict="reclaim")
    done = devports("run", "web")
    assert done.code == exitcodes.HELD, done
    assert holder.alive


def test_on_conflict_fail_does_not_even_ask(
    holder: Actor, port: int, project: Project, on_terminal: OnTerminal
) -> None:
    project.zoo("web", "listener", port, on_conflict="fail")
    terminal = on_terminal("run", "web")
    assert terminal.exit_code() == exitcodes.HELD, terminal.screen()
    assert not terminal.asks
    assert '`on_conflict` is "fail"' in terminal.screen()
    assert "`devports run web --on-conflict ask`" in terminal.screen()
    assert holder.alive


def test_on_conflict_next_takes_another_port_and_says_so(
    holder: Actor, port: int, project: Project, devports: Command
) -> None:
    command = shlex.join(argv_of("listener", "{port}", "--stay"))
    project.service("web", port, command, on_conflict="next")
    running = devports.start("run", "web")
    eventually(lambda: tables.listening_pids(port + 2) or running.process.poll() is not None)
    assert running.process.poll() is None, running.err
    assert str(port + 2) in running.err  # the neighbour has port + 1
    assert holder.alive


def test_details_are_shown_before_the_answer(holder: Actor, on_terminal: OnTerminal) -> None:
    terminal = on_terminal("free", "web")
    terminal.answer("d")
    terminal.expect("if you answer yes")
    terminal.expect(f"devports sends SIGTERM, like `kill -TERM {holder.pid}`")
    assert holder.alive
    terminal.answer("n")
    assert terminal.exit_code() == exitcodes.HELD, terminal.screen()
    assert holder.alive


def test_another_port_is_taken_on_request(
    holder: Actor, port: int, project: Project, on_terminal: OnTerminal
) -> None:
    project.service("web", port, shlex.join(argv_of("listener", "{port}", "--stay")))
    terminal = on_terminal("run", "web")
    terminal.expect(f"on the next free port after {port}")
    terminal.answer("p")
    terminal.expect(f"port {port} is in use")
    eventually(lambda: tables.listening_pids(port + 2))  # the neighbour has port + 1
    assert holder.alive
    terminal.ctrl_c()
    assert terminal.exit_code() == 130, terminal.screen()
    assert holder.alive


def test_clients_are_counted_before_and_named_as_left_alone_after(
    holder: Actor, port: int, zoo: Zoo, on_terminal: OnTerminal
) -> None:
    client = zoo("client", port)
    terminal = on_terminal("free", "web")
    terminal.expect("connected")
    terminal.answer("y")
    terminal.expect(f"(pid {client.pid}) (client)")
    assert terminal.exit_code() == exitcodes.OK, terminal.screen()
    assert client.alive


@pytest.mark.parametrize("words", [("--timeout", "0"), ("--timeout", "0.5")])
def test_the_time_until_sigkill_can_be_chosen(
    words: tuple[str, ...], port: int, zoo: Zoo, devports: Command
) -> None:
    deaf = zoo("stubborn", port)
    done = devports("free", port, "--yes", *words)
    assert done.code == exitcodes.OK, done
    assert "with SIGTERM and SIGKILL; the port is free after" in done.err
    deaf.gone()


@pytest.mark.parametrize("wrong", ["", "-1", "nan", "inf", "1e9", "3601", "five"])
def test_a_wrong_length_of_time_is_a_usage_error(wrong: str, devports: Command) -> None:
    done = devports("free", "--yes", f"--timeout={wrong}")
    assert done.code == exitcodes.USAGE, done
    assert "seconds" in done.err


def test_on_conflict_fail_asks_nobody_to_take_over_either(
    port: int, project: Project, devports: Command, on_terminal: OnTerminal
) -> None:
    project.zoo("web", "listener", port, on_conflict="fail")
    running = devports.start("run", "web")
    running.says("is ready on")
    terminal = on_terminal("run", "web")
    assert terminal.exit_code() == exitcodes.ALREADY_RUNNING, terminal.screen()
    assert "stop it and start it here?" not in terminal.screen()
    assert not terminal.asks
    assert not running.ended
