"""What rich may do here: the one module that configures it.

Each screen on a terminal is drawn through `rich_console`, which asks nobody but our `Console` what
a stream can show. Importing this imports rich (six bare Python starts), so nothing does before
something is drawn, and nothing that writes to a pipe.

Text from outside goes through `printable` or `command_line` first, then into a `Text`: never a bare
str, never markup.
"""

from __future__ import annotations

from itertools import groupby

from rich.cells import cell_len
from rich.console import Console as RichConsole
from rich.text import Text
from rich.theme import Theme

from devports.ui.console import DEFAULT_WIDTH, fitted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import IO

    from rich.console import ConsoleOptions, RenderableType, RenderResult
    from rich.table import Table

    from devports.ui.console import Console, Output
    from devports.ui.reports import Line, Spans

ROLES = {
    "error": "bold red",
    "warning": "bold yellow",
    "note": "yellow",
    "good": "green",
    "hint": "cyan",
    "strong": "bold",
    "faint": "dim",
}
"""Colours by what they mean; a word or a mark says it too. They are those of `text.ANSI`."""
MARKS = {"error": "✗", "warning": "!", "note": "·", "good": "✓", "hint": "→"}

BLANK = "\ue000"
"""A blank where no line is broken; `printable` lets no private character by."""


class _Stream:
    """What rich writes to: a stream of our console, which never raises and knows its encoding."""

    def __init__(self, console: Console, name: Output) -> None:
        self._console, self._name = console, name
        self.encoding = getattr(console.streams[name], "encoding", None) or "utf-8"

    def write(self, text: str) -> None:
        self._console.write(self._name, text.replace(BLANK, " "))

    def flush(self) -> None:
        """Nothing is kept back."""


def rich_console(console: Console, name: Output) -> RichConsole:
    """Return how rich draws on a stream of ours, as wide as it is now.

    rich reads no environment: it takes ``FORCE_COLOR=0`` for "is a terminal", and sends bold and
    dim where NO_COLOR is set.
    """
    file: IO[str] = _Stream(console, name)  # type: ignore[assignment]  # it only writes and flushes
    can_draw = console.can_draw(name)
    return RichConsole(
        file=file,
        width=console.width(name) or DEFAULT_WIDTH,
        height=console.height(name),
        force_terminal=console.is_terminal(name),
        force_interactive=can_draw,
        force_jupyter=False,
        color_system="standard" if console.has_colour(name) else None,  # None: not one escape
        theme=Theme(ROLES, inherit=False),
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,  # else it writes past our stream
        _environ={} if can_draw else {"TERM": "dumb"},
    )


def draw(drawn: RichConsole, items: Iterable[RenderableType]) -> None:
    """Print one below the other, in one write; what is too long runs on and is copied whole."""
    with drawn:
        for item in items:
            drawn.print(item, crop=False)


def marked(text: str, style: str = "", *, typed: str = "") -> Text:
    """Return `text` with what stands in backticks unbroken, and in the style `typed`.

    That is ``"hint"`` where it can be typed, and nothing for a name.
    """
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one of them has no twin
        return Text(text, style)
    made = Text(style=style)
    for place, part in enumerate(parts):
        if place % 2:
            made.append(f"`{part}`".replace(" ", BLANK), typed)
        else:
            made.append(part)
    return made


