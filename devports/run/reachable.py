"""Does the server answer? For services that ask for it, on top of owning the port."""

from __future__ import annotations

from devports.core.model import LOOPBACK
from devports.system import clock
from devports.system.net import net

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.model import Endpoint

FIRST_ERROR = 400
LONGEST_STATUS = 4096
KNOCK = 0.2
"""Seconds; a connection on this machine is queued at once, or the queue is full."""


def answer(endpoint: Endpoint, path: str, *, seconds: float) -> int:
    """Return the status with which ``GET path`` is answered in `seconds` altogether, 0 for none.

    Only the status line is read: http.client bounds each read, not the whole, and a server that
    gives a byte at a time would hold us up.
    """
    deadline = clock.Deadline(seconds)
    host = LOOPBACK.get(endpoint.address, endpoint.address)
    sock = net.socket(net.AF_INET6 if ":" in host else net.AF_INET, net.SOCK_STREAM, 0)
    try:
        sock.settimeout(deadline.left)
        sock.connect((host, endpoint.port))
        name = f"[{host}]" if ":" in host else host
        request = f"GET {path} HTTP/1.0\r\nHost: {name}:{endpoint.port}\r\n\r\n"
        sock.sendall(request.encode("utf-8"))
        return status_of(_status_line(sock, deadline))
    except OSError:
        return 0
    finally:
        sock.close()


def knock(endpoint: Endpoint) -> net.socket | None:
    """Open one connection, to see whether anybody accepts it; None if it is not even queued."""
    host = LOOPBACK.get(endpoint.address, endpoint.address)
    sock = net.socket(net.AF_INET6 if ":" in host else net.AF_INET, net.SOCK_STREAM, 0)
    try:
        sock.settimeout(KNOCK)
        sock.connect((host, endpoint.port))
    except OSError:
        sock.close()
        return None
    return sock


def _status_line(sock: net.socket, deadline: clock.Deadline) -> bytes:
    data = b""
    while b"\n" not in data and len(data) < LONGEST_STATUS and not deadline.passed:
        sock.settimeout(max(deadline.left, 0.001))
        part = sock.recv(LONGEST_STATUS)
        if not part:
            break
        data += part
    return data.partition(b"\n")[0]


def status_of(line: bytes) -> int:
    """Return the status in a status line (RFC 9112 4), 0 if it is not one."""
    words = line.split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():  # noqa: PLR2004
        return 0
    return int(words[1][:3])


def is_good(status: int) -> bool:
    """Say whether a status means that the server serves."""
    return 0 < status < FIRST_ERROR
