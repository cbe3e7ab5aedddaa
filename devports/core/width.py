"""How wide a text is on a terminal."""

from __future__ import annotations


def cells(text: str) -> int:
    """Return how many terminal cells `text` takes: ideographs two, combining marks none."""
    if text.isascii():
        return len(text)
    import unicodedata  # noqa: PLC0415  # a megabyte of tables, for foreign names only

    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )
