"""What `netstat -anv -p tcp` prints on macOS, parsed. Opens nothing.

The column of the pid has moved with almost every release, and once it was taken for another one:
131072, the size of a buffer, looks like a pid (github.com/sindresorhus/pid-port/issues/12). So it
is found by the heading, a row must have the shape of its heading, and what does not is no row. All
of it is text about a process, never proof: see `Row.proven`.
"""

from __future__ import annotations

from devports.core.model import Socket
from devports.core.number import LAST_PORT, decimal
from devports.system.bsdwords import LAST_PID, STATES, endpoint
from devports.system.identity import NOBODY, SOMEBODY, Row, identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from devports.core.model import Endpoint

LEFT = 6
"""Words up to the state: protocol, two queues, local and foreign address, state."""
CUT = 16
"""Characters after which an IPv6 address may have been cut: ``2600:1700:5610:3``."""
FAMILIES = {"tcp4": (False,), "tcp6": (True,), "tcp46": (True, False)}
"""Whether the addresses of a protocol are IPv6; one socket for both families may show either."""

NAMED, BARE = "process:pid", "pid"
NEWEST = tuple(
    f"rxbytes txbytes rhiwat shiwat {NAMED} state options gencnt flags flags1 usecnt rtncnt"
    " fltrs".split()
)
"""The columns after the state in macOS 26: what a text without a heading is taken for. There the
pid is the ninth from the right, and its colon keeps it from being mistaken."""

DECIMAL = frozenset(f"rxbytes txbytes rhiwat shiwat {BARE} epid usecnt rtncnt".split())
HEXADECIMAL = {"state": 5, "options": 8, "gencnt": 16, "flags": 8, "flags1": 8, "fltrs": 6}
"""Digits of a column; until macOS 13 ``0x`` stood before them, and the state had four."""
LARGEST = 2**64 - 1


def read(raw: bytes, ports: Collection[int] | None = None) -> tuple[tuple[Row, ...], int]:
    """Return the sockets on these local ports, on all of them for None, and the lines not read.

    The latter are those about TCP that could not be read though they may be about these ports.
    """
    columns: tuple[str, ...] = NEWEST
    rows: list[Row] = []
    lost = 0
    for line in raw.decode("utf-8", "replace").split("\n"):
        words = line.split()
        if words[:1] == ["Proto"]:
            columns = _columns(words)
        elif len(words) >= LEFT and words[0] in FAMILIES and _is_about(words[3], ports):
            row = _row(words, columns)
            rows += [] if row is None else [row]
            lost += row is None
    return tuple(rows), lost


def _columns(words: Sequence[str]) -> tuple[str, ...]:
    """Return the columns after the state; none where the heading has no such column."""
    lowered = [word.lower() for word in words]
    return tuple(lowered[lowered.index("(state)") + 1 :]) if "(state)" in lowered else ()


def _is_about(local: str, ports: Collection[int] | None) -> bool:
    """Say whether a local address may have one of these ports; ``*.*`` is bound to none."""
    digits = local.rpartition(".")[2]
    port = decimal(digits, LAST_PORT)
    return digits != "*" and (ports is None or port is None or port in ports)


def _row(words: Sequence[str], columns: tuple[str, ...]) -> Row | None:
    kind, state = words[0], STATES.get(words[5])
    local, remote = _end(words[3], kind), _end(words[4], kind)
    who = _who(words[LEFT:], columns)
    alone = state in ("LISTEN", "CLOSE") and words[4] == "*.*"
    if local is None or state is None or who is None or (remote is None and not alone):
        return None
    if remote is not None and state == "LISTEN":
        return None
    pid, name = who
    if state == "TIME_WAIT":
        pid = NOBODY  # it has been closed; the column may still say by whom
    elif remote is None:
        pid, state = pid or SOMEBODY, "BOUND" if state == "CLOSE" else state
    v6only = kind == "tcp6" if local.is_v6 else None
    socket = Socket(local, remote, state, identity(pid, local, remote), v6only=v6only)
    return Row(pid, socket, name, proven=False)


def _end(word: str, kind: str) -> Endpoint | None:
    """Return an end written ``127.0.0.1.8000``, ``*.8809`` or ``fe80::1%en0.80``, else None."""
    host, _, digits = word.rpartition(".")
    if ":" in host and len(host) == CUT:
        return None
    ends = (endpoint(host, digits, v6=v6) for v6 in FAMILIES[kind])
    return next((end for end in ends if end is not None), None)


def _who(words: Sequence[str], columns: tuple[str, ...]) -> tuple[int, str] | None:
    """Return pid and name from the words after the state; None where they do not fit the columns.

    Without ``-v`` there is no such column, and somebody has it.
    """
    if NAMED in columns:
        return _named(words, columns.index(NAMED), columns)
    if BARE not in columns:
        return SOMEBODY, ""
    if len(words) != len(columns) or not _fit(words, columns):
        return None
    facts = dict(zip(columns, words, strict=True))
    pid = decimal(facts[BARE], LAST_PID)
    # Sockets that one process opened for another have both; whose descriptor it is, is not said.
    same = facts.get("epid", "0") in ("0", facts[BARE])
    return None if pid is None else (pid if same else SOMEBODY, "")


def _named(words: Sequence[str], at: int, columns: tuple[str, ...]) -> tuple[int, str] | None:
    """Return pid and name of ``Autodesk Fusion:22712``: the name has any number of words."""
    after = len(columns) - at - 1
    end = len(words) - after
    left, middle, right = words[:at], words[at:end], words[end:]
    if not middle or not _fit(left, columns[:at]) or not _fit(right, columns[at + 1 :]):
        return None
    name, colon, digits = " ".join(middle).rpartition(":")
    pid = decimal(digits, LAST_PID)
    return None if pid is None or not colon else (pid, name)


def _fit(words: Sequence[str], columns: tuple[str, ...]) -> bool:
    return len(words) == len(columns) and all(
        _fits(*pair) for pair in zip(words, columns, strict=True)
    )


def _fits(word: str, column: str) -> bool:
    """Say whether a word has the shape of its column. A colon is in none but the pid's own."""
    if column in DECIMAL:
        return decimal(word, LARGEST) is not None
    digits = HEXADECIMAL.get(column)
    if digits is None:
        return ":" not in word
    if word.startswith("0x"):
        word, digits = word[2:], min(digits, 8) - (column == "state")
    return len(word) == digits and all(letter in "0123456789abcdef" for letter in word)
