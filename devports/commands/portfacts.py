"""What the doctor wants to know of declared ports: who is there, beside it, and on its way out."""

from __future__ import annotations

from devports.checks.facts import Declared
from devports.core.diagnosis import Held, HeldByClient, is_outgoing, is_sister, sockets_of
from devports.errors import DevportsError
from devports.system.parents import with_servers
from devports.system.survey import MOST_PEERS, endpoints_of, survey, with_holders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devports.core.diagnosis import Finding
    from devports.core.model import Endpoint, Holding, Socket, Table
    from devports.core.service import Service
    from devports.system import Machine

MOST_CONNECTIONS = 4
"""Outgoing connections that are looked up for one port: one is enough to be shown."""


def port_facts(machine: Machine, services: Sequence[Service]) -> tuple[Declared, ...]:
    """Return every declared port with what is on it, from one look at the machine."""
    ports = [pair for service in services for pair in _ports(machine, service)]
    found = iter(survey(machine, (end for _, ends in ports for end in ends), thorough=True))
    every = [(declared, tuple(next(found) for _ in ends)) for declared, ends in ports]
    table = machine.table({declared.spec.port for declared, _ in ports}) if ports else None
    return tuple(
        _with_neighbours(machine, declared.but(findings=with_servers(machine, findings)), table)
        for declared, findings in every
    )


def _ports(machine: Machine, service: Service) -> Iterator[tuple[Declared, tuple[Endpoint, ...]]]:
    """Yield the ports of a service without findings, with their addresses, none if unresolved."""
    for name, port in (("", service.port), *service.ports):
        declared = Declared(service, service.spec.but(port=port), name)
        try:
            yield declared, endpoints_of(machine, declared.spec)
        except DevportsError as error:
            yield declared.but(unresolved=" ".join(error.facts)), ()


def _with_neighbours(machine: Machine, declared: Declared, table: Table | None) -> Declared:
    """Add who listens beside it, and who has it as the local port of a connection."""
    known = {socket for finding in declared.findings for socket in sockets_of(finding.verdict)}
    others = [s for s in table.sockets if s not in known] if table else []
    return declared.but(
        beside=_found(machine, [s for s in others if _is_beside(s, declared)]),
        outgoing=_found(machine, _outgoing(machine, others, declared)),
    )


def _is_beside(socket: Socket, declared: Declared) -> bool:
    return any(is_sister(socket, finding.endpoint) for finding in declared.findings)


def _outgoing(machine: Machine, others: Sequence[Socket], declared: Declared) -> list[Socket]:
    """Return the connections that got this port from the range for outgoing ones."""
    low, high = machine.ephemeral()
    port = declared.spec.port
    possible = [s for s in others if s.remote is not None and s.local.port == port]
    remote = {s.remote.port for s in possible if s.remote is not None}
    if not low <= port <= high or not 0 < len(remote) <= MOST_PEERS:
        return []
    peers = machine.table(remote).sockets
    return [socket for socket in possible if is_outgoing(socket, (low, high), peers)]


def _found(machine: Machine, sockets: Sequence[Socket]) -> tuple[Finding, ...]:
    """Return a finding for each socket by itself, with its holders."""

    def who(several: Sequence[Socket]) -> Holding:
        return machine.holding(several, thorough=False)

    judged = [
        (s.local, Held((s,)) if s.remote is None else HeldByClient((s,), blocking=False))
        for s in sockets[:MOST_CONNECTIONS]
    ]
    return with_holders(judged, who)
