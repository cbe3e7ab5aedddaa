"""The machine of macOS on this one: its own code on real sockets, its tools played by scripts."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import psutil
import pytest

from devports.core.model import Endpoint, Socket
from devports.core.verdict import Held, LingeringConnections
from devports.errors import DevportsError
from devports.system import psutil_backend, subprocesses
from devports.system.identity import identity
from devports.system.inspect import inspect_ports
from devports.system.macos import EPHEMERAL, NO_LSOF, PATIENCE, Darwin, Sources
from tests.harness.actors import NOBODY, become
from tests.harness.capabilities import NEEDS_FORK, NEEDS_SECOND_USER

if hasattr(os, "fork"):
    from devports.run.watchdog import WatchdogConfig, remaining

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from devports.core.verdict import Finding
    from devports.system.psutil_backend import SocketScan
    from tests.conftest import Zoo

pytestmark = NEEDS_FORK  # without it there are no scripts either
ROOT = str(Path(__file__).parents[2])
HEAD = (
    "Proto Recv-Q Send-Q  Local Address  Foreign Address  (state) rxbytes txbytes rhiwat shiwat"
    " process:pid state options gencnt flags flags1 usecnt rtncnt fltrs\n"
)
TAIL = "00100 00000006 00000000000f1c22 00000081 00000800 1 0 000001\n"


class Tool(Protocol):
    """Writes a program that prints a text, and returns its path."""

    def __call__(self, text: str) -> str: ...


@pytest.fixture
def tool() -> Iterator[Tool]:
    with tempfile.TemporaryDirectory(prefix="devports-tools-") as folder:
        os.chmod(folder, 0o755)  # the second user runs them too

        def write(text: str) -> str:
            program = os.path.join(folder, str(len(os.listdir(folder))))
            with open(program, "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\ncat <<'END'\n{text}END\n")
            os.chmod(program, 0o755)
            return program

        yield write


def listed(port: int, cell: str, *, state: str = "LISTEN", foreign: str = "*.*") -> str:
    return f"{HEAD}tcp4 0 0 127.0.0.1.{port} {foreign} {state} 0 0 131072 131072 {cell} {TAIL}"


def look(machine: Darwin, port: int) -> Finding:
    (finding,) = inspect_ports(machine, (Endpoint("127.0.0.1", port),), thorough=True)
    return finding


def blindfolded(**sources: object) -> Darwin:
    """Return a machine that has these sources and no other, and all the time it needs for them."""
    nothing = Sources(lsof="", netstat="", sysctl="", launchctl="", processes=False, seconds=60)
    return Darwin(nothing.replace(**sources))


def name_of(pid: int) -> str:
    return psutil.Process(pid).name()


def test_a_process_whose_name_agrees_with_netstat_is_the_holder(port: int, zoo: Zoo, tool: Tool):
    pid = zoo("listener", port).pid
    finding = look(blindfolded(netstat=tool(listed(port, f"{name_of(pid)}:{pid}"))), port)
    assert isinstance(finding.verdict, Held)
    assert [holder.process.pid for holder in finding.holding.holders] == [pid]
    assert finding.holding.hidden == ()


def test_a_process_with_another_name_is_likely_and_no_holder(port: int, zoo: Zoo, tool: Tool):
    pid = zoo("listener", port).pid
    finding = look(blindfolded(netstat=tool(listed(port, f"another process:{pid}"))), port)
    assert isinstance(finding.verdict, Held)
    assert finding.holding.holders == ()
    (hidden,) = finding.holding.hidden
    assert [process.pid for process in hidden.likely] == [pid]
    assert "pid-unproven" in {gap.code for gap in finding.holding.gaps}


@pytest.mark.parametrize(
    ("cell", "gap"),
    [
        pytest.param("gone:99999", "opener-gone", id="a process that has ended"),
        pytest.param("kernel_task:0", "no-pid", id="no process"),
    ],
)
def test_a_listener_without_a_process_is_never_a_free_port(
    port: int, zoo: Zoo, tool: Tool, cell: str, gap: str
):
    zoo("listener", port)
    finding = look(blindfolded(netstat=tool(listed(port, cell))), port)
    assert isinstance(finding.verdict, Held)
    assert finding.holding.holders == ()
    assert finding.holding.hidden[0].likely == ()
    assert gap in {each.code for each in finding.holding.gaps}


def test_who_was_looked_at_and_has_it_not_is_not_believed_to_have_it(port: int, tool: Tool):
    mine = f"{name_of(os.getpid())}:{os.getpid()}"
    finding = look(blindfolded(netstat=tool(listed(port, mine)), processes=True), port)
    assert isinstance(finding.verdict, Held)
    assert finding.holding.holders == ()


def test_a_closed_socket_without_a_peer_holds_the_port(port: int, zoo: Zoo, tool: Tool):
    pid = zoo("bound_only", port).pid
    text = f"p{pid}\ncpython\nf3\ntIPv4\nn127.0.0.1:{port}\nTST=CLOSED\n"
    finding = look(blindfolded(lsof=tool(text)), port)
    assert isinstance(finding.verdict, Held)
    assert [found.state for found in finding.verdict.sockets] == ["BOUND"]
    assert [holder.process.pid for holder in finding.holding.holders] == [pid]


def test_who_has_closed_a_socket_since_the_last_look_does_not_hold_it(port: int):
    machine = blindfolded(processes=True)
    with socket.create_server(("127.0.0.1", port)):
        seen = machine.table({port}).sockets
        assert [h.process.pid for h in machine.holding(seen, thorough=True).holders] == [
            os.getpid()
        ]
    assert machine.table({port}).sockets == ()
    assert machine.holding(seen, thorough=True).holders == ()


def test_leftovers_that_only_netstat_shows_belong_to_nobody(port: int, tool: Tool):
    text = listed(port, "node:0", state="TIME_WAIT", foreign="127.0.0.1.9")
    finding = look(blindfolded(netstat=tool(text), processes=True), port)
    assert isinstance(finding.verdict, LingeringConnections)
    assert finding.holding.holders == ()


def test_without_any_source_nothing_is_said_to_be_free(port: int):
    with pytest.raises(DevportsError, match="neither the processes nor lsof and netstat"):
        look(blindfolded(), port)


def test_what_does_not_answer_is_named(port: int, tool: Tool):
    table = blindfolded(netstat=tool(f"{HEAD}tcp4 0 0 127.0.0.1.{port} *.* LISTEN 1 2 3\n"))
    found = table.table({port})
    assert (found.sockets, found.shows_bound) == ((), False)
    assert [gap.code for gap in found.gaps] == ["netstat-rows"]
    only_processes = blindfolded(processes=True).table({port})
    assert {"no-netstat", "no-lsof"} <= {gap.code for gap in only_processes.gaps}


AS_ANOTHER_USER = """
import json, sys
from devports.core.model import Endpoint
from devports.system.inspect import inspect_ports
from devports.system.macos import Darwin, Sources

