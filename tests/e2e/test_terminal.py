"""On a terminal the server has a terminal of its own, and ours is as it was when all is over."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.harness import guard, tables
from tests.harness.actors import Identity
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PROC, NEEDS_PTY
from tests.harness.servers import COMMANDS
from tests.harness.terminal import Terminal
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import OnTerminal
    from tests.harness.command import Command
    from tests.harness.project import Project

pytestmark = [NEEDS_FORK, NEEDS_PROC, NEEDS_PTY]

LISTEN = """
import os, signal, socket, sys, termios, tty
sock = socket.create_server(("127.0.0.1", int(sys.argv[1])))
"""


def script(project: Project, port: int, text: str) -> None:
    """Declare a server that listens, and then does what `text` says."""
    path = os.path.join(project.folder, "server.py")
    with open(path, "w", encoding="ascii") as file:
        file.write(LISTEN + text)
    project.service("web", port, [sys.executable, "-u", path, "{port}"])


def test_the_server_can_ask_and_is_answered(
    port: int, project: Project, on_terminal: OnTerminal
) -> None:
    script(project, port, "print('hello', input('name? ').upper())\ninput()")
    terminal = on_terminal("run", "web")
    terminal.expect("name? ")
    terminal.expect("is ready on")
    terminal.send("ann\r")
    terminal.expect("hello ANN")
    terminal.send("\r")
    assert terminal.exit_code() == 0


def test_a_server_that_reads_single_keys_gets_each_at_once(
    port: int, project: Project, on_terminal: OnTerminal
) -> None:
    # "press" comes last: setting the modes throws away what has been typed before (TCSAFLUSH).
    ready = "tty.setraw(0)\nprint('press', end='\\r\\n')\n"
    keys = "while (key := os.read(0, 9)) != b'q': print('key', key, end='\\r\\n')"
    script(project, port, ready + keys)
    terminal = on_terminal("run", "web")
    terminal.expect("press")
    terminal.send("r")
    terminal.expect("key b'r'")
    terminal.send("\x1a")  # no suspend where the server reads keys itself
    terminal.expect("key b'\\x1a'")
    terminal.send("q")
    assert terminal.exit_code() == 0


def test_the_server_leads_a_session_on_a_terminal_of_its_own(
    port: int, project: Project, on_terminal: OnTerminal
) -> None:
    told = "print('leads', os.getsid(0) == os.getpid(), 'front', os.tcgetpgrp(0) == os.getpgrp())"
    script(project, port, told)
    terminal = on_terminal("run", "web")
    terminal.expect("leads True front True")
    assert terminal.exit_code() == 0


def test_lines_of_ours_begin_where_lines_begin(
    port: int, project: Project, on_terminal: OnTerminal
) -> None:
    script(project, port, "print('unended', end='', flush=True)\nsignal.pause()")
    terminal = on_terminal("run", "web")
    terminal.expect("unended")
    terminal.expect("is ready on")
    terminal.ctrl_c()
    terminal.exit_code()
    ours = [line for line in terminal.screen().splitlines() if "devports: " in line]
    assert len(ours) >= 3, terminal.screen()
    assert all(line.startswith("devports: ") for line in ours), terminal.screen()


def test_what_the_server_does_to_its_terminal_is_not_done_to_ours(
    port: int, project: Project, on_terminal: OnTerminal
) -> None:
    script(project, port, "tty.setraw(0)\nprint('raw now', end='\\r\\n')\nos._exit(7)")
    terminal = on_terminal("run", "web")
    before = terminal.modes()
    terminal.expect("raw now")
    assert terminal.exit_code() == 7
    assert terminal.modes() == before


def test_sigint_from_elsewhere_is_the_key_of_the_server(
    port: int, project: Project, on_terminal: OnTerminal
) -> None:
    log = os.path.join(project.folder, "signals")
    project.zoo("web", "term_counter", port, "--log", log)
    terminal = on_terminal("run", "web")
    terminal.expect("is ready on")
    terminal.signal(signal.SIGINT)
    assert terminal.exit_code() == 0, terminal.screen()
    with open(log, encoding="ascii") as file:
        assert file.read().split() == ["SIGINT"]


def test_a_server_with_its_own_terminal_hears_ctrl_c_though_we_were_told_to_ignore_it(
    port: int, project: Project, devports: Command
) -> None:
    script(project, port, "signal.pause()")
    words = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *devports.argv, "run", "web"]
    terminal = Terminal(words, cwd=devports.cwd, env=devports.env)
    terminal.expect("is ready on")
    terminal.ctrl_c()
    assert terminal.exit_code() == 130, terminal.screen()
    terminal.close()


@pytest.fixture
def shell(devports: Command) -> Iterator[Terminal]:
    """A person's shell in the project, with the command on its PATH."""
    env = devports.env | {"PATH": f"{os.path.dirname(devports.argv[0])}:{devports.env['PATH']}"}
    terminal = Terminal(
        ["bash", "--norc", "--noprofile", "-i"], cwd=devports.cwd, env=env | {"PS1": "$ "}
    )
    yield terminal
    terminal.close()


