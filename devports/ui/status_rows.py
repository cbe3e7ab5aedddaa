"""The result of `devports status` as rows of text, and their form on a pipe. Pure.

A pipe gets every column, unabridged, with everything that identifies a line in the line itself, so
that grep finds whole facts. A terminal gets the same rows from `status_table`.
"""

from __future__ import annotations

from devports.core.text import cells
from devports.core.value import Frozen
from devports.core.verdict import Free, Held, is_bindable
from devports.ui.escape import printable
from devports.ui.processes import (
    engine_text,
    families,
    process_name,
    short_folder,
    unit_text,
    uptime,
    user_of,
    verdict_label,
)
from devports.ui.text import duration, paint, url_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Literal

    from devports.core.model import HiddenSocket, HolderSearch, PortSpec
    from devports.core.verdict import Finding, Verdict
    from devports.errors import DevportsError
    from devports.records import RunEnd, RunStatus, Stage
    from devports.system.inspect import ListenerGroup
    from devports.ui.processes import DisplayContext
    from devports.ui.text import OutputStyle, Style

    Role = Literal["wanted", "watched", "found"]
    State = tuple[str, Style | None]


COLUMNS = ("service", "endpoint", "verdict", "holder", "pid", "user", "uptime", "folder", "url")
SERVICE, ENDPOINT, VERDICT, HOLDER, PID, USER, UPTIME, FOLDER, URL = range(len(COLUMNS))


class StatusPort(Frozen):
    """One endpoint: the finding, and its relation to a run.

    Attributes:
        stage: how far its run has come with it, empty without a run.
        url: its URL, if its run serves it.
        run: its live or dead run.
        base: its declared port, if this worktree has another one; else 0.
    """

    finding: Finding
    stage: Stage = ""
    url: str = ""
    run: RunStatus | None = None
    base: int = 0


class StatusEntry(Frozen):
    """A service, a bare port, or a listener that was found.

    Attributes:
        service: its name; empty for a bare port, and for a listener of no service.
        places: its endpoints; none if there is an `error`.
        role: what a listener there means. A `wanted` port is for the server of its run, a `watched`
            one for a server that devports does not start, of a `found` one nothing is expected.
        text: the target as typed.
        address: as declared, for a row without an endpoint.
        error: why it could not be inspected.
        ended: how its last run ended.
        base: the declared port of a service; else 0.
    """

    service: str
    places: tuple[StatusPort, ...] = ()
    role: Role = "wanted"
    text: str = ""
    address: str = ""
    error: DevportsError | None = None
    ended: RunEnd | None = None
    base: int = 0

    @property
    def label(self) -> str:
        return printable(self.service or self.text)


class Section(Frozen):
    """Entries; under the name of their group, if they are one.

    Attributes:
        folder: that of their project, if they are no group.
    """

    entries: tuple[StatusEntry, ...]
    group: ListenerGroup | None = None
    folder: str = ""


class StatusRow(Frozen):
    """One line of the table, as text.

    Attributes:
        cells: one for each of COLUMNS.
        style: of the verdict.
        first: whether the line above is of another service.
        mark: what has to differ for the line to count as changed; seconds do not.
        title: of its group, if it is in one.
        root: the folder that the table is about, as it is in the cells.
        base: the declared port, if this worktree has another one.
    """

    cells: tuple[str, ...]
    style: Style | None
    first: bool
    mark: tuple[str, ...] = ()
    title: str = ""
    root: str = ""
    base: str = ""

    @property
    def url(self) -> str:
        return self.cells[URL]

    @property
    def name(self) -> tuple[str, str, str]:
        """What identifies the row across updates."""
        return self.title, self.cells[SERVICE], self.cells[ENDPOINT]

    def gone(self) -> StatusRow:
        """Return the row of an endpoint that no longer exists."""
        return self.replace(cells=_padded(*self.cells[:VERDICT], "gone"))


def _padded(*cells: str) -> tuple[str, ...]:
    """Return the first cells of a row, and empty ones behind them."""
    return (*cells, *[""] * (len(COLUMNS) - len(cells)))


