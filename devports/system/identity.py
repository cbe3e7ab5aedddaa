"""Rows of a socket table in which no inode names a socket: macOS, Windows. Opens nothing.

The number of such a socket is made of who has it and where it is bound, so it is the same at every
look and in every process, and "does it still hold that socket" can be asked. Two sockets of one
process on one address (only possible with SO_REUSEADDR on Windows, SO_REUSEPORT on macOS) are one.
"""

from __future__ import annotations

import _socket as net

from devports.core.model import Endpoint
from devports.core.text import LAST_PORT, decimal
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.model import Socket, State

BASIS, PRIME = 0xCBF29CE484222325, 0x100000001B3
"""Of FNV-1a with 64 bits (Fowler, Noll, Vo): no cryptography is needed, and no import."""
EXACT_IN_JSON = (1 << 53) - 1
"""The largest integer that every reader of JSON keeps (RFC 8259 6)."""
NOBODY, SOMEBODY = 0, -1
"""In place of a pid: no process has the socket any more; one has, and the source does not say who.
"""

TCP_STATES: dict[str, State] = {
    "LISTEN": "LISTEN",
    "ESTABLISHED": "ESTABLISHED",
    "SYN_SENT": "SYN_SENT",
    "SYN_RECV": "SYN_RECV",
    "SYN_RCVD": "SYN_RECV",
    "SYN_RECEIVED": "SYN_RECV",
    "FIN_WAIT1": "FIN_WAIT1",
    "FIN_WAIT_1": "FIN_WAIT1",
    "FIN_WAIT2": "FIN_WAIT2",
    "FIN_WAIT_2": "FIN_WAIT2",
    "TIME_WAIT": "TIME_WAIT",
    "CLOSE": "CLOSE",
    "CLOSED": "CLOSE",
    "CLOSE_WAIT": "CLOSE_WAIT",
    "LAST_ACK": "LAST_ACK",
    "CLOSING": "CLOSING",
    "DELETE_TCB": "CLOSING",
}
"""By the words of psutil, of lsof on macOS and Linux, and of the netstats of macOS and Windows."""


class Row(Frozen):
    """One socket, and the pid of a process that has it, `NOBODY` or `SOMEBODY`.

    `name`: what the source calls that process, cut as it cuts it; empty where it does not say.
    `proven`: the descriptors of that process were looked at. What only a column of a text says is
    not proven, and nobody is signalled for it.
    """

    pid: int
    socket: Socket
    name: str = ""
    proven: bool = True


def identity(pid: int, local: Endpoint, remote: Endpoint | None = None) -> int:
    """Return the number of a socket; 0, as everywhere, where no process has it (`pid` 0)."""
    if pid == 0:
        return 0
    value = BASIS
    for byte in f"{pid} {local} {remote}".encode():
        value = (value ^ byte) * PRIME & 0xFFFFFFFFFFFFFFFF
    return (value & EXACT_IN_JSON) or 1


def endpoint(host: str, digits: str | bytes, *, v6: bool) -> Endpoint | None:
    """Return an end of a socket of this family, None where it is none.

    The zone of an address (``%en0``) is left out, as not every source tells it.
    """
    port = decimal(digits, LAST_PORT)
    family = net.AF_INET6 if v6 else net.AF_INET
    try:
        address = net.inet_ntop(family, net.inet_pton(family, host.partition("%")[0]))
    except (OSError, ValueError):  # ValueError: a NUL in it, or what no text of ASCII has
        return None
    return None if port is None else Endpoint(address, port)
