"""Would the kernel give it to us now? What success is measured by.

look: The look before anything is ended: every holder that can be found, forwarders included.
"""

from __future__ import annotations

from devports.core.containers import shown
from devports.core.verdict import is_bindable
from devports.system import clock
from devports.system.inspect import judge, survey, with_servers, without

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from devports.core.model import Endpoint
    from devports.core.verdict import Finding
    from devports.freeing import FreeRequest
    from devports.system import Machine


POLL_LAST = 0.050
"""Seconds between looks at the table, in the end."""


def bindable(
    machine: Machine, endpoints: Sequence[Endpoint], ours: Collection[int], *, last: bool = False
) -> bool:
    """Say whether the kernel would accept all these binds now and nobody is in the way.

    The binds are asked about first: they answer in microseconds, while the kernel walks through all
    of its sockets for a table, which costs more than many a holder's whole end.

    Args:
        machine: where to look.
        endpoints: where a server is going to bind.
        ours: inodes of our own sockets, which are in nobody's way.
        last: whether a yes ends the asking. Then a bind without SO_REUSEADDR, which shows that
            nothing at all is left but keeps others away while it lasts, does for the table.
    """
    if any(machine.probe(endpoint) == "in-use" for endpoint in endpoints):
        return False
    if last and all(machine.probe(endpoint, reuse=False) == "ok" for endpoint in endpoints):
        return True
    table = without(machine.table({endpoint.port for endpoint in endpoints}), ours)
    return all(is_bindable(judge(machine, endpoint, table)) for endpoint in endpoints)


def wait_until_bindable(machine: Machine, job: FreeRequest, seconds: float) -> bool:
    """Wait, at most `seconds`, for what goes by itself."""
    deadline = clock.Deadline(seconds)
    while not (free := bindable(machine, job.endpoints, job.ours)) and not deadline.passed:
        clock.pause(min(POLL_LAST, deadline.left))
    return free


def look(machine: Machine, job: FreeRequest) -> tuple[Finding, ...]:
    """Return the findings on all endpoints of a job."""
    found = survey(machine, job.endpoints, ours=job.ours, thorough=True)
    return with_servers(machine, tuple(f.but(holding=shown(f.holding)) for f in found))
