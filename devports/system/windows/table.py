"""The socket table of Windows: psutil's (GetExtendedTcpTable), else netstat's.

Both name the process that opened a socket, and go on naming it after that process has ended and
left the socket to a child. Neither shows a socket that is bound and does not listen; `netstat -q`
does, since Windows 10.
"""

from __future__ import annotations

import os

from devports import exitcodes
from devports.core.model import Endpoint, Socket, Table
from devports.errors import DevportsError
from devports.system import netstat_ano
from devports.system.identity import identity
from devports.system.netstat_ano import Row
from devports.system.outside import ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import Any

    from devports.core.model import State

STATES: dict[str, State] = {
    "LISTEN": "LISTEN",
    "ESTABLISHED": "ESTABLISHED",
    "SYN_SENT": "SYN_SENT",
    "SYN_RECV": "SYN_RECV",
    "FIN_WAIT1": "FIN_WAIT1",
    "FIN_WAIT2": "FIN_WAIT2",
    "TIME_WAIT": "TIME_WAIT",
    "CLOSE": "CLOSE",
    "CLOSE_WAIT": "CLOSE_WAIT",
    "LAST_ACK": "LAST_ACK",
    "CLOSING": "CLOSING",
    "DELETE_TCB": "CLOSING",
}


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
    return [row for entry in found if (row := _row(entry)) is not None]


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


def _row(entry: Any) -> Row | None:
    """Return psutil's `sconn` as a row; None for a state or an address that is unknown."""
    state = STATES.get(entry.status)
    if state is None or not entry.laddr:
        return None
    pid, local = entry.pid or 0, Endpoint(*entry.laddr[:2])
    if state == "LISTEN" or not entry.raddr:
        number = identity(pid, local)
        return Row(pid, Socket(local, None, "BOUND" if state == "CLOSE" else state, number))
    remote = Endpoint(*entry.raddr[:2])
    return Row(pid, Socket(local, remote, state, identity(pid, local, remote)))


def read(ports: Collection[int]) -> Table:
    """Return the sockets on these local ports."""
    found = (row.socket for row in rows() if row.socket.local.port in ports)
    return Table(tuple(found), shows_bound=False)


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
