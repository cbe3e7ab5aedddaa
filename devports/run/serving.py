"""Watches a ready server: the listeners on its addresses, and whether any process accepts.

The consequences are decided in `core.serving`. At rest it reads the kernel's table of listeners
every two seconds; the exit of a process that has the socket wakes it at once.
"""

from __future__ import annotations

import contextlib

from devports.core.serving import Inspection, begin, step, with_connection
from devports.core.verdict import covers
from devports.errors import LIMITS, DevportsError
from devports.run.readiness import open_probe
from devports.system import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket as net
    from collections.abc import Sequence

    from devports.core.model import Endpoint, Process, ProcessKey, Socket
    from devports.core.recovery import RunEvent
    from devports.core.service import Service
    from devports.run.server import ServerProcessTree
    from devports.system import Machine, ProcessHandle


IDLE = 50
"""A pause lasts at least this many times the CPU time of an inspection.

An inspection costs much where the system is asked process by process.
"""


class ServingWatcher:
    """Watches the sockets of the server of `service`, ready on `served`, one of its `endpoints`."""

    def __init__(
        self,
        machine: Machine,
        service: Service,
        endpoints: Sequence[Endpoint],
        family: ServerProcessTree,
        served: Endpoint,
    ) -> None:
        self._machine, self._endpoints, self._family = machine, endpoints, family
        self._any_owner = service.ready.owner == "any"
        self._own: set[int] = set()
        self._others: dict[int, Process] = {}
        self._pinned: dict[ProcessHandle, Process] = {}
        self._visit: net.socket | None = None
        self._known = begin(service.name, served, clock.monotonic())
        self._due: clock.Deadline | None = clock.Deadline(0)

    @property
    def stalled(self) -> bool:
        return self._known.stalled

    @property
    def left(self) -> float | None:
        """Seconds until the next check is due; None once it is closed."""
        return None if self._due is None else self._due.left

    @property
    def pins(self) -> tuple[ProcessHandle, ...]:
        """The processes that have the sockets: the exit of one is a reason to check at once."""
        return tuple(self._pinned)

    def check(self) -> RunEvent | None:
        """Read the table if it is due; return the event to report."""
        exited = self._exited()
        if exited is None and self.left != 0:
            return None
        before = clock.cpu()
        try:
            seen = self._seen(clock.monotonic(), exited)
        except OSError as error:
            if error.errno not in LIMITS:
                raise
            self._due = clock.Deadline(self._known.pause)  # what was not seen may be there
            return None
        self._known, news = step(self._known, seen)
        self._probe()
        rest = IDLE * (clock.cpu() - before) if self._known.doubt is None else 0
        self._due = clock.Deadline(max(self._known.pause, rest))
        return news

    def _probe(self) -> None:
        """Open a connection, where only that can show whether any process accepts."""
        if not self._known.perhaps:
            self._leave()
        elif self._visit is None and (visit := open_probe(self._known.endpoint)) is not None:
            self._visit, self._known = visit, with_connection(self._known)

    def _leave(self) -> None:
        if self._visit is not None:
            self._visit.close()
            self._visit = None

    def _exited(self) -> Process | None:
        """Return an exited process of those that are watched, and stop watching it."""
        for pin in self._machine.wait_for_exit(self.pins, 0) if self._pinned else ():
            pin.close()
            return self._pinned.pop(pin)
        return None

    def _seen(self, now: float, exited: Process | None) -> Inspection:
        found = self._machine.listening_on({end.port for end in self._endpoints}).sockets
        here = [s for s in found if any(covers(s, end) is not False for end in self._endpoints)]
        others = {s: who for s in here if (who := self._other_process(s)) is not None}
        own = [socket for socket in here if socket not in others]
        inodes = frozenset(socket.inode for socket in own)
        return Inspection(
            now,
            inodes,
            queue=sum(socket.queue for socket in own),
            holders=self._holders(inodes) if self._known.needs_holders(inodes) else {},
            exited=exited,
            stranger=next(((socket.local, who) for socket, who in others.items()), None),
        )

    def _other_process(self, socket: Socket) -> Process | None:
        """Return a holder of the socket outside the server's tree, None if none is found.

        Its parent may exit in between, so it is looked up again until it was reported.
        """
        if self._any_owner or socket.inode in self._own:
            return None
        if socket.inode not in self._others:
            found = self._machine.holding((socket,), thorough=False).holders
            if not found or any(map(self._family.owns, found)):
                self._own.add(socket.inode)
                return None
            if not self._known.joined:
                return found[0].process
            self._others[socket.inode] = found[0].process
        return self._others[socket.inode]

    def _holders(self, inodes: frozenset[int]) -> dict[ProcessKey, bool | None]:
        """Return the server's holders of the sockets, and whether each accepts; watch them."""
        members = {key.pid: key for key in self._family.members()}
        found = self._machine.accepting(members, inodes)
        known = {process.key for process in self._pinned.values()}
        for key in {members[pid] for pid in found} - known:
            with contextlib.suppress(DevportsError):  # the system has no process handles
                self._pin(key)
        return {members[pid]: accepts for pid, accepts in found.items()}

    def _pin(self, key: ProcessKey) -> None:
        pin, process = self._machine.pin(key), self._machine.process(key.pid)
        if pin is not None and process is not None:
            self._pinned[pin] = process

    def close(self) -> None:
        self._due = None
        self._leave()
        for pin in self._pinned:
            pin.close()
        self._pinned.clear()
