"""The socket table of Windows: psutil's (GetExtendedTcpTable), else netstat's.

Both name the process that opened a socket, and go on naming it after that process has ended and
left the socket to a child. Neither shows a socket that is bound and does not listen; `netstat -q`
does, since Windows 10.
"""

from __future__ import annotations

import os

from devports import exitcodes
from devports.core.model import Gap
from devports.errors import DevportsError
from devports.system import netsh, netstat_ano, psprocess
from devports.system.identity import NOBODY
from devports.system.outside import ask
from devports.system.psmachine import Look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from devports.core.model import Endpoint
    from devports.system.identity import Row

DYNAMIC = (49152, 65535)
"""Ports of outgoing connections, unless somebody has set others (RFC 6335 6)."""


NOT_BOUND = Gap(
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
    import psutil  # noqa: PLC0415  # not for a parser or a help text

    try:
        found = psutil.net_connections(kind="tcp")
    except (psutil.Error, RuntimeError, OSError):  # RuntimeError: GetExtendedTcpTable failed
        return _netstat("-ano")
    return psprocess.rows_of((entry.pid or NOBODY, entry) for entry in found)


def _netstat(flags: str) -> list[Row]:
    raw = ask((system32("netstat.exe"), flags))
    if raw is None:
        raise DevportsError(
            "no-table",
            "neither the socket table nor netstat answers",
            note="without one of them nobody can say who has a port",
            exit_code=exitcodes.BLIND,
        )
    return list(netstat_ano.rows(raw))


def look(ports: Collection[int]) -> Look:
    """Return the sockets on these local ports with their processes."""
    found = tuple(row for row in rows() if row.socket.local.port in ports)
    return Look(found, shows_bound=False, gaps=(NOT_BOUND,))


def bound(ports: Collection[int]) -> Iterator[Row]:
    """Yield the sockets on these ports that are bound and neither listen nor belong to a client.

    An outgoing connection appears twice: connected, and as the bound socket it was before.
    """
    raw = ask((system32("netstat.exe"), "-anoq"))
    listed = rows()
    known = {row.socket.inode for row in listed}
    connected = {(row.pid, row.socket.local.port) for row in listed if row.socket.remote}
    for row in netstat_ano.rows(raw or b"", ports):
        alone = row.socket.remote is None and row.socket.inode not in known
        if alone and (row.pid, row.socket.local.port) not in connected:
            yield row.but(socket=row.socket.but(state="BOUND"))


def is_excluded(endpoint: Endpoint) -> bool | None:
    """Say whether nobody may bind this port (Hyper-V, WSL, a reservation); None if not told."""
    family = "ipv6" if endpoint.is_v6 else "ipv4"
    raw = _netsh(family, "show", "excludedportrange", "protocol=tcp")
    if raw is None:
        return None
    return any(each.covers(endpoint.port) for each in netsh.excluded_ranges(raw))


def dynamic_range() -> tuple[int, int]:
    """Return first and last port of outgoing connections."""
    raw = _netsh("ipv4", "show", "dynamicport", "tcp")
    return netsh.dynamic_range(raw or b"") or DYNAMIC


def _netsh(*words: str) -> bytes | None:
    return ask((system32("netsh.exe"), "int", *words))
