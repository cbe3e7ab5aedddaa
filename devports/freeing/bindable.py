"""Would the kernel give us the port now, and if not, who holds it? What success is measured by."""

from __future__ import annotations

from devports.core.containers import shown
from devports.core.model import merged
from devports.core.verdict import Held, covers, is_bindable
from devports.system import clock
from devports.system.inspect import classify_port, inspect_ports, with_servers, without

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from devports.core.model import Endpoint, Holder, Socket, Table
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
    return nobody_is_on(machine, endpoints, ours)


def nobody_is_on(
    machine: Machine, endpoints: Sequence[Endpoint], ours: Collection[int] = ()
) -> bool:
    """Say whether all can be bound, at the price of one table for all of them.

    Nothing is bound where somebody is seen.
    """
    table = table_of(machine, endpoints, ours)
    return all(is_bindable(classify_port(machine, endpoint, table)) for endpoint in endpoints)


def table_of(machine: Machine, endpoints: Iterable[Endpoint], ours: Collection[int] = ()) -> Table:
    """Return all sockets that use the numbers of these endpoints, without our own."""
    return without(machine.table({endpoint.port for endpoint in endpoints}), ours)


def sockets_on(machine: Machine, endpoints: Sequence[Endpoint]) -> list[Socket]:
    """Return the sockets that occupy one of the endpoints, or may do so as a wildcard."""
    found = table_of(machine, endpoints).sockets
    return [s for s in found if any(covers(s, end) is not False for end in endpoints)]


def wait_until_bindable(
    machine: Machine, job: FreeRequest, seconds: float, tick: Callable[[], None]
) -> None:
    """Wait, at most `seconds`, for what goes by itself; `tick` is called between two looks."""
    deadline = clock.Deadline(seconds)
    while not bindable(machine, job.endpoints, job.ours) and not deadline.passed:
        clock.pause(min(POLL_LAST, deadline.left))
        tick()


def findings_now(machine: Machine, job: FreeRequest) -> tuple[Finding, ...]:
    """Return the findings on all endpoints of a job: every holder that can be found.

    Forwarders of containers are holders like others, and parents say whether they serve more.
    """
    found = inspect_ports(machine, job.endpoints, ours=job.ours, thorough=True)
    return with_servers(machine, tuple(f.replace(holding=shown(f.holding)) for f in found))


def holders_in(findings: Iterable[Finding]) -> tuple[Holder, ...]:
    """Return everybody who holds one of the endpoints; a client's connection is no hold."""
    held = (finding.holding for finding in findings if isinstance(finding.verdict, Held))
    return merged(holder for holding in held for holder in holding.holders)
