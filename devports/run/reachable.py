"""Does the server answer? For services that ask for it, on top of owning the port."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.model import Endpoint

FIRST_ERROR = 400
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # where to ask, not to bind


def answers(endpoint: Endpoint, path: str, *, timeout: float) -> bool:
    """Say whether ``GET path`` is answered with a status below 400 within `timeout` seconds."""
    from http.client import HTTPConnection, HTTPException  # noqa: PLC0415  # several Python starts

    host = LOOPBACK.get(endpoint.address, endpoint.address)
    connection = HTTPConnection(host, endpoint.port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < FIRST_ERROR
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
