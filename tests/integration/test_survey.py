"""What is said of real sockets, with every source and with the newer ones switched off."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from random import Random
from typing import TYPE_CHECKING

import pytest

from devports.core.model import Endpoint, PortSpec
from devports.core.verdict import (
    Free,
    Held,
    HolderUnknown,
    LingeringConnections,
    LocalhostConflict,
    NotLocal,
    NotPermitted,
    OutgoingConnection,
    sockets_of,
)
from devports.errors import DevportsError
from devports.system import linux
from devports.system.inspect import endpoints_of, inspect_ports, inspect_quick, inspect_without_bind
from devports.system.linux.sockets import (
    kernel_shows_bound,
    text_listeners,
    text_table,
    without_bound,
)
from tests.fakes import altered
from tests.harness.capabilities import (
    NEEDS_IPV6,
    NEEDS_NETLINK_BOUND,
    NEEDS_PROC,
    NEEDS_SECOND_USER,
)
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from devports.core.model import HolderSearch, Socket, Table
    from devports.core.verdict import Finding
    from devports.system import Machine
    from tests.conftest import Zoo

pytestmark = NEEDS_PROC  # the sources of Linux, each switched off in turn
BEFORE_6_8 = altered(
    linux,
    table=lambda ports: without_bound(linux.table(ports).sockets),
    listening_on=lambda ports: without_bound(linux.listening_on(ports).sockets),
    listeners=lambda: without_bound(linux.listeners().sockets),
)
NO_NETLINK = altered(linux, table=text_table, listening_on=text_table, listeners=text_listeners)
MACHINES = [
    pytest.param(linux, id="every source", marks=NEEDS_NETLINK_BOUND),
    pytest.param(BEFORE_6_8, id="a kernel before 6.8"),
    pytest.param(NO_NETLINK, id="no netlink at all"),
]


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> Machine:
    found: Machine = request.param
    return found


def look(
    machine: Machine, port: int, host: str = "127.0.0.1", *, thorough: bool = False
) -> Finding:
    ends = endpoints_of(machine, PortSpec(host, port))
    (finding,) = inspect_ports(machine, ends, thorough=thorough)
    if not thorough:
        (same,) = inspect_quick(machine, ends)
        assert told(same) == told(finding), "the quick look says the same"
    return finding


def told(finding: Finding) -> tuple[object, ...]:
    """Return what a finding says; the seconds left of a TIME_WAIT pass meanwhile."""
    sockets = {socket.replace(expires=None, queue=0) for socket in sockets_of(finding.verdict)}
    blocking = getattr(finding.verdict, "blocking", None)
    holding = finding.holding
    holders = [(holder.process.key, holder.inodes) for holder in holding.holders]
    hidden = [each.socket.inode for each in holding.hidden]
    return type(finding.verdict), blocking, sockets, holders, hidden, holding.gaps


def pids(finding: Finding) -> set[int]:
    return {holder.process.pid for holder in finding.holding.holders}


def test_everybody_who_listens_is_listed(machine: Machine, port: int, zoo: Zoo):
    zoo("listener", port)
    zoo("bound_only", port + 1)
    table = machine.listeners()
    states = {s.local.port: s.state for s in table.sockets if port <= s.local.port < port + 8}
    assert states == {port: "LISTEN"} | ({port + 1: "BOUND"} if table.shows_bound else {})
    assert bool(table.gaps) is not table.shows_bound


def test_a_glance_says_who_is_there_and_calls_the_rest_free(machine: Machine, port: int, zoo: Zoo):
    listener = zoo("listener", port)
    here, free = endpoints_of(machine, PortSpec("127.0.0.1", port))[0], Endpoint("127.0.0.1", 1)

    def who(sockets: Sequence[Socket]) -> HolderSearch:
        return machine.holding(sockets, thorough=False)

    held, nobody = inspect_without_bind(machine, (here, free), who)
    assert pids(held) == {listener.pid}
    assert isinstance(held.verdict, Held)
    assert nobody.verdict == Free(), "nothing was bound, so root's port 1 is not refused"
    assert inspect_without_bind(machine, (), who) == ()


def test_nobody_there(machine: Machine, port: int):
    assert look(machine, port).verdict == Free()


def test_a_listener_is_named(machine: Machine, port: int, zoo: Zoo):
    listener = zoo("listener", port)
    finding = look(machine, port)
    assert isinstance(finding.verdict, Held)
    assert pids(finding) == {listener.pid}


@pytest.mark.parametrize("host", ["", "127.0.0.1"], ids=["the port anywhere", "its address"])
def test_a_bound_socket_that_does_not_listen_is_named(
    machine: Machine, port: int, zoo: Zoo, host: str
):
    bound = zoo("bound_only", port)
    finding = look(machine, port, host)
    assert isinstance(finding.verdict, Held)
    assert [s.state for s in finding.verdict.sockets] == ["BOUND"]
    assert pids(finding) == {bound.pid}


def test_a_bound_socket_without_reuseaddr_is_named(machine: Machine, port: int, zoo: Zoo):
    bound = zoo("bound_only", port, "--no-reuse")
    finding = look(machine, port)
    assert isinstance(finding.verdict, Held)
    assert pids(finding) == {bound.pid}


def test_leftovers_of_a_server_with_reuseaddr_do_not_block(machine: Machine, port: int, zoo: Zoo):
    zoo("time_wait_maker", port)
    verdict = look(machine, port).verdict
    assert isinstance(verdict, LingeringConnections)
    assert not verdict.blocking
    assert 0 < (verdict.seconds or 0) <= 60


def test_leftovers_of_a_server_without_reuseaddr_block(machine: Machine, port: int, zoo: Zoo):
    zoo("time_wait_maker", port, "--no-reuse")
    verdict = look(machine, port).verdict
    assert isinstance(verdict, LingeringConnections)
    assert verdict.blocking


def test_an_outgoing_connection_on_the_port_is_a_client(machine: Machine, port: int, zoo: Zoo):
    client = zoo("source_port_client", port)
    finding = look(machine, port)
    assert isinstance(finding.verdict, OutgoingConnection)
    assert client.pid in pids(finding)


def test_a_client_that_lets_a_server_bind_beside_it_is_no_leftover(
    machine: Machine, port: int, zoo: Zoo
):
    client = zoo("source_port_client", port, "--reuse")
    finding = look(machine, port)
    assert isinstance(finding.verdict, OutgoingConnection)
    assert not finding.verdict.blocking
    assert pids(finding) == {client.pid}


def test_a_client_of_the_port_is_never_a_holder(machine: Machine, port: int, zoo: Zoo):
    listener = zoo("listener", port)
    zoo("client", port)
    assert pids(look(machine, port, thorough=True)) == {listener.pid}


@NEEDS_IPV6
def test_a_listener_of_the_other_family_shadows(machine: Machine, port: int, zoo: Zoo):
    listener = zoo("listener", port, "--host", "::1")
    finding = look(machine, port)
    assert isinstance(finding.verdict, LocalhostConflict)
    assert pids(finding) == {listener.pid}


@NEEDS_IPV6
@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        pytest.param((), Held, id="dual-stack: in the way"),
        pytest.param(("--v6only",), LocalhostConflict, id="IPv6 only: beside it"),
    ],
)
def test_an_ipv6_wildcard(
    machine: Machine, port: int, zoo: Zoo, more: tuple[str, ...], verdict: type
):
    zoo("listener", port, "--host", "::", *more)
    assert isinstance(look(machine, port).verdict, verdict)


def test_all_holders_of_a_forked_listener(machine: Machine, port: int, zoo: Zoo):
    forked = zoo("forked_listener", port)
    assert pids(look(machine, port, thorough=True)) == set(forked.pids)


def test_one_look_answers_for_many_ports(machine: Machine, port: int, zoo: Zoo):
    zoo("listener", port + 1)
    specs = [PortSpec("127.0.0.1", port + n) for n in range(3)]
    ends = [end for spec in specs for end in endpoints_of(machine, spec)]
    for how in (inspect_ports, inspect_quick):
        assert [type(finding.verdict) for finding in how(machine, ends)] == [Free, Held, Free]
    assert inspect_quick(machine, ()) == ()


def test_a_quick_look_at_a_listener_or_a_free_port_asks_for_no_other_socket(port: int, zoo: Zoo):
    zoo("listener", port)
    free, held, bound = (PortSpec("127.0.0.1", port + n) for n in (1, 0, 2))
    walks: list[Collection[int]] = []

    def table(ports: Collection[int]) -> Table:
        """Walk all sockets of the kernel."""
        walks.append(ports)
        return linux.table(ports)

    machine = altered(linux, table=table)
    inspect_quick(machine, [end for spec in (free, held) for end in endpoints_of(machine, spec)])
    assert walks == []
    zoo("bound_only", port + 2)
    inspect_quick(machine, endpoints_of(machine, bound))
    assert len(walks) == 1


def test_our_own_socket_is_in_nobodys_way(port: int):
    with socket.socket() as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ours.bind(("127.0.0.1", port))
        inode = os.fstat(ours.fileno()).st_ino
        ends = endpoints_of(linux, PortSpec("127.0.0.1", port))
        assert isinstance(inspect_ports(linux, ends)[0].verdict, Held)
        assert inspect_ports(linux, ends, ours=(inode,))[0].verdict == Free()


def test_a_refusal_that_nothing_explains_is_asked_again_and_then_said(port: int):
    """In the fallback our own sockets are not searched: to it they are invisible holders."""
    with socket.socket() as hidden:
        hidden.bind(("127.0.0.1", port))
        finding = look(NO_NETLINK, port)
    assert isinstance(finding.verdict, HolderUnknown)
    assert [gap.code for gap in finding.verdict.gaps] == ["no-netlink"]


def test_an_address_of_elsewhere():
    assert look(linux, 8000, "203.0.113.1").verdict == NotLocal()


def test_a_host_that_does_not_resolve_is_an_error_with_a_way_out():
    with pytest.raises(DevportsError, match=r"cannot resolve host `nowhere\.invalid`") as caught:
        endpoints_of(linux, PortSpec("nowhere.invalid", 8000))
    assert caught.value.hints


@NEEDS_SECOND_USER
def test_a_privileged_port_is_forbidden_to_an_ordinary_user():
    verdict = _as_nobody(lambda: type(look(linux, 81).verdict).__name__)
    assert verdict == NotPermitted.__name__


@NEEDS_SECOND_USER
def test_the_bound_socket_of_another_user_is_held_and_its_user_known(port: int, zoo: Zoo):
    zoo("bound_only", port)

    def seen() -> str:
        finding = look(linux, port, thorough=True)
        hidden = finding.holding.hidden
        return f"{type(finding.verdict).__name__} {[h.user for h in hidden]} {pids(finding)}"

    assert _as_nobody(seen) == "Held ['root'] set()"


@NEEDS_SECOND_USER
@pytest.mark.parametrize("sources", MACHINES)
def test_an_ordinary_user_sees_its_own_bound_socket(port: int, zoo: Zoo, sources: Machine):
    bound = zoo("bound_only", port, uid=65534)
    assert _as_nobody(lambda: str(pids(look(sources, port)))) == str({bound.pid})


@NEEDS_SECOND_USER
def test_an_ordinary_user_reads_no_process_of_another_user(port: int, zoo: Zoo):
    from devports.system.linux.holders import Search, _candidates, _readable

    own = zoo("bound_only", port, uid=65534)
    zoo("listener", port + 1)
    (roots,) = linux.table({port + 1}).sockets
    linux.holding((), thorough=False)

    def seen() -> str:
        readable = list(_readable([os.getppid(), own.pid, 1]))
        return f"{readable} {list(_candidates(Search({'socket:[1]': 1}), [roots], {}))}"

    assert _as_nobody(seen) == f"[{own.pid}] []"


def _as_nobody(answer: Callable[[], str]) -> str:
    """Run `answer` in a child that has become nobody, and return what it said."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            said = answer()
        except BaseException as error:  # noqa: BLE001  # nothing may get back into pytest
            said = repr(error)
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as pipe:
        return pipe.read()


