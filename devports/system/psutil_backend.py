"""What macOS and Windows have in common: psutil knows the processes, the table names them.

Nothing of psutil is imported before it is needed. The identity of a process is its pid and its
start, in whole microseconds since the epoch, and is compared as a whole: macOS keeps it to the
microsecond, Windows to a tenth of one. When the clock has been set by a second or more in the life
of a process of ours, psutil moves what macOS says (psutil, _psosx.py, adjust_proc_create_time):
then nobody is who they were, and nobody is signalled.
"""

from __future__ import annotations

import os

from devports.core.model import (
    CURRENT_USER,
    Endpoint,
    HiddenSocket,
    Holder,
    HolderSearch,
    Process,
    ProcessKey,
    Socket,
    Table,
    VisibilityGap,
)
from devports.core.value import Frozen
from devports.system import bind, user
from devports.system.identity import NOBODY, TCP_STATES, Row, identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from typing import Any, TypeVar

    import psutil

    from devports.core.holder_kind import CurrentUser
    from devports.core.model import BindResult

    Who = Callable[[psutil.Process], tuple[int, str]]
    T = TypeVar("T")


MAX_ANCESTORS = 64
MICROSECONDS = 1_000_000
THEIRS = 2
"""The uid of whoever is not `OURS`, where the system does not number its users."""

LETTERS = {
    "running": "R",
    "sleeping": "S",
    "idle": "I",
    "disk-sleep": "D",
    "stopped": "T",
    "tracing-stop": "t",
    "zombie": "Z",
    "dead": "X",
}
"""psutil's words for the state of a process, and those of proc(5), which the core knows."""


def numbered(process: Any) -> tuple[int, str]:  # POSIX only: psutil has no `uids` elsewhere
    """Return the real uid of a process, which decides who may signal it, and the user's name.

    Raises:
        psutil.Error: it is gone.
    """
    return process.uids().real, process.username()


def uids_of(process: Any) -> set[int]:
    """Return the real and the effective uid of a process, none if it is gone."""
    import psutil

    try:
        return set(process.uids()[:2])
    except psutil.Error:
        return set()


def by_name(process: psutil.Process) -> tuple[int, str]:
    """Return `OURS` for a process of the same user, else `THEIRS`; and the user's name."""
    import psutil

    name = _fact(process.username, "")
    own = _fact(psutil.Process().username, "")
    return (CURRENT_USER if name and name == own else THEIRS), name


def describe(pid: int, who: Who = numbered) -> Process | None:
    """Return the facts about a process; None if it is gone. Unreadable facts are empty.

    Args:
        pid: of the process; 0 and less is none.
        who: tells whose it is.
    """
    return _of(pid, lambda process: _facts(process, who), None)


def _of(pid: int, read: Callable[[psutil.Process], T], otherwise: T) -> T:
    """Return what is read of a process, `otherwise` if it is gone or refuses."""
    import psutil

    try:
        return read(psutil.Process(pid)) if pid > 0 else otherwise
    except (psutil.Error, OSError):
        return otherwise


def _facts(process: psutil.Process, who: Who) -> Process:
    with process.oneshot():
        uid, user = who(process)
        started = process.create_time()
        return Process(
            key=ProcessKey(process.pid, _start(started)),
            ppid=process.ppid(),
            uid=uid,
            user=user,
            name=_fact(process.name, ""),
            argv=tuple(_fact(process.cmdline, [])),
            cwd=_fact(process.cwd, ""),
            exe=_fact(process.exe, ""),
            state=LETTERS.get(_fact(process.status, ""), "S"),
            started=started,
        )


def _fact(read: Callable[[], T], otherwise: T) -> T:
    """Return a fact, or `otherwise` where we may not read it or a zombie has lost it."""
    import psutil

    try:
        return read()
    except (psutil.AccessDenied, psutil.ZombieProcess, OSError):
        return otherwise


def _start(seconds: float) -> int:
    return round(seconds * MICROSECONDS)


def key_of(pid: int) -> ProcessKey | None:
    """Return the identity of a process that exists (a zombie does), else None."""
    return _of(pid, lambda process: ProcessKey(pid, _start(process.create_time())), None)


def name_of(pid: int) -> str | None:
    """Return what a process is called; None if it is gone."""
    return _of(pid, lambda process: str(process.name()), None)


def marks_of(pid: int) -> tuple[tuple[str, str], ...]:
    """Return what supervisors, and we, have left in its environment; its own user may read that."""
    from devports.core.classify import MARKS
    from devports.core.recovery import MARK  # before ending something

    none: dict[str, str] = {}
    found = _of(pid, lambda process: process.environ(), none)
    return tuple((name, found[name]) for name in (*MARKS, MARK) if name in found)


