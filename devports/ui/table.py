"""The table of `devports status`: columns for a pipe, a grid or stacked lines for a terminal. Pure.

A person gets what fits the terminal; a pipe gets every column, whole, with everything that names a
line in the line itself, so that grep finds whole facts. Made by hand: rich would cost more than
all the rest of the command.

`Live` keeps it up to date on the alternate screen (xterm's private mode 1049), so that what was on
the terminal before comes back as it was. Only the lines that have changed are written, all at
once, and the terminal wraps none (DECAWM off): one that is too long is cut at the edge and cannot
push the others down. Sequences: ECMA-48 and xterm's ctlseqs; unknown ones are ignored.
"""

from __future__ import annotations

from devports.core.text import cells
from devports.ui.status_rows import (
    COLUMNS,
    ENDPOINT,
    FOLDER,
    HOLDER,
    PID,
    SERVICE,
    UPTIME,
    URL,
    USER,
    VERDICT,
    StatusRow,
)
from devports.ui.text import ending, fold, linked, pad, paint, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from devports.ui.console import Console
    from devports.ui.text import OutputStyle, Style


GAP = 2
"""Cells between two columns."""
ESSENTIAL = (SERVICE, ENDPOINT, VERDICT)
"""Columns that are never left out. Without room for them and a holder, lines are stacked."""
BY_WORTH = (*ESSENTIAL, HOLDER, PID, URL, UPTIME, USER, FOLDER)
FLEXIBLE = {HOLDER: 16, FOLDER: 14}
"""Columns that may be narrower than their longest cell, and the least that is of use."""
NARROW = 72
"""Cells below which lines are stacked: a grid would leave out most of what there is to say."""


def table(rows: Sequence[StatusRow], look: OutputStyle) -> list[str]:
    """Return the lines of the table, in the form that suits where they go."""
    if look.width is None:
        return plain(rows, look)
    rows = list(map(_inside, rows))
    widths = fitted_columns(rows, look.width)
    wanted = {VERDICT, HOLDER} if any(row.cells[HOLDER] for row in rows) else {VERDICT}
    if look.width < NARROW or not wanted <= set(widths):
        names = [max((cells(row.cells[c]) for row in rows), default=0) for c in ESSENTIAL[:VERDICT]]
        return _under_titles(rows, look, lambda row: stacked(row, names, look))
    head = paint(_joined([(c, COLUMNS[c]) for c in widths], widths, None, look), "strong", look)
    return [head, *_under_titles(rows, look, lambda row: grid(row, widths, look))]


def _inside(row: StatusRow) -> StatusRow:
    """Return a row without what its title says already: only the way down from that folder."""
    cell = row.cells[FOLDER]
    if not row.root or not (cell == row.root or cell.startswith(f"{row.root}/")):
        return row
    below = cell[len(row.root) + 1 :]
    return row.replace(cells=(*row.cells[:FOLDER], below, *row.cells[FOLDER + 1 :]))


def plain(rows: Sequence[StatusRow], look: OutputStyle) -> list[str]:
    """Return columns for a pipe; what is empty is shown as ``-``. Titles become a column."""
    named = any(row.title for row in rows)
    heads: tuple[str, ...] = (*COLUMNS, "project") if named else COLUMNS
    words = [(*row.cells, row.title) if named else row.cells for row in rows]
    lines = [heads, *(tuple(cell or "-" for cell in line) for line in words)]
    widths = [max(map(cells, column)) for column in zip(*lines, strict=True)]
    styles = [None, *(row.style for row in rows)]
    return [
        _joined(enumerate(line), widths, style, look)
        for line, style in zip(lines, styles, strict=True)
    ]


def changed(
    before: Sequence[StatusRow], after: Sequence[StatusRow], look: OutputStyle
) -> list[str]:
    """Return the lines of a pipe for what is new, other or gone. Passing seconds are no change."""
    known = {row.name: row.mark for row in before}
    now = {row.name for row in after}
    gone = [row.gone() for row in before if row.name not in now]
    fresh = [row for row in after if known.get(row.name) != row.mark]
    return plain([*gone, *fresh], look)[1:]


def fitted_columns(rows: Sequence[StatusRow], width: int) -> dict[int, int]:
    """Return the columns to be shown and their widths, those of most worth first to be taken.

    A column without any content is left out; what room is left goes to those that would fold.
    """
    every = [COLUMNS, *(row.cells for row in rows)]
    natural = [max(map(cells, column)) for column in zip(*every, strict=True)]
    used = [c for c in BY_WORTH if any(row.cells[c] for row in rows) or c in ESSENTIAL[1:]]
    taken: dict[int, int] = {}
    for column in used:
        least = min(natural[column], FLEXIBLE.get(column, natural[column]))
        if sum(taken.values()) + GAP * len(taken) + least <= width:
            taken[column] = least
    left = width - sum(taken.values()) - GAP * (len(taken) - 1)
    for column in FLEXIBLE:
        if column in taken:
            more = max(0, min(left, natural[column] - taken[column]))
            taken[column] += more
            left -= more
    return dict(sorted(taken.items()))


