"""Read from a server's output that it did not get its port: one table, one row a wording.

Sources: starts on a taken port of the servers named in the rows (facts of this project), issue
threads for Windows, macOS and Docker. The texts of one program are fixed, so the rows mind case:
half the price of ignoring it, and the prefilter needs no lower-casing.

A text is a hint: beside a server that lives it releases our reservation, and no more. Of one that
has ended it may be the reason, for our port, or together with a failing bind of our own where it
names none. The truth comes from sockets. Only `run` imports this module (it needs ``re``).
"""

from __future__ import annotations

import re
from functools import partial

from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Literal

    Kind = Literal["moved", "partial", "denied", "foreign", "fatal"]


KINDS: tuple[Kind, ...] = ("moved", "partial", "denied", "foreign", "fatal")
"""Of one line, most telling first: who moved also prints that the first port is in use."""


class Pattern(Frozen):
    """One wording.

    Attributes:
        kind: fatal (it did not get the port) | moved (it took another one) | partial (it got only
            some of its addresses) | foreign (a container engine speaks) | denied (freeing cannot
            help: privileged or excluded port).
        needle: a text in every match: rows whose needle is absent are not tried.
        regex: searched in one line; group `port` is the port it names. A text: to compile all of
            them costs a third of a Python start, and few are ever needed.
        sample: a line that matches.
    """

    kind: Kind
    needle: str
    regex: str
    sample: str


NEEDLES = (b"in use", b"INUSE", b"ort", b"Err", b"ermission", b"lready running")
"""Each row's needle contains one of these, so output without them cannot match.

Fewer would do only with needles that every log is full of ("use", "rr"). Six cost about 0.2 ms on
64 KiB; once a server is ready nobody has to look any more.
"""

_PORT = r"(?P<port>\d{1,5})"
_END = r"(?![\d:.])"  # the last group of an IPv6 address is no port
_BIND_ON = rf"error while attempting to bind on address \(['\"][^'\"]+['\"], {_PORT}[^)]*\)"
_ONE_USAGE = r"nly one usage of each socket address \(protocol/network address/port\)"
# Before it a sign or the level of a log line: "user's address already in use" is somebody's text.
_ADDRESS = r"(?:^|[^\w\s]\s*|\b(?:ERROR|FATAL|CRITICAL|error|fatal)\s+)[Aa]ddress"


_moved, _partial, _denied, _foreign, _fatal = (partial(Pattern, kind) for kind in KINDS)

