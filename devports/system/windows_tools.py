"""Parsers of the output of `netstat -ano` and `netsh int ipv4 show ...` on Windows. Pure.

The words are translated (``LISTENING``, ``ABHÖREN``, ``IN ASCOLTO``) and in the code page of the
console, so only numbers and their positions count. A socket without a peer is known by its foreign
address, ``0.0.0.0:0`` or ``[::]:0``; the pid is the last word.
"""

from __future__ import annotations

from devports.core.model import Socket
from devports.core.text import LAST_PORT, decimal
from devports.core.value import Frozen
from devports.system.identity import Row, endpoint, identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from devports.core.model import Endpoint, State


LAST_PID = 2**32 - 1
SHORTEST = 5
"""Words of a row: protocol, local and foreign address, at least one for the state, pid."""

STATES: dict[bytes, State] = {
    b"BOUND": "BOUND",  # with -q: bound and not listening
    b"SYN_SENT": "SYN_SENT",
    b"SYN_RECEIVED": "SYN_RECV",
    b"FIN_WAIT_1": "FIN_WAIT1",
    b"FIN_WAIT_2": "FIN_WAIT2",
    b"TIME_WAIT": "TIME_WAIT",
    b"CLOSE_WAIT": "CLOSE_WAIT",
    b"CLOSING": "CLOSING",
    b"LAST_ACK": "LAST_ACK",
}


def netstat(raw: bytes, ports: Collection[int] | None = None) -> Iterator[Row]:
    """Yield the TCP sockets on these local ports, on all of them for None; skip malformed rows.

    The pid is that of the process which opened the socket.

    In a translated text a connection counts as ESTABLISHED, or as TIME_WAIT where no process has
    it, and a bound socket (``-q``) looks like a listener: compare with a list made without ``-q``.
    """
    for line in raw.split(b"\n"):
        words = line.split()
        if len(words) < SHORTEST or words[0] != b"TCP":
            continue
        local, remote = end_of(words[1]), end_of(words[2])
        pid = decimal(words[-1], LAST_PID)
        if local is None or remote is None or pid is None or local.is_v6 != remote.is_v6:
            continue
        if ports is None or local.port in ports:
            yield Row(pid, _socket(pid, local, remote, b" ".join(words[3:-1])))


def _socket(pid: int, local: Endpoint, remote: Endpoint, name: bytes) -> Socket:
    if not remote.port:
        state: State = "BOUND" if name == b"BOUND" else "LISTEN"
        return Socket(local, None, state, identity(pid, local))
    state = STATES.get(name, "ESTABLISHED" if pid else "TIME_WAIT")
    return Socket(local, remote, state, identity(pid, local, remote))


def end_of(word: bytes) -> Endpoint | None:
    """Parse ``127.0.0.1:80`` or ``[fe80::1%11]:80``; None where it is neither."""
    host, _, digits = word.decode("ascii", "replace").rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    return endpoint(host[1:-1] if bracketed else host, digits, v6=bracketed)


class Excluded(Frozen):
    """Ports that no process may bind: reserved by name (``*``), or by Windows at every boot."""

    first: int
    last: int

    def covers(self, port: int) -> bool:
        return self.first <= port <= self.last


def excluded_ranges(raw: bytes) -> tuple[Excluded, ...]:
    """Parse ``show excludedportrange protocol=tcp``: rows of first port, last port, maybe ``*``."""
    found = []
    for line in raw.split(b"\n"):
        words = line.split()
        match [decimal(word, LAST_PORT) for word in words[:2]]:
            case [int(first), int(last)] if first <= last and words[2:] in ([], [b"*"]):
                found.append(Excluded(first, last))
    return tuple(found)


def dynamic_range(raw: bytes) -> tuple[int, int] | None:
    """Parse ``show dynamicport tcp``: first and last port of outgoing connections.

    Two lines are a label and a number: the first port, and how many there are. Else None.
    """
    lines = [words for line in raw.split(b"\n") if (words := line.split())]
    labelled = (words[-1] for words in lines if decimal(words[0], LAST_PORT) is None)
    match [number for word in labelled if (number := decimal(word, LAST_PORT)) is not None]:
        case [first, count] if 0 < first <= first + count - 1 <= LAST_PORT:
            return first, first + count - 1
    return None
