"""Parsers of the output of netstat, lsof and launchctl on macOS. Pure.

`netstat -anv -p tcp`: the column of the pid has moved with almost every release, and once another
one was mistaken for it: 131072, the size of a buffer, looks like a pid
(github.com/sindresorhus/pid-port/issues/12). So the column is found by the heading, and a row that
does not have the shape of its heading is skipped. All of it is text about a process, never proof:
see `Row.proven`.

`lsof -nP +c0 -iTCP:PORTS -FpcuLtdnTf`: one field a line, its letter first (lsof(8), OUTPUT FOR
OTHER PROGRAMS): `p` begins a process, `f` one of its files. macOS writes CLOSED for three things:
``n127.0.0.1:8000`` is bound and does not listen, with ``->`` it is a closed connection that is
still open, and ``n*:*`` is bound to no port.
"""

from __future__ import annotations

from devports.core.model import Socket
from devports.core.text import LAST_PORT, decimal
from devports.system.identity import NO_PROCESS, TCP_STATES, UNKNOWN, Row, endpoint, identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from devports.core.model import Endpoint


LAST_PID = 99_999
"""The largest pid of macOS (XNU, bsd/sys/proc_internal.h, PID_MAX)."""
LEFT = 6
"""Words up to the state: protocol, two queues, local and foreign address, state."""
CUT = 16
"""Length at which an IPv6 address may be truncated: ``2600:1700:5610:3``."""
FAMILIES = {"tcp4": (False,), "tcp6": (True,), "tcp46": (True, False)}
"""Whether the addresses of a protocol are IPv6; one socket for both families may show either."""

NAMED, BARE = "process:pid", "pid"
NEWEST = tuple(
    f"rxbytes txbytes rhiwat shiwat {NAMED} state options gencnt flags flags1 usecnt rtncnt"
    " fltrs".split()
)
"""The columns after the state in macOS 26, for output without a heading. There the pid is the ninth
from the right, and its colon keeps it from being mistaken."""

DECIMAL = frozenset(f"rxbytes txbytes rhiwat shiwat {BARE} epid usecnt rtncnt".split())
HEXADECIMAL = {"state": 5, "options": 8, "gencnt": 16, "flags": 8, "flags1": 8, "fltrs": 6}
"""Digits of a column; until macOS 13 they began with ``0x``, and the state had four."""
LARGEST = 2**64 - 1


def netstat(
    raw: bytes, ports: Collection[int] | None = None, *, wide: bool = False
) -> tuple[tuple[Row, ...], int]:
    """Return the sockets on these local ports (None: on all), and the number of unread lines.

    Those are lines about TCP that could not be read though they may concern these ports. `wide`: no
    address is truncated (netstat -W).
    """
    columns: tuple[str, ...] = NEWEST
    rows: list[Row] = []
    lost = 0
    for line in raw.decode("utf-8", "replace").split("\n"):
        words = line.split()
        if words[:1] == ["Proto"]:
            columns = _columns(words)
        elif len(words) >= LEFT and words[0] in FAMILIES and _is_about(words[3], ports):
            row = _row(words, columns, wide=wide)
            rows += [] if row is None else [row]
            lost += row is None
    return tuple(rows), lost


def _columns(words: Sequence[str]) -> tuple[str, ...]:
    """Return the columns after the state; none where the heading has no such column."""
    lowered = [word.lower() for word in words]
    return tuple(lowered[lowered.index("(state)") + 1 :]) if "(state)" in lowered else ()


def _is_about(local: str, ports: Collection[int] | None) -> bool:
    """Return whether a local address may have one of these ports; ``*.*`` is bound to none."""
    digits = local.rpartition(".")[2]
    port = decimal(digits, LAST_PORT)
    return digits != "*" and (ports is None or port is None or port in ports)


def _row(words: Sequence[str], columns: tuple[str, ...], *, wide: bool) -> Row | None:
    kind, state = words[0], TCP_STATES.get(words[5])
    local, remote = (_netstat_end(word, kind, wide=wide) for word in words[3:5])
    who = _pid_and_name(words[LEFT:], columns)
    alone = state in ("LISTEN", "CLOSE") and words[4] == "*.*"
    if local is None or state is None or who is None or (remote is None and not alone):
        return None
    if remote is not None and state == "LISTEN":
        return None
    pid, name = who
    if state == "TIME_WAIT":
        pid = NO_PROCESS  # closed; the column may still name the process that closed it
    elif remote is None:
        pid, state = pid or UNKNOWN, "BOUND" if state == "CLOSE" else state
    v6only = kind == "tcp6" if local.is_v6 else None
    socket = Socket(local, remote, state, identity(pid, local, remote), v6only=v6only)
    return Row(pid, socket, name, proven=False)


def _netstat_end(word: str, kind: str, *, wide: bool) -> Endpoint | None:
    """Return an end written ``127.0.0.1.8000``, ``*.8809`` or ``fe80::1%en0.80``, else None."""
    host, _, digits = word.rpartition(".")
    if ":" in host and len(host) == CUT and not wide:
        return None
    ends = (_end(host, digits, v6=v6) for v6 in FAMILIES[kind])
    return next((end for end in ends if end is not None), None)


