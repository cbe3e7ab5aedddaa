"""Whether a server can bind now, and else the holders: the measure of success."""

from __future__ import annotations

from devports.core.containers import with_forwarders
from devports.core.model import Endpoint, Holder, Socket, Table, merged
from devports.core.verdict import Finding, Held, covers, is_bindable
from devports.system import clock
from devports.system.inspect import classify_port, inspect_ports, with_servers, without

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from devports.freeing import FreeRequest
    from devports.system import Machine


POLL_LAST = 0.050
"""Seconds between inspections of the table, at the end of a wait."""


def bindable(
    machine: Machine,
    endpoints: Sequence[Endpoint],
    own_inodes: Collection[int],
    *,
    last: bool = False,
) -> bool:
    """Return whether the kernel would accept all these binds now and no other process has the port.

    The binds are tried first: they take microseconds, while the kernel searches all of its sockets
    for a table, which takes longer than many a holder's exit.

    Args:
        machine: to inspect.
        endpoints: where a server has to bind.
        own_inodes: inodes of devports' own sockets, which do not count.
        last: whether True ends the wait. Then a bind without SO_REUSEADDR, which proves that no
            socket at all is left but excludes others while it lasts, replaces the table.
    """
    if any(machine.probe(endpoint) == "in-use" for endpoint in endpoints):
        return False
    if last and all(machine.probe(endpoint, reuse=False) == "ok" for endpoint in endpoints):
        return True
    return all_bindable_now(machine, endpoints, own_inodes)


def all_bindable_now(
    machine: Machine, endpoints: Sequence[Endpoint], own_inodes: Collection[int] = ()
) -> bool:
    """Return whether all can be bound, at the cost of one table for all of them.

    No bind is tried where a holder is found.
    """
    table = table_of(machine, endpoints, own_inodes)
    return all(is_bindable(classify_port(machine, endpoint, table)) for endpoint in endpoints)


def table_of(
    machine: Machine, endpoints: Iterable[Endpoint], own_inodes: Collection[int] = ()
) -> Table:
    """Return all sockets on the ports of these endpoints, without devports' own."""
    return without(machine.table({endpoint.port for endpoint in endpoints}), own_inodes)


def sockets_on(machine: Machine, endpoints: Sequence[Endpoint]) -> list[Socket]:
    """Return the sockets that occupy one of the endpoints, or may do so as a wildcard."""
    found = table_of(machine, endpoints).sockets
    return [s for s in found if any(covers(s, end) is not False for end in endpoints)]


def wait_until_bindable(
    machine: Machine, job: FreeRequest, seconds: float, tick: Callable[[], None]
) -> None:
    """Wait, at most `seconds`, for connections to end; call `tick` between two inspections."""
    deadline = clock.Deadline(seconds)
    while not bindable(machine, job.endpoints, job.own_inodes) and not deadline.passed:
        clock.pause(min(POLL_LAST, deadline.left))
        tick()


def findings_now(machine: Machine, job: FreeRequest) -> tuple[Finding, ...]:
    """Return the findings on all endpoints of a request: every holder that can be found.

    Forwarders of containers are holders like others; parents have `listens_elsewhere` set.
    """
    found = inspect_ports(machine, job.endpoints, ours=job.own_inodes, thorough=True)
    return with_servers(
        machine, tuple(f.replace(holding=with_forwarders(f.holding)) for f in found)
    )


def holders_in(findings: Iterable[Finding]) -> tuple[Holder, ...]:
    """Return the holders of the endpoints; a client's connection does not count."""
    held = (finding.holding for finding in findings if isinstance(finding.verdict, Held))
    return merged(holder for holding in held for holder in holding.holders)
