"""`devports status --watch` shows what changes, disturbs nothing, gives the terminal back."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING

import psutil
import pytest

from devports import exitcodes
from tests.harness.actors import Identity
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PROC, NEEDS_STRACE
from tests.harness.waiting import eventually, never

if TYPE_CHECKING:
    from tests.conftest import Zoo
    from tests.e2e.conftest import OnTerminal
    from tests.harness.command import Command
    from tests.harness.project import Project
    from tests.harness.terminal import Terminal

pytestmark = [NEEDS_FORK, NEEDS_PROC]

ENTER = "\x1b[?1049h\x1b[H\x1b[?25l\x1b[?7l"
LEAVE = "\x1b[?25h\x1b[?1049l\x1b[?7h"
"""Begin and end of a screen of its own: no cursor, no wrapping; xterm's sequences."""

FAST = ("--watch", "--interval", "0.1")


def given_back(terminal: Terminal, before: list[object]) -> None:
    """Prove that modes, screen, cursor and wrapping are as they were."""
    assert terminal.modes() == before
    shown = terminal.bytes.decode()
    assert shown.count(ENTER) == shown.count(LEAVE) == 1
    assert shown.rindex(LEAVE) > shown.rindex(ENTER)


@pytest.fixture
def watching(port: int, zoo: Zoo, project: Project, on_terminal: OnTerminal) -> Terminal:
    """A watch over one service whose port a stranger holds, as soon as it shows that."""
    project.zoo("web", "listener", port)
    zoo("listener", port)
    terminal = on_terminal("status", *FAST)
    terminal.expect(f"127.0.0.1:{port}  in use")
    return terminal


def test_what_changes_is_shown(
    port: int, zoo: Zoo, project: Project, devports: Command, on_terminal: OnTerminal
) -> None:
    project.zoo("web", "listener", port)
    holder = zoo("listener", port)
    terminal = on_terminal("status", *FAST, env={"NO_COLOR": "1"})
    terminal.expect(f"127.0.0.1:{port}  in use")
    holder.end()
    terminal.expect("no holder")
    devports.start("run", "web")
    terminal.expect("serving")
    terminal.expect(f"http://127.0.0.1:{port}/")


def test_what_does_not_change_is_not_written_again(port: int, on_terminal: OnTerminal) -> None:
    terminal = on_terminal("status", port, *FAST, size=(10, 80))  # its frame comes in one piece
    terminal.expect("no holder")
    before = len(terminal.bytes)
    never(lambda: terminal.drain() > before, 0.7, what="a line that says nothing new")


@pytest.mark.parametrize("key", [pytest.param("q", id="q"), pytest.param("\x03", id="Ctrl-C")])
def test_by_hand_it_ends_well(
    key: str, port: int, zoo: Zoo, project: Project, on_terminal: OnTerminal
) -> None:
    project.zoo("web", "listener", port)
    holder = zoo("listener", port)
    terminal = on_terminal("status", *FAST)
    before = terminal.modes()
    terminal.expect(f"127.0.0.1:{port}  in use")
    assert terminal.modes() != before, "keys come one by one and unseen"
    terminal.send(key)
    assert terminal.exit_code() == exitcodes.OK
    given_back(terminal, before)
    last = terminal.bytes.decode().partition(LEAVE)[2]
    assert str(holder.pid) in last, "the last table stays"


