"""Which port a program of the user's own asks for, as far as its text shows."""

from __future__ import annotations

import re

from devports.core.value import Value
from devports.detect.words import LAST_PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.detect.found import File, Source

_VARIABLE = re.compile(
    r"""(?:process\.env|Bun\.env|import\.meta\.env|env)(?:\.PORT\b|\[['"]PORT['"]\])"""
    r"""(?:\s*\)?\s*(?:\|\||\?\?)\s*['"]?(\d{2,5}))?"""
)
_LITERAL = re.compile(
    r"""(?:\.listen\(\s*(?:\{\s*port\s*:\s*)?|\b(?:port|PORT)\s*[:=]\s*)['"]?(\d{2,5})\b"""
)


class Asked(Value):
    """A port in a program: by the variable PORT, with `port` if that is not set, or always."""

    source: Source
    port: int
    by_variable: bool


def asked_by(file: File) -> Asked | None:
    """Return the port that a JavaScript program asks for; the variable counts more."""
    for pattern, by_variable in ((_VARIABLE, True), (_LITERAL, False)):
        match = pattern.search(file.text)
        if match:
            line = file.text.count("\n", 0, match.start()) + 1
            port = int(match[1] or 0)
            return Asked(file.line(line), port if port <= LAST_PORT else 0, by_variable)
    return None
