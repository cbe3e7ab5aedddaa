"""`devports status`: the ports of this project, or of this machine, and their holders.

With `--watch` the table stays in place on a terminal. A pipe gets the whole table once, and then a
line for each change, as ``kubectl get --watch`` does it: a table each second would be noise. A
script that waits for one thing uses `devports wait`.
"""

from __future__ import annotations

import time

from devports import exitcodes
from devports.commands.context import Context, Target, current_folder, target_of
from devports.core.holder_kind import run_name
from devports.core.service import Config, Service, changed_ports
from devports.core.value import Frozen
from devports.core.verdict import Finding, HolderUnknown, covers, sockets_of
from devports.errors import DevportsError
from devports.records import RunStatus, find_status, run_state, run_statuses, servers_at, status_at
from devports.system import WINDOWS, clock
from devports.system.inspect import (
    HolderCache,
    endpoints_of,
    inspect_listeners,
    inspect_quick,
    inspect_without_bind,
)
from devports.ui.processes import gap_text
from devports.ui.status_rows import (
    Section,
    StatusEntry,
    StatusPort,
    StatusRow,
    changed,
    plain,
    rows_of,
    with_urls,
)
from devports.ui.text import url_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from devports.core.model import Endpoint, PortSpec, VisibilityGap
    from devports.system import Machine
    from devports.system.terminal_events import TerminalEvents
    from devports.ui.console import Console
    from devports.ui.status_rows import Role
    from devports.ui.status_table import LiveTable

    RowsAndGaps: TypeAlias = tuple[list[StatusRow], Sequence[VisibilityGap]]


def status(
    context: Context,
    words: Sequence[str],
    *,
    everything: bool = False,
    watch: bool = False,
    interval: float | None = None,
    as_json: bool = False,
) -> int:
    """Show every endpoint of the targets, or of all services without one.

    `interval` is in seconds, from update to update.
    """
    _refuse_contradictions(words, everything, watch, interval, as_json)
    seen: AllListeners | Services = (
        AllListeners(context, repeated=watch)
        if everything
        else Services(context, context.targets(words), repeated=watch)
    )
    if watch:
        return watch_over(context.screen, seen.inspect, interval or INTERVAL)
    return (report_json if as_json else report)(context, seen.inspect())


def report(context: Context, shown: StatusResult) -> int:
    """Print the table on stdout, visibility gaps and errors on stderr."""
    rows, screen = shown.rows(context.screen), context.screen
    if screen.is_terminal("stdout"):
        from devports.ui.status_table import print_table  # rich: five Python starts

        print_table(rows, screen)
    else:
        screen.out("\n".join(plain(rows, screen.output_style("stdout"))))
    for gap in shown.gaps:
        context.print_labelled("note", gap_text(gap))
    for error in shown.errors:
        context.print_error(error)
    return shown.exit_code


def report_json(context: Context, shown: StatusResult) -> int:
    from devports.ui.json_output import overall, status_data  # json: half a start

    data = status_data(shown.sections, shown.gaps, time.time(), offset=shown.offset)
    seen = [True for s in shown.sections for entry in s.entries if entry.error is None]
    status = overall([*seen, *(False for _ in shown.errors)])
    code = shown.exit_code
    context.screen.answer(("status",), data, exit_code=code, errors=shown.errors, status=status)
    return code


def _refuse_contradictions(
    words: Sequence[str], everything: bool, watch: bool, interval: float | None, as_json: bool
) -> None:
    """Check the combination of options, and whether this system supports them.

    Raises:
        DevportsError: options exclude each other, or are not supported here.
    """
    if everything and words:
        raise DevportsError("usage", "`--all` cannot be combined with a target")
    if watch and as_json:
        without = "without `--json`, a pipe gets one line per change"
        raise DevportsError("usage", "`--watch` cannot be combined with `--json`", hints=(without,))
    if interval is not None and not watch:
        raise DevportsError("usage", "`--interval` needs `--watch`")
    if watch and WINDOWS:
        from devports.core.hint import hint, own_command

        raise DevportsError(
            "unsupported-platform",
            "`--watch` does not support Windows yet",
            hints=(hint("to show it once, run ", own_command("status")),),
            exit_code=exitcodes.CANNOT_INSPECT,
        )