def _joined(
    texts: Iterable[tuple[int, str]],
    widths: Mapping[int, int] | Sequence[int],
    style: Style | None,
    look: OutputStyle,
) -> str:
    """Return cells, by their columns, as one line; the verdict in its colour."""
    padded = [
        (paint(text, style, look) if column == VERDICT and style else text)
        + " " * (widths[column] - cells(text))
        for column, text in texts
    ]
    return (" " * GAP).join(padded).rstrip(" ")


def _under_titles(
    rows: Sequence[StatusRow], look: OutputStyle, lines_of: Callable[[StatusRow], list[str]]
) -> list[str]:
    lines: list[str] = []
    above = ""
    for row in rows:
        if row.title != above:
            title = fold(row.title, look.width or len(row.title))
            lines += ["", *(paint(line, "strong", look) for line in title)]
            above = row.title
        lines += _clickable(lines_of(row), row) if look.links and row.url else lines_of(row)
    return lines


def _clickable(lines: list[str], row: StatusRow) -> list[str]:
    """Make the address a link or, where it was left out, the endpoint."""
    shown = row.url if any(row.url in line for line in lines) else row.cells[ENDPOINT]
    return [linked(line, shown, row.url) for line in lines]


def grid(row: StatusRow, widths: dict[int, int], look: OutputStyle) -> list[str]:
    """Return a row below the head of the table: a long holder on several lines.

    Of a long folder the end is shown, which tells most: folded it would fill the screen.
    """
    folded = {column: [row.cells[column]] for column in widths}
    if HOLDER in folded:
        folded[HOLDER] = fold(row.cells[HOLDER], widths[HOLDER])
    if FOLDER in folded:
        folded[FOLDER] = [ending(row.cells[FOLDER], widths[FOLDER])]
    if not row.first and SERVICE in folded:
        folded[SERVICE] = [""]
    lines = [
        [(column, each[number] if number < len(each) else "") for column, each in folded.items()]
        for number in range(max(map(len, folded.values())))
    ]
    return [_joined(line, widths, row.style, look) for line in lines]


def stacked(row: StatusRow, widths: Sequence[int], look: OutputStyle) -> list[str]:
    """Return, for a narrow terminal, a line for the endpoint and one for whoever is there.

    `widths` are those of service and endpoint; a service of no width is left out.
    """
    names = [pair for pair in zip(row.cells[:VERDICT], widths, strict=True) if pair[1]]
    verdict, indent = row.cells[VERDICT], " " * GAP
    start = "".join(pad(name, width) + indent for name, width in names)
    if cells(start + verdict) > (look.width or 0):
        start = "".join(name + indent for name, _ in names if name)
    *above, last = wrap(start + verdict, look.width, hang=GAP)
    head = last.removesuffix(verdict)
    shown = paint(last[len(head) :], row.style, look) if row.style else last[len(head) :]
    holder = " ".join(filter(None, row.cells[HOLDER : PID + 1]))
    details = ", ".join(filter(None, (holder, *row.cells[USER:])))
    more = wrap(f"{indent}{details}", look.width, hang=GAP) if details else []
    return [*above, head + shown, *more]


ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[2J"
LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
CLEAR = "\x1b[H\x1b[2J"
TOGETHER = ("\x1b[?2026h", "\x1b[?2026l")
"""Synchronized output: terminals that know it show the whole change at once."""


class Live:
    """Draws on stdout. `enter` and `leave` are a pair, and may be repeated."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._shown: tuple[str, ...] = ()
        self.active = False

    def enter(self) -> None:
        self._shown, self.active = (), True
        self._screen.write("stdout", ENTER)

    def leave(self) -> None:
        """Give the terminal back: its screen, cursor and wrapping."""
        if self.active:
            self.active = False
            self._screen.write("stdout", LEAVE)

    def clear(self) -> None:
        """Forget what is shown: after a resize the terminal may have moved it."""
        self._shown = ()
        if self.active:
            self._screen.write("stdout", CLEAR)

    def show(self, lines: Sequence[str]) -> None:
        """Show these lines, as far as the terminal is high enough."""
        fitting = tuple(cut(lines, self._screen.height("stdout")))
        text = changes(self._shown, fitting)
        if text:
            self._screen.write("stdout", text.join(TOGETHER))
        self._shown = fitting


def cut(lines: Sequence[str], height: int) -> Sequence[str]:
    """Return what fits; the last line says how much does not."""
    if len(lines) <= height:
        return lines
    return [*lines[: height - 1], f"... {len(lines) - height + 1} more lines"]


def changes(before: Sequence[str], after: Sequence[str]) -> str:
    """Return what to write, so that a screen that shows `before` shows `after`."""
    old = [*before, *[""] * (len(after) - len(before))]
    new = [*after, *[""] * (len(before) - len(after))]
    return "".join(
        f"\x1b[{number};1H\x1b[2K{line}"
        for number, (was, line) in enumerate(zip(old, new, strict=True), start=1)
        if was != line
    )
