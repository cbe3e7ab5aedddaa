"""Which port a program of the user's own asks for, or a server's configuration, as it shows."""

from __future__ import annotations

import re

from devports.core.number import LAST_PORT, decimal
from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.detect.found import File, Source

_VARIABLE = re.compile(
    r"""(?:process\.env|Bun\.env|import\.meta\.env|env)(?:\.PORT\b|\[['"]PORT['"]\])"""
    r"""(?:\s*\)?\s*(?:\|\||\?\?)\s*['"]?(\d{2,5}))?"""
)
_LISTENED = re.compile(r"""\.listen\(\s*(?:\{\s*port\s*:\s*)?['"]?(\d{2,5})\b""")
_CONSTANT = re.compile(r"""\b(?:port|PORT)\s*[:=]\s*['"]?(\d{2,5})\b""")
_LISTENS = re.compile(r"^(?![ \t]*(?://|\*)).*?\.listen\(", re.MULTILINE)

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
    """Return the port that a JavaScript program asks for; the variable counts most.

    A constant may be the port of something else, a database for one: it counts least.
    """
    literals = (_found(file, pattern, by_variable=False) for pattern in (_LISTENED, _CONSTANT))
    return _found(file, _VARIABLE, by_variable=True) or next(filter(None, literals), None)


def listens_in(file: File) -> Source | None:
    """Return the line on which a JavaScript program listens; one in a comment does not count."""
    match = _LISTENS.search(file.text)
    return file.line(file.text.count("\n", 0, match.end()) + 1) if match else None


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
    shown = file.line(file.text.count("\n", 0, at) + 1)
    return Asked(shown, decimal(match[1] or "", LAST_PORT) or 0, by_variable)