PATTERNS = {
    # It went elsewhere.
    "trying-another": _moved(
        "in use",
        rf"[Pp]ort {_PORT} is (?:already )?in use, trying (?:another (?:one|port)|\d+ instead)",
        "Port 5173 is in use, trying another one...",
    ),
    "next-moved": _moved(
        "in use",
        rf"[Pp]ort {_PORT} is in use by [^\n]{{1,60}}?, using (?:an? )?available port \d+",
        "⚠ Port 3000 is in use by process 4242, using available port 3001 instead.",
    ),
    "get-port-moved": _moved(
        "available port",
        rf"Unable to find an available port \(tried"
        rf" {_PORT}\b[^)\n]*\)\. Using alternative port \d+",
        "[get-port] Unable to find an available port (tried 3000 on any host)."
        " Using alternative port 3001.",
    ),
    "serve-moved": _moved(
        "in use",
        rf"This port was picked because {_PORT} is in use",
        "This port was picked because 3000 is in use.",
    ),
    "using-another": _moved(
        " port",
        r"[Uu]sing (?:an? )?(?:available|alternative|random) port\b",
        "using an available port instead",
    ),
    # It got some of its addresses.
    "vite-wildcard": _partial(
        "in use",
        rf"Port {_PORT} is in use on a wildcard address",
        "Port 5173 is in use on a wildcard address, but localhost:5173 is available",
    ),
    "postgres": _partial(
        "in use",
        r"could not bind IPv[46] address \"[^\"\n]+\": Address already in use",
        'LOG:  could not bind IPv4 address "127.0.0.1": Address already in use',
    ),
    "postgres-hint": _partial(
        "already running on port",
        rf"Is another postmaster already running on port {_PORT}\?",
        "HINT:  Is another postmaster already running on port 5432? If not, wait a few seconds",
    ),
    # It is not allowed to. [Errno 13] with a file name behind it is about a file.
    "number-10013": _denied(
        "Err",
        r"\[(?:WinError|Errno) 10013\]",
        "ERROR:    [WinError 10013] Der Zugriff auf einen Socket war unzulässig",
    ),
    "access-permissions": _denied(
        "access permissions",
        r"forbidden by its access permissions",
        "An attempt was made to access a socket in a way forbidden by its access permissions",
    ),
    "node-denied": _denied(
        "permission denied",
        rf"(?:listen|bind) EACCES: permission denied (?:\S*:)?{_PORT}{_END}",
        "Error: listen EACCES: permission denied 0.0.0.0:80",
    ),
    "asyncio-denied": _denied(
        "permission denied",
        rf"{_BIND_ON}: permission denied",
        "[Errno 13] error while attempting to bind on address ('127.0.0.1', 80): permission denied",
    ),
    "go-denied": _denied(
        "permission denied",
        rf"listen tcp[46]? \S*:{_PORT}: bind: permission denied",
        "listen tcp :80: bind: permission denied",
    ),
    "python-denied": _denied(
        "Permission denied",
        r"\[Errno 13\] Permission denied(?!:)",
        "PermissionError: [Errno 13] Permission denied",
    ),
    "nginx-denied": _denied(
        "Permission denied",
        rf"bind\(\) to \S+:{_PORT} failed \(13: Permission denied",
        "nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)",
    ),
    "php-denied": _denied(
        "Permission denied",
        rf"Failed to listen on \S+:{_PORT} \(reason: Permission denied",
        "Failed to listen on 127.0.0.1:80 (reason: Permission denied)",
    ),
    "ruby-denied": _denied(
        "Permission denied",
        rf"Permission denied - bind\(2\) for \"?[^\s\"]+\"? port {_PORT}",
        'Permission denied - bind(2) for "127.0.0.1" port 80 (Errno::EACCES)',
    ),
    # A container engine publishes ports: the holder may be another container.
    "docker-allocated": _foreign(
        "port is already allocated",
        rf"Bind for \S+:{_PORT} failed: port is already allocated",
        "Error response from daemon: Bind for 0.0.0.0:8080 failed: port is already allocated.",
    ),
    "docker-ports": _foreign(
        "Ports are not available",
        rf"Ports are not available: exposing port (?:TCP|tcp) \S+:{_PORT}{_END}",
        "Ports are not available: exposing port TCP 0.0.0.0:80 -> 0.0.0.0:0: listen tcp 0.0.0.0:80",
    ),
    # It did not get its port. A Node error prints its message and then its fields: the line with
    # `code: 'EADDRINUSE'` names no port, the message does.
    "node": _fatal(
        "EADDRINUSE",
        r"(?<!code: ['\"])\bEADDRINUSE\b(?!:? (?:address already in"
        rf" use )?[/\\])(?::? (?:address already in use )?(?:\S*:)?{_PORT}{_END})?",
        "Error: listen EADDRINUSE: address already in use :::3000",
    ),
    "asyncio": _fatal(
        "[Errno ",
        rf"\[Errno (?:48|98|10048)\] {_BIND_ON}",
        "ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 8000):"
        " address already in use",
    ),
    "number": _fatal(
        "Err",
        r"\[(?:Errno|WinError) (?:48|98|10048)\]",
        "OSError: [WinError 10048] Solo se permite un uso de cada direccion de socket",
    ),
    "rust-number": _fatal(
        "Err",
        r"Err[^\n]{0,200}?\b(?:os error|code:) (?:48|98|10048)\b",
        "Error: Normalerweise darf jede Socketadresse nur einmal verwendet werden (os error 10048)",
    ),
    "address": _fatal(
        "in use",
        rf"{_ADDRESS} (?:is )?(?:already )?in use\b(?! (?:(?:by|for|in|on) |[/\\]))",
        "RuntimeError: Address already in use (os error 98)",
    ),
    "one-usage": _fatal(
        "address/port)",
        rf"[Oo]{_ONE_USAGE}",
        "Only one usage of each socket address (protocol/network address/port) is normally",
    ),
    "go": _fatal(
        "in use",
        rf"listen tcp[46]? \S*:{_PORT}: bind: address already in use",
        "listen tcp :8080: bind: address already in use",
    ),
    "go-windows": _fatal(
        "address/port)",
        rf"listen tcp[46]? \S*:{_PORT}: bind: O{_ONE_USAGE}",
        "listen tcp :8080: bind: Only one usage of each socket address (protocol/network"
        " address/port) is normally permitted.",
    ),
    "gunicorn": _fatal(
        "in use",
        rf"Connection in use: \(['\"][^'\"\n]+['\"], {_PORT}",
        "[ERROR] Connection in use: ('127.0.0.1', 8000)",
    ),
    "ruby": _fatal(
        "in use",
        rf"Address already in use - bind\(2\) for \"?[^\s\"]+\"? port {_PORT}",
        'Address already in use - bind(2) for "127.0.0.1" port 3000 (Errno::EADDRINUSE)',
    ),
    "kestrel": _fatal(
        "in use",
        rf"Failed to bind to address \S+:{_PORT}: address already in use",
        "Failed to bind to address http://127.0.0.1:5000: address already in use.",
    ),
    "php": _fatal(
        "in use",
        rf"Failed to listen on \S+:{_PORT} \(reason: Address already in use",
        "Failed to listen on 127.0.0.1:8000 (reason: Address already in use)",
    ),
    "nginx": _fatal(
        "in use",
        rf"bind\(\) to \S+:{_PORT} failed \((?:98|48): Address already in"
        r" use",
        "nginx: [emerg] bind() to 0.0.0.0:8080 failed (98: Address already in use)",
    ),
    "redis": _fatal(
        "in use",
        rf"TCP listening socket \S*:{_PORT}: bind: Address already in use",
        "Could not create server TCP listening socket *:6379: bind: Address already in use",
    ),
    "redis-gave-up": _fatal(
        "on port ",
        rf"Failed listening on port {_PORT}\b",
        "# Failed listening on port 6379 (TCP), aborting.",
    ),
    "port-in-use": _fatal(
        "ort",
        rf"\b[Pp]ort:? ['\"]?{_PORT}['\"]? (?:(?:is|was) (?:already )?"
        r"(?:in use|being used|taken|occupied)|already in use)\b",
        "Port 5000 is in use by another program.",
    ),
    "that-port": _fatal(
        " port is ",
        r"\b(?:[Tt]hat|[Tt]his|[Tt]he) port is (?:already )?(?:in use|being used|taken)\b",
        "Error: That port is already in use.",
    ),
    "bun": _fatal(
        "in use",
        rf"Is port {_PORT} in use\?",
        "error: Failed to start server. Is port 5000 in use?",
    ),
    "on-port": _fatal(
        "on port ",
        rf"already (?:running|listening) on port {_PORT}\b",
        "Something is already running on port 3000.",
    ),
    "not-available": _fatal(
        "ort",
        rf"\b[Pp]ort ['\"]?{_PORT}['\"]? (?:is not available|"
        r"is unavailable|could not be used|already allocated)",
        "Port 8501 is not available",
    ),
    "tomcat": _fatal(
        "on port ",
        rf"configured to listen on port {_PORT} failed to start",
        "The Tomcat connector configured to listen on port 8080 failed to start.",
    ),
    "erlang": _fatal(
        "[port: ",
        rf"\[port: {_PORT}\b[^\n]{{0,80}}:eaddrinuse\b",
        "Failed to start Ranch listener MyApp.HTTP in :ranch_tcp:listen([port: 4000])"
        " for reason :eaddrinuse (address already in use)",
    ),
    # No clash at all: a stale tmp/pids/server.pid, but the server did not start.
    "rails": _fatal(
        "already running",
        r"\bA server is already running\b",
        "A server is already running. Check /app/tmp/pids/server.pid.",
    ),
}