def _pid_and_name(words: Sequence[str], columns: tuple[str, ...]) -> tuple[int, str] | None:
    """Return pid and name from the words after the state; None where they do not fit the columns.

    Without ``-v`` there is no such column, and the process is unknown.
    """
    if NAMED in columns:
        return _named(words, columns.index(NAMED), columns)
    if BARE not in columns:
        return UNKNOWN, ""
    if len(words) != len(columns) or not _fit(words, columns):
        return None
    facts = dict(zip(columns, words, strict=True))
    pid = decimal(facts[BARE], LAST_PID)
    # A socket that one process opened for another has both pids; which one has it is unknown.
    same = facts.get("epid", "0") in ("0", facts[BARE])
    return None if pid is None else (pid if same else UNKNOWN, "")


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
    """Return whether a word has the shape of its column. Only the pid's column contains a colon."""
    if column in DECIMAL:
        return decimal(word, LARGEST) is not None
    digits = HEXADECIMAL.get(column)
    if digits is None:
        return ":" not in word
    if word.startswith("0x"):
        word, digits = word[2:], min(digits, 8) - (column == "state")
    return len(word) == digits and all(letter in "0123456789abcdef" for letter in word)


COLUMNS = 3
"""PID, Status, Label; the pid of a job that does not run is ``-``."""


def launchctl(raw: bytes) -> dict[int, str]:
    """Return the job labels by pid."""
    rows = (line.split("\t") for line in raw.decode("utf-8", "replace").splitlines())
    found = (row for row in rows if len(row) == COLUMNS and row[2])
    return {pid: label for text, _, label in found if (pid := decimal(text, LAST_PID))}


LSOF_LAST_PID = 2**31 - 1
"""Also of Linux."""
OF_PROCESS = "cuLgR"
"""Fields that come before the first file of a process: after one, a `p` line is missing."""
ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def lsof(raw: bytes, ports: Collection[int] | None = None) -> Iterator[Row]:
    """Yield the TCP sockets on these local ports, on all of them for None; skip malformed rows.

    A socket without a state still holds its port: without a peer it counts as BOUND, with one as
    CLOSE.
    """
    for pid, name, fields in _files(raw):
        socket = _socket(pid, fields)
        if socket is not None and (ports is None or socket.local.port in ports):
            device = next((field[1:] for field in fields if field.startswith("d")), "")
            yield Row(pid, socket, name, device=device)


def _files(raw: bytes) -> Iterator[tuple[int, str, list[str]]]:
    """Yield pid, name and fields of each file; files of an unknown process are skipped."""
    pid: int | None = None
    name = ""
    file: list[str] | None = None
    for line in (*raw.decode("latin-1").split("\n"), "p"):
        letter = line[:1]
        lost = file is not None and letter != "" and letter in OF_PROCESS
        if (letter in ("p", "f") or lost) and file is not None and pid is not None:
            yield pid, name, file
        if letter == "p" or lost:
            pid, name, file = None if lost else decimal(line[1:], LSOF_LAST_PID), "", None
        elif letter == "f":
            file = []
        elif letter == "c":
            name = _name(line[1:])
        elif file is not None:
            file.append(line)


def lsof_lines(raw: bytes, port: int) -> Iterator[str]:
    """Yield the lines about the sockets on a port, each with the lines of its process."""
    process: list[str] = []
    file: list[str] = []
    for line in (*raw.decode("utf-8", "replace").splitlines(), "p"):
        if line[:1] in ("p", "f"):
            if any(f":{port}" in name for name in file):
                yield from (*process, *file)
                process = []
            file = []
        if line[:1] == "p":
            process = []
        (file if file or line[:1] == "f" else process).append(line)


def netstat_lines(raw: bytes, port: int) -> list[str]:
    """Return the heading, and the lines about a port."""
    lines = raw.decode("utf-8", "replace").splitlines()
    return [line for line in lines if line.startswith("Proto") or f".{port} " in line]


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
    local, remote = _lsof_end(near, v6=v6), _lsof_end(far, v6=v6)
    if local is None or (arrow and remote is None):
        return None
    state = TCP_STATES.get(states[0] if states else "", "CLOSE")
    if remote is None and state != "LISTEN":
        state = "BOUND"
    return Socket(local, remote, state, identity(pid, local, remote))


def _lsof_end(text: str, *, v6: bool) -> Endpoint | None:
    """Return an end written ``127.0.0.1:8000``, ``[::1]:8000`` or ``*:8000``, else None.

    Only a wildcard needs its family (field `t`); without that field it counts as IPv4.
    """
    host, _, digits = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed:
        return _end(host[1:-1], digits, v6=True)
    return _end(host, digits, v6=v6 and host == "*")


def unescaped(text: str) -> str:
    r"""Return a name without lsof's escapes: ``\x20``, ``\n``, ``\\``.

    ``^[`` stays: it may be a control character, or these two characters.
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


def _end(host: str, digits: str, *, v6: bool) -> Endpoint | None:
    """Return an end of this family; a wildcard is written ``*`` in both. None without a port."""
    found = endpoint(("::" if v6 else "0.0.0.0") if host == "*" else host, digits, v6=v6)  # noqa: S104
    return found if found is not None and found.port else None
