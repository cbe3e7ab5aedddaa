"""What the parents of holders serve beside the ports in question: who serves more is not ended."""

from __future__ import annotations

from devports.core.diagnosis import sockets_of
from devports.core.plan import possible_tops

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from devports.core.diagnosis import Finding
    from devports.core.model import Endpoint, Holder, Process
    from devports.system import Machine


def with_servers(machine: Machine, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return findings in which those parents that might be ended say whether they serve more."""
    asked = {socket.local for finding in findings for socket in sockets_of(finding.verdict)}
    return tuple(
        finding.but(
            holding=finding.holding.but(
                holders=tuple(_with_its(machine, h, asked) for h in finding.holding.holders)
            )
        )
        for finding in findings
    )


def _with_its(machine: Machine, holder: Holder, asked: Collection[Endpoint]) -> Holder:
    tops = possible_tops(holder)
    if not _elsewhere(machine, tops, asked):
        return holder
    return holder.but(
        ancestors=tuple(
            parent.but(serves=True) if parent in tops and _elsewhere(machine, [parent], asked)
            else parent
            for parent in holder.ancestors
        )
    )  # fmt: skip


def _elsewhere(machine: Machine, tops: Sequence[Process], asked: Collection[Endpoint]) -> bool:
    """Say whether somebody of these listens where nobody asked; one look for all of them."""
    pids = [process.pid for process in tops]
    return bool(pids) and any(s.local not in asked for s in machine.listening(pids))