def processes_with_mark(mark: str) -> list[int]:
    """Return the processes that belong to the run with this mark, as far as we may read them."""
    import psutil

    from devports.core.recovery import MARK  # after a run has died

    return [pid for pid in psutil.pids() if (MARK, mark) in marks_of(pid)]


def booted() -> str:
    """Return when this system was started, in whole seconds since the epoch, as its identity."""
    import psutil

    return str(int(psutil.boot_time()))


def ancestors(process: Process, who: Who, *, adopted: bool) -> tuple[Process, ...]:
    """Return the parents, nearest first.

    Args:
        process: whose parents are wanted.
        who: as for `describe`.
        adopted: whether the system gives an orphan another parent. Windows does not, and may have
            given the number of the old one to a process that has started since.
    """
    found: list[Process] = []
    while len(found) < MAX_ANCESTORS:
        parent = describe(process.ppid, who)
        if parent is None or not (adopted or parent.key.start <= process.key.start):
            break
        found.append(parent)
        process = parent
    return tuple(found)


def children(pid: int) -> set[int]:
    """Return the direct children of a process, zombies included."""
    return set(_below(pid, recursive=False))


def descendants(pid: int) -> list[int]:
    """Return the processes below `pid`, parents before children."""
    return _below(pid, recursive=True)


def _below(pid: int, *, recursive: bool) -> list[int]:
    none: list[psutil.Process] = []
    found = _of(pid, lambda process: process.children(recursive=recursive), none)
    return [child.pid for child in found]


def sockets_of(process: psutil.Process) -> list[Row]:
    """Return the TCP sockets that a process has open.

    Raises:
        psutil.Error: it is gone, or we may not look.
    """
    # Its name before psutil 6.0.
    look: Any = getattr(process, "net_connections", None) or process.connections
    return rows_of((process.pid, entry) for entry in look(kind="tcp"))


def listening(pids: Iterable[int]) -> tuple[Socket, ...]:
    """Return the sockets on which these processes listen, as far as readable."""
    none: list[Row] = []
    sockets = (row.socket for pid in pids for row in _of(pid, sockets_of, none))
    return tuple(dict.fromkeys(socket for socket in sockets if socket.state == "LISTEN"))


def rows_of(entries: Iterable[tuple[int, Any]]) -> list[Row]:
    """Return pairs of a pid and psutil's `sconn` as rows, each once: descriptors may be copies."""
    found = (_row(pid, entry) for pid, entry in entries)
    return list(dict.fromkeys(row for row in found if row is not None))


def _row(pid: int, entry: Any) -> Row | None:
    """Return a row; None before a bind. In a state without a name it holds its port as well."""
    state = TCP_STATES.get(entry.status, "CLOSE")
    local, remote = _end(entry.laddr), _end(entry.raddr)
    if local is None:
        return None
    if state == "LISTEN" or remote is None:
        state = "BOUND" if state == "CLOSE" else state
        return Row(pid, Socket(local, None, state, identity(pid, local)))
    if state == "TIME_WAIT":
        pid = NOBODY
    return Row(pid, Socket(local, remote, state, identity(pid, local, remote)))


def _end(address: tuple[Any, ...]) -> Endpoint | None:
    """Return an end of a connection; None for an empty one, and for one without a port."""
    if not address or not address[1]:
        return None
    return Endpoint(str(address[0]).partition("%")[0], int(address[1]))


UNPROVEN = VisibilityGap(
    "pid-unproven",
    "the system names a process for it, but nothing visible here proves it",
)
GONE = VisibilityGap(
    "opener-gone",
    "the process that opened it has exited, and the system does not name its present holder",
)
EVERY_PORT = range(1, 1 << 16)
NO_PID = VisibilityGap("no-pid", "the system does not say which process has it")


class SocketScan(Frozen):
    """One look at the socket tables. `gaps`: what it could not see, whatever the port."""

    rows: tuple[Row, ...]
    shows_bound: bool = True
    gaps: tuple[VisibilityGap, ...] = ()


