"""Problems of a configuration: as values, as a `DevportsError`, and their places in the text. Pure.

Texts are cut and control characters escaped here, since the carets depend on both; `ui` escapes
again whatever it prints.

TOML readers do not report where a key is, and the one library that keeps positions (tomlkit) costs
as much at import as the rest of the program. The scanner expects valid TOML
(https://toml.io/en/v1.0.0): what tomllib has accepted and `load.exceeds_limits` has let pass.
"""

from __future__ import annotations

from devports.config.keys import KEY_ALIASES
from devports.core.text import cells, quote
from devports.core.value import Frozen
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Literal, TypeAlias

    from devports.core.service import Config

    Path: TypeAlias = tuple[str | int, ...]


MOST_SHOWN = 20
"""Problems shown at once; further ones are counted."""
_BEFORE, _MARKED, _WIDTH = 40, 40, 100

_EXAMPLE = (
    "  [services.backend]",
    "  port = 8000",
    '  command = "python3 -m http.server {port} --bind {host}"',
)
_LONGEST_NAME = 64
_MOST_CHOICES = 256


class Problem(Frozen):
    """One problem.

    Attributes:
        path: keys from the top of the file (from `[tool.devports]`), list positions as numbers.
        reason: one clause, names in backticks, no period.
        at: whether the key or the value is wrong.
        wrote: the text in place of one of `choices`.
    """

    path: Path
    reason: str
    at: Literal["key", "value"] = "value"
    wrote: str = ""
    choices: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The reason with the nearest choice, computed only when shown: difflib is slow."""
        meant = nearest(self.wrote, self.choices)
        return f"{self.reason}; did you mean `{meant}`?" if meant else self.reason


def nearest(wrote: str, choices: Iterable[str]) -> str:
    """Return the choice most similar to `wrote`; empty if none is, or `wrote` is very long."""
    if not wrote or len(wrote) > _LONGEST_NAME:
        return ""
    import difflib  # only for a file with a mistake

    folded = {choice.lower(): choice for choice in tuple(choices)[:_MOST_CHOICES]}
    for key, names in KEY_ALIASES.items():
        if wrote.lower() in names and key in folded:
            return key
    close = difflib.get_close_matches(wrote.lower(), folded, 1)
    return folded[close[0]] if close else ""


def visible(text: str) -> str:
    """Return `text` on one line, control and invisible characters escaped."""
    if text.isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(char: str) -> str:
    if char == "\t":
        return "    "
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")


def short(text: str, limit: int = 60) -> str:
    """Return `text` escaped and cut to `limit` columns."""
    shown = visible(text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


def dotted(path: Path) -> str:
    """Return the path as TOML writes it, parts cut to a readable length."""
    return "".join(_part(part, first=not i) for i, part in enumerate(path))


def _part(part: str | int, *, first: bool) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    shown = short(part)
    bare = shown.replace("-", "_").replace("_", "a").isalnum() and shown.isascii()
    word = shown if bare else f'"{shown}"'
    return word if first else f".{word}"


def invalid(problems: Sequence[Problem], text: str, shown: str, prefix: Path = ()) -> DevportsError:
    """Return the error for a file whose TOML is valid and whose content is not.

    `shown`: name of the file in messages. `prefix`: path of the table in it, in pyproject.toml
    `("tool", "devports")`.
    """
    spans = scan(text)
    found: list[tuple[Place | None, str]] = []
    for problem in problems[:MOST_SHOWN]:
        where = locate(text, spans, prefix + problem.path, value=problem.at == "value")
        unplaced = problem.path and not where
        reason = f"{dotted(prefix + problem.path)}: {problem.text}" if unplaced else problem.text
        found.append((where, reason))
    found.sort(key=lambda item: (item[0].line, item[0].column) if item[0] else (0, 0))
    return DevportsError(
        "config-invalid",
        f"`{shown}` has {_counted(problems)}",
        facts=(*snippets(text, found), *_more(problems)),
        line=next((where.line for where, _ in found if where), 0),
    )


def syntax(
    shown: str, text: str, where: Place | None, reason: str, hint: str = ""
) -> DevportsError:
    return DevportsError(
        "config-syntax",
        f"`{shown}` is not valid TOML",
        facts=snippets(text, [(where, short(reason, _WIDTH))]),
        hints=(hint,) if hint else (),
        line=where.line if where else 0,
    )


def invalid_env(problems: tuple[str, ...], shown: str) -> DevportsError:
    return DevportsError(
        "env-file-invalid",
        f"`{shown}` has {_counted(problems)}",
        facts=(*problems[:MOST_SHOWN], *_more(problems)),
    )


def _counted(problems: Sequence[object]) -> str:
    return "1 error" if len(problems) == 1 else f"{len(problems)} errors"


def _more(problems: Sequence[object]) -> tuple[str, ...]:
    more = len(problems) - MOST_SHOWN
    return (f"... and {more} more",) if more > 0 else ()


def unknown_service(config: Config, name: str) -> DevportsError:
    names = tuple(service.name for service in config.services)
    listed = ", ".join(names[:MOST_SHOWN]) + (", ..." if names[MOST_SHOWN:] else "")
    meant = nearest(name, names)
    return DevportsError(
        "unknown-service",
        f"`{config.path}` has no service `{short(name)}`",
        facts=(f"services: {listed}",),
        hints=(f"did you mean `{meant}`?",) if meant else (),
    )


def no_config(cwd: str, below: Sequence[str] = (), typed: Sequence[str] = ()) -> DevportsError:
    """Return the error for a service name without a configuration.

    `below`: the files in folders of `cwd`. `typed`: the argument that names `cwd`, if one does.
    """
    from devports.core.hint import hint, own_command

    init, check = own_command("init"), own_command("check", "8000")
    facts = tuple(visible(path) for path in below) or ("for example:", *_EXAMPLE)
    hints = (
        hint("to create one, run ", init),
        hint("ports work without a file, for example ", check),
    )
    if below:
        folder = visible("/".join((*typed, below[0])).rpartition("/")[0])
        write = own_command("vscode", *typed, "--below")
        hints = (
            hint(f"to use one, change to its folder: `cd {quote(folder)}`"),
            hint("to write their VS Code tasks here, run ", write),
        )
    there = f"; there {'is' if len(below) == 1 else 'are'} {len(below)} below" if below else ""
    return DevportsError(
        "config-missing",
        f"no `devports.toml` found in {visible(cwd)} or its parent folders{there}",
        facts=facts,
        hints=hints,
    )


def snippets(text: str, found: list[tuple[Place | None, str]]) -> tuple[str, ...]:
    """Return the lines that show each place and its reason; only the reason without a place."""
    lines = text.split("\n")
    width = max((len(str(where.line)) for where, _ in found if where), default=0)
    shown: list[str] = []
    for where, reason in found:
        if where is None:
            shown.append(reason)
            continue
        source, caret = _excerpt(lines[where.line - 1].rstrip("\r"), where)
        shown += [f"{where.line:{width}} | {source}", f"{'':{width}} | {caret} {reason}"]
    return tuple(shown)


def _excerpt(line: str, where: Place) -> tuple[str, str]:
    """Return the line, cut around the place, and the carets below it."""
    end = where.column + where.length
    # Slices first: a line may have 256 KiB, and escapes make it longer.
    before = visible(line[max(0, where.column - 2 * _BEFORE) : where.column])
    marked = visible(line[where.column : end][: 2 * _MARKED])
    after = visible(line[end : end + _WIDTH])
    if len(before) > _BEFORE:
        before = "..." + before[3 - _BEFORE :]
    if len(marked) > _MARKED:
        marked = marked[: _MARKED - 3] + "..."
    room = _WIDTH - len(before) - len(marked)
    if len(after) > room:
        after = after[: room - 3] + "..."
    return before + marked + after, " " * cells(before) + "^" * max(1, cells(marked))


PIECE = (
    r'"""(?:[^"\\]+|\\[\s\S]|"(?!""))*(?:"{3,5})?'
    r"|'''(?:[^']+|'(?!''))*(?:'{3,5})?"
    r'|"(?:[^"\\\n]+|\\.)*"?'
    r"|'[^'\n]*'?"
    r"|#[^\n]*"
    r"|[^\s\"'#\[\]{},=.]+"
    r"|[\n\[\]{},=.]"
)
"""One token. One alternative always matches, so hostile text takes linear time."""


_ESCAPES = {
    '"': '"',
    "\\": "\\",
    "b": "\b",
    "t": "\t",
    "n": "\n",
    "f": "\f",
    "r": "\r",
    "e": "\x1b",
}
_HEX = "[0-9a-fA-F]"
_ESCAPE = rf"\\(x{_HEX}{{2}}|u{_HEX}{{4}}|U00(?:0{_HEX}|10){_HEX}{{4}}|.)"
"""Of TOML 1.0 and 1.1."""


class Span(Frozen):
    """A part of the text, as offsets."""

    start: int
    end: int


class Place(Frozen):
    """Where a span begins: line from 1, column from 0, length up to the end of that line."""

    line: int
    column: int
    length: int


def locate(text: str, spans: Spans, path: Path, *, value: bool) -> Place | None:
    """Return the place of a key or of its value; for a value without its own place, of the key."""
    span = spans.values.get(path) if value else None
    span = span or spans.keys.get(path)
    return place(text, span) if span else None


def place(text: str, span: Span) -> Place:
    column = span.start - (text.rfind("\n", 0, span.start) + 1)
    length = len(text[span.start : span.end].split("\n", 1)[0].rstrip())
    return Place(text.count("\n", 0, span.start) + 1, column, length)


def scan(text: str) -> Spans:
    """Return the places of all keys and values in `text`; none if it cannot be scanned."""
    spans = Spans(text)
    try:
        spans.document()
    except (LookupError, RecursionError, ValueError):
        return Spans("")
    return spans


def tokens(text: str) -> Iterator[tuple[int, int]]:
    """Return start and end of each token, line ends included, comments and blanks excluded."""
    import re  # tomllib loads it anyway, an import of this module does not

    for match in re.finditer(PIECE, text):
        if not match[0].startswith("#"):
            yield match.span()


class Spans:
    """The places of every key and value of a text. The first mention of a key counts."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.todo = list(tokens(text))[::-1]
        self.end = 0
        self.keys: dict[Path, Span] = {}
        self.values: dict[Path, Span] = {}
        self.arrays: dict[Path, int] = {}

    def next(self) -> Span:
        start, self.end = self.todo.pop()
        return Span(start, self.end)

    def at(self, *wanted: str) -> bool:
        start, end = self.todo[-1]
        return self.text[start:end] in wanted

    def document(self) -> None:
        table: Path = ()
        while self.todo:
            if self.at("\n"):
                self.next()
            elif self.at("["):
                table = self.header()
            else:
                self.pair(table)

    def header(self) -> Path:
        self.next()
        array = self.at("[")
        if array:
            self.next()
        path = self.key((), arrays=True)
        self.next()
        if array:
            self.next()
            self.arrays[path] = self.arrays.get(path, -1) + 1
        return self.inside(path)

    def inside(self, path: Path) -> Path:
        """Return the path of a table; below an array of tables it is in the last element."""
        return (*path, self.arrays[path]) if path in self.arrays else path

    def key(self, path: Path, *, arrays: bool = False) -> Path:
        """Read a dotted key; every part of it is a key of its own."""
        while True:
            part = self.next()
            path = (
                *(self.inside(path) if arrays else path),
                _word(self.text[part.start : part.end]),
            )
            self.keys.setdefault(path, part)
            if not self.at("."):
                return path
            self.next()

    def pair(self, table: Path) -> None:
        path = self.key(table)
        self.next()
        self.value(path)

    def value(self, path: Path) -> None:
        start, _ = self.todo[-1]
        if self.at("[", "{"):
            self.inner(path)
        else:
            self.next()
            while self.todo and not self.at("\n", ",", "]", "}"):
                self.next()
        self.values.setdefault(path, Span(start, self.end))

    def inner(self, path: Path) -> None:
        """Read a list or an inline table."""
        end = "]" if self.at("[") else "}"
        self.next()
        index = 0
        while not self.at(end):
            if self.at("\n", ","):
                self.next()
            elif end == "}":
                self.pair(path)
            else:
                self.value((*path, index))
                index += 1
        self.next()


def _word(token: str) -> str:
    """Return the name that a key's token stands for."""
    if token[0] == "'":
        return token[1:-1]
    if token[0] != '"':
        return token
    import re  # as above

    return re.sub(_ESCAPE, _unescaped, token[1:-1], flags=re.DOTALL)


def _unescaped(match: re.Match[str]) -> str:
    sign = match[1]
    return chr(int(sign[1:], 16)) if len(sign) > 1 else _ESCAPES[sign]
