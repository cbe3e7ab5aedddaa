"""The status table and the card of a holder.

A person gets a table of rich that fits the terminal; a pipe gets plain columns, never cut, with
the service in every line, so that grep finds whole facts.
"""

from __future__ import annotations

from devports.core.diagnosis import Free, is_bindable, sockets_of
from devports.core.value import Value
from devports.ui.around import clients_words
from devports.ui.layout import aligned, cells, pad, paint, wrap
from devports.ui.printable import printable
from devports.ui.who import card, families, folder, title, unit_words, uptime, user_of
from devports.ui.words import short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table

    from devports.core.bystanders import Bystanders
    from devports.core.diagnosis import Finding, Verdict
    from devports.core.model import Hidden, Holding
    from devports.core.plan import Target
    from devports.ui.console import Screen
    from devports.ui.layout import Look, Style
    from devports.ui.who import Reader

COLUMNS = ("service", "endpoint", "verdict", "holder", "user", "uptime", "folder")
ESSENTIAL = 3
"""Columns that are never left out: service, endpoint, verdict."""
MIDDLE = (0, 1, 2, 3, 5)
WIDE, NARROW = 100, 72
"""Cells from which all columns are shown, and below which lines are stacked."""


class Entry(Value):
    """What the table says of one service (or of a bare port: `service` is empty)."""

    service: str
    findings: tuple[Finding, ...]


class Row(Value):
    """One line of the table, in words."""

    cells: tuple[str, ...]
    style: Style
    first: bool


def rows_of(entries: Iterable[Entry], reader: Reader) -> list[Row]:
    """Return a row for every endpoint, each with its service."""
    return [
        Row(_cells(entry.service, finding, reader), _style(finding.verdict), first=not place)
        for entry in entries
        for place, finding in enumerate(entry.findings)
    ]


def _cells(service: str, finding: Finding, reader: Reader) -> tuple[str, ...]:
    named = printable(service), str(finding.endpoint), short(finding.verdict)
    return (*named, *_people(finding.holding, reader))


def _style(verdict: Verdict) -> Style:
    if not is_bindable(verdict):
        return "error"
    return "good" if isinstance(verdict, Free) else "note"


def _people(holding: Holding, reader: Reader) -> tuple[str, str, str, str]:
    """Return holder, user, uptime and folder."""
    if not holding.holders:
        hidden = holding.hidden[0] if holding.hidden else None
        if hidden is None:
            return ("", "", "", "")
        return (_unseen(hidden), printable(hidden.user, 40), "", "")
    first = families(holding.holders)[0][0].process
    more = len(holding.holders) - 1 + len(holding.hidden)
    holder = f"{title(first)} {first.pid}" + (f" (+{more})" if more else "")
    return (holder, user_of(first, reader), uptime(first, reader), folder(first, reader))


def _unseen(hidden: Hidden) -> str:
    """Return a unit and a likely pid, marked as a guess."""
    pids = [f"{process.pid}?" for process in hidden.likely[:1]]
    return " ".join([*filter(None, [unit_words(hidden.unit)]), *pids]) or "not shown"


def show_status(entries: Iterable[Entry], screen: Screen, reader: Reader) -> None:
    """Write the table to stdout, in the form that suits what stdout is."""
    rows, look = rows_of(entries, reader), screen.look("stdout")
    if look.width is None:
        screen.out(plain_table(rows))
    elif look.width < NARROW or _essential_width(rows) > look.width:
        screen.out(stacked(rows, look))
    else:
        screen.rich("stdout").print(rich_table(rows, look))


def _essential_width(rows: Sequence[Row]) -> int:
    return sum(_widths(rows)[:ESSENTIAL]) + 2 * ESSENTIAL


def _widths(rows: Sequence[Row]) -> list[int]:
    return [max(map(cells, column)) for column in zip(COLUMNS, *(r.cells for r in rows))]  # noqa: B905  # Row has COLUMNS cells


def plain_table(rows: Sequence[Row]) -> str:
    """Return columns for a pipe; what is empty is shown as ``-``."""
    lines = [COLUMNS, *(row.cells for row in rows)]
    widths = _widths(rows)
    return "\n".join(
        "  ".join(
            pad(cell or "-", width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def stacked(rows: Sequence[Row], look: Look) -> str:
    """Return, for a narrow terminal, a line for each endpoint and its holder on the next."""
    widths = _widths(rows)[:2]
    lines: list[str] = []
    for row in rows:
        service, endpoint, verdict = row.cells[:ESSENTIAL]
        start = f"{pad(service, widths[0])}  {pad(endpoint, widths[1])}  "
        if cells(start + verdict) > (look.width or 0):
            start = f"{service}  {endpoint}  "
        *above, last = wrap(start + verdict, look.width, hang=2)
        head = last.removesuffix(verdict)
        lines += [*above, head + paint(last[len(head) :], row.style, look)]
        details = ", ".join(filter(None, row.cells[ESSENTIAL:]))
        lines += wrap(f"  {details}", look.width, hang=2) if details else []
    return "\n".join(lines)


def rich_table(rows: Sequence[Row], look: Look) -> Table:
    """Return the table for a terminal that is wide enough."""
    from rich.table import Table  # noqa: PLC0415  # five bare Python starts
    from rich.text import Text  # noqa: PLC0415

    shown = range(len(COLUMNS)) if (look.width or WIDE) >= WIDE else MIDDLE
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in shown:
        table.add_column(COLUMNS[column], no_wrap=column < ESSENTIAL, overflow="fold")
    for row in rows:
        texts = [Text(row.cells[column]) for column in shown]
        texts[2].stylize(RICH_STYLES[row.style])
        if not row.first:
            texts[0] = Text("")
        table.add_row(*texts)
    return table


RICH_STYLES = {"error": "bold red", "note": "yellow", "good": "green"}


def holder_card(
    target: Target,
    finding: Finding,
    reader: Reader,
    *,
    project: str = "",
    around: Bystanders | None = None,
) -> tuple[str, ...]:
    """Return who would be ended: what is known of each process that holds the port."""
    sockets = sockets_of(finding.verdict)
    pairs: list[tuple[str, str]] = []
    for place, (holder, members) in enumerate(families(target.members)):
        standing = None if place else target.standing
        pairs += card(holder, reader, sockets=sockets, standing=standing, members=members)
    pairs += [("project", project)] if project else []
    pairs += [("clients", clients_words(around))] if around and around.clients else []
    return aligned(pairs)
