"""Watches a server that is ready: who listens on its addresses, and whether any process accepts.

What follows from it is decided in `core.serving`. At rest it is one look at the kernel's table of
listeners every two seconds; the exit of a process that has the socket wakes us at once.
"""

from __future__ import annotations

import contextlib

from devports.core.serving import Inspection, begin, step, with_connection
from devports.core.verdict import covers
from devports.errors import DevportsError
from devports.run.readiness import knock
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
"""A look that takes long, as where the system is asked process by process, is had less often: we
rest at least so many times as long as it took."""


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
        """Seconds until the next look is due; None once it is closed."""
        return None if self._due is None else self._due.left

    @property
    def pins(self) -> tuple[ProcessHandle, ...]:
        """The processes that have the sockets: the exit of one is a reason to look at once."""
        return tuple(self._pinned)

    def look(self) -> RunEvent | None:
        """Look, if it is time; return what is to be said."""
        exited = self._exited()
        if exited is None and self.left != 0:
            return None
        begun = clock.monotonic()
        self._known, news = step(self._known, self._seen(begun, exited))
        self._knock()
        rest = IDLE * (clock.monotonic() - begun) if self._known.doubt is None else 0
        self._due = clock.Deadline(max(self._known.pause, rest))
        return news

    def _knock(self) -> None:
        """Where only a connection of ours can tell whether any process accepts, make one."""
        if not self._known.perhaps:
            self._leave()
        elif self._visit is None and (visit := knock(self._known.endpoint)) is not None:
            self._visit, self._known = visit, with_connection(self._known)

    def _leave(self) -> None:
        if self._visit is not None:
            self._visit.close()
            self._visit = None

    def _exited(self) -> Process | None:
        """Return one of those whose exit was waited for, and wait for it no more."""
        for pin in self._machine.wait_for_exit(self.pins, 0) if self._pinned else ():
            pin.close()
            return self._pinned.pop(pin)
        return None

    def _seen(self, now: float, exited: Process | None) -> Inspection:
        found = self._machine.listening_on({end.port for end in self._endpoints}).sockets
        here = [s for s in found if any(covers(s, end) is not False for end in self._endpoints)]
        others = {s: who for s in here if (who := self._stranger(s)) is not None}
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

    def _stranger(self, socket: Socket) -> Process | None:
        """Return a process that has a socket and is none of ours, None where none is seen.

        Its parent may end while we look, so that is asked again until it has been said.
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
        """Return who of the server has the sockets and whether each accepts, and pin them."""
        members = {key.pid: key for key in self._family.members()}
        found = self._machine.accepting(members, inodes)
        known = {process.key for process in self._pinned.values()}
        for key in {members[pid] for pid in found} - known:
            with contextlib.suppress(DevportsError):  # the system has no handles of processes
                self._pin(key)
        return {members[pid]: accepts for pid, accepts in found.items()}

    def _pin(self, key: ProcessKey) -> None:
        pin, process = self._machine.pin(key), self._machine.process(key.pid)
        if pin is not None and process is not None:
            self._pinned[pin] = process

    def close(self) -> None:
        """Look no more."""
        self._due = None
        self._leave()
        for pin in self._pinned:
            pin.close()
        self._pinned.clear()
