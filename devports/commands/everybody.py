"""What `devports status --all` shows: everybody who listens on this machine, by project."""

from __future__ import annotations

from devports.commands.setting import asked_of, here
from devports.commands.surveying import Shown, role_of
from devports.core.diagnosis import covers, sockets_of
from devports.errors import DevportsError
from devports.records.stage import charges, holder_of, stage_of
from devports.system.census import census
from devports.system.familiar import Familiar
from devports.system.survey import endpoints_of
from devports.ui.rows import Entry, Place, Section
from devports.ui.urls import url_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devports.commands.setting import Setting
    from devports.core.diagnosis import Finding
    from devports.core.model import Endpoint
    from devports.core.service import Config, Service
    from devports.records.stage import Charge
    from devports.system import Machine


class Everybody:
    """All listeners. Nothing is bound; `repeated`: holders are remembered between looks."""

    def __init__(self, setting: Setting, *, repeated: bool) -> None:
        self._setting = setting
        self._who = Familiar(setting.machine, thorough=True).holding if repeated else None
        config, self._errors = _config(setting)
        self._folder = config.root if config else here()
        self._declared = tuple(_declared(setting.machine, config)) if config else ()

    def look(self) -> Shown:
        """Return the groups of one look at the machine; the services of this project by name."""
        runs = charges(self._setting.records())
        found = census(self._setting.machine, self._folder, self._who)
        sections = tuple(
            Section(tuple(self._entry(finding, runs) for finding in group.findings), group)
            for group in found.groups
        )
        return Shown(sections, gaps=found.gaps, errors=self._errors, asked=False)

    def _entry(self, finding: Finding, runs: Sequence[Charge]) -> Entry:
        run = holder_of(runs, finding)
        if run is None:
            service = _covered(finding, self._declared)
            if service is None:
                return Entry("", (Place(finding),), role="found")
            return Entry(service.name, (Place(finding),), role=role_of(service))
        place = Place(finding, stage_of(finding, run), run=run)
        end = finding.endpoint
        if place.stage == "serving" and run.record.spec.port == end.port:
            place = place.but(url=url_of(end.address, end.port))
        return Entry(run.record.service, (place,))


def _config(setting: Setting) -> tuple[Config | None, tuple[DevportsError, ...]]:
    """Return the configuration, if there is one; a wrong one hides no listener."""
    try:
        return setting.config(), ()
    except DevportsError as error:
        return None, () if error.code == "config-missing" and setting.searches else (error,)


def _declared(machine: Machine, config: Config) -> Iterator[tuple[Service, Endpoint]]:
    for service in config.services:
        try:
            ends = [e for spec in asked_of("", service).specs for e in endpoints_of(machine, spec)]
        except DevportsError:  # `devports status` says so
            continue
        yield from ((service, end) for end in ends)


def _covered(finding: Finding, declared: Sequence[tuple[Service, Endpoint]]) -> Service | None:
    """Return the service whose declared port this listener has."""
    sockets = sockets_of(finding.verdict)
    taken = (service for service, end in declared if any(covers(s, end) for s in sockets))
    return next(taken, None)