RELEASES = [
    pytest.param("6.8.0", True, id="the first"),
    pytest.param("6.18.44-fc-v669", True, id="a later one with a suffix"),
    pytest.param("7.0-rc1", True, id="a release candidate"),
    pytest.param("6.7.9-arch1", False, id="the one before"),
    pytest.param("5.15.167.4-microsoft-standard-WSL2", False, id="an old one"),
    pytest.param("odd", False, id="not a number"),
    pytest.param("", False, id="nothing"),
]


@pytest.mark.parametrize(("release", "expected"), RELEASES)
def test_which_kernels_list_bound_sockets(release: str, expected: bool):
    assert kernel_shows_bound(release) is expected


def holders_of(found: HolderSearch) -> dict[int, set[int]]:
    """Return which processes have each socket, by inode."""
    every = [(inode, holder.process.pid) for holder in found.holders for inode in holder.inodes]
    return {inode: {pid for at, pid in every if at == inode} for inode, _ in every}


@NEEDS_NETLINK_BOUND
@pytest.mark.parametrize("seed", range(4))
def test_the_quick_look_names_holders_where_the_complete_one_does(port: int, zoo: Zoo, seed: int):
    zoo("sharers", port, "--seed", seed)
    zoo("fork_storm", port + 7)
    *shared, passed_on = sorted(
        linux.table(range(port, port + 8)).sockets, key=lambda socket: socket.local.port
    )
    chance = Random(seed)
    complete = holders_of(linux.holding(shared, thorough=True))
    assert set(complete) == {socket.inode for socket in shared}
    for _ in range(8):
        wanted = [*chance.sample(shared, chance.randint(1, 4)), passed_on]
        seen = linux.holding(wanted, thorough=False)
        quick = holders_of(seen)
        lasting = {socket.inode for socket in wanted} - {passed_on.inode}
        assert set(quick) >= lasting, "each has a holder, but for one whose holders keep exiting"
        assert all(quick[inode] <= complete.get(inode, quick[inode]) for inode in quick)
        assert (seen.hidden, seen.gaps) == ((), ())


