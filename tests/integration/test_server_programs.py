"""What the programs of a server show: sockets that our hold would refuse, and who has a hook."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from devports.core.handoff import HookHello
from devports.core.model import Endpoint
from devports.system import native
from tests.fakes import altered
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PROC
from tests.harness.waiting import eventually, never

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from devports.core.model import HolderSearch, Socket
    from devports.system import Machine

    Begin = Callable[..., "subprocess.Popen[str]"]

if hasattr(os, "fork"):
    from devports.run.server import ProgramWatcher, ServerProcessTree
    from devports.run.startup import OwnershipWatcher

pytestmark = [NEEDS_FORK, NEEDS_PROC]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Start a program, which is ended with its children when the test has ended."""
    begun: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        begun.append(process)
        return process

    yield start
    for process in begun:
        process.communicate()  # each reads its input to the end


def below_here(machine: Machine) -> ServerProcessTree:
    """Return what is started from now on; this process is not made the parent of later orphans."""
    return ServerProcessTree(altered(machine, adopt_orphans=lambda: None))


SOCKETS = [
    pytest.param("s = socket()", True, id="one that is to be bound"),
    pytest.param("s = socket(AF_INET6)", True, id="one of IPv6"),
    pytest.param("s = socket(); s.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)", False, id="reuses"),
    pytest.param("s = socket(); s.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1)", False, id="shares"),
    pytest.param("s = socket(); s.bind(('127.0.0.1', 0))", False, id="has an address"),
    pytest.param("s = socket(AF_INET, SOCK_DGRAM)", False, id="of another protocol"),
    pytest.param("s = None", False, id="none"),
]


@pytest.mark.parametrize(("code", "unfit"), SOCKETS)
def test_a_socket_that_cannot_be_bound_beside_a_hold_is_known(
    code: str, begin: Begin, *, unfit: bool
) -> None:
    told = f"from socket import *; import sys; {code}; print('there', flush=True); sys.stdin.read()"
    process = begin(sys.executable, "-c", told)
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    assert native().unfit([process.pid]) is unfit


def test_of_who_has_gone_nothing_is_known(begin: Begin) -> None:
    process = begin("true")
    process.wait()
    assert not native().unfit([process.pid])


def test_a_program_without_a_hook_is_known_after_a_moment(begin: Begin) -> None:
    machine = native()
    family = below_here(machine)
    programs = ProgramWatcher(machine, family)
    process = begin("sh", "-c", "exec 3<&0; cat <&3 & cat")
    eventually(lambda: len(family.members()) == 3)

    def strange(hellos: dict[int, HookHello]) -> bool:
        programs.scan(hellos)
        return programs.has_unhooked(hellos)

    eventually(lambda: strange({}), what="the hook is missed")
    assert not programs.is_hooked({})
    said = {key.pid: HookHello(key.pid, "node", "x.js") for key in family.members()}
    assert not strange(said), "who said hello later is hooked all the same"
    assert programs.is_hooked(said)
    launchers = {pid: HookHello(pid, "node", "/usr/bin/npm") for pid in said}
    assert not programs.is_hooked(launchers), "npm is not the program that binds"
    assert process.poll() is None


THREE = """
import os, sys
from socket import create_server
server = create_server(("127.0.0.1", int(sys.argv[1])))
pids = [os.fork()]
if pids == [0]:
    os.setsid()
    pids = [os.fork()]
print("there", flush=True)
sys.stdin.read()
for pid in filter(None, pids):
    os.waitpid(pid, 0)
"""


def test_all_holders_in_a_server_are_found_without_a_search_of_the_machine(
    port: int, begin: Begin
) -> None:
    complete = []

    def holding(sockets: Sequence[Socket], *likely: object, thorough: bool) -> HolderSearch:
        complete.append(thorough)
        return native().holding(sockets, thorough=thorough)

    machine = altered(native(), holding=holding)
    family = below_here(machine)
    reserved: Any = SimpleNamespace(inodes=(), given=(), queueing=(), inherited=frozenset())
    watch = OwnershipWatcher(machine, (Endpoint("127.0.0.1", port),), family, reserved)
    assert watch.holders() == []
    begin(sys.executable, "-c", THREE, str(port))
    eventually(lambda: len(watch.holders()) == 3)
    assert set(watch.holders()) == set(family.members())
    assert True not in complete


FORKS = """
import os, sys
child = os.fork()
print("there", flush=True)
sys.stdin.read()
if child:
    os.waitpid(child, 0)
"""


def test_a_fork_has_the_hook_of_its_parent(begin: Begin) -> None:
    machine = native()
    family = below_here(machine)
    programs = ProgramWatcher(machine, family)
    process = begin(sys.executable, "-c", FORKS)
    eventually(lambda: len(family.members()) == 2)
    said = {process.pid: HookHello(process.pid, "python", "")}

    def strange() -> bool:
        programs.scan(said)
        return programs.has_unhooked(said)

    never(strange, 1)
    assert programs.is_hooked(said)