NO_LOSS = ("partial", "denied")
"""Another address is left, or nobody else has the port: what may go by while a server starts."""

TAIL = 4096
"""Bytes of output that are kept: more than the longest traceback's last lines."""

_SEAM = 64
"""Bytes of the end that are looked at together with the next chunk; no needle is longer."""

# ECMA-48 5.4 (CSI), xterm's OSC with BEL or ST, and the two-character escapes. An unfinished
# sequence loses its introducer only: it must not swallow the text behind it.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*(?:[@-~]|\Z)"
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[()*+][ -~]|\x1b[\]0-Z\\^_a-~=>]?|\x08|\x00"
)
_RETURNS = re.compile(r"\r+\n?")


class BindFailure(Frozen):
    """A line of output that says so, by a wording of `PATTERNS`; escape it before printing.

    `port`: the port of ours that the line names; None if it names none.
    """

    kind: Kind
    port: int | None
    line: str


def strip_ansi(data: bytes) -> str:
    """Return `data` as text without terminal sequences; a lone carriage return ends a line."""
    return _ESCAPES.sub("", _RETURNS.sub("\n", data.decode("utf-8", "replace")))


def may_match(chunk: bytes) -> bool:
    """Say whether the text of `chunk` can match at all: six substring tests, no decoding.

    False is certain, unless a terminal sequence stands within one of the words; so ask
    `match_bind_failure` once more about the whole tail when a server ends.
    """
    for needle in NEEDLES:  # noqa: SIM110  # any() with a generator costs as much as the search
        if needle in chunk:
            return True
    return False


