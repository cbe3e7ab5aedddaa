"""Ready means owned: who listens on our endpoints, and is it a process of our own tree?"""

from __future__ import annotations

from devports.core.diagnosis import covers
from devports.core.ownership import Ownership

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from devports.core.model import Endpoint, Holder, ProcessKey, Socket
    from devports.system import Machine


class Watch:
    """Looks at the table as often as it is asked; a socket's holder is looked up only once."""

    def __init__(self, machine: Machine, endpoints: Sequence[Endpoint], root: ProcessKey) -> None:
        self._machine = machine
        self._endpoints = endpoints
        self._ports = {endpoint.port for endpoint in endpoints}
        self._root = root
        self._known: dict[int, Holder | None] = {}

    def look(self, ours: Collection[int]) -> Ownership:
        """Return who has our endpoints. `ours`: inodes of our own reservations."""
        here = self._here(ours)
        mine = {socket: owner for socket in here if (owner := self._owner(socket)) is not None}
        listening = [socket for socket in mine if socket.state == "LISTEN"]
        return Ownership(
            owner=mine[listening[0]] if listening else None,
            missing=tuple(
                endpoint
                for endpoint in self._endpoints
                if not any(covers(socket, endpoint) is not False for socket in listening)
            ),
            bound=len(mine) > len(listening),
            strangers=tuple(socket for socket in here if socket not in mine),
        )

    def _here(self, ours: Collection[int]) -> list[Socket]:
        return [
            socket
            for socket in self._machine.table(self._ports).sockets
            if socket.state in ("LISTEN", "BOUND")
            and socket.inode not in ours
            and any(covers(socket, endpoint) is not False for endpoint in self._endpoints)
        ]

    def holders(self, ours: Collection[int]) -> tuple[Holder, ...]:
        """Return every process of ours that has one of the endpoints open."""
        sockets = [s for s in self._here(ours) if self._owner(s) is not None]
        found = self._machine.holding(sockets, thorough=True)
        return tuple(holder for holder in found.holders if self._is_ours(holder))

    def elsewhere(self) -> tuple[Endpoint, ...]:
        """Return where our tree listens beside our ports: a server may have gone there."""
        found = self._machine.listening(self._machine.descendants(self._root.pid))
        return tuple(s.local for s in found if s.local.port not in self._ports)

    def _owner(self, socket: Socket) -> Holder | None:
        """Return the holder in our tree, None if it is a stranger's or cannot be read."""
        if socket.inode not in self._known:
            found = self._machine.holding((socket,), thorough=False)
            own = [holder for holder in found.holders if self._is_ours(holder)]
            self._known[socket.inode] = own[0] if own else None
        return self._known[socket.inode]

    def _is_ours(self, holder: Holder) -> bool:
        keys = {holder.process.key, *(parent.key for parent in holder.ancestors)}
        return self._root in keys