class AllListeners:
    """All listeners. Nothing is bound; `repeated`: holders are cached between inspections."""

    def __init__(self, context: Context, *, repeated: bool) -> None:
        self._context = context
        self._who = HolderCache(context.machine, thorough=True).holding if repeated else None
        config, self._errors = _config(context)
        self._folder = config.root if config else current_folder()
        self._declared = tuple(_declared(context.machine, config)) if config else ()

    def inspect(self) -> StatusResult:
        """Return the groups of one inspection; the services of this project by name."""
        runs = run_statuses(self._context.records())
        found = inspect_listeners(self._context.machine, self._folder, self._who)
        sections = tuple(
            Section(tuple(self._entry(finding, runs) for finding in group.findings), group)
            for group in found.groups
        )
        return StatusResult(sections, gaps=found.gaps, errors=self._errors, asked=False)

    def _entry(self, finding: Finding, runs: Sequence[RunStatus]) -> StatusEntry:
        run = status_at(runs, finding)
        if run is None:
            service = self._service(finding)
            name = service.name if service else ""
            return StatusEntry(name, (StatusPort(finding),), role_of(service, "found"))
        place = StatusPort(finding, run_state(finding, run), run=run)
        end = finding.endpoint
        if place.stage == "serving" and run.record.spec.port == end.port:
            place = place.replace(url=url_of(end.address, end.port))
        return StatusEntry(run_name(run.record.service), (place,))

    def _service(self, finding: Finding) -> Service | None:
        """Return the service whose declared port this listener has."""
        sockets = sockets_of(finding.verdict)
        taken = (who for who, end in self._declared if any(covers(s, end) for s in sockets))
        return next(taken, None)


def _config(context: Context) -> tuple[Config | None, tuple[DevportsError, ...]]:
    """Return the configuration, if there is one; an invalid one hides no listener."""
    try:
        return context.config(), ()
    except DevportsError as error:
        return None, () if error.code == "config-missing" and context.named is None else (error,)


def _declared(machine: Machine, config: Config) -> Iterator[tuple[Service, Endpoint]]:
    for service in config.services:
        try:
            ends = [e for spec in target_of("", service).specs for e in endpoints_of(machine, spec)]
        except DevportsError:  # `devports status` reports it
            continue
        yield from ((service, end) for end in ends)


INTERVAL = 1.0
"""Seconds between two updates."""
PAUSE_FACTOR = 4
"""The pause is at least this many times as long as an inspection, also on a slow machine."""
SIGINT = 2


def watch_over(screen: Console, inspect: Callable[[], StatusResult], interval: float) -> int:
    """Show what `inspect` returns until Ctrl-C, `q`, a signal, or a closed reader.

    Returns:
        0 if it was ended by a key; 128+n for another signal.
    """
    from devports.system.terminal_events import TerminalEvents

    stdout = screen.streams["stdout"]
    if stdout is None:
        return exitcodes.OK
    draws = screen.can_draw("stdout")
    stdin = screen.streams["stdin"] if draws and screen.is_terminal("stdin") else None
    painter = _live_table(screen, interval) if draws else LineView(screen)

    def rows_and_gaps() -> RowsAndGaps:
        shown = inspect()
        return shown.rows(screen), shown.gaps

    with TerminalEvents(stdout.fileno(), stdin.fileno() if stdin else None) as attention:
        try:
            number = _until_the_end(painter, rows_and_gaps, interval, attention)
        finally:
            painter.leave()
    painter.print_last()
    return exitcodes.OK if number in (0, SIGINT) else exitcodes.of_signal(number)


def _until_the_end(
    painter: LiveTable | LineView,
    inspect: Callable[[], RowsAndGaps],
    interval: float,
    attention: TerminalEvents,
) -> int:
    """Inspect and show repeatedly; return the signal that ended it, 0 for none."""
    from devports.system.terminal_events import Ended, Resized, Suspended

    due = clock.Deadline(0)
    while True:
        if due.passed:
            begun = clock.monotonic()
            painter.show(*inspect())
            took = clock.monotonic() - begun
            due = clock.Deadline(max(interval - took, PAUSE_FACTOR * took))
        match attention.wait(due.left):
            case Ended(number=number):
                return number
            case Resized():
                painter.redraw()
            case Suspended():
                painter.leave()
                attention.suspend()
                painter.redraw()
            case None:
                continue


def _live_table(screen: Console, interval: float) -> LiveTable:
    from devports.ui.status_table import LiveTable  # rich: only to draw

    return LiveTable(screen, interval)


