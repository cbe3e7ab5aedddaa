"""What macOS and Windows have in common: psutil describes processes, the table names their pids.

psutil is imported only when needed. The identity of a process is its pid and its start, in whole
microseconds: macOS keeps it to the microsecond, Windows to a tenth of one. When the clock is set by
a second or more while devports runs, psutil shifts the start times of macOS (psutil, _psosx.py,
adjust_proc_create_time), so the identity uses the start that psutil itself identifies a process by.
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
from devports.system.identity import NO_PROCESS, TCP_STATES, Row, identity, plain_form

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
OTHER_USER = 2
"""The uid of every other user, where the system does not number its users."""

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
"""psutil's names of the states of a process, and the letters of proc(5), which `core` uses."""


def real_user(process: Any) -> tuple[int, str]:  # POSIX only: psutil has no `uids` elsewhere
    """Return the real uid of a process, which decides who may signal it, and the user's name.

    Raises:
        psutil.Error: it does not exist.
    """
    return process.uids().real, process.username()


def uids_of(process: Any) -> set[int]:
    """Return the real and the effective uid of a process, none if it does not exist."""
    none: set[int] = set()
    return tried(lambda: set(process.uids()[:2]), none)


def user_by_name(process: psutil.Process) -> tuple[int, str]:
    """Return the user's name, after `CURRENT_USER` or, for another user, `OTHER_USER`."""
    import psutil

    name = _fact(process.username, "")
    own = _fact(psutil.Process().username, "")
    return (CURRENT_USER if name and name == own else OTHER_USER), name


def describe(pid: int, who: Who = real_user) -> Process | None:
    """Return the facts about a process, empty where unreadable; None if it does not exist.

    Args:
        pid: of the process; None for 0 and less.
        who: returns the user of a process.
    """
    return _read(pid, lambda process: _facts(process, who), None)


def _read(pid: int, read: Callable[[psutil.Process], T], otherwise: T) -> T:
    """Return what `read` reads of a process; `otherwise` if missing or not readable."""
    import psutil

    return tried(lambda: read(psutil.Process(pid)), otherwise) if pid > 0 else otherwise


def tried(read: Callable[[], T], otherwise: T) -> T:
    """Return what `read` returns; `otherwise` where psutil cannot read it.

    psutil raises RuntimeError on macOS where a process exits or its descriptors change while it is
    read (github.com/giampaolo/psutil/issues/2116), on Windows where GetExtendedTcpTable fails.
    """
    import psutil

    try:
        return read()
    except (psutil.Error, OSError, RuntimeError):
        return otherwise


