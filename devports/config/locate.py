"""Where in a TOML text a key and its value stand: the readers of TOML do not say. Pure.

A scanner of its own, since the one library that keeps positions (tomlkit) costs as much at import
as the rest of the program. It trusts the text to be valid TOML (https://toml.io/en/v1.0.0): call
it on what tomllib has accepted and `limits` has let through.
"""

from __future__ import annotations

from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    from devports.config.problem import Path

PIECE = (
    r'"""(?:[^"\\]+|\\[\s\S]|"(?!""))*(?:"{3,5})?'
    r"|'''(?:[^']+|'(?!''))*(?:'{3,5})?"
    r'|"(?:[^"\\\n]+|\\.)*"?'
    r"|'[^'\n]*'?"
    r"|#[^\n]*"
    r"|[^\s\"'#\[\]{},=.]+"
    r"|[\n\[\]{},=.]"
)
"""One token. Every alternative matches whatever follows, so hostile text costs linear time."""

_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}


class Span(Value):
    """A piece of the text, as offsets."""

    start: int
    end: int


class Place(Value):
    """Where a piece begins: line from 1, column from 0, length up to the end of that line."""

    line: int
    column: int
    length: int


class Spans(Value):
    """Every key and every value of a text. The first mention of a key counts."""

    keys: dict[Path, Span]
    values: dict[Path, Span]


def locate(text: str, spans: Spans, path: Path, *, value: bool) -> Place | None:
    """Return the place of a key or of its value; a value without its own place: of the key."""
    span = spans.values.get(path) if value else None
    span = span or spans.keys.get(path)
    return place(text, span) if span else None


def place(text: str, span: Span) -> Place:
    """Return the place of a span."""
    column = span.start - (text.rfind("\n", 0, span.start) + 1)
    length = len(text[span.start : span.end].split("\n", 1)[0].rstrip())
    return Place(text.count("\n", 0, span.start) + 1, column, length)


def scan(text: str) -> Spans:
    """Return the places of everything in `text`; of nothing if it is not what we understand."""
    scanner = _Scanner(text)
    try:
        scanner.document()
    except (IndexError, RecursionError, ValueError, OverflowError):
        return Spans({}, {})
    return Spans(scanner.keys, scanner.values)


def tokens(text: str) -> Iterator[tuple[int, int]]:
    """Return start and end of each token, without comments and blanks, ends of line included."""
    import re  # noqa: PLC0415  # loaded by tomllib anyway, but not by who imports this

    for match in re.finditer(PIECE, text):
        if not match[0].startswith("#"):
            yield match.span()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.todo = list(tokens(text))
        self.todo.reverse()
        self.end = 0
        self.keys: dict[Path, Span] = {}
        self.values: dict[Path, Span] = {}
        self.arrays: dict[Path, int] = {}

    def peek(self) -> str:
        start, end = self.todo[-1]
        return self.text[start:end]

    def next(self) -> Span:
        start, self.end = self.todo.pop()
        return Span(start, self.end)

    def at(self, *wanted: str) -> bool:
        return self.peek() in wanted

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
        if not array:
            return self.inside(path)
        self.next()
        self.arrays[path] = self.arrays.get(path, -1) + 1
        return self.inside(path)

    def inside(self, path: Path) -> Path:
        """A table under an array of tables belongs to the array's last element."""
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
        if self.at("["):
            self.items(path)
        elif self.at("{"):
            self.members(path)
        else:
            self.next()
            while self.todo and not self.at("\n", ",", "]", "}"):
                self.next()
        self.values.setdefault(path, Span(start, self.end))

    def items(self, path: Path) -> None:
        self.next()
        index = 0
        while not self.at("]"):
            if self.at("\n", ","):
                self.next()
            else:
                self.value((*path, index))
                index += 1
        self.next()

    def members(self, path: Path) -> None:
        self.next()
        while not self.at("}"):
            if self.at("\n", ","):
                self.next()
            else:
                self.pair(path)
        self.next()


def _word(token: str) -> str:
    """Return the name that a key's token stands for."""
    if token[0] == "'":
        return token[1:-1]
    return _unescaped(token[1:-1]) if token[0] == '"' else token


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    import re  # noqa: PLC0415  # as above

    return re.sub(r"\\(x\w{2}|u\w{4}|U\w{8}|.)", _escaped, text)


def _escaped(match: re.Match[str]) -> str:
    sign = match[1]
    return chr(int(sign[1:], 16)) if len(sign) > 1 else _ESCAPES.get(sign, sign)