def bind_failures(text: str) -> list[tuple[BindFailure, ...]]:
    """Return every match in `text`, whichever port it is about, for each line that has some."""
    rows = [row for row in PATTERNS.values() if row.needle in text]
    lines = text.split("\n") if rows else []
    return [found for line in lines if (found := tuple(_in_line(line, rows)))]


def match_bind_failure(text: str, ports: Collection[int]) -> BindFailure | None:
    """Return what `text`, free of terminal sequences, says about one of `ports`.

    A line that names other ports only is about something else of this program (a reload socket,
    a metrics port). Of several lines one that says the port is lost counts before one that does
    not, then the most telling kind, then one that names the port.
    """
    ours = [found for line in bind_failures(text) for found in _ours(line, ports)]
    return min(ours, key=lambda found: (found.kind in NO_LOSS, _rank(found)), default=None)


def _rank(found: BindFailure) -> tuple[int, bool]:
    return KINDS.index(found.kind), found.port is None


def _in_line(line: str, rows: Iterable[Pattern]) -> Iterable[BindFailure]:
    for row in rows:
        for match in re.finditer(row.regex, line) if row.needle in line else ():
            port = match.groupdict().get("port")
            yield BindFailure(row.kind, int(port) if port else None, line.strip())


def _ours(found: tuple[BindFailure, ...], ports: Collection[int]) -> tuple[BindFailure, ...]:
    """Return the one that stands for a line, with the port that any wording in it names."""
    named = [failure.port for failure in found if failure.port is not None]
    mine = [port for port in named if port in ports]
    if named and not mine:
        return ()
    return (min(found, key=_rank).replace(port=mine[0] if mine else None),)


class Tail:
    """The last bytes of a stream, however it is cut into chunks."""

    def __init__(self, limit: int = TAIL) -> None:
        self.limit = limit
        self.data = b""

    def add(self, chunk: bytes) -> bool:
        """Take a chunk; say whether it, with the end of what came before, may match."""
        hit = may_match(chunk) or may_match(self.data[-_SEAM:] + chunk[:_SEAM])
        self.data = (self.data + chunk[-self.limit :])[-self.limit :]
        return hit

    @property
    def text(self) -> str:
        """What is kept, without terminal sequences."""
        return strip_ansi(self.data)
