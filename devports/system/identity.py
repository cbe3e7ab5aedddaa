"""A number for a socket where the system has none: macOS and Windows show no inode. Opens nothing.

Made of who has it and where it is bound, so it is the same at every look and in every process, and
"does it still hold that socket" can be asked. Two sockets of one process on one address (only
possible with SO_REUSEADDR on Windows, SO_REUSEPORT on macOS) are one to it.
"""

from __future__ import annotations

from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.model import Endpoint, Socket

BASIS, PRIME = 0xCBF29CE484222325, 0x100000001B3
"""Of FNV-1a with 64 bits (Fowler, Noll, Vo): no cryptography is needed, and no import."""
EXACT_IN_JSON = (1 << 53) - 1
"""The largest integer that every reader of JSON keeps (RFC 8259 6)."""
NOBODY, SOMEBODY = 0, -1
"""In place of a pid: no process has the socket any more; one has, and the source does not say who.
"""


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
