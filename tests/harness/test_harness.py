"""The harness itself: the guard bites, the canaries sing, the readers read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.harness import guard, strace, tables
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PTY, NEEDS_STRACE
from tests.harness.command import Command
from tests.harness.ports import reserved_block
from tests.harness.waiting import NeverHappenedError, eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Zoo
    from tests.harness.bystanders import Bystanders

STRANGER = 1
"""The parent of everybody: on no machine did a test start it."""


def refused(act: Callable[[], object]) -> None:
    with pytest.raises(guard.WouldHaveSignalledAStranger) as raised:
        act()
    guard.forgive(str(raised.value))


def test_the_guard_refuses_to_kill_a_stranger() -> None:
    refused(lambda: os.kill(STRANGER, signal.SIGCONT))  # noqa: TID251  # must not get through


@NEEDS_FORK
def test_the_guard_refuses_to_kill_our_own_group() -> None:
    refused(lambda: os.killpg(os.getpgrp(), signal.SIGCONT))  # noqa: TID251  # same


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="this machine has no pidfd")
def test_the_guard_refuses_a_pidfd_of_a_stranger() -> None:
    descriptor = os.pidfd_open(STRANGER)
    try:
        refused(lambda: signal.pidfd_send_signal(descriptor, signal.SIGCONT))  # noqa: TID251  # same
    finally:
        os.close(descriptor)


def test_the_guard_allows_to_ask_and_to_end_our_own() -> None:
    os.kill(os.getppid(), 0)  # noqa: TID251  # asks only
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    os.kill(child.pid, signal.SIGTERM)  # noqa: TID251  # ours
    child.communicate()
    assert child.returncode


@NEEDS_FORK
def test_a_killed_bystander_is_missed(
    port: int, zoo: Zoo, bystanders: Callable[[int], Bystanders]
) -> None:
    zoo("listener", port)
    group = bystanders(port)
    assert len(group.actors) == 4
    victim = group.actors.pop()
    victim.send(signal.SIGKILL)
    victim.gone()
    group.check()
    group.actors.append(victim)
    with pytest.raises(AssertionError, match="tunnel"):
        group.check()
    group.actors.remove(victim)
    victim.end()


def test_eventually_names_what_never_happened() -> None:
    with pytest.raises(NeverHappenedError, match="pigs fly"):
        eventually(lambda: 0, 0.01, what="pigs fly")


def test_two_tests_never_share_a_port() -> None:
    with reserved_block() as first, reserved_block() as second:
        assert abs(first - second) >= 8
        assert all(tables.bindable(p) for p in (first, second))


PROTOCOL = """\
100 kill(200, SIGTERM)       = 0
100 kill(201, 0) = -1 ESRCH (No such process)
101 pidfd_open(300, 0) = 7
101 pidfd_send_signal(7, SIGKILL, NULL, 0 <unfinished ...>
100 tgkill(100, 100, SIGABRT) = 0
101 <... pidfd_send_signal resumed>) = 0
102 kill(-400, SIGHUP) = -1 EPERM (Operation not permitted)
"""


def test_the_protocol_of_strace_is_read_also_where_calls_interleave() -> None:
    assert strace.parse(PROTOCOL) == [
        strace.Sent(100, 200, "SIGTERM", "kill", ok=True),
        strace.Sent(101, 300, "SIGKILL", "pidfd_send_signal", ok=True),
        strace.Sent(102, -400, "SIGHUP", "kill", ok=False),
    ]


@NEEDS_STRACE
def test_strace_names_whom_a_command_signalled(port: int, zoo: Zoo, tmp_path: Path) -> None:
    actor = zoo("listener", port)
    killer = Command("/", dict(os.environ), str(tmp_path), argv=["/bin/kill"])
    done, sent = strace.strace_signals(killer, actor.pid, log=str(tmp_path / "log"))
    assert done.code == 0
    assert [(one.target, one.signal) for one in sent] == [(actor.pid, "SIGTERM")]


@NEEDS_PTY
def test_the_terminal_shows_the_screen_and_takes_keys(tmp_path: Path) -> None:
    from tests.harness.terminal import Terminal

    script = "import sys; print('tty', sys.stdin.isatty()); print('got', input('name? ')); exit(5)"
    terminal = Terminal([sys.executable, "-c", script], cwd=str(tmp_path), env=dict(os.environ))
    try:
        terminal.expect("tty True")
        terminal.expect("name?")
        terminal.send("zoe\r")
        terminal.expect("got zoe")
        assert terminal.exit_code() == 5
    finally:
        terminal.close()


@NEEDS_PTY
def test_ctrl_c_reaches_the_program_on_the_terminal(tmp_path: Path) -> None:
    from tests.harness.terminal import Terminal

    script = "import signal; signal.signal(2, signal.SIG_DFL); print('up'); input()"
    terminal = Terminal([sys.executable, "-c", script], cwd=str(tmp_path), env=dict(os.environ))
    try:
        terminal.expect("up")
        terminal.ctrl_c()
        assert terminal.exit_code() == 130
    finally:
        terminal.close()
