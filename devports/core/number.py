"""Numbers in text from outside: Python would read digits of every script, and any length. Pure."""

from __future__ import annotations

LAST_PORT = 65535


def decimal(text: str | bytes, highest: int) -> int | None:
    """Return a decimal number from 0 to `highest`, None for anything else.

    What has more digits than `highest`, be it for zeros in front, is none either.
    """
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(highest))
    return int(text) if digits and int(text) <= highest else None