def _facts(process: psutil.Process, who: Who) -> Process:
    with process.oneshot():
        uid, user = who(process)
        started = process.create_time()
        return Process(
            key=_key(process),
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
    """Return a fact, or `otherwise` where it is not readable or the process is a zombie."""
    import psutil

    try:
        return read()
    except (psutil.AccessDenied, psutil.ZombieProcess, OSError, RuntimeError):
        return otherwise


def _key(process: psutil.Process) -> ProcessKey:
    """Return the identity of a process; its start is one that no change of the clock shifts.

    psutil has no public function for it. On Windows it may be unreadable, but is absolute anyway.
    """
    _, start = getattr(process, "_ident", (process.pid, None))
    seconds = process.create_time() if start is None else start
    return ProcessKey(process.pid, round(seconds * MICROSECONDS))


def key_of(pid: int) -> ProcessKey | None:
    """Return the identity of a process, also of a zombie; None if it does not exist."""
    return _read(pid, _key, None)


def name_of(pid: int) -> str | None:
    """Return the name of a process; None if it does not exist."""
    return _read(pid, lambda process: str(process.name()), None)


def marks_of(pid: int) -> tuple[tuple[str, str], ...]:
    """Return the marks of supervisors and of devports in its environment, readable by its user."""
    from devports.core.classify import MARKS
    from devports.core.recovery import MARK  # only before a signal

    none: dict[str, str] = {}
    found = _read(pid, lambda process: process.environ(), none)
    return tuple((name, found[name]) for name in (*MARKS, MARK) if name in found)


def processes_with_mark(mark: str) -> list[int]:
    """Return the processes that belong to the run with this mark, as far as readable."""
    import psutil

    from devports.core.recovery import MARK  # only after a run was killed

    return [pid for pid in psutil.pids() if (MARK, mark) in marks_of(pid)]


def boot_time() -> str:
    """Return when this system was booted, in whole seconds since the epoch, as its identity."""
    import psutil

    return str(int(psutil.boot_time()))


def ancestors(process: Process, who: Who, *, adopted: bool) -> tuple[Process, ...]:
    """Return the parents, nearest first.

    Args:
        process: the process.
        who: as for `describe`.
        adopted: whether the system gives an orphan another parent. Windows does not, and may have
            reused the pid of the old parent for a process that started later.
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
    return set(_below(pid, recursive=False))


def descendants(pid: int) -> list[int]:
    return _below(pid, recursive=True)


def _below(pid: int, *, recursive: bool) -> list[int]:
    none: list[psutil.Process] = []
    found = _read(pid, lambda process: process.children(recursive=recursive), none)
    return [child.pid for child in found]


def sockets_of(process: psutil.Process) -> list[Row]:
    """Return the TCP sockets that a process has open.

    Raises:
        psutil.Error: it does not exist, or is not readable.
    """
    # Its name before psutil 6.0.
    look: Any = getattr(process, "net_connections", None) or process.connections
    return rows_of((process.pid, entry) for entry in look(kind="tcp"))


def listening(pids: Iterable[int]) -> tuple[Socket, ...]:
    """Return the sockets on which these processes listen, as far as readable."""
    none: list[Row] = []
    sockets = (row.socket for pid in pids for row in _read(pid, sockets_of, none))
    return tuple(dict.fromkeys(socket for socket in sockets if socket.state == "LISTEN"))


def rows_of(entries: Iterable[tuple[int, Any]]) -> list[Row]:
    """Return pairs of a pid and psutil's `sconn` as rows, each once: descriptors may be copies."""
    found = (_row(pid, entry) for pid, entry in entries)
    return list(dict.fromkeys(row for row in found if row is not None))


def _row(pid: int, entry: Any) -> Row | None:
    """Return a row; None before a bind. A socket in an unknown state still holds its port."""
    state = TCP_STATES.get(entry.status, "CLOSE")
    local, remote = _end(entry.laddr), _end(entry.raddr)
    if local is None:
        return None
    if state == "LISTEN" or remote is None:
        state = "BOUND" if state == "CLOSE" else state
        return Row(pid, Socket(local, None, state, identity(pid, local)))
    if state == "TIME_WAIT":
        pid = NO_PROCESS
    return Row(pid, Socket(local, remote, state, identity(pid, local, remote)))


def _end(address: tuple[Any, ...]) -> Endpoint | None:
    """Return an end of a connection; None for an empty one, and for one without a port."""
    if not address or not address[1]:
        return None
    return Endpoint(plain_form(str(address[0])), int(address[1]))


UNPROVEN = VisibilityGap(
    "pid-unproven",
    "the system names a process for it, but nothing visible here proves it",
)
OPENER_EXITED = VisibilityGap(
    "opener-gone",
    "the process that opened it has exited, and the system does not name its present holder",
)
EVERY_PORT = range(1, 1 << 16)
NO_PID = VisibilityGap("no-pid", "the system does not say which process has it")


class SocketScan(Frozen):
    """One reading of the socket tables. `gaps`: what it could not see, whatever the port."""

    rows: tuple[Row, ...]
    shows_bound: bool = True
    gaps: tuple[VisibilityGap, ...] = ()


class PsMachine:
    """The common part of two `devports.system.machine.Machine`s; `scan` and some facts differ.

    An object, because it has state: a scan reads processes together with sockets and may take
    seconds, so their holders are taken from the last scan of their ports.
    """

    wildcards = False
    adopts_orphans = True
    """Whether the system gives an orphan a new parent."""

    who = staticmethod(real_user)
    uids = staticmethod(user.uids)
    addresses = staticmethod(bind.addresses)
    key = staticmethod(key_of)
    children = staticmethod(children)
    descendants = staticmethod(descendants)
    processes_with_mark = staticmethod(processes_with_mark)
    listening = staticmethod(listening)

    def __init__(self) -> None:
        self._rows: dict[int, tuple[Row, ...]] = {}
        self._gaps: tuple[VisibilityGap, ...] = ()
        self._viewer: CurrentUser | None = None

    def scan(self, ports: Collection[int]) -> SocketScan:
        """Return the sockets on these local ports with their processes."""
        raise NotImplementedError

    def table(self, ports: Collection[int]) -> Table:
        seen = self.scan(ports)
        self._gaps = seen.gaps
        old = self._rows.items()
        self._rows = {i: rows for i, rows in old if rows[0].socket.local.port not in ports}
        self.remember(seen.rows)
        sockets = dict.fromkeys(row.socket for row in seen.rows if row.socket.inode)
        others = (row.socket for row in seen.rows if not row.socket.inode)
        return Table((*sockets, *others), seen.shows_bound, seen.gaps)

    listening_on = table

    def listeners(self) -> Table:
        seen = self.table(EVERY_PORT)
        return seen.replace(
            sockets=tuple(s for s in seen.sockets if s.state in ("LISTEN", "BOUND"))
        )

    def listening_below(self, ports: Collection[int]) -> tuple[Socket, ...]:
        me = os.getpid()
        found = self.listening((me, *self.descendants(me)))
        return tuple(socket for socket in found if socket.local.port in ports)

    def remember(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if inode := row.socket.inode:
                known = self._rows.get(inode, ())
                self._rows[inode] = (*known, row) if row not in known else known

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

    def holding(
        self,
        sockets: Sequence[Socket],
        _likely: Callable[[], Collection[int]] = tuple,
        /,
        *,
        thorough: bool,
    ) -> HolderSearch:
        wanted = {socket.inode: socket for socket in sockets if socket.inode}
        if missing := {s.local.port for inode, s in wanted.items() if inode not in self._rows}:
            self.table(missing)
        rows = {inode: self._rows[inode] for inode in wanted if inode in self._rows}
        holders = self._holders(rows)
        if thorough:
            holders = self.with_marks(holders)
        named = {inode for holder in holders for inode in holder.inodes}
        unseen = {inode: socket for inode, socket in wanted.items() if inode not in named}
        found = [self._hidden(socket) for socket in self._reread_exited(unseen)]
        why = (*self._gaps, *dict.fromkeys(gap for _, gap in found)) if found else ()
        return HolderSearch(holders, tuple(hidden for hidden, _ in found), thorough, why)

    def _reread_exited(self, unseen: dict[int, Socket]) -> list[Socket]:
        """Read the table again where a process has exited: its socket may be closed too."""
        rows = [row for inode in unseen for row in self._rows.get(inode, ())]
        if ended := [row for row in rows if row.pid > 0 and self.key(row.pid) is None]:
            self.table({row.socket.local.port for row in ended})
        return [socket for inode, socket in unseen.items() if inode in self._rows]

    def _holders(self, rows: dict[int, tuple[Row, ...]]) -> tuple[Holder, ...]:
        """Return the processes that are proven to have these sockets."""
        inodes: dict[int, list[int]] = {}
        for inode, several in sorted(rows.items()):
            for row in several:
                if row.proven:
                    inodes.setdefault(row.pid, []).append(inode)
        found = ((self.process(pid), tuple(held)) for pid, held in sorted(inodes.items()))
        return tuple(Holder(p, held, self.ancestors(p)) for p, held in found if p is not None)

    def _hidden(self, socket: Socket) -> tuple[HiddenSocket, VisibilityGap]:
        """Return what is known of a socket without a proven holder, and why there is none."""
        row = self._rows[socket.inode][0]
        process = self.process(row.pid)
        if process is None:
            left = tuple(filter(None, map(self.process, self.left_by(row.pid))))
            return HiddenSocket(socket, likely=left), OPENER_EXITED if row.pid > 0 else NO_PID
        return HiddenSocket(socket, likely=(process,)), UNPROVEN

    def left_by(self, _pid: int, /) -> list[int]:
        """Return the children of a process that has exited, where the system still names it."""
        return []

    def with_marks(self, holders: tuple[Holder, ...]) -> tuple[Holder, ...]:
        """Return holders with `Process.environment_marks`."""
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
        """Do nothing: these systems have no PR_SET_CHILD_SUBREAPER."""

    def viewer(self) -> CurrentUser:
        if self._viewer is None:
            from devports.core.holder_kind import CurrentUser  # only before a signal

            me = self.process(os.getpid())
            line = () if me is None else (me.key, *(parent.key for parent in self.ancestors(me)))
            self._viewer = CurrentUser(*self.uids(), line)
        return self._viewer
