"""Tables that `netsh int ipv4 show ...` prints on Windows, parsed. Opens nothing.

Headings are translated and in the console's code page, so only numbers and where they stand count.
"""

from __future__ import annotations

from devports.core.number import LAST_PORT, decimal
from devports.core.value import Value


class Excluded(Value):
    """Ports that nobody may bind: reserved by name (``*``), or taken by Windows at every boot."""

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
