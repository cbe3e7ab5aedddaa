"""Who must not be ended with a holder: heirs nobody was asked about, parents, shells, runs."""

from __future__ import annotations

import shlex
import signal
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import strace, tables
from tests.harness.actors import alive, argv_of
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PTY, NEEDS_STRACE
from tests.harness.terminal import Terminal
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Zoo
    from tests.e2e.conftest import OnTerminal
    from tests.harness.command import Command
    from tests.harness.project import Project

pytestmark = NEEDS_FORK


@NEEDS_STRACE
def test_a_successor_is_told_to_end_and_not_killed(
    port: int, zoo: Zoo, devports: Command, tmp_path: Path
) -> None:
    holder = zoo("heir", port)
    log = tmp_path / "log"
    watched = devports.under(
        *("strace", "-f", "-qq", "-o", str(log), "-e", f"trace={strace.CALLS}", "--")
    )
    freed = watched("free", port, "--yes")
    assert freed.code == exitcodes.OK, freed
    sent = strace.parse(log.read_text(encoding="utf-8"))
    assert [one.signal for one in sent] == ["SIGTERM", "SIGTERM"]
    assert sent[0].target == holder.pid
    assert f"(pid {sent[1].target})" in freed.err
    assert tables.bindable(port)


def test_a_stranger_who_was_handed_the_socket_is_named_and_lives(
    port: int, zoo: Zoo, devports: Command, tmp_path: Path
) -> None:
    taker = zoo("taker", port, "--at", tmp_path / "unix")
    holder = zoo("heir", port, "--to", tmp_path / "unix")
    freed = devports("free", port, "--yes")
    assert freed.code == exitcodes.TAKEN_AGAIN, freed
    assert f"(pid {taker.pid})" in freed.err
    assert not holder.alive
    assert taker.alive


@NEEDS_PTY
def test_a_person_is_asked_about_who_was_handed_the_socket(
    port: int, zoo: Zoo, on_terminal: OnTerminal, tmp_path: Path
) -> None:
    taker = zoo("taker", port, "--at", tmp_path / "unix")
    zoo("heir", port, "--to", tmp_path / "unix")
    terminal = on_terminal("free", port)
    terminal.answer("y")
    terminal.expect(f"(pid {taker.pid}): stop it?")
    terminal.answer("n")
    assert terminal.exit_code() == exitcodes.HELD, terminal.screen()
    assert taker.alive


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_parent_that_serves_another_port_lives_on(
    method: str, port: int, zoo: Zoo, devports: Command
) -> None:
    actor = zoo("orchestrator", port, "--method", method)
    freed = devports("free", port, "--yes")
    assert freed.code == exitcodes.OK, freed
    assert actor.alive
    assert not alive(actor.pids[1])
    assert tables.listening_pids(port + 1) == {actor.pid}


@NEEDS_PTY
def test_nor_is_it_advised_to_end_such_a_parent(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    actor = zoo("orchestrator", port, "--method", "fork")
    project.service("web", port, "serve")
    told = devports("doctor", "--json").json()["data"]["problems"]
    commands = [each["command"] for problem in told for each in problem["remedies"]]
    (child,) = tables.listening_pids(port)
    assert f"kill -TERM {child}" in commands
    assert f"kill -TERM {actor.pid}" not in commands


def test_what_is_in_an_interactive_python_lives_on(port: int, devports: Command) -> None:
    line = (
        "import http.server as h, multiprocessing as m;"
        " m.get_context('fork').Process(target=lambda: h.HTTPServer(('127.0.0.1',"
        f" {port}), h.SimpleHTTPRequestHandler).serve_forever(), daemon=True).start()"
    )
    python = Terminal(["python3", "-i"], cwd=devports.cwd, env=devports.env)
    try:
        python.expect(">>> ")
        python.send(line + "\n")
        eventually(lambda: bool(tables.listening_pids(port)), what="its server")
        freed = devports("free", port, "--yes")
        assert freed.code == exitcodes.OK, freed
        assert python.identity.alive
    finally:
        python.close()


@NEEDS_PTY
def test_a_shell_that_has_the_socket_itself_is_never_ended(
    port: int, zoo: Zoo, devports: Command
) -> None:
    actor = zoo("terminal_server", port, "--give")
    (shell,) = tables.listening_pids(port)
    freed = devports("free", port, "--yes", "--other-users")
    assert freed.code == exitcodes.PROTECTED, freed
    assert "exit" in freed.err
    assert shell != actor.pid
    assert alive(shell)


@NEEDS_PTY
def test_a_run_is_not_ended_for_what_was_typed_into_the_terminal_inside_it(
    port: int, devports: Command, project: Project
) -> None:
    typed = shlex.join(argv_of("listener", port + 1, "--stay"))
    project.zoo("lab", "terminal_server", port, "--type", typed)
    run = devports.start("run", "lab")
    eventually(lambda: bool(tables.listening_pids(port + 1)), what="the server that was typed")
    freed = devports("free", port + 1, "--yes")
    assert freed.code == exitcodes.OK, freed
    assert not run.ended
    assert tables.connectable(port)
    run.send(signal.SIGTERM)
    run.ends(10)
