"""A machine made of values, for everything that would be slow, rare or dangerous on a real one.

`tests/conformance` runs the same tests against this one and the native one, so that what is proved
here means something there.
"""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from devports.core.holder_kind import CurrentUser
from devports.core.model import (
    Endpoint,
    HiddenSocket,
    Holder,
    HolderSearch,
    Process,
    ProcessKey,
    Socket,
    Table,
)
from devports.core.recovery import MARK
from devports.core.verdict import covers
from devports.system.container_engines import EngineError, Engines
from devports.system.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from devports.core.containers import Published
    from devports.core.holder_kind import Container
    from devports.core.model import BindResult, Platform, State
    from devports.system import ProcessHandle, Sent
    from devports.system.bind import Reservation

ME = 1000
SIGTERM, SIGKILL = 15, 9


class FakePin:
    """A pinned process of the fake machine."""

    def __init__(self, machine: FakeMachine, key: ProcessKey) -> None:
        self._machine, self.key = machine, key

    @property
    def exited(self) -> bool:
        return self._machine.key(self.key.pid) != self.key

    def send(self, number: int) -> Sent:
        if self.exited:
            return "gone"
        return self._machine.receive(self.key, number)

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        return


class FakeMachine:
    """Processes and sockets as lists. Processes end on SIGTERM unless `deaf` names them."""

    platform: Platform = "linux"
    wildcards = True

    def __init__(self, *, uid: int = ME) -> None:
        self.uid = uid
        self.processes: dict[int, Process] = {}
        self.sockets: list[Socket] = []
        self.open: dict[int, set[int]] = {}
        self.deaf: dict[int, set[int]] = {}
        self.forbidden: set[int] = set()
        self.unreadable: set[int] = set()
        self.hidden_sockets: tuple[Socket, ...] = ()
        self.shows_bound = True
        self.sent: list[tuple[int, int]] = []
        self.tried: list[tuple[int, int]] = []
        self.after_signal: Callable[[int, int], None] = lambda _pid, _number: None
        self.before_table: Callable[[], None] = lambda: None
        self.before_probe: Callable[[], None] = lambda: None
        self._numbers = itertools.count(1)
        self.add(1, name="init", uid=0, ppid=0)

    # -- making the world

    def add(
        self,
        pid: int,
        *,
        name: str = "server",
        ppid: int = 1,
        uid: int | None = None,
        argv: tuple[str, ...] = (),
        state: str = "S",
        cgroup: str = "",
    ) -> Process:
        self.processes[pid] = Process(
            key=ProcessKey(pid, next(self._numbers)),
            ppid=ppid,
            uid=self.uid if uid is None else uid,
            user=f"user{self.uid if uid is None else uid}",
            name=name,
            argv=argv or (name,),
            state=state,
            cgroup=cgroup,
        )
        self.open[pid] = set()
        return self.processes[pid]

    def socket(
        self,
        endpoint: Endpoint,
        *pids: int,
        state: State = "LISTEN",
        remote: Endpoint | None = None,
        expires: float | None = None,
    ) -> Socket:
        inode = next(self._numbers) if pids else 0
        uid = self.processes[pids[0]].uid if pids else None
        made = Socket(endpoint, remote, state, inode, uid, v6only=False, expires=expires)
        self.sockets.append(made)
        for pid in pids:
            self.open[pid].add(inode)
        return made

    def end(self, pid: int) -> None:
        """Let a process end; sockets that nobody has open any more go with it."""
        self.processes.pop(pid, None)
        self.open.pop(pid, None)
        kept = {inode for inodes in self.open.values() for inode in inodes}
        self.sockets = [s for s in self.sockets if s.inode == 0 or s.inode in kept]

    def receive(self, key: ProcessKey, number: int) -> Sent:
        self.tried.append((key.pid, number))
        if key.pid in self.forbidden:
            return "denied"
        self.sent.append((key.pid, number))
        if number == SIGKILL or (number == SIGTERM and number not in self.deaf.get(key.pid, ())):
            self.end(key.pid)
        self.after_signal(key.pid, number)
        return "sent"

    # -- answering

    def table(self, ports: Collection[int]) -> Table:
        self.before_table()
        return Table(
            tuple(
                socket
                for socket in self.sockets
                if socket.local.port in ports and (self.shows_bound or socket.state != "BOUND")
            ),
            self.shows_bound,
        )

    def listening_on(self, ports: Collection[int]) -> Table:
        seen = self.table(ports)
        return seen.replace(sockets=tuple(s for s in seen.sockets if s.state == "LISTEN"))

    def listening_below(self, ports: Collection[int]) -> tuple[Socket, ...]:
        return self.listening_on(ports).sockets

    def listeners(self) -> Table:
        shown = ("LISTEN", "BOUND") if self.shows_bound else ("LISTEN",)
        return Table(tuple(s for s in self.sockets if s.state in shown), self.shows_bound)

    def listening(self, pids: Collection[int]) -> tuple[Socket, ...]:
        inodes = {inode for pid in pids for inode in self.open.get(pid, ())}
        return tuple(s for s in self.sockets if s.state == "LISTEN" and s.inode in inodes)

    def accepting(
        self, pids: Collection[int], inodes: Collection[int], /
    ) -> dict[int, bool | None]:
        """Answer as Linux does for processes that sleep in epoll."""
        return {pid: True for pid in pids if self.open.get(pid, set()) & set(inodes)}

    def unlisted_sockets(self, port: int, known: Table) -> tuple[Socket, ...]:
        listed = {socket.inode for socket in known.sockets}
        return tuple(s for s in self.sockets if s.local.port == port and s.inode not in listed)

    def unfit(self, pids: Collection[int]) -> bool:
        return False

    def ephemeral(self) -> tuple[int, int]:
        return (32768, 60999)

    def probe(self, endpoint: Endpoint, *, reuse: bool = True) -> BindResult:
        """Answer as Linux does for holders that set SO_REUSEADDR."""
        self.before_probe()
        if endpoint.address == "203.0.113.1":
            return "not-local"
        if endpoint.port < 1024 and self.uid:
            return "denied"
        for socket in self.sockets:
            if covers(socket, endpoint) and not (reuse and socket.state in ("BOUND", "TIME_WAIT")):
                return "in-use"
        return "ok"

    def reserve(self, endpoint: Endpoint) -> Reservation | BindResult:
        return "in-use"

    def holding(
        self,
        sockets: Sequence[Socket],
        _likely: Callable[[], Collection[int]] = tuple,
        /,
        *,
        thorough: bool,
    ) -> HolderSearch:
        inodes = {socket.inode for socket in sockets if socket.inode}
        holders = tuple(
            Holder(process, tuple(sorted(self.open[pid] & inodes)), self.ancestors(process))
            for pid, process in sorted(self.processes.items())
            if self.open[pid] & inodes and pid not in self.unreadable
        )
        named = {inode for holder in holders for inode in holder.inodes}
        hidden = tuple(HiddenSocket(s) for s in sockets if s.inode and s.inode not in named)
        return HolderSearch(holders, hidden, thorough)

    def pin(self, key: ProcessKey) -> ProcessHandle | None:
        return FakePin(self, key) if self.key(key.pid) == key else None

    def wait_for_exit(
        self, pins: Sequence[ProcessHandle], seconds: float
    ) -> tuple[ProcessHandle, ...]:
        return tuple(pin for pin in pins if pin.exited)

    def process(self, pid: int) -> Process | None:
        return self.processes.get(pid)

    def key(self, pid: int) -> ProcessKey | None:
        return self.processes[pid].key if pid in self.processes else None

    def ancestors(self, of: Process) -> tuple[Process, ...]:
        parent = self.processes.get(of.ppid)
        return () if parent is None else (parent, *self.ancestors(parent))

    def children(self, pid: int) -> set[int]:
        return {other for other, process in self.processes.items() if process.ppid == pid}

    def descendants(self, pid: int) -> list[int]:
        below = sorted(self.children(pid))
        return [*below, *(further for child in below for further in self.descendants(child))]

    def processes_with_mark(self, mark: str) -> list[int]:
        return [p.pid for p in self.processes.values() if (MARK, mark) in p.environment_marks]

    def adopt_orphans(self) -> None:
        return

    def boot(self) -> str:
        return "boot"

    def viewer(self) -> CurrentUser:
        return CurrentUser(self.uid, self.uid)

    def addresses(self, host: str) -> tuple[str, ...]:
        if host == "nowhere.invalid":
            raise OSError(-2, "Name or service not known")
        return {"": ("::",), "localhost": ("127.0.0.1", "::1")}.get(host, (host,))


