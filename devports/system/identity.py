"""Rows of socket tables that have no inodes: macOS, Windows. Pure.

The identity of such a socket is computed from its process and its addresses, so it is the same in
every reading and every process, and devports can check that a process still holds that socket. Two
sockets of one process on one address (only possible with SO_REUSEADDR on Windows, SO_REUSEPORT on
macOS) count as one.
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
"""Of 64-bit FNV-1a (Fowler, Noll, Vo): it needs no import, and no cryptographic hash is needed."""
EXACT_IN_JSON = (1 << 53) - 1
"""The largest integer that every JSON reader keeps exactly (RFC 8259 6)."""
NO_PROCESS, UNKNOWN = 0, -1
"""In place of a pid: no process has the socket; a process has it that the source does not name."""

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
"""By the names of psutil, of lsof on macOS and Linux, and of the netstats of macOS and Windows."""


class Row(Frozen):
    """One socket, and the pid of a process that has it, or `NO_PROCESS` or `UNKNOWN`.

    Attributes:
        name: the process's name in the source, truncated as there; empty if it gives none.
        proven: the descriptors of that process were read. A pid that only a column of text shows is
            not proven, and that process is never signalled.
        device: the socket's own name in the source, the same for every process that has it; empty
            if it gives none.
    """

    pid: int
    socket: Socket
    name: str = ""
    proven: bool = True
    device: str = ""


def identity(pid: int, local: Endpoint, remote: Endpoint | None = None) -> int:
    """Return the identity of a socket; 0, as in every table, if no process has it (`pid` 0)."""
    return 0 if pid == 0 else checksum(f"{pid} {local} {remote}")


def checksum(text: str) -> int:
    """Return a text as the identity of a socket."""
    value = BASIS
    for byte in text.encode():
        value = (value ^ byte) * PRIME & 0xFFFFFFFFFFFFFFFF
    return (value & EXACT_IN_JSON) or 1


def endpoint(host: str, digits: str | bytes, *, v6: bool) -> Endpoint | None:
    """Return one end of a socket of this address family; None if the text is none.

    The zone of an address (``%en0``) is dropped, as not every source has it.
    """
    port = decimal(digits, LAST_PORT)
    family = net.AF_INET6 if v6 else net.AF_INET
    try:
        address = net.inet_ntop(family, net.inet_pton(family, host.partition("%")[0]))
    except (OSError, ValueError):  # ValueError: it contains NUL or is not ASCII
        return None
    return None if port is None else Endpoint(address, port)


def plain_form(address: str) -> str:
    """Return an address as it is written elsewhere, from the bytes of a socket in macOS's kernel.

    A socket for both families keeps an IPv4 address in the last four bytes, with zeros before it
    (XNU, bsd/netinet/in_pcb.h, in_addr_4in6), and an address of one link has the number of its
    interface in bytes 2 and 3 (KAME).
    """
    try:
        raw = net.inet_pton(net.AF_INET6, address.partition("%")[0])
    except OSError:
        return address
    if raw[:2] == b"\xfe\x80":
        return net.inet_ntop(net.AF_INET6, raw[:2] + b"\0\0" + raw[4:])
    in_last_bytes = raw[:12] == bytes(12) and raw[12:15] != bytes(3)  # neither :: nor ::1
    return net.inet_ntop(net.AF_INET, raw[12:]) if in_last_bytes else address.partition("%")[0]
