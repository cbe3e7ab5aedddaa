"""The text of an `env_file`: `NAME=value` lines, nothing is expanded and nothing is run. Pure."""

from __future__ import annotations

from devports.config.spec import VARIABLE
from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

_ASSIGNMENT = (
    rf"[ \t]*(?:export[ \t]+)?(?P<name>{VARIABLE})[ \t]*="
    r"(?:[ \t]*(?:'(?P<single>[^']*)'|\"(?P<double>(?:[^\"\\]|\\[\s\S])*)\")[ \t]*(?:#[^\n]*)?"
    r"|(?P<bare>(?![ \t]*['\"])[^\n]*))(?:\n|\Z)"
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


class EnvProblem(Value):
    """A line, from 1, that is no assignment. Its text is not repeated: it may be a secret."""

    line: int
    reason: str


class Env(Value):
    """The variables in order, and what was wrong. A name that comes twice has its last value."""

    pairs: tuple[tuple[str, str], ...] = ()
    problems: tuple[EnvProblem, ...] = ()


def parse_env(text: str) -> Env:
    r"""Read the text of an env file; never raises.

    Blank lines, comments and a leading `export` are fine. A value in single quotes is literal, in
    double quotes it knows \n, \r, \t, \", \\ and \$; both may span lines. A value without quotes
    ends at a blank with `#` after it.
    """
    import re  # noqa: PLC0415  # only `run` gets here

    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    assignment = re.compile(_ASSIGNMENT)
    pairs: dict[str, str] = {}
    problems: list[EnvProblem] = []
    position = number = 0
    while position < len(text):
        end = text.find("\n", position) + 1 or len(text)
        number += 1
        line = text[position:end].strip()
        match = assignment.match(text, position)
        wrong = _wrong(match, line)
        if wrong:
            problems.append(EnvProblem(number, wrong))
        elif match:
            pairs[match["name"]] = _value(match)
            number += text.count("\n", end, match.end())
            end = match.end()
        position = end
    return Env(tuple(pairs.items()), tuple(problems))


def _wrong(match: re.Match[str] | None, line: str) -> str:
    if match:
        return "a NUL character" if "\0" in match[0] else ""
    if not line or line.startswith("#"):
        return ""
    name, equals, value = line.partition("=")
    if not equals:
        return "no `=`: each line is NAME=value"
    if value.strip()[:1] in ("'", '"'):
        return "a quote that is not closed, or text after the closing one"
    return "no name of a variable before `=`: letters, digits, `_.-`" if name else "no name"


def _value(match: re.Match[str]) -> str:
    if match["bare"] is not None:
        return _uncommented(match["bare"]).strip()
    if match["single"] is not None:
        return match["single"]
    import re  # noqa: PLC0415  # as above

    return re.sub(r"\\([nrt\"\\$])", lambda sign: _ESCAPES[sign[1]], match["double"])


def _uncommented(value: str) -> str:
    ends = [value.find(mark) for mark in (" #", "\t#") if mark in value]
    return value[: min(ends)] if ends else value