class FakeEngines(Engines):
    """Engines that answer from a table of who publishes a port; without an entry: no answer.

    `stop` notes the name of the container in `stopped` and returns `complaint`.
    """

    def __init__(
        self,
        answers: dict[tuple[str, int], tuple[Published, ...]] | None = None,
        *,
        complaint: str = "",
    ) -> None:
        super().__init__()
        self.answers, self._complaint = answers or {}, complaint
        self.stopped: list[str] = []
        self.after_stop: Callable[[Container], None] = lambda _: None

    def stop(self, container: Container) -> str:
        self.forget()
        self.stopped.append(container.name)
        self.after_stop(container)
        return self._complaint

    def _ask(self, engine: str, port: int) -> tuple[Published, ...] | EngineError:
        return self.answers.get((engine, port), EngineError("no answer"))

    def _inspect(self, engine: str, identities: tuple[str, ...]) -> list[str]:
        return []


def altered(machine: Machine, **functions: Any) -> Machine:
    """Return a machine that answers some questions in another way."""
    names = [name for name in vars(Machine) if not name.startswith("_")]
    answers = {name: getattr(machine, name) for name in names} | functions
    return cast("Machine", SimpleNamespace(**answers))


if TYPE_CHECKING:
    _: Machine = FakeMachine()
