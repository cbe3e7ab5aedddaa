"""What every `devports.system.Machine` promises, and the fake of the unit tests with them."""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING, Protocol

import pytest

from devports.core.model import Endpoint, ProcessKey
from devports.core.verdict import covers
from devports.system import native
from devports.system.machine import Machine
from devports.system.macos import Darwin, Sources
from devports.system.windows import Windows
from tests.fakes import FakeMachine
from tests.harness.capabilities import (
    BINDS_BESIDE_BOUND,
    HAS_HANDLES,
    HAS_KQUEUE,
    NEEDS_FORK,
    NEEDS_LSOF,
    PSUTIL_SHOWS_BOUND,
)
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from tests.conftest import Zoo


EVERYTHING = frozenset(("bound", "sharers", "pins", "boot"))
"""What a machine is good for where all its sources are: sockets that do not listen, every process
of a shared one, processes to be signalled, the identity of a boot."""


class World(Protocol):
    """A machine, and ways to put somebody on a port of it."""

    @property
    def machine(self) -> Machine: ...

    @property
    def sees(self) -> frozenset[str]:
        """Return what of `EVERYTHING` this machine is good for here."""

    def listen(self, port: int) -> int: ...

    def bind_only(self, port: int) -> int: ...

    def fork(self, port: int) -> set[int]: ...


class FakeWorld:
    sees = EVERYTHING

    def __init__(self) -> None:
        self.machine = FakeMachine()

    def _hold(self, port: int, state: str, *pids: int) -> int:
        for pid in pids:
            self.machine.add(pid)
        self.machine.socket(Endpoint("127.0.0.1", port), *pids, state=state)  # type: ignore[arg-type]
        return pids[0]

    def listen(self, port: int) -> int:
        return self._hold(port, "LISTEN", 50)

    def bind_only(self, port: int) -> int:
        return self._hold(port, "BOUND", 50)

    def fork(self, port: int) -> set[int]:
        self._hold(port, "LISTEN", 50, 51, 52)
        return {50, 51, 52}


class RealWorld:
    """This machine, seen by the code of one system: its own, or another's as far as it works."""

    def __init__(self, machine: Machine, zoo: Zoo, sees: frozenset[str] = EVERYTHING) -> None:
        self.machine, self.sees, self._zoo = machine, sees, zoo

    def listen(self, port: int) -> int:
        return self._zoo("listener", port).pid

    def bind_only(self, port: int) -> int:
        return self._zoo("bound_only", port).pid

    def fork(self, port: int) -> set[int]:
        return set(self._zoo("forked_listener", port).pids)


LSOF = Sources(netstat="", lsof=shutil.which("lsof") or "", seconds=60)
"""A machine beside a busy one answers in its own time."""
DARWIN = frozenset(("sharers", "boot", *("pins",) * HAS_KQUEUE))
WINDOWS = frozenset(("pins",) * HAS_HANDLES)


def made(kind: str, zoo: Zoo) -> World:
    match kind:
        case "fake":
            return FakeWorld()
        case "darwin":
            return RealWorld(Darwin(LSOF), zoo, DARWIN.union(("bound",) * PSUTIL_SHOWS_BOUND))
        case "lsof":
            return RealWorld(Darwin(LSOF.replace(processes=False)), zoo, DARWIN)
        case "windows":
            return RealWorld(Windows(), zoo, WINDOWS)
        case _:
            return RealWorld(native(), zoo)


@pytest.fixture(
    params=[
        pytest.param("fake", id="fake"),
        pytest.param("native", id="native"),
        pytest.param("darwin", id="darwin on this machine", marks=NEEDS_FORK),
        pytest.param("lsof", id="darwin with nothing but lsof", marks=[NEEDS_FORK, NEEDS_LSOF]),
        pytest.param("windows", id="windows on this machine"),
    ]
)
def world(request: pytest.FixtureRequest, zoo: Zoo) -> World:
    found = made(request.param, zoo)
    needed = {word for mark in request.node.iter_markers("sees") for word in mark.args}
    if missing := needed - found.sees:
        pytest.skip(f"the sources of this machine have no {', '.join(sorted(missing))}")
    return found


def here(port: int) -> Endpoint:
    return Endpoint("127.0.0.1", port)


def test_every_question_has_an_answer(world: World):
    questions = [name for name in vars(Machine) if not name.startswith("_")]
    assert {"table", "holding", "pin", "platform"} <= set(questions)
    assert [name for name in questions if not hasattr(world.machine, name)] == []


def test_nobody_is_on_a_free_port_and_it_can_be_bound(world: World, port: int):
    assert world.machine.table({port}).sockets == ()
    assert world.machine.probe(here(port)) == "ok"
    assert world.machine.probe(here(port), reuse=False) == "ok"


def test_a_listener_is_in_the_table_and_refuses_a_bind(world: World, port: int):
    world.listen(port)
    (socket,) = world.machine.table({port}).sockets
    assert (socket.state, covers(socket, here(port))) == ("LISTEN", True)
    assert world.machine.probe(here(port)) == "in-use"


