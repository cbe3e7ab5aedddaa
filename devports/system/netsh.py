"""Tables that `netsh int ipv4 show ...` prints on Windows, parsed. Opens nothing.

Headings are translated and in the console's code page, so only numbers and where they stand count.
"""

from __future__ import annotations

from devports.core.value import Value

LAST_PORT = 65535


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
        numbers = [_port(word) for word in words[:2]]
        first, last = numbers if len(numbers) == 2 else (-1, -1)  # noqa: PLR2004  # two columns
        if 0 <= first <= last and words[2:] in ([], [b"*"]):
            found.append(Excluded(first, last))
    return tuple(found)


def dynamic_range(raw: bytes) -> tuple[int, int] | None:
    """Parse ``show dynamicport tcp``: first and last port of outgoing connections.

    Two lines are a label and a number: the first port, and how many there are. Else None.
    """
    lines = [words for line in raw.split(b"\n") if (words := line.split())]
    labelled = (words[-1] for words in lines if _port(words[0]) < 0)
    numbers = [number for word in labelled if (number := _port(word)) >= 0]
    if len(numbers) != 2:  # noqa: PLR2004  # as said above
        return None
    first, last = numbers[0], sum(numbers) - 1
    return (first, last) if 0 < first <= last <= LAST_PORT else None


def _port(word: bytes) -> int:
    """Return a port, -1 where the word is none. `bytes.isdigit` knows ASCII only."""
    number = int(word) if word.isdigit() and len(word) <= 5 else -1  # noqa: PLR2004  # 65535
    return number if number <= LAST_PORT else -1
