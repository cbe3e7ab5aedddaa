"""Lines of text: numbers and lists in words, widths and line breaks, colours and links. Pure.

Links (OSC 8): support cannot be queried, neither through terminfo nor from the terminal. So a link
is written only if the environment names a terminal that has supported links since that version. The
address itself is written out wherever it fits, so without a link only the click is missing.

iTerm2, VS Code, WezTerm and VTE with the versions of supports-hyperlinks (npm); the others
according to their documentation. tmux passes links on since 3.4 and drops them before; GNU screen
is not known to do either.
"""

from __future__ import annotations

from devports.core.model import WILDCARDS, Endpoint
from devports.core.text import cells, decimal
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Literal

    Style = Literal["error", "warning", "note", "hint", "strong", "good", "faint"]


ANSI = {
    "error": "1;31",
    "warning": "1;33",
    "note": "33",
    "hint": "36",
    "strong": "1",
    "good": "32",
    "faint": "2",
}


class OutputStyle(Frozen):
    """What a stream can show. `width` in cells; None: a pipe, where no line is ever broken.

    `config`: the value of `--config`, which commands in hints name, empty for the nearest; see
    `core.hint`.
    """

    colour: bool = False
    width: int | None = None
    config: str = ""


MINUTE, HOUR, DAY = 60, 3600, 86400


def duration(seconds: float) -> str:
    """Return a duration in its largest unit: `8 s`, `4 min`, `2 h`, `3 days`."""
    if seconds < 1:
        return "less than 1 s"
    if seconds < MINUTE:
        return f"{int(seconds)} s"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min"
    if seconds < DAY:
        return f"{int(seconds // HOUR)} h"
    return plural(int(seconds // DAY), "day")


def elapsed(seconds: float) -> str:
    """Return a short duration, below 10 s in tenths."""
    return f"{max(seconds, 0.1):.1f} s" if seconds < 10 else duration(seconds)  # noqa: PLR2004


def round_up(seconds: float) -> float:
    """Return the number of full seconds to wait for `seconds`, at least one."""
    return max(1.0, -(-seconds // 1))


def plural(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def join_words(words: Sequence[str], last: str = "and") -> str:
    """Return `a`, `a and b` or `a, b and c`."""
    return f" {last} ".join(part for part in (", ".join(words[:-1]), "".join(words[-1:])) if part)


def shortened(words: Sequence[str], most: int, rest: str = "{} more") -> list[str]:
    """Return the first `most` words, and `rest` with the number of the others."""
    left = len(words) - most
    return [*words[:most], *([rest.format(left)] if left > 0 else [])]


def paint(text: str, style: Style, output: OutputStyle) -> str:
    return f"\x1b[{ANSI[style]}m{text}\x1b[0m" if output.colour and text else text


def pad(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def ending(text: str, width: int, mark: str = "…") -> str:
    """Return `text` in at most `width` cells: a longer one as its end behind `mark`."""
    if cells(text) <= width:
        return text
    start = len(text)
    while cells(mark + text[start - 1 :]) <= width:
        start -= 1
    return mark + text[start:]


def aligned(pairs: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return `key  value` lines with aligned values."""
    width = max((cells(key) for key, _ in pairs), default=0)
    return tuple(f"{pad(key, width)}  {value}".rstrip() for key, value in pairs)


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows of text as lines, each column as wide as its longest cell."""
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(map(pad, row, widths)).rstrip(" ")


def hang_of(line: str) -> int:
    """Return the column where the value of a `key  value` line begins; else its indent."""
    indent = len(line) - len(line.lstrip(" "))
    gap = line.find("  ", indent)
    return indent if gap < 0 else gap + len(line[gap:]) - len(line[gap:].lstrip(" "))


def wrap(line: str, width: int | None, hang: int | None = None) -> list[str]:
    """Break `line` at spaces, further lines indented by `hang` (default: `hang_of` the line).

    Text in backticks is a command or a name: it is never broken, whatever the width.
    """
    if width is None or cells(line) <= width:
        return [line]
    column = hang_of(line) if hang is None else hang
    indent = " " * min(column, width // 2)
    lines, current, empty = [], line[:column], True
    for piece in _pieces(line[column:]):
        longer = current + ("" if empty else " ") + piece
        if not empty and cells(longer) > width:
            lines.append(current.rstrip(" "))
            longer = indent + piece
        current, empty = longer, False
    return [*lines, current]


def _pieces(text: str) -> Iterator[str]:
    """Split at single spaces outside backticks."""
    quoting, start = False, 0
    paired = text.count("`") % 2 == 0
    for place, char in enumerate(text):
        if char == "`":
            quoting = paired and not quoting
        elif char == " " and not quoting:
            yield text[start:place]
            start = place + 1
    yield text[start:]


TERMS = ("xterm-kitty", "xterm-ghostty", "wezterm", "alacritty", "foot", "foot-extra", "contour")
"""Terminals with a terminfo name of their own: all versions with that name have links, nearly."""

LAST_VERSION = 99999999
"""WezTerm's versions are dates."""
PROGRAMS = {
    "iTerm.app": (3, 1),
    "vscode": (1, 72),
    "WezTerm": (20200620,),
    "ghostty": (1,),
    "Hyper": (3,),
}
"""TERM_PROGRAM, and the first version of TERM_PROGRAM_VERSION that has links."""

VTE_SINCE = 5001
"""VTE 0.50.1 (GNOME Terminal and its relatives), as VTE_VERSION counts; 0.50.0 crashes on links."""
KONSOLE_SINCE = 201200
"""20.12, where links are off by default; until enabled it shows the text alone."""


def has_links(env: Mapping[str, str]) -> bool:
    """Return whether the environment names a terminal that has links.

    FORCE_HYPERLINK overrides: 0 is no, any other value is yes.
    """
    if force := env.get("FORCE_HYPERLINK"):
        return force != "0"
    if env.get("TERM") == "dumb" or "STY" in env:
        return False
    return (
        "WT_SESSION" in env
        or "DOMTERM" in env
        or env.get("TERM", "") in TERMS
        or _number(env.get("VTE_VERSION", "")) >= VTE_SINCE
        or _number(env.get("KONSOLE_VERSION", "")) >= KONSOLE_SINCE
        or _is_new_enough(env.get("TERM_PROGRAM", ""), env.get("TERM_PROGRAM_VERSION", ""))
    )


def in_vscode(env: Mapping[str, str]) -> bool:
    """Return whether this is a terminal of VS Code, or of an editor made from it."""
    return env.get("TERM_PROGRAM") == "vscode"


def _is_new_enough(program: str, version: str) -> bool:
    since = PROGRAMS.get(program)
    parts = version.partition("-")[0].split(".")
    return since is not None and tuple(map(_number, parts)) >= since


def _number(digits: str) -> int:
    return decimal(digits, LAST_VERSION) or 0


def url_of(host: str, port: int, scheme: str = "http") -> str:
    """Return the URL of a server; one bound to a wildcard is reached as localhost."""
    return f"{scheme}://{Endpoint('localhost' if host in WILDCARDS else host, port)}/"
