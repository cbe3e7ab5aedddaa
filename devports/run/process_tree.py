"""Whose processes are ours: what is below us, less what was there before we started anything.

A shell that becomes devports (``sh -c 'agent & exec devports run web'``) hands its children on.
They are not the server's and are never signalled.
"""

from __future__ import annotations

import os

from devports.core.model import ProcessKey
from devports.core.verdict import covers
from devports.freeing.bindable import table_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.core.model import Endpoint, Holder, Socket
    from devports.system import Machine


class ServerProcessTree:
    """Everything that descends from us since this was made."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.sessions = {os.getsid(0)}
        """Where the server is: in ours, or in one of its own, by its terminal or by setsid(2)."""
        self.me = machine.key(os.getpid()) or ProcessKey(os.getpid(), 0)
        before = [machine.key(pid) for pid in machine.children(os.getpid())]
        self._before = frozenset(key for key in before if key is not None)
        if not self._before:
            # Orphans of the server come to us; with others' children here, theirs would come too.
            machine.adopt_orphans()

    def has_child(self, pid: int) -> bool:
        """Say whether this child of ours is one that we started or adopted."""
        return self._machine.key(pid) not in self._before

    def members(self) -> list[ProcessKey]:
        """Return all living descendants, parents before children."""
        found: list[ProcessKey] = []
        for pid in self._machine.children(os.getpid()):
            if self.has_child(pid):
                keys = map(self._machine.key, (pid, *self._machine.descendants(pid)))
                found += [key for key in keys if key is not None]
        return found

    def group(self) -> list[ProcessKey]:
        """Return the members in the server's session.

        A browser that the server opened has a session of its own and is left alone.
        """
        return [key for key in self.members() if session_of(key.pid) in self.sessions]

    def owns(self, holder: Holder) -> bool:
        line = {process.key for process in holder.line}
        return self.me in line and not self._before & line


def session_of(pid: int) -> int:
    """Return the session of a process, 0 if it is gone or only waits to be reaped."""
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def sockets_on(machine: Machine, endpoints: Sequence[Endpoint]) -> list[Socket]:
    """Return the sockets that occupy one of the endpoints, or may do so as a wildcard."""
    found = table_of(machine, endpoints).sockets
    return [s for s in found if any(covers(s, end) is not False for end in endpoints)]


def send(machine: Machine, key: ProcessKey, *numbers: int) -> None:
    """Signal a process through a pin, if it is still there."""
    if (pin := machine.pin(key)) is not None:
        for number in numbers:
            pin.send(number)
        pin.close()
