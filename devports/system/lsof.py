"""What `lsof -nP +c0 -iTCP:PORTS -FpcuLtnTf` prints, parsed. Opens nothing.

One field a line, its letter first (lsof(8), OUTPUT FOR OTHER PROGRAMS): `p` begins a process, `f`
one of its files. macOS writes CLOSED for three things: ``n127.0.0.1:8000`` is bound and does not
listen, with ``->`` it is an ended connection that is still open, and ``n*:*`` is bound to no port.
"""

from __future__ import annotations

from devports.core.model import Socket
from devports.core.number import decimal
from devports.system.bsdwords import STATES, endpoint
from devports.system.identity import Row, identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from devports.core.model import Endpoint

LAST_PID = 2**31 - 1
OF_PROCESS = "cuLgR"
"""Fields that come before the first file of a process: after one, a `p` must be missing."""
ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def rows(raw: bytes, ports: Collection[int] | None = None) -> Iterator[Row]:
    """Yield the TCP sockets on these local ports, on all of them for None; skip what is no row.

    A socket whose state is not told holds its port all the same: without a peer it counts as
    BOUND, with one as CLOSE.
    """
    for pid, name, fields in _files(raw):
        socket = _socket(pid, fields)
        if socket is not None and (ports is None or socket.local.port in ports):
            yield Row(pid, socket, name)


def _files(raw: bytes) -> Iterator[tuple[int, str, list[str]]]:
    """Yield pid, name and fields of each file, without those whose process cannot be told."""
    pid: int | None = None
    name = ""
    file: list[str] | None = None
    for line in (*raw.decode("latin-1").split("\n"), "p"):
        letter = line[:1]
        lost = file is not None and letter != "" and letter in OF_PROCESS
        if (letter in ("p", "f") or lost) and file is not None and pid is not None:
            yield pid, name, file
        if letter == "p" or lost:
            pid, name, file = None if lost else decimal(line[1:], LAST_PID), "", None
        elif letter == "f":
            file = []
        elif letter == "c":
            name = _name(line[1:])
        elif file is not None:
            file.append(line)


def _name(text: str) -> str:
    """Return a name in the encoding of the system; lsof escapes each of its bytes alone."""
    return unescaped(text).encode("latin-1").decode("utf-8", "replace")


def _socket(pid: int, fields: list[str]) -> Socket | None:
    names = [field[1:] for field in fields if field.startswith("n")]
    states = [field[4:] for field in fields if field.startswith("TST=")]
    v6 = "tIPv6" in fields
    if pid == 0 or len(names) != 1 or len(states) > 1:
        return None
    near, arrow, far = names[0].partition("->")
    local, remote = _end(near, v6=v6), _end(far, v6=v6)
    if local is None or (arrow and remote is None):
        return None
    state = STATES.get(states[0] if states else "", "CLOSE")
    if remote is None and state != "LISTEN":
        state = "BOUND"
    return Socket(local, remote, state, identity(pid, local, remote))


def _end(text: str, *, v6: bool) -> Endpoint | None:
    """Return an end written ``127.0.0.1:8000``, ``[::1]:8000`` or ``*:8000``, else None.

    Only a wildcard needs to be told its family (field `t`); without it, it counts as IPv4.
    """
    host, _, digits = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed:
        return endpoint(host[1:-1], digits, v6=True)
    return endpoint(host, digits, v6=v6 and host == "*")


def unescaped(text: str) -> str:
    r"""Return a name without lsof's escapes: ``\x20``, ``\n``, ``\\``.

    ``^[`` stays: it may be a control character, and may be just that.
    """
    return "\\".join(map(_unescaped, text.split("\\\\")))


def _unescaped(text: str) -> str:
    head, *tails = text.split("\\")
    return head + "".join(map(_escape, tails))


def _escape(tail: str) -> str:
    """Return what a backslash and the text after it stand for."""
    if tail[:1] in ESCAPES:
        return ESCAPES[tail[0]] + tail[1:]
    digits = tail[1:3]
    if tail[:1] == "x" and len(digits) == 2 and all(c in "0123456789abcdef" for c in digits):  # noqa: PLR2004
        return chr(int(digits, 16)) + tail[3:]
    return f"\\{tail}"