@pytest.mark.parametrize("name", [pytest.param(n, id=n) for n in ("SIGTERM", "SIGHUP", "SIGQUIT")])
def test_a_signal_ends_it_by_its_number_and_the_terminal_is_as_before(
    name: str, port: int, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal("status", port, *FAST)
    before = terminal.modes()
    terminal.expect("no holder")
    number = getattr(signal, name)
    terminal.signal(number)
    assert terminal.exit_code() == exitcodes.of_signal(number)
    assert not terminal.died_of, "it ended by itself"
    given_back(terminal, before)


def test_other_keys_are_not_shown_and_do_nothing(watching: Terminal) -> None:
    watching.send("xyz\x1b[A\r")
    never(lambda: "xyz" in watching.screen() or not watching.identity.alive, 0.4)
    watching.send("q")
    assert watching.exit_code() == exitcodes.OK


def test_after_ctrl_z_it_is_drawn_again(watching: Terminal) -> None:
    """Without a shell above it the kernel lets no process stop: it goes on at once (POSIX)."""
    watching.send("\x1a")
    eventually(lambda: watching.drain() and watching.bytes.decode().count(ENTER) == 2)
    assert watching.bytes.decode().count(LEAVE) == 1
    watching.send("q")
    assert watching.exit_code() == exitcodes.OK
    assert watching.bytes.decode().count(LEAVE) == 2


def test_a_resize_draws_it_anew_in_the_new_width(watching: Terminal, port: int) -> None:
    assert "service  endpoint" in watching.screen()
    watching.resize(20, 40)
    eventually(lambda: watching.drain() and "service  endpoint" not in watching.screen())
    watching.expect(f"web  127.0.0.1:{port}  in use")
    watching.resize(40, 120)
    watching.expect("service  endpoint")


def test_a_low_terminal_says_how_much_is_missing(
    port: int, project: Project, on_terminal: OnTerminal
) -> None:
    for number in range(8):
        project.service(f"s{number}", port + number)
    terminal = on_terminal("status", *FAST, size=(6, 80))
    terminal.expect("... 8 more lines")


def test_when_the_terminal_goes_away_it_ends(watching: Terminal) -> None:
    watching.hang_up()
    eventually(lambda: not watching.identity.alive, what="its end")


def test_on_a_pipe_there_is_a_table_and_then_a_line_for_each_change(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    project.zoo("web", "listener", port)
    project.service("db", port + 1)
    holder = zoo("listener", port)
    watching = devports.start("status", *FAST)
    watching.says("not listening")
    assert [re.split("  +", line)[:3] for line in watching.out.splitlines()] == [
        ["service", "endpoint", "verdict"],
        ["web", f"127.0.0.1:{port}", "in use"],
        ["db", f"127.0.0.1:{port + 1}", "not listening"],
    ]
    holder.end()
    watching.says("no holder")
    db = zoo("listener", port + 1)
    listens = ["listening", "python", str(db.pid)]
    eventually(lambda: watching.out.splitlines()[-1].split()[2:5] == listens)
    watching.send(signal.SIGINT)
    assert watching.ends() == exitcodes.OK, watching.err
    web, *_, again = watching.out.splitlines()[3:]  # `db` may be seen before it listens, too
    assert web.split()[:4] == ["web", f"127.0.0.1:{port}", "no", "holder"]
    assert again.split()[:5] == ["db", f"127.0.0.1:{port + 1}", *listens]
    assert "\x1b" not in watching.out


def test_everybody_who_goes_is_told_as_gone(port: int, zoo: Zoo, devports: Command) -> None:
    holder = zoo("listener", port)
    watching = devports.start("status", "--all", *FAST)
    watching.says(f"127.0.0.1:{port}")
    holder.end()

    def told_as_gone() -> bool:  # of this port: others of this machine come and go as they like
        lines = [line for line in watching.out.splitlines() if f"127.0.0.1:{port} " in line]
        return lines[-1].split()[2:3] == ["gone"]

    eventually(told_as_gone)
    watching.send(signal.SIGTERM)
    assert watching.ends() == 143, watching.err


def test_when_its_reader_has_gone_it_ends(port: int, devports: Command) -> None:
    script = '"$0" status "$1" --watch | head -1; echo "then $?"'
    done = subprocess.run(
        ["bash", "-c", script, *devports.argv, str(port)],
        cwd=devports.cwd,
        env=devports.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == "then 0", done
    assert done.stderr == ""


def test_a_terminal_without_a_cursor_gets_lines(
    port: int, zoo: Zoo, on_terminal: OnTerminal
) -> None:
    terminal = on_terminal("status", port, *FAST, env={"TERM": "dumb"})
    terminal.expect("no holder")
    zoo("listener", port)
    terminal.expect("in use")
    terminal.ctrl_c()
    assert terminal.exit_code() == exitcodes.OK
    assert b"\x1b" not in terminal.bytes


@NEEDS_STRACE
def test_to_look_again_nothing_is_bound(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    """A probe could meet the bind of a server that is just starting."""
    project.service("db", port)
    log = os.path.join(devports.scratch, "binds")
    traced = devports.under("strace", "-f", "-qq", "-e", "trace=bind", "-o", log, "--")
    watching = traced.start("status", *FAST)
    watching.says("not listening")
    zoo("listener", port)
    watching.says("listening  python")
    (itself,) = psutil.Process(watching.pid).children()  # strace itself passes no signal on
    Identity.of(itself.pid).send(signal.SIGTERM)
    watching.ends()
    with open(log, encoding="utf-8") as protocol:
        assert "AF_INET" not in protocol.read()
