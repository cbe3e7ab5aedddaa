"""One look at the ports in question: table, bind, verdict, holders, for any number of endpoints."""

from __future__ import annotations

from devports.core.diagnosis import (
    Finding,
    Free,
    Held,
    HeldByClient,
    Lingering,
    Shadowed,
    Unexplained,
    diagnose,
    holding,
    sockets_of,
)
from devports.core.model import Endpoint, Holding
from devports.errors import DevportsError
from devports.system import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from devports.core.diagnosis import Verdict
    from devports.core.model import Table
    from devports.core.service import PortSpec
    from devports.system import Machine

REASK_AFTER = (0.002, 0.005, 0.011, 0.023)
"""Seconds between the questions before a refusal is called unexplained: another prober's bind
lasts some 10 microseconds, and no two of these intervals are multiples of each other."""


def endpoints_of(machine: Machine, spec: PortSpec) -> tuple[Endpoint, ...]:
    """Return what the kernel binds for what the user wrote; `localhost` is two endpoints.

    Raises:
        DevportsError: the host does not resolve.
    """
    try:
        addresses = machine.addresses(spec.host)
    except OSError as error:
        raise DevportsError(
            "host-unknown",
            f"the host `{spec.host}` does not resolve to an address",
            facts=(str(error.strerror or error),),
            hints=("use 127.0.0.1 or localhost",),
        ) from error
    return tuple(Endpoint(address, spec.port) for address in addresses)


def survey(
    machine: Machine,
    endpoints: Iterable[Endpoint],
    *,
    ours: Collection[int] = (),
    thorough: bool = False,
) -> tuple[Finding, ...]:
    """Return a finding for each endpoint.

    Args:
        machine: where to look.
        endpoints: what servers are going to bind.
        ours: inodes of our own sockets, which are in nobody's way.
        thorough: find every holder, as is needed before anything is signalled.
    """
    wanted = tuple(endpoints)
    table = without(machine.table({endpoint.port for endpoint in wanted}), ours)
    return tuple(_find(machine, endpoint, table, ours, thorough=thorough) for endpoint in wanted)


def without(table: Table, ours: Collection[int]) -> Table:
    """Return a table without our own sockets."""
    if not ours:
        return table
    return table.but(sockets=tuple(s for s in table.sockets if s.inode not in ours))


def _find(
    machine: Machine, endpoint: Endpoint, table: Table, ours: Collection[int], *, thorough: bool
) -> Finding:
    verdict = judge(machine, endpoint, table)
    for seconds in REASK_AFTER:
        if not isinstance(verdict, Unexplained):
            break
        clock.pause(seconds)
        table = without(machine.table({endpoint.port}), ours)
        verdict = judge(machine, endpoint, table)
    if isinstance(verdict, Held | HeldByClient | Shadowed | Lingering):
        return Finding(endpoint, verdict, machine.holding(sockets_of(verdict), thorough=thorough))
    return Finding(endpoint, verdict, Holding())


def judge(machine: Machine, endpoint: Endpoint, table: Table) -> Verdict:
    """Return the verdict on one endpoint, probing only where the table shows no holder."""
    if certain := holding(table, endpoint, wildcards=machine.wildcards):
        return Held(certain)
    verdict = _with(machine, endpoint, table)
    if not table.shows_bound and _may_hide(machine, endpoint, verdict):
        more = machine.unlisted(endpoint.port, table)
        if more:
            return _with(machine, endpoint, table.but(sockets=(*table.sockets, *more)))
        return Unexplained(table.gaps)
    return verdict


def _with(machine: Machine, endpoint: Endpoint, table: Table) -> Verdict:
    bind = machine.probe(endpoint)
    remote = {s.remote.port for s in table.sockets if s.remote is not None and s.inode}
    return diagnose(
        endpoint,
        bind,
        table,
        ephemeral=machine.ephemeral(),
        wildcards=machine.wildcards,
        peers=machine.table(remote).sockets if bind == "in-use" and remote else (),
    )


def _may_hide(machine: Machine, endpoint: Endpoint, verdict: Verdict) -> bool:
    """Say whether a bound socket that this table cannot show is at work.

    A second socket with SO_REUSEADDR may bind beside one; without the option it is refused. Where
    leftovers explain such a refusal, it proves nothing.
    """
    if isinstance(verdict, Free | Shadowed):
        return machine.probe(endpoint, reuse=False) == "in-use"
    return isinstance(verdict, Unexplained)