class Hanging:
    """A label and a text behind it, whose further lines stand below the text.

    Args:
        label: what the lines hang on, blanks behind it included; as wide as it is in ASCII where
            the stream cannot say its characters.
        text: `marked` if it is a str.
        style: of the label.
        indent: blanks before it.
    """

    def __init__(self, label: str, text: Text | str, style: str = "", *, indent: int = 0) -> None:
        self.label, self.style, self.indent = label, style, indent
        self.text = marked(text) if isinstance(text, str) else text

    def __rich_console__(self, drawn: RichConsole, options: ConsoleOptions) -> RenderResult:
        return self.lines(options.max_width, drawn.encoding)

    def lines(self, width: int, encoding: str) -> Iterator[Text]:
        """Yield it line by line; none is broken again, even if a word is wider than `width`."""
        label = spelled(Text(self.label, self.style), encoding)
        start = Text(" " * self.indent).append_text(label)
        hang = Text(" " * min(start.cell_len, width // 2))
        text = spelled(self.text, encoding)
        for place, line in enumerate(folded(text, width - start.cell_len)):
            whole = (hang if place else start) + line
            whole.no_wrap, whole.overflow = True, "ignore"
            yield whole


def lines_of(drawn: RichConsole, items: Iterable[Hanging]) -> list[Text]:
    """Return the lines of all of them, to be counted before they are drawn."""
    return [line for item in items for line in item.lines(drawn.width, drawn.encoding)]


def facts(pairs: Iterable[tuple[str, Text | str]], *, indent: int = 2) -> list[Hanging]:
    """Return `key  value` lines with the values below each other; none without a value."""
    told = [(key, value) for key, value in pairs if value]
    width = max((len(key) for key, _ in told), default=0) + 2
    return [Hanging(key.ljust(width), value, "faint", indent=indent) for key, value in told]


def folded(text: Text, width: int) -> list[Text]:
    """Break `text` at blanks only: rich's own wrap cuts a long word, or breaks nothing."""
    lines: list[Text] = []
    start = at = 0
    for word in text.plain.split(" "):
        end = at + len(word)
        if at > start and cell_len(text.plain[start:end]) > width:
            lines.append(text[start : at - 1])
            start = at
        at = end + 1
    return [*lines, text[start:]]


def spelled(text: Text, encoding: str) -> Text:
    """Return `text` as the stream will say it, so that it is measured as it is shown."""
    for char in set(text.plain) - {BLANK}:
        said = fitted(char, encoding).decode(encoding)
        if said != char:
            text = Text(said, text.style).join(text.split(char, allow_blank=True))
    return text


INDENTS = {"fact": 4, "more": 2, "hint": 2}
"""Blanks before a line of a report, by its role."""
FOLDED, LEAST = 2, 12
"""The one column of a table that is folded, or else the last, and its cells at least."""


def draw_report(console: Console, name: Output, lines: Iterable[Line]) -> None:
    draw(rich_console(console, name), _drawn(lines))


def _drawn(lines: Iterable[Line]) -> Iterator[RenderableType]:
    """Yield what draws the lines of a report; rows below each other are one table."""
    for is_table, some in groupby(lines, lambda line: bool(line.cells)):
        if is_table:
            yield Rows(list(some))
            continue
        for line in some:
            style = line.role if line.role in ROLES else "faint"
            mark = f"{MARKS[line.role]} " if line.role in MARKS else ""
            indent = INDENTS.get(line.role, 0)
            yield Hanging(line.label or mark, _assembled(line.spans), style, indent=indent)


class Rows:
    """Rows of a report as a table, or where that has no room, each on lines of its own.

    The last column is left out first, if there are more than three.
    """

    def __init__(self, rows: Sequence[Line]) -> None:
        self.rows, self.indent = rows, INDENTS[rows[0].role]

    def __rich_console__(self, drawn: RichConsole, options: ConsoleOptions) -> RenderResult:
        rows = [
            [spelled(_assembled(cell), drawn.encoding) for cell in row.cells] for row in self.rows
        ]
        columns = list(zip(*rows, strict=True))
        while len(columns) > FOLDED + 1 and not self._fits(columns, options.max_width):
            columns.pop()
        if self._fits(columns, options.max_width):
            yield self._table(columns)
            return
        for first, *more in rows:
            if first:
                yield Hanging("", first, indent=self.indent)
            yield Hanging("", Text("  ").join(filter(None, more)), indent=self.indent + 2)

    def _fits(self, columns: Sequence[Sequence[Text]], room: int) -> bool:
        """Say whether the column that is folded gets as much as it needs for that."""
        widths = [max(cell.cell_len for cell in column) for column in columns]
        folded = widths.pop(min(FOLDED, len(widths) - 1))
        return room - self.indent - sum(width + 2 for width in widths) >= min(folded, LEAST)

    def _table(self, columns: Sequence[Sequence[Text]]) -> Table:
        from rich.table import Table  # a card has none

        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
        for number, column in enumerate(columns):
            table.add_column(
                justify="right" if any(cell.plain.isdecimal() for cell in column) else "left",
                no_wrap=number != min(FOLDED, len(columns) - 1),
                overflow="fold",
            )
        for first, *row in zip(*columns, strict=True):
            table.add_row(Text(" " * self.indent) + first, *row)
        return table


def _assembled(spans: Spans) -> Text:
    made = Text()
    for text, style in spans:
        typed = style == "typed"
        made.append_text(marked(text, "" if typed else style, typed="hint" if typed else ""))
    return made
