"""What macOS and Windows have in common: the table names processes, and psutil knows them."""

from __future__ import annotations

import os

from devports.core.model import Gap, Hidden, Holder, Holding, Table
from devports.core.value import Value
from devports.system import addresses, bind, psprocess
from devports.system.identity import Row, identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from devports.core.model import BindResult, Endpoint, Process, ProcessKey, Socket

UNPROVEN = Gap(
    "pid-unproven",
    "a process is named for it, and nothing that can be read here proves that it is the one",
)
GONE = Gap(
    "opener-gone",
    "who opened it has ended and left it to another process, which the system does not name",
)
EVERY_PORT = range(1, 1 << 16)
NO_PID = Gap("no-pid", "the system does not say which process has it")


class Look(Value):
    """One look at the socket tables. `gaps`: what it could not see, whatever the port."""

    rows: tuple[Row, ...]
    shows_bound: bool = True
    gaps: tuple[Gap, ...] = ()


class PsMachine:
    """The common part of two `devports.system.Machine`s. What differs: `look` and a few facts.

    A look sees the processes together with the sockets, so who has them is asked of the last look
    at their ports and not of the system again.
    """

    wildcards = False
    adopts_orphans = True
    """Whether the system gives an orphan a new parent."""

    who = staticmethod(psprocess.numbered)

    def __init__(self) -> None:
        self._rows: dict[int, Row] = {}
        self._gaps: tuple[Gap, ...] = ()

    def look(self, ports: Collection[int]) -> Look:
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

    def listening_on(self, ports: Collection[int]) -> Table:
        return self.table(ports)

    def listeners(self) -> Table:
        seen = self.table(EVERY_PORT)
        return seen.but(sockets=tuple(s for s in seen.sockets if s.state in ("LISTEN", "BOUND")))

    def remember(self, rows: Iterable[Row]) -> None:
        self._rows.update({row.socket.inode: row for row in rows if row.socket.inode})

    def listening(self, pids: Collection[int]) -> tuple[Socket, ...]:
        return psprocess.listening(pids)

    def unlisted(self, port: int, known: Table) -> tuple[Socket, ...]:  # noqa: ARG002
        return ()

    def probe(self, endpoint: Endpoint, *, reuse: bool = True) -> BindResult:
        return bind.probe(endpoint, reuse=reuse)

    def reserve(self, endpoint: Endpoint) -> bind.Reservation | BindResult:
        return bind.reserve(endpoint, identity(os.getpid(), endpoint))

    def holding(self, sockets: Sequence[Socket], *, thorough: bool) -> Holding:
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
        return Holding(holders, tuple(hidden for hidden, _ in found), thorough, why)

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

    def _hidden(self, socket: Socket) -> tuple[Hidden, Gap]:
        """Return what is known of a socket without a certain holder, and why there is none."""
        row = self._rows[socket.inode]
        process = self.process(row.pid)
        if process is None:
            return Hidden(socket), GONE if row.pid > 0 else NO_PID
        return Hidden(socket, likely=(process,)), UNPROVEN

    def marked(self, holders: tuple[Holder, ...]) -> tuple[Holder, ...]:
        """Return holders with the marks of their supervisors (`Process.marks`)."""
        return tuple(
            holder.but(process=holder.process.but(marks=psprocess.marks_of(holder.process.pid)))
            for holder in holders
        )

    def process(self, pid: int) -> Process | None:
        return psprocess.describe(pid, self.who)

    def key(self, pid: int) -> ProcessKey | None:
        return psprocess.key_of(pid)

    def ancestors(self, of: Process) -> tuple[Process, ...]:
        return psprocess.ancestors(of, self.who, adopted=self.adopts_orphans)

    def children(self, pid: int) -> set[int]:
        return psprocess.children(pid)

    def descendants(self, pid: int) -> list[int]:
        return psprocess.descendants(pid)

    def carrying(self, mark: str) -> list[int]:
        return psprocess.carrying(mark)

    def adopt_orphans(self) -> None:
        """Leave them: there is nothing like PR_SET_CHILD_SUBREAPER."""

    def addresses(self, host: str) -> tuple[str, ...]:
        return addresses.of(host)

    def own_line(self) -> tuple[ProcessKey, ...]:
        """Return ourselves and all processes we run in."""
        me = self.process(os.getpid())
        return () if me is None else (me.key, *(parent.key for parent in self.ancestors(me)))
