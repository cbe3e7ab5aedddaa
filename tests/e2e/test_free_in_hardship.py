"""Freeing when families resist, signals are refused, and terminals and readers go away."""

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import strace, tables
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PTY, NEEDS_STRACE
from tests.harness.terminal import Terminal
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Zoo
    from tests.e2e.conftest import OnTerminal
    from tests.harness.bystanders import Bystanders
    from tests.harness.command import Command

pytestmark = NEEDS_FORK


def test_a_hung_server_with_its_listener_is_the_holder_and_ended(
    port: int, zoo: Zoo, devports: Command
) -> None:
    hung = zoo("hung_server", port, "--listening")
    freed = devports("free", port, "--yes")
    assert freed.code == exitcodes.OK, freed
    hung.gone()


def test_a_hung_server_without_its_listener_is_named_and_not_signalled(
    port: int, zoo: Zoo, devports: Command
) -> None:
    """It serves a client as far as anybody can tell: it holds a connection, and no listener."""
    hung = zoo("hung_server", port, "--no-reuse")
    freed = devports("free", port, "--yes")
    assert freed.code == exitcodes.STILL_HELD, freed
    assert f"(pid {hung.pid})" in freed.err
    assert "CLOSE_WAIT" in freed.err
    assert hung.alive
    assert not tables.bindable(port)


def test_workers_that_ignore_sigterm_after_their_parent_has_left_are_killed(
    port: int, zoo: Zoo, devports: Command
) -> None:
    family = zoo("forked_listener", port, "--orphans", "--deaf", "--children", 2)
    freed = devports("free", port, "--yes", "--timeout", 0.5)
    assert freed.code == exitcodes.OK, freed
    assert "SIGKILL" in freed.err
    eventually(lambda: not any(one.alive for one in family.cast), what="the end of the family")
    assert tables.bindable(port)


def test_a_daemon_is_found_by_its_socket(
    port: int, zoo: Zoo, devports: Command, bystanders: Callable[[int], Bystanders]
) -> None:
    daemon = zoo("daemon", port)
    bystanders(port)
    freed = devports("free", port, "--yes")
    assert freed.code == exitcodes.OK, freed
    daemon.gone()


@NEEDS_STRACE
def test_a_refused_signal_is_tried_once_and_said(
    port: int, zoo: Zoo, devports: Command, tmp_path: Path
) -> None:
    holder = zoo("listener", port)
    refused = devports.under(
        *("strace", "-f", "-qq", "-o", str(tmp_path / "log"), "-e", f"trace={strace.CALLS}"),
        *("-e", "inject=pidfd_send_signal,kill:error=EPERM", "--"),
    )
    freed = refused("free", port, "--yes")
    assert freed.code == exitcodes.PERMISSION, freed
    assert f"kill -TERM {holder.pid}" in freed.err
    sent = strace.parse((tmp_path / "log").read_text(encoding="utf-8"))
    assert [(one.target, one.signal, one.ok) for one in sent] == [(holder.pid, "SIGTERM", False)]
    assert holder.alive


def test_a_reader_that_has_gone_does_not_stop_the_freeing(
    port: int, zoo: Zoo, devports: Command
) -> None:
    holder = zoo("slow_stop", port, "--seconds", 1)
    script = '"$@" | :; exit ${PIPESTATUS[0]}'
    freed = devports.under("bash", "-c", script, "bash")("free", port, "--yes")
    assert freed.code == exitcodes.OK, freed
    assert "Broken pipe" not in freed.err
    assert "Traceback" not in freed.err
    holder.gone()
    assert tables.bindable(port)


def test_nobody_reads_a_line_of_what_is_said(port: int, zoo: Zoo, devports: Command) -> None:
    holder = zoo("listener", port)
    script = '"$@" 2>&1 | :; exit ${PIPESTATUS[0]}'
    silent = devports.under("bash", "-c", script, "bash")
    assert silent("status", port).code == exitcodes.OK
    assert silent("check", port).code == exitcodes.NO
    assert silent("free", port, "--yes").code == exitcodes.OK
    holder.gone()


@NEEDS_PTY
def test_the_terminal_goes_away_while_freeing_goes_on(
    port: int, zoo: Zoo, devports: Command
) -> None:
    """As under nohup(1): each word that is written now fails with EIO."""
    holder = zoo("stubborn", port)
    argv = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *devports.argv]
    words = ["free", str(port), "--yes", "--timeout", "1"]
    terminal = Terminal([*argv, *words], cwd=devports.cwd, env=devports.env)
    try:
        terminal.expect("with SIGTERM")
        terminal.hang_up()
        holder.gone()
        eventually(lambda: not terminal.identity.alive, what="its own end")
        assert tables.bindable(port)
    finally:
        terminal.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_the_end_by_a_signal_is_a_number(
    number: signal.Signals, port: int, zoo: Zoo, devports: Command
) -> None:
    """An editor takes death by a signal for exit code 0, and starts the debugger."""
    holder = zoo("stubborn", port)
    freeing = devports.start("free", port, "--yes")
    freeing.says("with SIGTERM")
    freeing.send(number)
    freeing.ends(10)
    assert freeing.process.returncode == 128 + number
    assert holder.alive


@NEEDS_PTY
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_a_signal_at_the_question_is_no_answer_and_gives_the_modes_back(
    number: signal.Signals, port: int, zoo: Zoo, on_terminal: OnTerminal
) -> None:
    holder = zoo("listener", port)
    terminal = on_terminal("free", port)
    before = terminal.modes()
    terminal.asked()
    terminal.signal(number)
    assert terminal.exit_code() == 128 + number, terminal.screen()
    assert not terminal.died_of
    assert terminal.modes() == before
    assert holder.alive


def test_a_udp_socket_of_the_same_number_is_in_nobodys_way(port: int, devports: Command) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", port))
        check = devports("check", port)
        assert check.code == exitcodes.OK, check
        assert str(os.getpid()) not in check.text
        assert devports("free", port, "--yes").code == exitcodes.OK
        assert udp.getsockname()[1] == port


@pytest.mark.parametrize("target", ["unix:/run/app.sock", "./app.sock", "/run/app.sock"])
def test_a_unix_socket_is_no_target(target: str, devports: Command) -> None:
    """A server that has nothing but a unix socket holds no port."""
    done = devports("check", target)
    assert done.code == exitcodes.USAGE, done
    assert "Traceback" not in done.err
