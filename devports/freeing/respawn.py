"""Watches whether somebody starts the server again, and names who has its place then."""

from __future__ import annotations

from itertools import takewhile

from devports.core.outcome import Respawned, Settling
from devports.core.plan import is_supervisor
from devports.freeing.bindable import POLL_LAST, bindable
from devports.freeing.consent import plan_for, ports_of
from devports.freeing.shells import shell_above
from devports.system import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devports.core.diagnosis import Finding
    from devports.core.model import Process, ProcessKey
    from devports.core.plan import Target
    from devports.freeing import Job, Tools
    from devports.system import Machine, Pin

POLL_FIRST = 0.010
"""Seconds between looks at a shell, which may be about to run its next command."""
PROMPT = 0.25
"""Seconds in which a shell is back at its prompt; before, there is nothing to tell."""


class Watch:
    """Who could start the targets of a plan again, as it was before anything was ended."""

    def __init__(self, tools: Tools, ending: Sequence[Target]) -> None:
        self.tools = tools
        self.supervisors = [p for target in ending for p in supervisors_of(tools, target)]
        above = [shell_above(tools, target) for target in ending]
        self.shells = [shell for shell in above if shell is not None]

    def settle(self, job: Job, pins: Mapping[ProcessKey, Pin]) -> None:
        """Watch for a respawn, as long as somebody lives who could bring it about."""
        machine = self.tools.machine
        deadline = clock.Deadline(job.limits.settle)
        told = False
        while not deadline.passed and bindable(machine, job.endpoints, job.ours):
            living = [p for p in self.supervisors if p.key in pins and not pins[p.key].exited]
            going = [shell.process for shell in self.shells if not living and shell.may_go_on()]
            if not living and not going:
                return
            if not told and (living or deadline.elapsed > PROMPT):
                told = True
                self.tools.tell(Settling(deadline.left, (*living, *going)[0]))
            waited = [pins[parent.key] for parent in living]
            step = POLL_LAST if waited else POLL_FIRST
            pass_time(machine, waited, min(step, deadline.left))


def pass_time(machine: Machine, alive: Sequence[Pin], seconds: float) -> None:
    """Wait for the end of one of them; a container's engine has nothing to wait for."""
    if alive:
        machine.wait_for_exit(alive, seconds)
    else:
        clock.pause(seconds)


def supervisors_of(tools: Tools, target: Target) -> tuple[Process, ...]:
    """Return the parents of a target that may start it again, nearest first.

    The line ends at a person's shell, at what we run in ourselves, and at init.
    """
    own = tools.machine.viewer().line
    parents = tools.machine.ancestors(target.process)
    return tuple(takewhile(lambda p: p.key not in own and is_supervisor(p), parents))


def successors(
    tools: Tools, plan: Sequence[Target], ports: Mapping[int, int], findings: Sequence[Finding]
) -> tuple[Respawned, ...]:
    """Return who has the ports now, each with the target whose port that was.

    Args:
        tools: for a judgement on them.
        plan: what was ended.
        ports: the ports of its sockets, by inode.
        findings: how it is now.
    """
    now = ports_of(findings)
    return tuple(
        Respawned(next((t for t in plan if _ports(t, ports) & _ports(it, now)), plan[0]), it)
        for it in plan_for(tools, findings)
    )


def _ports(target: Target, known: Mapping[int, int]) -> set[int]:
    inodes = {inode for member in target.members for inode in member.inodes}
    return {known[inode] for inode in inodes & set(known)}
