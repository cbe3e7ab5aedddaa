"""The table of `devports status` on a terminal, drawn by rich; `LiveTable` keeps it up to date.

Service, endpoint, state and holder are always shown: the last two fold at blanks, and if even that
is too wide, each row is stacked lines. Further columns follow as far as they fit.

rich has no priorities of columns, and cannot be asked what would fit. So the widths are computed
here; with fixed widths, the columns of all groups are aligned.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import groupby

from rich.cells import cell_len
from rich.console import Group
from rich.live import Live
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from devports.ui.processes import gap_text
from devports.ui.rich_console import BLANK, GAP, Hanging, draw, encodable, rich_console, spaced
from devports.ui.status_rows import VERDICT, StatusRow
from devports.ui.text import ending, has_links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TypeAlias

    from rich.console import Console as RichConsole
    from rich.console import ConsoleOptions, RenderableType, RenderResult

    from devports.core.model import VisibilityGap
    from devports.ui.console import Console

    Cells: TypeAlias = Mapping[str, Text]

ESSENTIAL = ("service", "endpoint", "state", "holder")
OPTIONAL = ("base", "user", "url", "up", "folder")
"""Columns that are shown if they fit, the most useful first."""
ORDER = ("service", "endpoint", "base", "state", "holder", "up", "user", "folder", "url")
HEAD = {column: Text(column) for column in ORDER}
MIN_WIDTHS = {"state": 10, "holder": 14, "folder": 14}
"""Columns that may be narrower than their longest cell, and their minimum width."""
COUNT_FROM = 5
"""Number of rows from which on a last line counts them."""
TIME_LEFT = re.compile(r",? (less than )?\d+ \w+( ago)?$")
"""The end of a state that lasts for a while, or since a time: `free, lingering 43 s`."""
SEVERITY = ("error", "note", "good", None)
"""The order in which they are counted."""


def print_table(rows: Sequence[StatusRow], screen: Console) -> None:
    drawn = rich_console(screen, "stdout")
    draw(drawn, table(rows, drawn, links=has_links(screen.env)))


def table(
    rows: Sequence[StatusRow], drawn: RichConsole, *, links: bool = False
) -> list[RenderableType]:
    """Return the renderables, top to bottom.

    `links`: whether addresses are clickable.
    """
    told = [(row, cells_of(row, drawn.encoding, links=links)) for row in rows]
    widths = fitted_columns([cells for _, cells in told], drawn.width)
    items: list[RenderableType] = [_grid([], widths, drawn)] if widths else []
    for title, group in groupby(told, key=lambda each: each[0].title):
        if title:
            head = encodable(Text(title, "strong", overflow="fold"), drawn.encoding)
            items += [*([Text()] if items else []), head]
        some = list(group)
        items += [_grid(some, widths, drawn)] if widths else _stacked(some, drawn.width)
    return [*items, Text(), total(rows)] if len(rows) >= COUNT_FROM else items


def cells_of(row: StatusRow, encoding: str, *, links: bool) -> Cells:
    """Return the cells of a row by column. The current user is not named."""
    name, endpoint, state, holder, pid, user, uptime, folder, url = row.cells
    host, colon, port = endpoint.rpartition(":")
    cells = {
        "service": Text(name),
        "endpoint": Text.assemble((host + colon, "faint"), port),
        "base": Text(row.base, "faint"),
        "state": Text(state, row.style or ""),
        "holder": Text.assemble((holder, "strong"), " " * bool(pid), pid),
        "up": Text(uptime, "faint"),
        "user": Text("" if user == "you" else user, "warning"),
        "folder": Text(_relative(row.root, folder), "faint"),
        "url": Text(url, "hint"),
    }
    if links and url:
        for column in ("endpoint", "url"):
            cells[column].stylize(Style(link=url))
    return {column: encodable(cell, encoding) for column, cell in cells.items()}


def _relative(root: str, folder: str) -> str:
    """Return `folder` relative to `root`; another folder in full."""
    inside = root and (folder == root or folder.startswith(f"{root}/"))
    return folder[len(root) + 1 :] if inside else folder


def fitted_columns(rows: Sequence[Cells], width: int) -> dict[str, int]:
    """Return the columns to show and their widths; none if the essential ones do not fit.

    A column without content is omitted. An essential one folds only if they do not all fit
    unfolded; remaining room goes to those that would fold or be cut.
    """
    full = _full_widths(rows)
    least = {column: _min_width(column, rows, most) for column, most in full.items()}
    taken = [column for column in ESSENTIAL if column in full]
    if _sum(least, taken) > width:
        return {}
    if _sum(full, taken) <= width:
        least |= {column: full[column] for column in taken}
    for column in OPTIONAL:
        if column in full and _sum(least, [*taken, column]) <= width:
            taken.append(column)
    left = width - _sum(least, taken)
    for column in filter(taken.__contains__, MIN_WIDTHS):
        more = min(left, full[column] - least[column])
        least[column] += more
        left -= more
    return {column: least[column] for column in ORDER if column in taken}


def _full_widths(rows: Sequence[Cells]) -> dict[str, int]:
    """Return the columns with content, and the essential ones, with their full width."""
    wide = {column: max((row[column].cell_len for row in rows), default=0) for column in ORDER}
    always = ("endpoint", "state")
    return {c: max(most, len(c)) for c, most in wide.items() if most or c in always}


def _min_width(column: str, rows: Sequence[Cells], most: int) -> int:
    """Return the minimum width of a column: a path is cut, other words are not."""
    if column not in MIN_WIDTHS:
        return most
    words = [word for row in rows for word in row[column].plain.split() if column != "folder"]
    return min(most, max(MIN_WIDTHS[column], *map(cell_len, words), 0))


def _sum(widths: Mapping[str, int], columns: Sequence[str]) -> int:
    return sum(widths[column] for column in columns) + GAP * (len(columns) - 1)


def _grid(
    rows: Sequence[tuple[StatusRow, Cells]], widths: Mapping[str, int], drawn: RichConsole
) -> Table:
    """Return rows in columns; without any, the head of the table.

    Of a long folder the end is shown: folded it would fill the screen.
    """
    made = Table(box=None, padding=0, show_header=not rows, header_style="faint")
    *_, last = widths
    for column, head in zip(widths, spaced([HEAD[c] for c in widths]), strict=True):
        made.add_column(head, width=widths[column] + GAP * (column != last), overflow="fold")
    mark = encodable(Text("…"), drawn.encoding).plain
    for row, cells in rows:
        folder = ending(cells["folder"].plain, widths.get("folder", 0), mark)
        shown = {**cells, "folder": Text(folder, "faint")}
        if not row.first:
            shown["service"] = Text()
        made.add_row(*spaced([shown[column] for column in widths]))
    return made


def _stacked(rows: Sequence[tuple[StatusRow, Cells]], width: int) -> Iterator[Hanging]:
    """Yield for each row a line about the endpoint, and one about its holder."""
    for _, cells in rows:
        state = cells["state"] if cells["state"].cell_len > width else unbroken(cells["state"])
        named = [cell for cell in (cells["service"], cells["endpoint"], state) if cell]
        yield Hanging("", Text(f"{BLANK} ").join(named))
        if more := [cells[column] for column in ORDER[4:] if cells[column]]:
            yield Hanging("", Text.assemble((", ", "faint")).join(more), indent=GAP)


def unbroken(text: Text) -> Text:
    """Return `text` without break opportunities."""
    made = text.copy()
    made.plain = text.plain.replace(" ", BLANK)
    return made


def total(rows: Sequence[StatusRow]) -> Hanging:
    """Return how many rows have which state: the worst first, free last.

    Lingering is one state, for any number of seconds.
    """
    states = Counter((row.style, TIME_LEFT.sub("", row.cells[VERDICT])) for row in rows)
    order = sorted(states, key=lambda at: (at[1] == "free", SEVERITY.index(at[0]), -states[at]))
    counted = [
        unbroken(Text(f"{states[style, state]} {state}", style or "")) for style, state in order
    ]
    return Hanging("", Text.assemble((f"{BLANK}· ", "faint")).join(counted))


NO_WRAP, WRAP = "\x1b[?7l", "\x1b[?7h"
"""DECAWM: a name wider on the terminal than rich computes must not shift the other lines."""


class LiveTable:
    """The table on the alternate screen, redrawn as a whole in place when there is a change.

    The previous content of the terminal is restored. All frames share one console of rich: a `Live`
    cannot exchange it.
    """

    def __init__(self, screen: Console, interval: float) -> None:
        self._screen, self._drawn = screen, rich_console(screen, "stdout")
        self._head = Text(f"devports status, every {interval:g} s; press q to quit", "faint")
        self._live: Live | None = None
        self._shown: tuple[object, Sequence[StatusRow], Sequence[VisibilityGap]] = ((), (), ())

    def show(self, rows: Sequence[StatusRow], gaps: Sequence[VisibilityGap]) -> None:
        """Draw, if rows, gaps or the size of the terminal have changed."""
        size = (self._screen.width("stdout") or self._drawn.width, self._screen.height("stdout"))
        if self._shown == (size, rows, gaps):
            return
        self._shown, self._drawn.size = (size, rows, gaps), size
        items = [self._head, Text(), *table(rows, self._drawn, links=has_links(self._screen.env))]
        notes = [Text(), *(Hanging("note: ", gap_text(gap), "note") for gap in gaps)]
        self._enter().update(_Cut([*items, *(notes if gaps else ())]), refresh=True)

    def _enter(self) -> Live:
        if self._live is None:
            self._live = Live(
                console=self._drawn,
                screen=True,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
            self._screen.write("stdout", NO_WRAP)
        return self._live

    def redraw(self) -> None:
        """Redraw everything: a resize may have moved it."""
        _, rows, gaps = self._shown
        self._shown = ((), (), ())
        self.show(rows, gaps)

    def leave(self) -> None:
        """Restore the terminal: its screen, cursor and wrapping. May be repeated."""
        if self._live is not None:
            self._live.stop()
            self._screen.write("stdout", WRAP)
            self._live = None

    def print_last(self) -> None:
        """Print the last table on the normal screen."""
        print_table(self._shown[1], self._screen)


class _Cut:
    """Renderables one below the other, as far as they fit the height of the terminal."""

    def __init__(self, items: Sequence[RenderableType]) -> None:
        self._whole = Group(*items)

    def __rich_console__(self, drawn: RichConsole, options: ConsoleOptions) -> RenderResult:
        lines = drawn.render_lines(self._whole, options.update(height=None), pad=False)
        if (left := len(lines) - options.size.height) > 0:
            lines[options.size.height - 1 :] = [[Segment(f"... {left + 1} more lines")]]
        for line in lines:
            yield from line
            yield Segment.line()
