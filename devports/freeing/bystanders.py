"""Looks for those who touch the port and are to be left alone."""

from __future__ import annotations

from devports.core import bystanders as core
from devports.core.bystanders import Bystanders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from devports.core.model import Endpoint, ProcessKey
    from devports.system import Machine

MOST_CALLERS = 64
"""Clients that are looked up by name; a server with more of them is not a person's own."""


def bystanders(
    machine: Machine, endpoints: Sequence[Endpoint], ending: Collection[ProcessKey]
) -> Bystanders:
    """Return who is connected and who else uses the number, beside those who are to end.

    Clients on other machines are counted and have no process here. Costs a look at the table, and
    a search for processes only where there are connections.
    """
    table = machine.table({endpoint.port for endpoint in endpoints})
    served = core.connections(table.sockets, endpoints)
    ports = {s.remote.port for s in served if s.remote is not None}
    if not ports:
        return Bystanders()
    near = machine.table(sorted(ports)[:MOST_CALLERS]).sockets
    calling = core.callers(served, near)
    holding = machine.holding((*served, *calling), thorough=False)
    return core.sorted_out(served, calling, holding, ending)
