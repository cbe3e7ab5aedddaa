"""How far a devports run has come with an endpoint: its record and what the machine shows, as one.

A record alone proves nothing about a port and a port nothing about a run, so a stage is said only
where both agree: a run that says "serving" while a stranger has its port serves nothing.
"""

from __future__ import annotations

from devports.core.diagnosis import Held, is_bindable
from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Literal

    from devports.core.diagnosis import Finding
    from devports.core.model import Holder, ProcessKey
    from devports.records import Record, Records

    Stage = Literal[
        "", "starting", "serving", "suspended", "stopping", "not-listening", "left-behind"
    ]


class Charge(Value):
    """A run, by its record, and whether it still lives."""

    record: Record
    live: bool = True

    @property
    def own(self) -> tuple[ProcessKey, ...]:
        """The run, and the server it started."""
        keys = (self.record.key, self.record.server) if self.live else ()
        return tuple(key for key in keys if key is not None)

    @property
    def left(self) -> tuple[ProcessKey, ...]:
        """Servers whose run has died without ending them."""
        keys = (self.record.left, None if self.live else self.record.server)
        return tuple(key for key in keys if key is not None)


def charges(records: Records) -> tuple[Charge, ...]:
    """Return every run of this user that lives or may have left a server, living ones first."""
    found = [Charge(record, records.is_live(record)) for record in records.every()]
    return tuple(sorted(found, key=lambda charge: not charge.live))


def charge_of(runs: Iterable[Charge], service: str, project: str) -> Charge | None:
    """Return the run of a service of a project."""
    named = (r for r in runs if (r.record.service, r.record.project) == (service, project))
    return next(named, None)


def holder_of(runs: Iterable[Charge], finding: Finding) -> Charge | None:
    """Return the run whose processes have an endpoint."""
    holders = finding.holding.holders
    return next((r for r in runs if any(belongs(h, (*r.own, *r.left)) for h in holders)), None)


def belongs(holder: Holder, keys: Collection[ProcessKey]) -> bool:
    """Say whether a holder is one of these processes or was started by one."""
    return any(process.key in keys for process in holder.line)


def stage_of(finding: Finding, run: Charge, *, any_owner: bool = False) -> Stage:
    """Return how far `run` has come with an endpoint of its service; empty where it has no part.

    Args:
        finding: what the machine shows.
        run: who is, or was, in charge of the service.
        any_owner: the service's ``ready.owner`` is "any": its holder cannot be proven to be ours.
    """
    state, holders = run.record.state, finding.holding.holders
    if any(belongs(holder, run.left) for holder in holders):
        return "left-behind"
    if not run.live:
        return ""
    if isinstance(finding.verdict, Held):
        ours = any(belongs(holder, run.own) for holder in holders)
        if not ours and not (any_owner and state == "serving"):
            return ""
        if state != "serving":
            return state
        if not finding.verdict.listens:
            return "not-listening"
        return "suspended" if all(h.process.is_suspended for h in holders) else "serving"
    if not is_bindable(finding.verdict):
        return ""
    return state if state != "serving" else "not-listening"
