"""Which port a program of the user's own asks for, or a server's configuration, as it shows."""

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


_CONFIGURED = re.compile(
    r"""\b(?:server|devServer)\s*:\s*\{(?:[^{}]|\{[^{}]*\})*?\bport\s*:\s*(\d{2,5})\b"""
)
_ANGULAR = re.compile(r'"serve"[\s\S]{0,600}?"port"\s*:\s*(\d{2,5})\b')


class Asked(Value):
    """A port in a program: by the variable PORT, with `port` if that is not set, or always."""

    source: Source
    port: int
    by_variable: bool


def asked_by(file: File) -> Asked | None:
    """Return the port that a JavaScript program asks for; the variable counts more."""
    return _found(file, _VARIABLE, by_variable=True) or _found(file, _LITERAL, by_variable=False)


def configured_in(file: File) -> Asked | None:
    """Return the port in a server's own configuration: `server: { port: 3000 }`."""
    pattern = _ANGULAR if file.name == "angular.json" else _CONFIGURED
    asked = _found(file, pattern, by_variable=False)
    return asked if asked and asked.port else None


def _found(file: File, pattern: re.Pattern[str], *, by_variable: bool) -> Asked | None:
    match = pattern.search(file.text)
    if not match:
        return None
    at = match.start() if match[1] is None else match.start(1)
    port = int(match[1] or 0)
    shown = file.line(file.text.count("\n", 0, at) + 1)
    return Asked(shown, port if port <= LAST_PORT else 0, by_variable)
