"""What is refused before the TOML reader sees it. Pure.

tomllib of Python 3.11.7 takes 28 s and 3.3 GB for one dotted key of 60 KB, and raises
RecursionError for deep lists (https://github.com/python/cpython/issues/149231).
"""

from __future__ import annotations

from devports.config.locate import Span, place, tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.config.locate import Place

MAX_BYTES = 256 * 1024
MAX_PARTS = 32
"""Of a dotted key."""
MAX_NESTING = 32
"""Lists and inline tables inside each other."""
MAX_WORD = 1024
"""Characters of a number or an unquoted key; int() refuses 4300 digits in words of its own."""


def beyond(text: str) -> tuple[Place, str] | None:
    """Return the first place in `text` that exceeds a limit, and which; None if all is well."""
    parts = depth = 0
    for start, end in tokens(text):
        first = text[start]
        depth += (first in "[{") - (first in "]}")
        if first in ",=\n[]{}":
            parts = 0
        elif first == ".":
            parts += 1
        reason = _reason(depth, parts, 0 if first in "\"'" else end - start)
        if reason:
            return place(text, Span(start, end)), reason
    return None


def _reason(depth: int, parts: int, length: int) -> str:
    if length > MAX_WORD:
        return f"more than {MAX_WORD} characters without a break"
    if depth > MAX_NESTING:
        return f"more than {MAX_NESTING} brackets inside each other"
    return f"a dotted key of more than {MAX_PARTS} parts" if parts >= MAX_PARTS else ""