class LineView:
    """The table once, then a line for each change, for a pipe or a terminal without a cursor."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._before: list[StatusRow] | None = None

    def show(self, rows: list[StatusRow], _gaps: Sequence[VisibilityGap]) -> None:
        output = self._screen.output_style("stdout")
        lines = plain(rows, output) if self._before is None else changed(self._before, rows, output)
        self._before = rows
        if lines:
            self._screen.out("\n".join(lines))

    def redraw(self) -> None:
        """Do nothing: printed lines are neither redrawn nor removed."""

    leave = print_last = redraw


class StatusResult(Frozen):
    """The result of one inspection.

    Attributes:
        errors: why targets could not be inspected.
        asked: whether the kernel was asked to bind, or only the table was read.
        offset: of this checkout, if services were asked for.
    """

    sections: tuple[Section, ...]
    gaps: tuple[VisibilityGap, ...] = ()
    errors: tuple[DevportsError, ...] = ()
    asked: bool = True
    offset: int | None = None

    def rows(self, screen: Console) -> list[StatusRow]:
        return rows_of(self.sections, screen.reader(), asked=self.asked)

    @property
    def exit_code(self) -> int:
        """0 if all could be inspected, whatever was found."""
        return max((error.exit_code for error in self.errors), default=exitcodes.OK)


class ServiceStatus(Frozen):
    """A target with its endpoints, each with its port spec; none if there is an `error`.

    Attributes:
        run: the live or dead run of the service.
        moved: whether that run has another port than the declared one.
    """

    target: Target
    ends: tuple[tuple[PortSpec, Endpoint], ...] = ()
    run: RunStatus | None = None
    moved: bool = False
    error: DevportsError | None = None


class Services:
    """Some services or ports. `repeated`: inspections only read the table, and cache holders."""

    def __init__(self, context: Context, targets: Sequence[Target], *, repeated: bool) -> None:
        self._context, self._targets = context, targets
        config = context.assigned() if any(t.service for t in targets) else None
        self._project = config.root if config else ""
        self._offset = config.offset if config else None
        self._bases = changed_ports(context.config(), config) if config and config.offset else {}
        self._folder = context.home()
        self._cache = HolderCache(context.machine, thorough=False) if repeated else None
        self._resolved: dict[PortSpec, tuple[Endpoint, ...]] = {}

    def inspect(self) -> StatusResult:
        """Return an entry for every target, all from one inspection."""
        runs = run_statuses(self._context.records())
        wanted = [self._wanted(target, runs) for target in self._targets]
        ends = [end for each in wanted for _, end in each.ends]
        found = iter(self._findings(ends, runs))
        entries = tuple(
            entry_of(each, [next(found) for _ in each.ends], runs, self._bases) for each in wanted
        )
        return StatusResult(
            (Section(entries, folder=self._folder),),
            gaps=tuple(dict.fromkeys(_gaps(entries))),
            errors=tuple(entry.error for entry in entries if entry.error is not None),
            asked=self._cache is None,
            offset=self._offset,
        )

    def _findings(self, ends: Sequence[Endpoint], runs: Sequence[RunStatus]) -> tuple[Finding, ...]:
        machine = self._context.machine
        if self._cache is None:
            return inspect_quick(machine, ends, lambda: servers_at(runs, ends))
        return inspect_without_bind(machine, ends, self._cache.holding)

    def _wanted(self, target: Target, runs: Sequence[RunStatus]) -> ServiceStatus:
        """Return the endpoints of a target: the declared ones, and another port of its run."""
        run = find_status(runs, target.name, self._project) if target.service else None
        moved = run is not None and run.live and run.record.spec not in target.specs
        specs = (*target.specs, run.record.spec) if run is not None and moved else target.specs
        try:
            ends = tuple((spec, end) for spec in specs for end in self._ends(spec))
        except DevportsError as error:
            error.service = target.name
            return ServiceStatus(target, error=error)
        return ServiceStatus(target, ends, run, moved)

    def _ends(self, spec: PortSpec) -> tuple[Endpoint, ...]:
        """Return the endpoints of `spec`, resolved only once: that may take a bind."""
        if spec not in self._resolved:
            self._resolved[spec] = endpoints_of(self._context.machine, spec)
        return self._resolved[spec]


def entry_of(
    wanted: ServiceStatus,
    findings: Sequence[Finding],
    runs: Sequence[RunStatus],
    bases: Mapping[int, int],
) -> StatusEntry:
    """Return the entry to show for a target; `bases`: the declared port of those that differ."""
    target, service = wanted.target, wanted.target.service
    any_owner = service is not None and service.ready.owner == "any"
    places = []
    for (spec, _), finding in zip(wanted.ends, findings, strict=True):
        place = StatusPort(finding, base=bases.get(spec.port, 0) if service else 0)
        run = wanted.run if service else status_at(runs, finding)
        if run is not None and not (wanted.moved and spec == target.specs[0]):
            stage = run_state(finding, run, any_owner=any_owner)
            place = place.replace(stage=stage, run=run)
        places.append(place)
    return StatusEntry(
        target.name,
        _with_urls(places),
        role=role_of(service, "wanted"),
        text=target.text,
        address=str(target.specs[0]),
        error=wanted.error,
        ended=wanted.run.record.ended if wanted.run else None,
        base=service.declared if service else 0,
    )


def role_of(service: Service | None, unknown: Role) -> Role:
    """Return what a listener on a port of `service` means; `unknown` without a service."""
    if service is None:
        return unknown
    return "wanted" if service.command else "watched"


def _with_urls(places: Sequence[StatusPort]) -> tuple[StatusPort, ...]:
    serving = next((p.run for p in places if p.run is not None and p.stage == "serving"), None)
    return tuple(places) if serving is None else with_urls(places, serving.record.spec)


def _gaps(entries: Iterable[StatusEntry]) -> Iterator[VisibilityGap]:
    for finding in (place.finding for entry in entries for place in entry.places):
        yield from finding.verdict.gaps if isinstance(finding.verdict, HolderUnknown) else ()
        yield from finding.holding.gaps
