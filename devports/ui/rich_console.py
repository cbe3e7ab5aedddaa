"""The one module that configures rich.

Each screen on a terminal is drawn through `rich_console`, which asks only `Console` what a stream
can show. Importing this imports rich (six bare Python starts), so it is imported only to draw, and
never to write to a pipe.

Text from outside goes through `printable` or `command_line` first, then into a `Text`: never a bare
str, never markup.
"""

from __future__ import annotations

from itertools import groupby

from rich.cells import cell_len
from rich.console import Console as RichConsole
from rich.padding import Padding
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
"""Colours by meaning; a word or a mark has the same meaning. They are those of `text.ANSI`."""
MARKS = {"error": "✗", "warning": "!", "note": "·", "good": "✓", "hint": "→"}

BLANK = "\ue000"
"""A blank where no line is broken; `printable` passes no private character."""


class _Stream:
    """The file for rich: a stream of `Console`, which never raises and knows its encoding."""

    def __init__(self, console: Console, name: Output) -> None:
        self._console, self._name = console, name
        self.encoding = getattr(console.streams[name], "encoding", None) or "utf-8"

    def write(self, text: str) -> None:
        self._console.write(self._name, text.replace(BLANK, " "))

    def flush(self) -> None:
        """Nothing is buffered."""


def rich_console(console: Console, name: Output) -> RichConsole:
    """Return a console of rich for a stream, with its current width.

    rich reads no environment: it interprets ``FORCE_COLOR=0`` as "is a terminal", and sends bold
    and dim if NO_COLOR is set.
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
        legacy_windows=False,  # else it writes past `file`
        _environ={} if can_draw else {"TERM": "dumb"},
    )


def draw(drawn: RichConsole, items: Iterable[RenderableType]) -> None:
    """Print one below the other, in one write; long lines are not broken and are copied whole."""
    with drawn:
        for item in items:
            drawn.print(item, crop=False)


def marked(text: str, style: str = "", *, typed: str = "") -> Text:
    """Return `text` with what is in backticks unbroken, and in the style `typed`.

    That is ``"hint"`` for what can be typed, and empty for a name.
    """
    parts = text.split("`")
    if len(parts) % 2 == 0:  # unpaired backtick
        return Text(text, style)
    made = Text(style=style)
    for place, part in enumerate(parts):
        if place % 2:
            made.append(f"`{part}`".replace(" ", BLANK), typed or None)  # rich 12: "" is a span too
        else:
            made.append(part)
    return made


class Hanging:
    """A label and a text behind it, whose further lines are indented below the text.

    Args:
        label: the label with the blanks behind it; as wide as its ASCII form if the stream cannot
            encode it.
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
        """Yield its lines; none is broken again, even if a word is wider than `width`."""
        label = encodable(Text(self.label, self.style), encoding)
        start = Text(" " * self.indent).append_text(label)
        hang = Text(" " * min(start.cell_len, width // 2))
        text = encodable(self.text, encoding)
        for place, line in enumerate(folded(text, width - start.cell_len)):
            whole = (hang if place else start) + line
            whole.no_wrap, whole.overflow = True, "ignore"
            yield whole


def lines_of(drawn: RichConsole, items: Iterable[Hanging]) -> list[Text]:
    """Return the lines of all of them, to be counted before they are drawn."""
    return [line for item in items for line in item.lines(drawn.width, drawn.encoding)]


def facts(pairs: Iterable[tuple[str, Text | str]], *, indent: int = 2) -> list[Hanging]:
    """Return aligned `key  value` lines; none without a value."""
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


GAP = 2
"""Cells between two columns of a table."""


def spaced(cells: Sequence[Text]) -> list[Text | Padding]:
    """Return the cells of a row with the gap behind all but the last.

    Not by the padding of a `Table`: before 14.3 rich counts it behind the last column too.
    """
    *before, last = cells
    return [*(Padding(cell, (0, GAP, 0, 0)) for cell in before), last]


def encodable(text: Text, encoding: str) -> Text:
    """Return `text` as the stream will encode it, so that it is measured as it is shown."""
    for char in set(text.plain) - {BLANK}:
        said = fitted(char, encoding).decode(encoding)
        if said != char:
            text = Text(said, text.style).join(text.split(char, allow_blank=True))
    return text


INDENTS = {"fact": 4, "more": 2, "hint": 2}
"""Blanks before a line of a report, by its role."""
FOLDED, MIN_WIDTH = 2, 12
"""The column of a table that is folded, else the last one, and its minimum width."""


def draw_report(console: Console, name: Output, lines: Iterable[Line]) -> None:
    draw(rich_console(console, name), _drawn(lines))


def _drawn(lines: Iterable[Line]) -> Iterator[RenderableType]:
    """Yield renderables for the lines of a report; consecutive rows are one table."""
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
    """Rows of a report as a table, or if that does not fit, each on lines of its own.

    The last column is omitted first, if there are more than three.
    """

    def __init__(self, rows: Sequence[Line]) -> None:
        self.rows, self.indent = rows, INDENTS[rows[0].role]

    def __rich_console__(self, drawn: RichConsole, options: ConsoleOptions) -> RenderResult:
        rows = [
            [encodable(_assembled(cell), drawn.encoding) for cell in row.cells] for row in self.rows
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
        """Return whether the folded column has its minimum width."""
        widths = [max(cell.cell_len for cell in column) for column in columns]
        folded = widths.pop(min(FOLDED, len(widths) - 1))
        return room - self.indent - sum(width + GAP for width in widths) >= min(folded, MIN_WIDTH)

    def _table(self, columns: Sequence[Sequence[Text]]) -> Table:
        from rich.table import Table  # a card has none

        table = Table(box=None, padding=0, show_header=False)
        for number, column in enumerate(columns):
            table.add_column(
                justify="right" if any(cell.plain.isdecimal() for cell in column) else "left",
                no_wrap=number != min(FOLDED, len(columns) - 1),
                overflow="fold",
            )
        for first, *row in zip(*columns, strict=True):
            table.add_row(*spaced([Text(" " * self.indent) + first, *row]))
        return table


def _assembled(spans: Spans) -> Text:
    made = Text()
    for text, style in spans:
        typed = style == "typed"
        made.append_text(marked(text, "" if typed else style, typed="hint" if typed else ""))
    return made
