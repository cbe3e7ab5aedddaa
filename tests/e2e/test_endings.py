"""How a run ends: by Ctrl-C, by signals, by the loss of its terminal or of itself."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from devports import exitcodes
from tests.harness import guard, tables
from tests.harness.actors import Identity
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PROC, NEEDS_PTY, NEEDS_STRACE
from tests.harness.servers import COMMANDS
from tests.harness.waiting import eventually, never

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Zoo
    from tests.e2e.conftest import OnTerminal
    from tests.harness.command import Command
    from tests.harness.project import Project
    from tests.harness.terminal import Terminal

pytestmark = [NEEDS_FORK, NEEDS_PROC, NEEDS_PTY]


def served(port: int) -> set[int]:
    """Wait until somebody listens: for servers that bind by themselves, else that may be us."""
    return eventually(lambda: tables.listening_pids(port), 30, what="somebody serves")


def given_back(port: int) -> None:
    # A process shows no descriptors any more some moments before the kernel has closed the last.
    eventually(
        lambda: not tables.holding_pids(port) and tables.bindable(port),
        what="the port is given back",
    )


def end_orphans(port: int, tree: list[Identity]) -> None:
    """Kill what a test has lost hold of; gunicorn wipes the mark that it was ours."""
    late = [Identity.of(pid) for pid in tables.holding_pids(port)]
    for identity in (*tree, *late):
        guard.know(identity.pid, identity.started)
        identity.send(signal.SIGKILL)


def lines_of(path: str) -> list[str]:
    if not os.path.exists(path):
        return []
    with open(path, encoding="ascii") as file:
        return file.read().split()


def counting(project: Project, port: int) -> str:
    """Declare a server that writes down the signals it gets; return the path of its list."""
    log = os.path.join(project.folder, "signals")
    project.zoo("web", "term_counter", port, "--log", log)
    return log


def test_one_ctrl_c_reaches_the_server_exactly_once(
    port: int, project: Project, on_terminal: OnTerminal
) -> None:
    log = counting(project, port)
    terminal = on_terminal("run", "web")
    served(port)
    terminal.ctrl_c()
    assert terminal.exit_code() == 0, terminal.screen()
    assert lines_of(log) == ["SIGINT"]
    given_back(port)


@pytest.mark.parametrize("kind", ["uvicorn", "uvicorn --reload", "gunicorn -w 2", "http.server"])
def test_ctrl_c_ends_a_real_server_and_gives_the_port_back(
    kind: str, port: int, project: Project, on_terminal: OnTerminal
) -> None:
    project.apps()
    project.service("web", port, COMMANDS[kind])
    terminal = on_terminal("run", "web")
    before = terminal.modes()
    terminal.expect("is ready on")
    terminal.ctrl_c()
    terminal.exit_code()
    given_back(port)
    assert terminal.modes() == before


def test_three_ctrl_c_end_a_server_that_ignores_them(
    port: int, project: Project, on_terminal: OnTerminal
) -> None:
    project.zoo("web", "stubborn", port)
    terminal = on_terminal("run", "web")
    served(port)
    for _ in range(3):
        terminal.ctrl_c()
        never(lambda: False, 0.3)  # three keys of a person, not one key thrice
    assert terminal.exit_code() == 137, terminal.screen()
    given_back(port)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_the_end_of_devports_stops_the_server_by_its_stop_signal(
    number: signal.Signals, port: int, project: Project, devports: Command
) -> None:
    log = counting(project, port)
    running = devports.start("run", "web")
    served(port)
    running.send(number)
    assert running.ends() == 0, running.err
    assert lines_of(log) == ["SIGTERM"]
    given_back(port)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("kind", ["uvicorn --workers 2", "gunicorn -w 2", "flask --debug"])
def test_the_whole_tree_of_a_real_server_ends(
    number: signal.Signals, kind: str, port: int, project: Project, devports: Command
) -> None:
    project.apps()
    project.service("web", port, COMMANDS[kind])
    running = devports.start("run", "web")
    eventually(lambda: running.said_ready, 30)
    tree = [Identity.of(p.pid) for p in psutil.Process(running.pid).children(recursive=True)]
    running.send(number)
    running.ends()
    eventually(lambda: not any(identity.alive for identity in tree), what="the tree is gone")
    given_back(port)


def test_what_ignores_the_stop_signal_is_killed_in_the_end(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "stubborn", port, stop_timeout=0.5)
    running = devports.start("run", "web")
    served(port)
    running.send(signal.SIGTERM)
    assert running.ends() == 137, running.err
    given_back(port)


LATE = "import signal\nprint('starts', flush=True)\nsignal.pause()"


def test_a_server_in_a_session_of_its_own_is_told_to_end(
    port: int, project: Project, devports: Command
) -> None:
    """Before it has the port nothing but its number says that it is the server."""
    project.service("web", port, ["setsid", sys.executable, "-c", LATE])
    running = devports.start("run", "web")
    running.says("starts")
    running.send(signal.SIGTERM)
    assert running.ends() == 143, running.err
    assert "could not stop `web`" not in running.err


def test_a_server_that_goes_into_the_background_is_named_and_not_left(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "daemon", port)
    done = devports("run", "web")
    assert done.code == 0, done
    assert "its command must keep running in the foreground" in done.err
    given_back(port)


def test_what_has_left_the_session_and_takes_no_port_is_named_and_left_alone(
    port: int, project: Project, devports: Command
) -> None:
    """A browser that a server opens, for one."""
    browser = shlex.join([sys.executable, "-c", LATE])
    project.service("web", port, f"setsid -f {browser}; exec sleep 60", shell=True)
    running = devports.start("run", "web")
    running.says("starts")
    running.send(signal.SIGTERM)
    running.says("which `web` started, runs in its own session and is still running")
    running.ends()
    (pid,) = re.findall(r"\(pid (\d+)\), which `web` started", running.err)
    left = Identity.of(int(pid))
    assert left.alive
    guard.know(left.pid, left.started)
    left.send(signal.SIGKILL)


NAMES_ITS_SERVER = re.compile(r'write\(\d+, "\d+ \d+\\n"')
"""What tells the watchdog the pid and start of the server, as strace(1) shows it."""


@NEEDS_STRACE
def test_devports_is_killed_before_it_can_name_its_server(
    port: int, project: Project, devports: Command, tmp_path: Path
) -> None:
    project.zoo("web", "listener", port)
    log = tmp_path / "writes"
    trace = ("strace", "-qq", "-e", "trace=write", "-e", "signal=none", "-o", str(log))
    for _ in range(2):  # the first run in a home leaves files there, and so writes more
        running = devports.under(*trace, "--").start("run", "web")
        running.says("is ready on")
        assert devports("free", port, "--yes").code == 0
        running.ends()
        given_back(port)
    writes = log.read_text("utf-8").splitlines()
    (told,) = [n for n, line in enumerate(writes, 1) if NAMES_ITS_SERVER.match(line)]
    dying = devports.under(*trace, "-e", f"inject=write:signal=SIGKILL:when={told}", "--")
    assert dying("run", "web").code == exitcodes.of_signal(signal.SIGKILL)
    assert NAMES_ITS_SERVER.match(log.read_text("utf-8").splitlines()[told - 1])
    given_back(port)


def test_devports_is_killed_at_its_question(
    port: int, zoo: Zoo, project: Project, on_terminal: OnTerminal
) -> None:
    zoo("listener", port)
    project.zoo("web", "listener", port)
    terminal = on_terminal("run", "web")
    before = terminal.modes()
    terminal.expect("stop it and start `web`?")
    eventually(lambda: terminal.modes() != before, what="a question")
    terminal.signal(signal.SIGKILL)
    eventually(lambda: terminal.modes() == before, what="the modes of the terminal")


def test_the_terminal_goes_away_and_the_port_comes_back(
    port: int, project: Project, on_terminal: OnTerminal
) -> None:
    project.apps()
    project.service("web", port, COMMANDS["uvicorn --reload"])
    terminal = on_terminal("run", "web")
    terminal.expect("is ready on")
    terminal.hang_up()
    given_back(port)
    eventually(lambda: not terminal.identity.alive)


def test_devports_is_killed_and_the_terminal_is_as_before(
    port: int, project: Project, on_terminal: OnTerminal
) -> None:
    project.zoo("web", "listener", port)
    terminal = on_terminal("run", "web")
    before = terminal.modes()
    served(port)
    terminal.signal(signal.SIGKILL)
    given_back(port)
    eventually(lambda: terminal.modes() == before, what="the modes of the terminal")


def test_a_server_on_a_terminal_has_a_terminal_of_its_size(
    port: int, project: Project, on_terminal: OnTerminal
) -> None:
    script = "import os,sys; print(sys.stdin.isatty(), sys.stdout.isatty(), os.get_terminal_size())"
    project.service("web", port, [sys.executable, "-c", script])
    terminal = on_terminal("run", "web", size=(33, 101))
    terminal.exit_code()
    assert "True True os.terminal_size(columns=101, lines=33)" in terminal.screen()


def test_a_resize_reaches_the_server(port: int, project: Project, on_terminal: OnTerminal) -> None:
    script = (
        "import os, signal\n"
        "signal.signal(signal.SIGWINCH, lambda *_: print('now', *os.get_terminal_size()))\n"
        "print('drawn')\n"
        "while True: signal.pause()\n"
    )
    path = os.path.join(project.folder, "resized.py")
    with open(path, "w", encoding="ascii") as file:
        file.write(script)
    project.service("web", port, [sys.executable, "-u", path])
    terminal = on_terminal("run", "web")
    terminal.expect("drawn")
    terminal.resize(20, 77)
    terminal.expect("now 77 20")


def test_ctrl_c_before_the_server_is_ready_leaves_nothing(
    port: int, project: Project, on_terminal: OnTerminal
) -> None:
    project.service("web", port, ["sh", "-c", "echo starting; exec sleep 60"])
    terminal: Terminal = on_terminal("run", "web")
    terminal.expect("starting")
    terminal.ctrl_c()
    assert terminal.exit_code() == 130, terminal.screen()
    given_back(port)


def test_a_clean_end_by_ctrl_c_before_ready_is_no_fault_of_the_command(
    port: int, project: Project, on_terminal: OnTerminal
) -> None:
    project.service(
        "web", port, ["sh", "-c", "trap 'exit 0' INT; echo up; while :; do read x; done"]
    )
    terminal = on_terminal("run", "web")
    terminal.expect("up")
    terminal.ctrl_c()
    assert terminal.exit_code() == 0, terminal.screen()
    assert "`web` exited with code 0" in terminal.screen()
    assert "must keep running" not in terminal.screen()
