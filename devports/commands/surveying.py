"""What `devports status` shows of services: their endpoints, and the runs in charge of them."""

from __future__ import annotations

from devports.core.diagnosis import Unexplained
from devports.core.value import Value
from devports.errors import DevportsError
from devports.records.stage import charge_of, charges, holder_of, stage_of
from devports.system.familiar import Familiar
from devports.system.survey import at_once, endpoints_of, glance
from devports.ui.rows import Entry, Place, Section
from devports.ui.urls import with_urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from devports.commands.setting import Asked, Setting
    from devports.core.diagnosis import Finding
    from devports.core.model import Endpoint, Gap, PortSpec
    from devports.core.service import Service
    from devports.records.stage import Charge
    from devports.ui.rows import Role


class Shown(Value):
    """Everything that one look has to show.

    Attributes:
        sections: what is in the table.
        gaps: what could not be seen.
        errors: what could not be looked at.
        asked: whether the kernel was asked to bind, or only the table was read.
    """

    sections: tuple[Section, ...]
    gaps: tuple[Gap, ...] = ()
    errors: tuple[DevportsError, ...] = ()
    asked: bool = True


class Wanted(Value):
    """A target with its endpoints, each with what it is of; none where `error` says why.

    Attributes:
        run: who is, or was, in charge of the service.
        moved: whether that run has another port than the declared one.
    """

    target: Asked
    ends: tuple[tuple[PortSpec, Endpoint], ...] = ()
    run: Charge | None = None
    moved: bool = False
    error: DevportsError | None = None


class Services:
    """Some services or ports. `repeated`: looks only read the table, and remember holders."""

    def __init__(self, setting: Setting, targets: Sequence[Asked], *, repeated: bool) -> None:
        self._setting, self._targets = setting, targets
        self._project = setting.config().root if any(t.service for t in targets) else ""
        self._familiar = Familiar(setting.machine, thorough=False) if repeated else None
        self._resolved: dict[PortSpec, tuple[Endpoint, ...]] = {}

    def look(self) -> Shown:
        """Return an entry for every target, all from one look at the machine."""
        runs = charges(self._setting.records())
        wanted = [self._wanted(target, runs) for target in self._targets]
        found = iter(self._findings([end for each in wanted for _, end in each.ends]))
        entries = tuple(entry_of(each, [next(found) for _ in each.ends], runs) for each in wanted)
        return Shown(
            (Section(entries),),
            gaps=tuple(dict.fromkeys(_gaps(entries))),
            errors=tuple(entry.error for entry in entries if entry.error is not None),
            asked=self._familiar is None,
        )

    def _findings(self, ends: Sequence[Endpoint]) -> tuple[Finding, ...]:
        machine = self._setting.machine
        if self._familiar is None:
            return at_once(machine, ends)
        return glance(machine, ends, self._familiar.holding)

    def _wanted(self, target: Asked, runs: Sequence[Charge]) -> Wanted:
        """Return where to look: the declared endpoints, and another one that a run was given."""
        run = charge_of(runs, target.name, self._project) if target.service else None
        moved = run is not None and run.live and run.record.spec not in target.specs
        specs = (*target.specs, run.record.spec) if run is not None and moved else target.specs
        try:
            ends = tuple((spec, end) for spec in specs for end in self._ends(spec))
        except DevportsError as error:
            error.service = target.name
            return Wanted(target, error=error)
        return Wanted(target, ends, run, moved)

    def _ends(self, spec: PortSpec) -> tuple[Endpoint, ...]:
        """Return the endpoints of `spec`, resolved at the first look only: that may take a bind."""
        if spec not in self._resolved:
            self._resolved[spec] = endpoints_of(self._setting.machine, spec)
        return self._resolved[spec]


def entry_of(wanted: Wanted, findings: Sequence[Finding], runs: Sequence[Charge]) -> Entry:
    """Return what is to be shown of a target."""
    target, service = wanted.target, wanted.target.service
    any_owner = service is not None and service.ready.owner == "any"
    places = []
    for (spec, _), finding in zip(wanted.ends, findings, strict=True):
        run = wanted.run if service else holder_of(runs, finding)
        if run is None or (wanted.moved and spec == target.specs[0]):
            places.append(Place(finding))
            continue
        places.append(Place(finding, stage_of(finding, run, any_owner=any_owner), run=run))
    return Entry(
        target.name,
        _with_urls(places),
        role=role_of(service) if service is not None else "wanted",
        text=target.text,
        address=str(target.specs[0]),
        error=wanted.error,
    )


def role_of(service: Service) -> Role:
    """Return what a listener on a port of `service` means."""
    return "wanted" if service.command else "watched"


def _with_urls(places: Sequence[Place]) -> tuple[Place, ...]:
    serving = next((p.run for p in places if p.run is not None and p.stage == "serving"), None)
    return tuple(places) if serving is None else with_urls(places, serving.record.spec)


def _gaps(entries: Iterable[Entry]) -> Iterator[Gap]:
    for finding in (place.finding for entry in entries for place in entry.places):
        yield from finding.verdict.gaps if isinstance(finding.verdict, Unexplained) else ()
        yield from finding.holding.gaps
