"""One look at the ports in question: table, bind, verdict, holders, for any number of endpoints."""

from __future__ import annotations

from devports.core.diagnosis import (
    Finding,
    Free,
    Held,
    Shadowed,
    Unexplained,
    diagnose,
    holding,
    sockets_of,
)
from devports.core.model import Endpoint, Holding
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from devports.core.diagnosis import Verdict
    from devports.core.model import BindResult, PortSpec, Socket, Table
    from devports.system import Machine

REASK_AFTER = (0.002, 0.005, 0.011, 0.023)
"""Seconds between the questions before a refusal is called unexplained: another prober's bind
lasts some 10 microseconds, and no two of these intervals are multiples of each other."""

MOST_PEERS = 64
"""Remote ports worth a second look at the table; a server with more clients is no client."""


def endpoints_of(machine: Machine, spec: PortSpec) -> tuple[Endpoint, ...]:
    """Return what the kernel binds for what the user wrote; `localhost` is two endpoints.

    Raises:
        DevportsError: the host does not resolve.
    """
    try:
        addresses = machine.addresses(spec.host)
    except (OSError, UnicodeError) as error:  # UnicodeError: not a name at all (IDNA)
        raise DevportsError(
            "host-unknown",
            f"the host `{spec.host[:80]}` does not resolve to an address",
            facts=(str(getattr(error, "strerror", "") or error),),
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
    if not wanted:
        return ()
    table = without(machine.table({endpoint.port for endpoint in wanted}), ours)
    verdicts = [_verdict(machine, endpoint, table, ours) for endpoint in wanted]
    return with_holders(
        zip(wanted, verdicts, strict=True),
        lambda sockets: machine.holding(sockets, thorough=thorough),
    )


def at_once(machine: Machine, endpoints: Iterable[Endpoint]) -> tuple[Finding, ...]:
    """Return a finding for each endpoint, at a price that does not grow with the machine.

    The verdicts are those of `survey`. Who listens is a look-up for the kernel, but to list every
    socket of a port it walks all sockets of the machine. So that is left out where a listener holds
    the endpoint, and where a bind without SO_REUSEADDR works: beside a bound socket, a TIME_WAIT or
    any other leftover it would be refused. For some microseconds it keeps others away, so it is not
    for a look that is repeated.
    """
    wanted = tuple(endpoints)
    if not wanted:
        return ()
    listeners = machine.listening_on({endpoint.port for endpoint in wanted})
    verdicts = {endpoint: _settled(machine, endpoint, listeners) for endpoint in wanted}
    if rest := [endpoint for endpoint, verdict in verdicts.items() if verdict is None]:
        table = machine.table({endpoint.port for endpoint in rest})
        verdicts |= {endpoint: _verdict(machine, endpoint, table, ()) for endpoint in rest}
    judged = ((end, verdict) for end in wanted if (verdict := verdicts[end]) is not None)
    return with_holders(judged, lambda sockets: machine.holding(sockets, thorough=False))


def _settled(machine: Machine, endpoint: Endpoint, listeners: Table) -> Verdict | None:
    """Return the verdict, if who listens and one bind decide it."""
    if certain := holding(listeners, endpoint, wildcards=machine.wildcards):
        return Held(certain)
    if machine.probe(endpoint, reuse=False) == "ok":
        return _explained(machine, endpoint, listeners, "ok")
    return None


def glance(
    machine: Machine, endpoints: Iterable[Endpoint], who: Callable[[Sequence[Socket]], Holding]
) -> tuple[Finding, ...]:
    """Return a finding for each endpoint as the table alone shows it: nothing is bound.

    For a look that is repeated: a probe's bind, short as it is, could meet the bind of a server
    that starts. So what it calls `Free` is only without a holder: the kernel has not been asked.

    Args:
        machine: where to look.
        endpoints: what servers are going to bind.
        who: looks up the holders of sockets.
    """
    wanted = tuple(endpoints)
    if not wanted:
        return ()
    table = machine.table({endpoint.port for endpoint in wanted})
    verdicts = [_explained(machine, endpoint, table, "ok") for endpoint in wanted]
    return with_holders(zip(wanted, verdicts, strict=True), who)


def with_holders(
    judged: Iterable[tuple[Endpoint, Verdict]], who: Callable[[Sequence[Socket]], Holding]
) -> tuple[Finding, ...]:
    """Return findings, the holders of all their sockets looked up at once."""
    pairs = tuple(judged)
    sockets = {socket: None for _, verdict in pairs for socket in sockets_of(verdict)}
    holding = who(tuple(sockets)) if sockets else Holding()
    return tuple(
        Finding(endpoint, verdict, _of(holding, sockets_of(verdict))) for endpoint, verdict in pairs
    )


def without(table: Table, ours: Collection[int]) -> Table:
    """Return a table without our own sockets."""
    if not ours:
        return table
    return table.but(sockets=tuple(s for s in table.sockets if s.inode not in ours))


def _verdict(machine: Machine, endpoint: Endpoint, table: Table, ours: Collection[int]) -> Verdict:
    from devports.system import clock  # noqa: PLC0415  # not where the first look says it all

    verdict = judge(machine, endpoint, table)
    for seconds in REASK_AFTER:
        if not isinstance(verdict, Unexplained):
            break
        clock.pause(seconds)
        table = without(machine.table({endpoint.port}), ours)
        verdict = judge(machine, endpoint, table)
    return verdict


def _of(holding: Holding, sockets: Collection[Socket]) -> Holding:
    """Return the part of a holding that is about these sockets."""
    if not sockets:
        return Holding()
    inodes = {socket.inode for socket in sockets}
    return holding.but(
        holders=tuple(
            holder.but(inodes=tuple(inode for inode in holder.inodes if inode in inodes))
            for holder in holding.holders
            if inodes & set(holder.inodes)
        ),
        hidden=tuple(hidden for hidden in holding.hidden if hidden.socket.inode in inodes),
    )


def judge(machine: Machine, endpoint: Endpoint, table: Table) -> Verdict:
    """Return the verdict on one endpoint, probing only where the table shows no holder."""
    if certain := holding(table, endpoint, wildcards=machine.wildcards):
        return Held(certain)
    verdict = _explained(machine, endpoint, table, machine.probe(endpoint))
    if not table.shows_bound and _may_hide(machine, endpoint, verdict):
        more = machine.unlisted(endpoint.port, table)
        if more:
            fuller = table.but(sockets=(*table.sockets, *more))
            return _explained(machine, endpoint, fuller, machine.probe(endpoint))
        return Unexplained(table.gaps)
    return verdict


def _explained(machine: Machine, endpoint: Endpoint, table: Table, bind: BindResult) -> Verdict:
    wildcards = machine.wildcards
    remote = {s.remote.port for s in table.sockets if s.remote is not None and s.inode}
    if not remote:
        return diagnose(endpoint, bind, table, wildcards=wildcards)
    peers = machine.table(remote).sockets if len(remote) <= MOST_PEERS else ()
    ephemeral = machine.ephemeral()
    return diagnose(endpoint, bind, table, ephemeral=ephemeral, wildcards=wildcards, peers=peers)


def _may_hide(machine: Machine, endpoint: Endpoint, verdict: Verdict) -> bool:
    """Say whether a bound socket that this table cannot show is at work.

    A second socket with SO_REUSEADDR may bind beside one; without the option it is refused. Where
    leftovers explain such a refusal, it proves nothing.
    """
    if isinstance(verdict, Free | Shadowed):
        return machine.probe(endpoint, reuse=False) == "in-use"
    return isinstance(verdict, Unexplained)