@pytest.mark.sees("bound")
def test_a_bound_socket_is_in_the_table_even_where_a_bind_with_reuseaddr_would_do(
    world: World, port: int
):
    world.bind_only(port)
    (socket,) = world.machine.table({port}).sockets
    assert socket.state == "BOUND"
    beside = BINDS_BESIDE_BOUND or isinstance(world, FakeWorld)
    assert world.machine.probe(here(port)) == ("ok" if beside else "in-use")
    assert world.machine.probe(here(port), reuse=False) == "in-use"


def test_whoever_listens_or_is_bound_is_listed_without_a_port(world: World, port: int):
    def listed() -> list[str]:
        found = world.machine.listeners().sockets
        return [socket.state for socket in found if socket.local == here(port)]

    assert listed() == []
    world.listen(port)
    assert listed() == ["LISTEN"]


@pytest.mark.sees("bound")
def test_a_bound_socket_is_listed_without_a_port(world: World, port: int):
    world.bind_only(port)
    found = [s for s in world.machine.listeners().sockets if s.local == here(port)]
    assert [socket.state for socket in found] == ["BOUND"]
    assert found[0].inode == world.machine.table({port}).sockets[0].inode


def test_where_a_process_listens_is_found_whatever_the_port(world: World, port: int):
    pid = world.listen(port)
    assert [str(s.local) for s in world.machine.listening({pid})] == [str(here(port))]
    assert world.machine.listening(()) == ()


def test_only_the_ports_in_question_are_in_the_table(world: World, port: int):
    world.listen(port)
    assert world.machine.table({port + 1}).sockets == ()


@pytest.mark.parametrize("thorough", [True, False], ids=["thorough", "quick"])
def test_the_holder_is_named_with_its_ancestors(world: World, port: int, thorough: bool):
    pid = world.listen(port)
    sockets = world.machine.table({port}).sockets
    found = world.machine.holding(sockets, thorough=thorough)
    (holder,) = found.holders
    assert holder.process.pid == pid
    assert holder.inodes == (sockets[0].inode,)
    assert [p.pid for p in holder.ancestors][-1] == 1
    assert (found.hidden, found.complete) == ((), thorough)


@pytest.mark.sees("sharers")
def test_every_holder_of_a_shared_socket_is_named(world: World, port: int):
    pids = world.fork(port)
    found = world.machine.holding(world.machine.table({port}).sockets, thorough=True)
    assert {holder.process.pid for holder in found.holders} == pids


def test_who_has_a_socket_is_named_with_whether_it_accepts_where_the_system_tells(
    world: World, port: int
):
    pids = world.fork(port)
    inodes = {socket.inode for socket in world.machine.table({port}).sockets}
    assert set(world.machine.accepting([*pids, 1], inodes)) in (pids, set())


@pytest.mark.sees("pins")
def test_a_pinned_process_takes_a_signal_and_is_seen_to_exit(world: World, port: int):
    pid = world.listen(port)
    key = world.machine.key(pid)
    assert key is not None
    pin = world.machine.pin(key)
    assert pin is not None
    assert not pin.exited
    assert pin.send(signal.SIGTERM) == "sent"
    assert eventually(lambda: world.machine.wait_for_exit((pin,), 0.1)) == (pin,)
    assert pin.exited
    assert pin.send(signal.SIGTERM) == "gone"
    pin.close()
    assert world.machine.table({port}).sockets == ()


@pytest.mark.sees("pins")
def test_a_pid_with_another_start_is_not_pinned(world: World, port: int):
    pid = world.listen(port)
    assert world.machine.pin(ProcessKey(pid, -1)) is None


def test_who_does_not_exist_has_no_identity_and_no_facts(world: World):
    gone = 2**22 + 1  # beyond Linux's largest pid
    assert world.machine.key(gone) is None
    assert world.machine.process(gone) is None
    assert "pins" not in world.sees or world.machine.pin(ProcessKey(gone, 1)) is None


def test_addresses_of_a_host(world: World):
    assert world.machine.addresses("127.0.0.1") == ("127.0.0.1",)
    assert world.machine.addresses("") in {("::",), ("0.0.0.0",)}
    assert "127.0.0.1" in world.machine.addresses("localhost")
    with pytest.raises(OSError, match=r"known|resolution|failure"):
        world.machine.addresses("nowhere.invalid")


def test_an_address_of_elsewhere_is_not_local(world: World, port: int):
    assert world.machine.probe(Endpoint("203.0.113.1", port)) == "not-local"


@pytest.mark.sees("boot")
def test_a_boot_has_an_identity(world: World):
    assert world.machine.boot()
    assert world.machine.boot() == world.machine.boot()


def test_children_and_descendants_of_a_process(world: World, port: int):
    pids = world.fork(port)
    parent = world.machine.process(min(pids))
    assert parent is not None
    top = os.getpid() if world.machine.key(os.getpid()) else 1
    everybody = world.machine.descendants(top)
    assert pids <= set(everybody)
    for pid in pids:
        process = world.machine.process(pid)
        assert process is not None
        assert pid in world.machine.children(process.ppid)
