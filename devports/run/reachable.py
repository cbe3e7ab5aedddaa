"""Does the server answer? For services that ask for it, on top of owning the port."""

from __future__ import annotations

from devports.system import clock
from devports.system.net import net

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.model import Endpoint

FIRST_ERROR = 400
LONGEST_STATUS = 4096
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # where to ask, not to bind


def answers(endpoint: Endpoint, path: str, *, seconds: float) -> bool:
    """Say whether ``GET path`` is answered with a status below 400, in `seconds` altogether.

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
        return is_good(_status_line(sock, deadline))
    except OSError:
        return False
    finally:
        sock.close()


def _status_line(sock: net.socket, deadline: clock.Deadline) -> bytes:
    data = b""
    while b"\n" not in data and len(data) < LONGEST_STATUS and not deadline.passed:
        sock.settimeout(max(deadline.left, 0.001))
        part = sock.recv(LONGEST_STATUS)
        if not part:
            break
        data += part
    return data.partition(b"\n")[0]


def is_good(line: bytes) -> bool:
    """Say whether a status line (RFC 9112 4) has a status from 100 to 399."""
    words = line.split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():  # noqa: PLR2004
        return False
    return 100 <= int(words[1]) < FIRST_ERROR  # noqa: PLR2004  # the first status there is