def state_of(pid: int) -> str:
    return str(psutil.Process(pid).status())


def test_suspend_stops_all_of_it_and_fg_goes_on(
    port: int, project: Project, shell: Terminal
) -> None:
    project.zoo("web", "listener", port)
    shell.send("devports run web\r")
    shell.expect("is ready on")
    (server,) = tables.listening_pids(port)
    shell.send("\x1a")
    shell.expect("Stopped")
    eventually(lambda: state_of(server) == psutil.STATUS_STOPPED)
    shell.send("echo modes: $(stty -a | grep -o -- '.icanon')\r")
    shell.expect("modes: icanon")
    shell.send("fg\r")
    eventually(lambda: state_of(server) != psutil.STATUS_STOPPED)
    shell.ctrl_c()
    shell.expect("exited with code")
    eventually(lambda: tables.bindable(port))
    shell.send("exit\r")
    shell.exit_code()


def test_a_job_in_the_background_leaves_the_terminal_alone_until_it_is_called(
    port: int, project: Project, shell: Terminal
) -> None:
    project.zoo("web", "listener", port)
    shell.send("devports run web &\r")
    shell.expect("is ready on")
    shell.send("echo still $((40 + 2))\r")
    shell.expect("still 42")
    shell.send("fg\r")
    eventually(lambda: shell.front != shell.pid, what="the job is in the foreground")
    shell.ctrl_c()
    shell.expect("exited with code")
    shell.send("exit\r")
    shell.exit_code()


def tree_below(pid: int) -> list[Identity]:
    return [Identity.of(child.pid) for child in psutil.Process(pid).children(recursive=True)]


KINDS = ["uvicorn --reload", "uvicorn --workers 2", "gunicorn -w 2", "http.server"]


def killed(run: Identity, port: int) -> None:
    """Kill a run, and see that nothing of its server is left and that its port is free."""
    tree = tree_below(run.pid)
    assert tree
    for each in tree:
        guard.know(each.pid, each.started)
    run.send(signal.SIGKILL)
    eventually(lambda: not any(each.alive for each in tree), 15, what="the tree is gone")
    eventually(lambda: not tables.holding_pids(port))
    assert tables.bindable(port)


@pytest.mark.parametrize("kind", KINDS)
def test_devports_is_killed_on_a_terminal_and_nothing_is_left(
    kind: str, port: int, project: Project, on_terminal: OnTerminal
) -> None:
    project.apps()
    project.service("web", port, COMMANDS[kind])
    terminal = on_terminal("run", "web")
    before = terminal.modes()
    terminal.expect("is ready on")
    killed(terminal.identity, port)
    eventually(lambda: terminal.modes() == before)


@pytest.mark.parametrize("kind", KINDS)
def test_devports_is_killed_on_a_pipe_and_nothing_is_left(
    kind: str, port: int, project: Project, devports: Command
) -> None:
    project.apps()
    project.service("web", port, COMMANDS[kind])
    running = devports.start("run", "web")
    running.says("is ready on")
    killed(running.identity, port)


def test_a_daemon_that_has_left_the_tree_gives_the_port_back_too(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "forked_listener", port, "--orphans")
    running = devports.start("run", "web")
    running.says("is ready on")
    running.send(signal.SIGKILL)
    running.ends()
    eventually(lambda: tables.bindable(port) and not tables.holding_pids(port))


def test_the_guard_is_killed_and_the_run_goes_on(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "listener", port)
    running = devports.start("run", "web")
    running.says("is ready on")
    running.guard().send(signal.SIGKILL)
    running.says("devports: the watchdog process of `web` has exited")
    assert not running.ended
    assert tables.listening_pids(port)
    running.send(signal.SIGTERM)
    assert running.ends() == 0 or running.err
    assert tables.bindable(port)


def test_a_run_that_ends_in_peace_leaves_no_guard(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "listener", port)
    running = devports.start("run", "web")
    running.says("is ready on")
    running.send(signal.SIGTERM)
    running.ends()
    eventually(lambda: not guard.descendants_everywhere())