class PsMachine:
    """The common part of two `devports.system.machine.Machine`s. What differs: `look`, some facts.

    An object, because it remembers: a look sees the processes together with the sockets, and may
    take seconds, so who has them is asked of the last look at their ports.
    """

    wildcards = False
    adopts_orphans = True
    """Whether the system gives an orphan a new parent."""

    who = staticmethod(numbered)
    uids = staticmethod(user.uids)
    addresses = staticmethod(bind.addresses)
    key = staticmethod(key_of)
    children = staticmethod(children)
    descendants = staticmethod(descendants)
    processes_with_mark = staticmethod(processes_with_mark)
    listening = staticmethod(listening)

    def __init__(self) -> None:
        self._rows: dict[int, Row] = {}
        self._gaps: tuple[VisibilityGap, ...] = ()
        self._viewer: CurrentUser | None = None

    def look(self, ports: Collection[int]) -> SocketScan:
        """Return the sockets on these local ports with their processes."""
        raise NotImplementedError

    def table(self, ports: Collection[int]) -> Table:
        seen = self.look(ports)
        self._gaps = seen.gaps
        gone = [inode for inode, row in self._rows.items() if row.socket.local.port in ports]
        for inode in gone:
            del self._rows[inode]
        self.remember(seen.rows)
        return Table(tuple(row.socket for row in seen.rows), seen.shows_bound, seen.gaps)

    listening_on = table

    def listeners(self) -> Table:
        seen = self.table(EVERY_PORT)
        return seen.replace(
            sockets=tuple(s for s in seen.sockets if s.state in ("LISTEN", "BOUND"))
        )

    def remember(self, rows: Iterable[Row]) -> None:
        self._rows.update({row.socket.inode: row for row in rows if row.socket.inode})

    def unlisted_sockets(self, port: int, known: Table) -> tuple[Socket, ...]:  # noqa: ARG002
        return ()

    def accepting(
        self, _pids: Collection[int], _inodes: Collection[int], /
    ) -> dict[int, bool | None]:
        return {}

    def unfit(self, pids: Collection[int]) -> bool:  # noqa: ARG002
        return False

    def probe(self, endpoint: Endpoint, *, reuse: bool = True) -> BindResult:
        return bind.probe(endpoint, reuse=reuse)

    def reserve(self, endpoint: Endpoint) -> bind.Reservation | BindResult:
        return bind.reserve(endpoint, identity(os.getpid(), endpoint))

    def holding(self, sockets: Sequence[Socket], *, thorough: bool) -> HolderSearch:
        wanted = {socket.inode: socket for socket in sockets if socket.inode}
        if missing := {s.local.port for inode, s in wanted.items() if inode not in self._rows}:
            self.table(missing)
        rows = {inode: self._rows[inode] for inode in wanted if inode in self._rows}
        holders = self._holders(rows)
        if thorough:
            holders = self.marked(holders)
        named = {inode for holder in holders for inode in holder.inodes}
        unseen = {inode: socket for inode, socket in wanted.items() if inode not in named}
        found = [self._hidden(socket) for socket in self._still_there(unseen)]
        why = (*self._gaps, *dict.fromkeys(gap for _, gap in found)) if found else ()
        return HolderSearch(holders, tuple(hidden for hidden, _ in found), thorough, why)

    def _still_there(self, unseen: dict[int, Socket]) -> list[Socket]:
        """Look again where a process has ended: its socket may have ended with it since."""
        rows = [self._rows[inode] for inode in unseen if inode in self._rows]
        if ended := [row for row in rows if row.pid > 0 and self.key(row.pid) is None]:
            self.table({row.socket.local.port for row in ended})
        return [socket for inode, socket in unseen.items() if inode in self._rows]

    def _holders(self, rows: dict[int, Row]) -> tuple[Holder, ...]:
        """Return the processes that have these sockets for certain, with all of them."""
        inodes: dict[int, list[int]] = {}
        for inode, row in sorted(rows.items()):
            if row.proven:
                inodes.setdefault(row.pid, []).append(inode)
        found = ((self.process(pid), tuple(held)) for pid, held in sorted(inodes.items()))
        return tuple(Holder(p, held, self.ancestors(p)) for p, held in found if p is not None)

    def _hidden(self, socket: Socket) -> tuple[HiddenSocket, VisibilityGap]:
        """Return what is known of a socket without a certain holder, and why there is none."""
        row = self._rows[socket.inode]
        process = self.process(row.pid)
        if process is None:
            return HiddenSocket(socket), GONE if row.pid > 0 else NO_PID
        return HiddenSocket(socket, likely=(process,)), UNPROVEN

    def marked(self, holders: tuple[Holder, ...]) -> tuple[Holder, ...]:
        """Return holders with the marks of their supervisors (`Process.environment_marks`)."""
        return tuple(
            holder.replace(
                process=holder.process.replace(environment_marks=marks_of(holder.process.pid))
            )
            for holder in holders
        )

    def process(self, pid: int) -> Process | None:
        return describe(pid, self.who)

    def ancestors(self, of: Process) -> tuple[Process, ...]:
        return ancestors(of, self.who, adopted=self.adopts_orphans)

    def adopt_orphans(self) -> None:
        """Leave them: there is nothing like PR_SET_CHILD_SUBREAPER."""

    def viewer(self) -> CurrentUser:
        if self._viewer is None:
            from devports.core.holder_kind import CurrentUser  # before ending something

            me = self.process(os.getpid())
            line = () if me is None else (me.key, *(parent.key for parent in self.ancestors(me)))
            self._viewer = CurrentUser(*self.uids(), line)
        return self._viewer