def rows_of(
    sections: Iterable[Section], reader: DisplayContext, *, asked: bool = True
) -> list[StatusRow]:
    """Return a row for every endpoint, and for every entry without one.

    Unless the kernel was `asked` to bind, nothing is called free.
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
    end = entry.ended if place is entry.places[0] else None
    word, style = state(place, entry.role, end, reader.now, asked=asked)
    names = (entry.label, str(place.finding.endpoint))
    people = _holder_cells(place.finding.holding, reader)
    cells = (*_padded(*names, word, *people)[:URL], printable(place.url))
    mark = (*names, type(place.finding.verdict).__name__, place.stage, str(end), *people[:2])
    base = str(place.base or "")
    return StatusRow(cells, style, first=place is entry.places[0], mark=mark, base=base)


def _broken(entry: StatusEntry) -> StatusRow:
    word = entry.error.code.replace("-", " ") if entry.error else ""
    mark = (entry.label, printable(entry.address), word)
    return StatusRow(_padded(*mark), "error", first=True, mark=mark)


STAGES: dict[Stage, State] = {
    "starting": ("starting", "note"),
    "serving": ("serving", "good"),
    "stalled": ("stalled", "error"),
    "suspended": ("suspended", "error"),
    "stopping": ("stopping", "note"),
    "not-listening": ("not listening", "note"),
    "left-behind": ("orphaned", "error"),
}


def state(
    place: StatusPort, role: Role, end: RunEnd | None = None, now: float = 0.0, *, asked: bool
) -> State:
    """Return the state of an endpoint, and its style.

    `end` is how the last run ended, for the first endpoint of its service; that it was stopped is
    nothing to report. `now` is in seconds since the epoch.
    """
    verdict = place.finding.verdict
    if place.stage:
        return STAGES[place.stage]
    if end is not None and end.reason != "stopped" and is_bindable(verdict):
        return f"ended (exit {end.code}), {duration(now - end.time)} ago", "note"
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


def _holder_cells(holding: HolderSearch, reader: DisplayContext) -> tuple[str, ...]:
    """Return holder, pid, user, uptime and folder, as far as they are known."""
    if not holding.holders:
        return _hidden_cells(holding.hidden[0]) if holding.hidden else ()
    first = families(holding.holders)[0][0].process
    more = len(holding.holders) - 1 + len(holding.hidden)
    engine = engine_text(first)
    name = (
        process_name(first) + (f" ({engine})" if engine else "") + (f" (+{more})" if more else "")
    )
    up = uptime(first, reader).replace("less than ", "<")  # the column has no room for words
    return (name, str(first.pid), user_of(first, reader), up, short_folder(first.cwd, reader))


def _hidden_cells(hidden: HiddenSocket) -> tuple[str, str, str]:
    """Return a unit, a likely pid, marked as a guess, and the user."""
    pids = [f"{process.pid}?" for process in hidden.likely[:1]]
    return unit_text(hidden) or "not visible", "".join(pids), printable(hidden.user, 40)


def title_of(group: ListenerGroup, reader: DisplayContext) -> str:
    """Return the title of a group of listeners: its folder and branch."""
    if group.kind == "system":
        return "system services"
    branch = f" ({printable(group.branch, 60)})" if group.branch else ""
    return short_folder(group.folder, reader) + branch


def with_urls(places: Sequence[StatusPort], spec: PortSpec) -> tuple[StatusPort, ...]:
    """Add a URL to the endpoints that are served on the port of `spec`.

    The host as written, once, if all its addresses are served; else each served address its own: by
    the name a browser might reach another server.
    """
    here = [place for place in places if place.finding.endpoint.port == spec.port]
    served = [place for place in here if place.stage == "serving"]
    urls = {id(place): url_of(place.finding.endpoint.address, spec.port) for place in served}
    if served and served == here:
        urls = {id(served[0]): url_of(spec.host, spec.port)}
    return tuple(place.replace(url=urls.get(id(place), place.url)) for place in places)


GAP = "  "


def plain(rows: Sequence[StatusRow], output: OutputStyle) -> list[str]:
    """Return columns for a pipe; empty cells are shown as ``-``.

    Titles become a column, and declared ports too where a worktree has others.
    """
    more = {"project": [row.title for row in rows], "base": [row.base for row in rows]}
    more = {head: cells for head, cells in more.items() if any(cells)}
    words = [(*row.cells, *last) for row, *last in zip(rows, *more.values(), strict=True)]
    lines = [(*COLUMNS, *more), *(tuple(cell or "-" for cell in line) for line in words)]
    widths = [max(map(cells, column)) for column in zip(*lines, strict=True)]
    styles = [None, *(row.style for row in rows)]
    return [_joined(*line, widths, output) for line in zip(lines, styles, strict=True)]


def _joined(
    line: Sequence[str], style: Style | None, widths: Sequence[int], output: OutputStyle
) -> str:
    """Return cells as one line; the verdict in its colour."""
    blanks = [" " * (width - cells(cell)) for cell, width in zip(line, widths, strict=True)]
    shown = list(line)
    if style:
        shown[VERDICT] = paint(line[VERDICT], style, output)
    return GAP.join(map("".join, zip(shown, blanks, strict=True))).rstrip(" ")


def changed(
    before: Sequence[StatusRow], after: Sequence[StatusRow], output: OutputStyle
) -> list[str]:
    """Return the lines of a pipe for new, changed and gone rows. Elapsed seconds are no change."""
    known = {row.name: row.mark for row in before}
    now = {row.name for row in after}
    gone = [row.gone() for row in before if row.name not in now]
    fresh = [row for row in after if known.get(row.name) != row.mark]
    return plain([*gone, *fresh], output)[1:]
