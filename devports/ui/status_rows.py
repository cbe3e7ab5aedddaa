"""What `devports status` knows, as rows of words; and the form they have on a pipe. Pure.

A pipe gets every column, whole, with everything that names a line in the line itself, so that grep
finds whole facts. A terminal gets the same rows from `status_table`.
"""

from __future__ import annotations

from devports.core.text import cells
from devports.core.value import Frozen
from devports.core.verdict import Free, Held, is_bindable
from devports.ui.escape import printable
from devports.ui.processes import (
    families,
    process_name,
    short_folder,
    unit_text,
    uptime,
    user_of,
    verdict_label,
)
from devports.ui.text import paint, url_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Literal

    from devports.core.model import HiddenSocket, HolderSearch, PortSpec
    from devports.core.verdict import Finding, Verdict
    from devports.errors import DevportsError
    from devports.records import RunStatus, Stage
    from devports.system.inspect import ListenerGroup
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
    """Entries; under the name of their group, if they are one.

    Attributes:
        folder: where they belong, if they are no group: that of their project.
    """

    entries: tuple[StatusEntry, ...]
    group: ListenerGroup | None = None
    folder: str = ""


class StatusRow(Frozen):
    """One line of the table, in words.

    Attributes:
        cells: as many as there are COLUMNS.
        style: of the verdict.
        first: whether the line above is of another service.
        mark: what has to differ for the line to count as changed; seconds do not.
        title: of the group it is in, if it is in one.
        root: the folder that a person knows it is about, as it is in the cells.
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
        root = short_folder(group.folder if group else section.folder, reader)
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
    "left-behind": ("orphaned", "error"),
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
    return verdict_label(verdict, "free" if asked else "no holder"), _style(verdict, asked=asked)


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
    name = process_name(first) + (f" (+{more})" if more else "")
    up = uptime(first, reader).replace("less than ", "<")  # the column has no room for words
    return (name, str(first.pid), user_of(first, reader), up, short_folder(first.cwd, reader))


def _unseen(hidden: HiddenSocket) -> tuple[str, str, str]:
    """Return a unit, a likely pid, marked as a guess, and the user."""
    pids = [f"{process.pid}?" for process in hidden.likely[:1]]
    return unit_text(hidden) or "not visible", "".join(pids), printable(hidden.user, 40)


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


GAP = "  "
"""Between two columns."""


def plain(rows: Sequence[StatusRow], look: OutputStyle) -> list[str]:
    """Return columns for a pipe; what is empty is shown as ``-``. Titles become a column."""
    named = any(row.title for row in rows)
    heads: tuple[str, ...] = (*COLUMNS, "project") if named else COLUMNS
    words = [(*row.cells, row.title) if named else row.cells for row in rows]
    lines = [heads, *(tuple(cell or "-" for cell in line) for line in words)]
    widths = [max(map(cells, column)) for column in zip(*lines, strict=True)]
    styles = [None, *(row.style for row in rows)]
    return [_joined(*line, widths, look) for line in zip(lines, styles, strict=True)]


def _joined(
    line: Sequence[str], style: Style | None, widths: Sequence[int], look: OutputStyle
) -> str:
    """Return cells as one line; the verdict in its colour."""
    blanks = [" " * (width - cells(cell)) for cell, width in zip(line, widths, strict=True)]
    shown = list(line)
    if style:
        shown[VERDICT] = paint(line[VERDICT], style, look)
    return GAP.join(map("".join, zip(shown, blanks, strict=True))).rstrip(" ")


def changed(
    before: Sequence[StatusRow], after: Sequence[StatusRow], look: OutputStyle
) -> list[str]:
    """Return the lines of a pipe for what is new, other or gone. Passing seconds are no change."""
    known = {row.name: row.mark for row in before}
    now = {row.name for row in after}
    gone = [row.gone() for row in before if row.name not in now]
    fresh = [row for row in after if known.get(row.name) != row.mark]
    return plain([*gone, *fresh], look)[1:]
