"""Windows: the table of psutil or netstat, netsh for what the system keeps for itself.

table: The socket table of Windows: psutil's (GetExtendedTcpTable), else netstat's.

Both name the process that opened a socket, and go on naming it after that process has ended and
left the socket to a child. Neither shows a socket that is bound and does not listen; `netstat -q`
does, since Windows 10.
"""

from __future__ import annotations

import os

from devports import exitcodes
from devports.core.model import OURS, VisibilityGap
from devports.errors import DevportsError
from devports.system import bind, psutil_backend, windows_tools
from devports.system.identity import NOBODY
from devports.system.psutil_backend import PsMachine, SocketScan
from devports.system.subprocesses import ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from devports.core.holder_kind import CurrentUser
    from devports.core.model import BindResult, Endpoint, Platform, ProcessKey, Socket, Table
    from devports.system import ProcessHandle
    from devports.system.identity import Row


class Windows(PsMachine):
    """A `devports.system.Machine`.

    A listener on a wildcard does not stop a bind to one address, unless it asked to be alone
    (learn.microsoft.com, "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE").
    """

    platform: Platform = "win32"
    adopts_orphans = False
    who = staticmethod(psutil_backend.by_name)

    def __init__(self) -> None:
        super().__init__()
        self._viewer: CurrentUser | None = None
        self._dynamic: tuple[int, int] | None = None

    def look(self, ports: Collection[int]) -> SocketScan:
        return look(ports)

    def unlisted(self, port: int, known: Table) -> tuple[Socket, ...]:
        inodes = {socket.inode for socket in known.sockets}
        found = [row for row in bound({port}) if row.socket.inode not in inodes]
        self.remember(found)
        return tuple(row.socket for row in found)

    def probe(self, endpoint: Endpoint, *, reuse: bool = True) -> BindResult:
        return told_apart(bind.probe(endpoint, reuse=reuse), lambda: is_excluded(endpoint))

    def pin(self, key: ProcessKey) -> ProcessHandle | None:
        from devports.system import signals  # before ending something

        return signals.pin_by_handle(key, psutil_backend.key_of)

    def wait_for_exit(
        self, pins: Sequence[ProcessHandle], seconds: float
    ) -> tuple[ProcessHandle, ...]:
        from devports.system import signals

        return signals.wait_for_handles(pins, seconds)

    def ephemeral(self) -> tuple[int, int]:
        if self._dynamic is None:
            self._dynamic = dynamic_range()
        return self._dynamic

    def boot(self) -> str:
        """Return nothing: a start time is absolute here, so no two boots have one identity.

        What Windows says of its own start is now less the time that has passed, and differs by a
        second from one question to the next.
        """
        return ""

    def viewer(self) -> CurrentUser:
        if self._viewer is None:
            from devports.core.holder_kind import CurrentUser  # before ending something

            self._viewer = CurrentUser(OURS, OURS, self.own_line())
        return self._viewer


def told_apart(result: BindResult, is_excluded: Callable[[], bool | None]) -> BindResult:
    """Return the answer to a bind, with "denied" only for what nobody may bind.

    Windows says WSAEACCES for an excluded port, and for one whose holder asked to be alone or is
    another user. Where it is not told which ports are excluded, it stays as Windows said it.
    """
    return "in-use" if result == "denied" and is_excluded() is False else result


DYNAMIC = (49152, 65535)
"""Ports of outgoing connections, unless somebody has set others (RFC 6335 6)."""


NOT_BOUND = VisibilityGap(
    "bound-not-shown", "a socket that is bound and does not listen is in no table but `netstat -q`"
)


def system32(name: str) -> str:
    """Return the path of a program of Windows: a bare name would be searched in this folder too."""
    return os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", name)


def rows() -> list[Row]:
    """Return every TCP socket of this machine with the pid that opened it.

    Raises:
        DevportsError: neither source answers, so nothing can be said about any port.
    """
    import psutil  # not for a parser or a help text

    try:
        found = psutil.net_connections(kind="tcp")
    except (psutil.Error, RuntimeError, OSError):  # RuntimeError: GetExtendedTcpTable failed
        return _netstat("-ano")
    return psutil_backend.rows_of((entry.pid or NOBODY, entry) for entry in found)


def _netstat(flags: str) -> list[Row]:
    raw = ask((system32("netstat.exe"), flags))
    if raw is None:
        raise DevportsError(
            "no-table",
            "neither the socket table nor netstat answers",
            note="without one of them nobody can say who has a port",
            exit_code=exitcodes.BLIND,
        )
    return list(windows_tools.rows(raw))


def look(ports: Collection[int]) -> SocketScan:
    """Return the sockets on these local ports with their processes."""
    found = tuple(row for row in rows() if row.socket.local.port in ports)
    return SocketScan(found, shows_bound=False, gaps=(NOT_BOUND,))


def bound(ports: Collection[int]) -> Iterator[Row]:
    """Yield the sockets on these ports that are bound and neither listen nor belong to a client.

    An outgoing connection appears twice: connected, and as the bound socket it was before.
    """
    raw = ask((system32("netstat.exe"), "-anoq"))
    listed = rows()
    known = {row.socket.inode for row in listed}
    connected = {(row.pid, row.socket.local.port) for row in listed if row.socket.remote}
    for row in windows_tools.rows(raw or b"", ports):
        alone = row.socket.remote is None and row.socket.inode not in known
        if alone and (row.pid, row.socket.local.port) not in connected:
            yield row.but(socket=row.socket.but(state="BOUND"))


def is_excluded(endpoint: Endpoint) -> bool | None:
    """Say whether nobody may bind this port (Hyper-V, WSL, a reservation); None if not told."""
    family = "ipv6" if endpoint.is_v6 else "ipv4"
    raw = _netsh(family, "show", "excludedportrange", "protocol=tcp")
    if raw is None:
        return None
    return any(each.covers(endpoint.port) for each in windows_tools.excluded_ranges(raw))


def dynamic_range() -> tuple[int, int]:
    """Return first and last port of outgoing connections."""
    raw = _netsh("ipv4", "show", "dynamicport", "tcp")
    return windows_tools.dynamic_range(raw or b"") or DYNAMIC


def _netsh(*words: str) -> bytes | None:
    return ask((system32("netsh.exe"), "int", *words))