machine = Darwin(Sources(netstat=sys.argv[2], lsof="", sysctl="", launchctl="", seconds=60))
(found,) = inspect_ports(machine, (Endpoint("127.0.0.1", int(sys.argv[1])),), thorough=True)
print(json.dumps([
    type(found.verdict).__name__,
    [[holder.process.pid, holder.process.uid] for holder in found.holding.holders],
    [[process.pid for process in hidden.likely] for hidden in found.holding.hidden],
]))
"""


def seen_by_another_user(port: int, netstat: str) -> Any:
    done = subprocess.run(
        [*become(NOBODY), sys.executable, "-c", AS_ANOTHER_USER, str(port), netstat],
        env=os.environ | {"PYTHONPATH": ROOT, "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/",
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)


@NEEDS_SECOND_USER
def test_a_holder_that_may_not_be_read_is_named_only_where_netstat_and_its_name_agree(
    port: int, zoo: Zoo, tool: Tool
):
    pid = zoo("listener", port).pid
    right, wrong = (listed(port, f"{name}:{pid}") for name in (name_of(pid), "node"))
    assert seen_by_another_user(port, tool(right)) == ["Held", [[pid, os.geteuid()]], []]
    assert seen_by_another_user(port, tool(wrong)) == ["Held", [], [[pid]]]
    assert seen_by_another_user(port, "") == ["HolderUnknown", [], []]


@NEEDS_SECOND_USER
def test_a_process_of_another_user_is_read_by_root_and_has_its_name(port: int, zoo: Zoo):
    pid = zoo("listener", port, uid=NOBODY).pid
    finding = look(blindfolded(processes=True), port)
    (holder,) = finding.holding.holders
    assert (holder.process.pid, holder.process.uid) == (pid, NOBODY)


def test_the_label_of_a_job_is_a_mark_of_its_process_and_of_what_runs_in_it(
    port: int, zoo: Zoo, tool: Tool
):
    pid = zoo("listener", port).pid
    jobs = tool(f"PID\tStatus\tLabel\n{pid}\t0\torg.x.web\n{os.getpid()}\t0\torg.x.tests\n")
    (holder,) = look(blindfolded(processes=True, launchctl=jobs), port).holding.holders
    assert holder.process.environment_marks == (("launchd", "org.x.web"),)
    assert [p.environment_marks for p in holder.ancestors if p.pid == os.getpid()] == [
        (("launchd", "org.x.tests"),)
    ]


def test_jobs_are_asked_for_only_before_something_is_ended(port: int, zoo: Zoo, tool: Tool):
    pid = zoo("listener", port).pid
    machine = blindfolded(processes=True, launchctl=tool(f"{pid}\t0\torg.x.web\n"))
    (holder,) = machine.holding(machine.table({port}).sockets, thorough=False).holders
    assert holder.process.environment_marks == ()


def test_facts_of_the_system(tool: Tool):
    asked = blindfolded(sysctl=tool("10000\n20000\n"))
    assert asked.ephemeral() == (10000, 20000)
    assert blindfolded(sysctl=tool("nonsense\n")).ephemeral() == EPHEMERAL
    assert blindfolded().ephemeral() == EPHEMERAL
    assert blindfolded(sysctl=tool("A-B-C\n")).boot() == "A-B-C"
    assert blindfolded().boot() == psutil_backend.boot_time()


def test_our_own_hold_on_a_port_is_known_as_ours(port: int):
    machine = blindfolded(processes=True)
    held = machine.reserve(Endpoint("127.0.0.1", port))
    assert not isinstance(held, str)
    try:
        assert held.inode == identity(os.getpid(), held.endpoint)
        assert machine.probe(held.endpoint) == "in-use"
    finally:
        held.close()


def test_the_viewer_is_this_process_and_all_it_runs_in():
    line = blindfolded().viewer().ancestor_keys
    assert [key.pid for key in line[:2]] == [os.getpid(), os.getppid()]
    assert line[0] == psutil_backend.key_of(os.getpid())


class Refusing(Darwin):
    """A machine that must not read the table of every process."""

    def scan(self, ports: Collection[int]) -> SocketScan:
        raise AssertionError(ports)


def test_a_wait_for_the_server_reads_only_devports_and_what_it_has_started(port: int):
    with socket.create_server(("127.0.0.1", port)):
        found = Refusing().listening_below({port})
    assert [str(each.local) for each in found] == [f"127.0.0.1:{port}"]


def test_lsof_alone_gets_more_time_and_only_before_a_process_is_signalled(
    port: int, monkeypatch: pytest.MonkeyPatch
):
    given: dict[str, list[float]] = {}

    def slow(argv: tuple[str, ...], seconds: float) -> bytes | None:
        given.setdefault(os.path.basename(argv[0]), []).append(seconds)
        if "lsof" in argv[0]:
            return b"" if seconds >= PATIENCE else None
        return listed(port, "x:7").encode()  # which leaves a question for lsof

    monkeypatch.setattr(subprocesses, "ask", slow)
    machine = Darwin(Sources(processes=False))
    here = Socket(Endpoint("127.0.0.1", port), None, "LISTEN", 1)
    assert NO_LSOF in machine.table({port}).gaps
    machine.holding((here,), thorough=False)
    assert NO_LSOF in machine.table({port}).gaps
    assert set(given["lsof"]) == {subprocesses.SECONDS}
    machine.holding((here,), thorough=True)
    assert given["lsof"][-1] == PATIENCE
    assert NO_LSOF not in machine.table({port}).gaps
    assert set(given["netstat"]) == {subprocesses.SECONDS}


def test_what_only_lsof_shows_is_found_where_a_bind_is_refused(port: int, zoo: Zoo, tool: Tool):
    pid = zoo("listener", port).pid
    text = f"p{pid}\ncpython\nf3\ntIPv4\nd0x1\nn127.0.0.1:{port}\nTST=LISTEN\n"
    finding = look(blindfolded(netstat=tool(HEAD), lsof=tool(text)), port)
    assert isinstance(finding.verdict, Held)
    assert [holder.process.pid for holder in finding.holding.holders] == [pid]


def test_a_netstat_without_the_option_for_whole_addresses_is_asked_without_it(
    port: int, tmp_path: Path
):
    program = tmp_path / "netstat"
    text = listed(port, "python:7")
    program.write_text(f"#!/bin/sh\ncase $1 in *W*) exit 1;; esac\ncat <<'END'\n{text}END\n")
    program.chmod(0o755)
    machine = blindfolded(netstat=str(program))
    assert machine.netstat()[1] is False
    assert [str(each.local) for each in machine.table({port}).sockets] == [f"127.0.0.1:{port}"]


def test_a_server_without_a_readable_environment_is_known_by_the_record(
    port: int, zoo: Zoo, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(psutil_backend, "marks_of", lambda _pid: ())
    server = zoo("forked_listener", port)
    machine = blindfolded(processes=True)
    key = machine.key(server.pid)
    assert key is not None
    here = (Endpoint("127.0.0.1", port),)
    config = WatchdogConfig(machine, here, "mark", None, signal.SIGTERM, 5)
    assert {each.pid for each in remaining(config, key)} == set(server.pids)