@NEEDS_NETLINK_BOUND
def test_an_heir_with_many_descriptors_is_named_by_the_quick_look(port: int):
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(open(os.devnull, "rb"))
        server = stack.enter_context(socket.create_server(("127.0.0.1", port)))
        assert server.fileno() > 256, "beyond what is read of a process with so many"
        life, end = os.pipe()
        if (heir := os.fork()) == 0:
            os.close(end)
            os.read(life, 1)
            os._exit(0)
        stack.callback(os.waitpid, heir, 0)
        stack.callback(os.close, end)
        stack.callback(os.close, life)
        (holders,) = holders_of(linux.holding(linux.table({port}).sockets, thorough=False)).values()
        assert holders == {os.getpid(), heir}


@NEEDS_NETLINK_BOUND
def test_a_likely_process_is_asked_for_where_other_ones_do_not_have_the_socket(port: int, zoo: Zoo):
    asked = []

    def likely() -> list[int]:
        asked.append(True)
        return [holder]

    zoo("sharers", port + 1, "--count", 100)
    life, end = os.pipe()
    with socket.create_server(("127.0.0.1", port)) as server:
        if (holder := os.fork()) == 0:
            os.dup2(life, 201)
            os.dup2(server.fileno(), 200)
            os.closerange(3, 200)
            os.read(201, 1)
            os._exit(0)
    os.close(life)
    sockets = linux.table({port}).sockets
    quick = holders_of(linux.holding(sockets, likely, thorough=False))
    os.close(end)
    os.waitpid(holder, 0)
    assert (list(quick.values()), asked) == ([{holder}], [True])


@NEEDS_PROC
def test_a_holder_that_has_exited_meanwhile_is_none() -> None:
    """Its descriptors were read, then it exited: that is not a main thread which has exited."""
    from devports.system.linux.holders import _holder
    from devports.system.linux.processes import process

    gone = subprocess.Popen([sys.executable, "-c", ""])

    def state() -> str:
        found = process(gone.pid)
        return found.state if found else ""

    try:
        eventually(lambda: state() == "Z", what="the zombie")
        assert _holder(gone.pid, {7}, marked=False) is None
    finally:
        gone.wait(10)
