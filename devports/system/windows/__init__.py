"""Windows: the table of psutil or netstat, netsh for what the system keeps for itself."""

from __future__ import annotations

from devports.core.model import OURS
from devports.system import bind, psprocess
from devports.system.psmachine import Look, PsMachine
from devports.system.windows import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from devports.core.model import BindResult, Endpoint, Platform, ProcessKey, Socket, Table
    from devports.core.standing import Viewer
    from devports.system import Pin


class Windows(PsMachine):
    """A `devports.system.Machine`.

    A listener on a wildcard does not stop a bind to one address, unless it asked to be alone
    (learn.microsoft.com, "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE").
    """

    platform: Platform = "win32"
    adopts_orphans = False
    who = staticmethod(psprocess.by_name)

    def __init__(self) -> None:
        super().__init__()
        self._viewer: Viewer | None = None
        self._dynamic: tuple[int, int] | None = None

    def look(self, ports: Collection[int]) -> Look:
        return table.look(ports)

    def unlisted(self, port: int, known: Table) -> tuple[Socket, ...]:
        inodes = {socket.inode for socket in known.sockets}
        found = [row for row in table.bound({port}) if row.socket.inode not in inodes]
        self.remember(found)
        return tuple(row.socket for row in found)

    def probe(self, endpoint: Endpoint, *, reuse: bool = True) -> BindResult:
        return told_apart(bind.probe(endpoint, reuse=reuse), lambda: table.is_excluded(endpoint))

    def pin(self, key: ProcessKey) -> Pin | None:
        from devports.system.signals import windows as signals  # noqa: PLC0415  # before ending something

        return signals.pin(key, psprocess.key_of)

    def wait_for_exit(self, pins: Sequence[Pin], seconds: float) -> tuple[Pin, ...]:
        from devports.system.signals import windows as signals  # noqa: PLC0415

        return signals.wait_for_exit(pins, seconds)

    def ephemeral(self) -> tuple[int, int]:
        if self._dynamic is None:
            self._dynamic = table.dynamic_range()
        return self._dynamic

    def boot(self) -> str:
        """Return nothing: a start time is absolute here, so no two boots have one identity.

        What Windows says of its own start is now less the time that has passed, and differs by a
        second from one question to the next.
        """
        return ""

    def viewer(self) -> Viewer:
        if self._viewer is None:
            from devports.core.standing import Viewer  # noqa: PLC0415  # before ending something

            self._viewer = Viewer(OURS, OURS, self.own_line())
        return self._viewer


def told_apart(result: BindResult, is_excluded: Callable[[], bool | None]) -> BindResult:
    """Return the answer to a bind, with "denied" only for what nobody may bind.

    Windows says WSAEACCES for an excluded port, and for one whose holder asked to be alone or is
    another user. Where it is not told which ports are excluded, it stays as Windows said it.
    """
    return "in-use" if result == "denied" and is_excluded() is False else result
