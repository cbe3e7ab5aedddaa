"""JSON with comments and commas too many, as VS Code reads its files."""

from __future__ import annotations

import json
import re

_STRING = r'"(?:[^"\\\n]|\\.)*"'
_COMMENT = re.compile(rf"{_STRING}|//[^\n]*|/\*[\s\S]*?(?:\*/|\Z)")
_LAST_COMMA = re.compile(rf"{_STRING}|,(?=\s*[}}\]])")


def loads(text: str) -> object:
    """Return the value of a text.

    Raises:
        ValueError: it is not JSON, comments and last commas aside.
        RecursionError: it is too deep.
    """
    without = _COMMENT.sub(_strings_only, text.removeprefix("\ufeff"))
    return json.loads(_LAST_COMMA.sub(_strings_only, without))


def _strings_only(match: re.Match[str]) -> str:
    return match[0] if match[0].startswith('"') else " "
