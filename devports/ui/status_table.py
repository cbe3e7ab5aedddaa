"""What `devports status` says: rows of words, as columns for a pipe or a grid for a terminal. Pure.

A person gets what fits the terminal, stacked lines where it is narrow; a pipe gets every column,
whole, with everything that names a line in the line itself, so that grep finds whole facts. Made by
hand: rich would cost more than all the rest of the command.

`Live` keeps it up to date on the alternate screen (xterm's private mode 1049), so that what was on
the terminal before comes back as it was. Only the lines that have changed are written, all at
once, and the terminal wraps none (DECAWM off): one that is too long is cut at the edge and cannot
push the others down. Sequences: ECMA-48 and xterm's ctlseqs; unknown ones are ignored.
"""

from __future__ import annotations

from devports.core.text import cells
from devports.core.value import Frozen
from devports.core.verdict import Free, Held, is_bindable
from devports.ui.escape import printable
from devports.ui.processes import families, short, short_folder, title, unit_words, uptime, user_of
from devports.ui.text import ending, fold, linked, pad, paint, url_of, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Literal

    from devports.core.model import HiddenSocket, HolderSearch, PortSpec
    from devports.core.verdict import Finding, Verdict
    from devports.errors import DevportsError
    from devports.records import RunStatus, Stage
    from devports.system.inspect import ListenerGroup
    from devports.ui.console import Console
    from devports.ui.processes import DisplayContext
    from devports.ui.text import OutputStyle, Style

    Role = Literal["wanted", "watched", "found"]
    State = tuple[str, Style | None]


COLUMNS = ("service", "endpoint", "verdict", "holder", "pid", "user", "uptime", "folder", "url")
SERVICE, ENDPOINT, VERDICT, HOLDER, PID, USER, UPTIME, FOLDER, URL = range(len(COLUMNS))


class StatusPort(Frozen):
    """One endpoint: what the machine shows, and what our own run has to do with it.

    Attributes:
        finding: the verdict and the people.
        stage: how far our run has come with it, empty where it has no part.
        url: where it is served, if our run serves it.
        run: the run that is, or was, in charge of it.
    """

    finding: Finding
    stage: Stage = ""
    url: str = ""
    run: RunStatus | None = None


class StatusEntry(Frozen):
    """A service, a bare port, or a listener that was found.

    Attributes:
        service: its name; empty for a bare port, and for a listener of nobody's.
        places: its endpoints; none where `error` says why.
        role: what a listener there means. A `wanted` port is to be ours, on a `watched` one
            somebody else's server belongs, of a `found` one nothing is expected.
        text: what was typed for it.
        address: as declared, for a row without an endpoint.
        error: what kept it from being looked at.
    """

    service: str
    places: tuple[StatusPort, ...] = ()
    role: Role = "wanted"
    text: str = ""
    address: str = ""
    error: DevportsError | None = None

    @property
    def label(self) -> str:
        return printable(self.service or self.text)


class Section(Frozen):
    """Entries; under the name of their group, if they are one."""

    entries: tuple[StatusEntry, ...]
    group: ListenerGroup | None = None


class StatusRow(Frozen):
    """One line of the table, in words.

    Attributes:
        cells: as many as there are COLUMNS.
        style: of the verdict.
        first: whether the line above is of another service.
        mark: what has to differ for the line to count as changed; seconds do not.
        title: of the group it is in, if it is in one.
        root: the folder that the title names, as it is in the cells.
    """

    cells: tuple[str, ...]
    style: Style | None
    first: bool
    mark: tuple[str, ...] = ()
    title: str = ""
    root: str = ""

    @property
    def url(self) -> str:
        return self.cells[URL]

    @property
    def name(self) -> tuple[str, str, str]:
        """What stays the same from one look to the next."""
        return self.title, self.cells[SERVICE], self.cells[ENDPOINT]

    def gone(self) -> StatusRow:
        """Return the row of an endpoint that is no longer there."""
        return self.replace(cells=_filled(*self.cells[:VERDICT], "gone"))


def _filled(*cells: str) -> tuple[str, ...]:
    """Return the first cells of a row, and empty ones behind them."""
    return (*cells, *[""] * (len(COLUMNS) - len(cells)))


