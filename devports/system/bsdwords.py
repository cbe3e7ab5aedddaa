"""The words in which lsof and netstat of BSD descent speak of a socket. Opens nothing."""

from __future__ import annotations

from devports.core.model import Endpoint
from devports.core.number import LAST_PORT, decimal
from devports.system.net import net

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.model import State

LAST_PID = 99_999
"""The largest pid of macOS (XNU, bsd/sys/proc_internal.h, PID_MAX)."""

STATES: dict[str, State] = {
    "LISTEN": "LISTEN",
    "ESTABLISHED": "ESTABLISHED",
    "SYN_SENT": "SYN_SENT",
    "SYN_RCVD": "SYN_RECV",
    "SYN_RECEIVED": "SYN_RECV",
    "FIN_WAIT_1": "FIN_WAIT1",
    "FIN_WAIT_2": "FIN_WAIT2",
    "TIME_WAIT": "TIME_WAIT",
    "CLOSED": "CLOSE",
    "CLOSE_WAIT": "CLOSE_WAIT",
    "LAST_ACK": "LAST_ACK",
    "CLOSING": "CLOSING",
    # lsof on Linux
    "SYN_RECV": "SYN_RECV",
    "FIN_WAIT1": "FIN_WAIT1",
    "FIN_WAIT2": "FIN_WAIT2",
    "CLOSE": "CLOSE",
}


def endpoint(host: str, digits: str, *, v6: bool) -> Endpoint | None:
    """Return an end of a socket of this family; None where it is none, or bound to no port yet.

    A wildcard is written ``*`` in both families; the zone of an address (``%en0``) is left out, as
    the other sources leave it out.
    """
    port = decimal(digits, LAST_PORT)
    if not port:
        return None
    if host == "*":
        return Endpoint("::" if v6 else "0.0.0.0", port)  # noqa: S104
    family = net.AF_INET6 if v6 else net.AF_INET
    try:
        address = net.inet_ntop(family, net.inet_pton(family, host.partition("%")[0]))
    except (OSError, ValueError):  # ValueError: a NUL in it, or what no text of ASCII has
        return None
    return Endpoint(address, port)
