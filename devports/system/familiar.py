"""Holders that are looked up again only when something has changed, for looks that are repeated.

To find the holder of a socket costs a system call for every open descriptor of many processes;
to see that it is still the same process costs one small file.
"""

from __future__ import annotations

from devports.core.model import Holding
from devports.system.clock import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.core.model import Socket
    from devports.system import Machine

STALE_AFTER = 10.0
"""Seconds after which the holders are looked up in any case: one may have forked meanwhile."""


class Familiar:
    """The last answer of `machine.holding`, while it is still true. `thorough`: as there."""

    def __init__(self, machine: Machine, *, thorough: bool) -> None:
        self._machine, self._thorough = machine, thorough
        self._inodes: frozenset[int] = frozenset()
        self._holding = Holding()
        self._age = Deadline(0)

    def holding(self, sockets: Sequence[Socket]) -> Holding:
        """Return who has these sockets."""
        inodes = frozenset(socket.inode for socket in sockets)
        if inodes != self._inodes or self._age.passed or not self._all_live():
            self._holding = self._machine.holding(sockets, thorough=self._thorough)
            self._inodes, self._age = inodes, Deadline(STALE_AFTER)
        return self._holding

    def _all_live(self) -> bool:
        keys = [holder.process.key for holder in self._holding.holders]
        return all(self._machine.key(key.pid) == key for key in keys)
