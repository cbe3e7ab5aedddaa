"""The look before anything is ended: every holder that can be found, forwarders included."""

from __future__ import annotations

from devports.core.contained import shown
from devports.system.parents import with_servers
from devports.system.survey import survey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.diagnosis import Finding
    from devports.freeing import Job
    from devports.system import Machine


def look(machine: Machine, job: Job) -> tuple[Finding, ...]:
    """Return the findings on all endpoints of a job."""
    found = survey(machine, job.endpoints, ours=job.ours, thorough=True)
    return with_servers(machine, tuple(f.but(holding=shown(f.holding)) for f in found))
