"""Read from a server's output that it did not get its port.

A text is a hint: beside a server that lives it releases our reservation, and no more. Of one that
has ended it may be the reason, for our port, or together with a failing bind of our own where it
names none. The truth comes from sockets. Only `run` imports this module (it needs ``re``).
"""

from __future__ import annotations

import re

from devports.core.bindpatterns import NEEDLES, PATTERNS
from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from devports.core.bindpatterns import Kind, Pattern

KINDS = ("moved", "partial", "denied", "foreign", "fatal")
"""Of one line, most telling first: who moved also prints that the first port is in use."""

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


class BindFailure(Value):
    """A line of output that says so.

    Attributes:
        name: of the wording, see `bindpatterns`.
        kind: moved | partial | denied | foreign | fatal.
        port: the port of ours that the line names; None if it names none.
        new_port: where it moved to, if it says so.
        line: the line, to be shown (escape before printing).
    """

    name: str
    kind: Kind
    port: int | None
    new_port: int | None
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


def bind_failures(text: str) -> tuple[BindFailure, ...]:
    """Return every match in `text`, whichever port it is about, line by line."""
    rows = [row for row in PATTERNS if row.needle in text]
    lines = text.split("\n") if rows else []
    return tuple(found for line in lines for found in _in_line(line, rows))


def match_bind_failure(text: str, ports: Collection[int]) -> BindFailure | None:
    """Return what `text`, free of terminal sequences, says about one of `ports`.

    A line that names other ports only is about something else of this program (a reload socket,
    a metrics port). Of several lines one that says the port is lost counts before one that does
    not, then the most telling kind, then one that names the port.
    """
    rows = [row for row in PATTERNS if row.needle in text]
    lines = text.split("\n") if rows else []
    ours = [found for line in lines for found in _ours(tuple(_in_line(line, rows)), ports)]
    return min(ours, key=lambda found: (found.kind in NO_LOSS, _rank(found)), default=None)


def _rank(found: BindFailure) -> tuple[int, bool]:
    return KINDS.index(found.kind), found.port is None


def _in_line(line: str, rows: Iterable[Pattern]) -> Iterable[BindFailure]:
    for row in rows:
        if row.needle in line:
            for match in re.finditer(row.regex, line):
                named = match.groupdict()
                port, new = named.get("port"), named.get("new")
                yield BindFailure(
                    row.name,
                    row.kind,
                    int(port) if port else None,
                    int(new) if new else None,
                    line.strip(),
                )


def _ours(found: tuple[BindFailure, ...], ports: Collection[int]) -> tuple[BindFailure, ...]:
    """Return the one that stands for a line, with the port that any wording in it names."""
    named = [failure.port for failure in found if failure.port is not None]
    mine = [port for port in named if port in ports]
    if not found or (named and not mine):
        return ()
    best = min(found, key=_rank)
    new = next((failure.new_port for failure in found if failure.new_port), None)
    return (best.but(port=mine[0] if mine else None, new_port=new),)


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
