"""Ready means owned: who listens on our endpoints, and is it a process of our own tree?"""

from __future__ import annotations

from devports.core.diagnosis import covers
from devports.core.ownership import Ownership
from devports.core.shells import is_shell
from devports.system.clock import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.core.model import Endpoint, Holder, Socket
    from devports.run.family import Family
    from devports.run.hold import Hold
    from devports.system import Machine

ASK_AGAIN = 0.5
"""Seconds until a socket that was nobody's of ours is looked up again: a look walks /proc."""


LIST_EVERY = 0.25
"""Seconds between two whole tables, for which the kernel walks all its sockets, while who listens
stays the same: that it looks up."""


class Watch:
    """Looks at the table as often as it is asked; a socket's holder is looked up only once."""

    def __init__(self, machine: Machine, endpoints: Sequence[Endpoint], family: Family) -> None:
        self._machine = machine
        self._endpoints = endpoints
        self._ports = {endpoint.port for endpoint in endpoints}
        self._family = family
        self._known: dict[int, Holder] = {}
        self._missed: dict[int, Deadline] = {}
        self._last: Ownership | None = None
        self._basis: tuple[object, ...] = ()
        self._due = Deadline(0)

    def news(self, hold: Hold) -> Ownership:
        """Return what `look` does, for a loop: while the same ones listen, the last answer."""
        listeners = self._machine.listening_on(self._ports).sockets
        basis = (listeners, hold.inodes, hold.given, hold.queueing)
        if self._last is None or basis != self._basis or self._due.passed:
            self._last, self._basis = self.look(hold), basis
            self._due = Deadline(LIST_EVERY)
        return self._last

    def look(self, hold: Hold) -> Ownership:
        """Return who has our endpoints. What we handed over counts once our server has it too."""
        for inode in hold.given:  # what we gave it is its own the moment that it takes it
            self._missed.pop(inode, None)
        here, given, queueing = self._here(hold), hold.given, hold.queueing
        mine = {socket: owner for socket in here if (owner := self._owner(socket)) is not None}
        listening = [socket for socket in mine if socket.state == "LISTEN"]
        queues = [socket.queue for socket in listening if socket.inode in queueing]
        return Ownership(
            owner=mine[listening[0]] if listening else None,
            missing=tuple(
                endpoint
                for endpoint in self._endpoints
                if not any(covers(socket, endpoint) is not False for socket in listening)
            ),
            bound=len(mine) > len(listening),
            strangers=tuple(s for s in here if s not in mine and s.inode not in given),
            queueing=bool(queues),
            waiting=sum(queues),
        )

    def _here(self, hold: Hold) -> list[Socket]:
        ours = set(hold.inodes) - set(hold.given)
        return [
            socket
            for socket in self._machine.table(self._ports).sockets
            if socket.state in ("LISTEN", "BOUND")
            and socket.inode not in ours
            and any(covers(socket, endpoint) is not False for endpoint in self._endpoints)
        ]

    def holders(self, hold: Hold) -> tuple[Holder, ...]:
        """Return every process of ours that has one of the endpoints open, devports left out."""
        sockets = [s for s in self._here(hold) if self._owner(s) is not None]
        found = self._machine.holding(sockets, thorough=True)
        return tuple(holder for holder in found.holders if self._is_servers(holder))

    def _is_servers(self, holder: Holder) -> bool:
        return holder.process.key != self._family.me and self._family.owns(holder)

    def elsewhere(self) -> tuple[Endpoint, ...]:
        """Return where our tree listens beside our ports: a server may have gone there."""
        found = self._machine.listening([key.pid for key in self._family.members()])
        return tuple(s.local for s in found if s.local.port not in self._ports)

    def _owner(self, socket: Socket) -> Holder | None:
        """Return the holder in our tree, None if it is a stranger's or cannot be read.

        A hit is remembered; a miss for a moment only, since a parent may end while we look.
        """
        missed = self._missed.get(socket.inode)
        if socket.inode in self._known or (missed is not None and not missed.passed):
            return self._known.get(socket.inode)
        found = self._machine.holding((socket,), thorough=False)
        own = [holder for holder in found.holders if self._is_servers(holder)]
        if own:
            # A shell that has the server's socket from us is not who serves.
            served = [holder for holder in own if not is_shell(holder.process)]
            self._known[socket.inode] = (served or own)[0]
        else:
            self._missed[socket.inode] = Deadline(ASK_AGAIN)
        return self._known.get(socket.inode)