def rows_of(
    sections: Iterable[Section], reader: DisplayContext, *, asked: bool = True
) -> list[StatusRow]:
    """Return a row for every endpoint, and for what has none.

    Without the kernel having been `asked` to bind nothing is called free.
    """
    rows: list[StatusRow] = []
    for section in sections:
        group = section.group
        title = title_of(group, reader) if group else ""
        root = short_folder(group.folder, reader) if group else ""
        for entry in section.entries:
            found = [_row(entry, place, reader, asked=asked) for place in entry.places]
            rows += [row.replace(title=title, root=root) for row in found or [_broken(entry)]]
    return rows


def _row(
    entry: StatusEntry, place: StatusPort, reader: DisplayContext, *, asked: bool
) -> StatusRow:
    word, style = state(place, entry.role, asked=asked)
    names = (entry.label, str(place.finding.endpoint))
    people = _people(place.finding.holding, reader)
    cells = (*_filled(*names, word, *people)[:URL], printable(place.url))
    mark = (*names, type(place.finding.verdict).__name__, place.stage, *people[:2])
    return StatusRow(cells, style, first=place is entry.places[0], mark=mark)


def _broken(entry: StatusEntry) -> StatusRow:
    word = entry.error.code.replace("-", " ") if entry.error else ""
    mark = (entry.label, printable(entry.address), word)
    return StatusRow(_filled(*mark), "error", first=True, mark=mark)


STAGES: dict[Stage, State] = {
    "starting": ("starting", "note"),
    "serving": ("serving", "good"),
    "stalled": ("stalled", "error"),
    "suspended": ("suspended", "error"),
    "stopping": ("stopping", "note"),
    "not-listening": ("not listening", "note"),
    "left-behind": ("left behind", "error"),
}


def state(place: StatusPort, role: Role, *, asked: bool) -> State:
    """Return the word for an endpoint, and the style that says whether that is good."""
    verdict = place.finding.verdict
    if place.stage:
        return STAGES[place.stage]
    if isinstance(verdict, Held) and role != "wanted" and verdict.listens:
        return "listening", "good" if role == "watched" else None
    if role == "watched" and isinstance(verdict, Free):
        return "not listening", "note"
    return short(verdict, "free" if asked else "no holder"), _style(verdict, asked=asked)


def _style(verdict: Verdict, *, asked: bool) -> Style | None:
    if not is_bindable(verdict):
        return "error"
    if isinstance(verdict, Free):
        return "good" if asked else None
    return "note"


def _people(holding: HolderSearch, reader: DisplayContext) -> tuple[str, ...]:
    """Return holder, pid, user, uptime and folder, as far as they are known."""
    if not holding.holders:
        return _unseen(holding.hidden[0]) if holding.hidden else ()
    first = families(holding.holders)[0][0].process
    more = len(holding.holders) - 1 + len(holding.hidden)
    name = title(first) + (f" (+{more})" if more else "")
    known = (user_of(first, reader), uptime(first, reader), short_folder(first.cwd, reader))
    return (name, str(first.pid), *known)


def _unseen(hidden: HiddenSocket) -> tuple[str, str, str]:
    """Return a unit, a likely pid, marked as a guess, and the user."""
    pids = [f"{process.pid}?" for process in hidden.likely[:1]]
    return unit_words(hidden) or "not shown", "".join(pids), printable(hidden.user, 40)


def title_of(group: ListenerGroup, reader: DisplayContext) -> str:
    """Return the name of a group of listeners: its folder, and the branch that is checked out."""
    if group.kind == "system":
        return "system services"
    branch = f" ({printable(group.branch, 60)})" if group.branch else ""
    return short_folder(group.folder, reader) + branch


def with_urls(places: Sequence[StatusPort], spec: PortSpec) -> tuple[StatusPort, ...]:
    """Give an address to what is served on the port of `spec`.

    The host as it was written, once, if everything it stands for is served; else each served
    address its own: by the name a browser might reach somebody else.
    """
    here = [place for place in places if place.finding.endpoint.port == spec.port]
    served = [place for place in here if place.stage == "serving"]
    urls = {id(place): url_of(place.finding.endpoint.address, spec.port) for place in served}
    if served and served == here:
        urls = {id(served[0]): url_of(spec.host, spec.port)}
    return tuple(place.replace(url=urls.get(id(place), place.url)) for place in places)


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
