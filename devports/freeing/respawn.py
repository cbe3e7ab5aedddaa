"""Restarts of a stopped server, and the clients of the port.

Before anything is stopped: the supervisors, an interactive shell in a typed loop, and the clients,
which are left running. After it: the new holders.
"""

from __future__ import annotations

import contextlib
import time

from devports.core import stop_plan as core
from devports.core.command_line import STILL, is_at_rest, is_persons_shell, waits_for
from devports.core.stop_plan import PortClients, Respawned, WatchingForRestart, may_restart_children
from devports.core.verdict import Finding, local_ends
from devports.freeing.bindable import POLL_LAST, bindable, table_of
from devports.freeing.consent import plan_for, process_keys
from devports.system import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devports.core.model import Endpoint, Process, ProcessKey, Socket
    from devports.core.stop_plan import StopTarget
    from devports.freeing import FreeRequest, FreeServices
    from devports.system import Machine, ProcessHandle


POLL_FIRST = 0.010
"""Seconds between inspections of a shell, which may be about to run its next command."""
PROMPT = 0.25
"""Seconds in which a shell returns to its prompt; no watching is reported before."""
TICK = 0.010
"""Seconds: the resolution of process start times (Linux, proc_pid_stat(5))."""
MOST_CALLERS = 64
"""Clients whose processes are searched; a server with more of them is not a person's own."""


class RespawnWatcher:
    """The processes that could restart the targets of a plan, read before anything is stopped."""

    def __init__(self, tools: FreeServices, ending: Sequence[StopTarget]) -> None:
        self.tools, self.machine = tools, tools.machine
        self.begun = time.time()
        self.above = {target.process.key: restarters(tools, target) for target in ending}
        self.supervisors = [parent for parents, _ in self.above.values() for parent in parents]
        self.shells = [shell for _, shell in self.above.values() if shell is not None]

    def starters(self, target: StopTarget) -> set[ProcessKey]:
        """Return the processes above a target that could restart it."""
        parents, shell = self.above.get(target.process.key, ((), None))
        return {parent.key for parent in (*parents, *((shell.process,) if shell else ()))}

    def parents(self, target: StopTarget) -> Sequence[Process]:
        """Return the parents of a target that may start it again, nearest first."""
        return self.above.get(target.process.key, ((), None))[0]

    def settle(self, job: FreeRequest, pins: Mapping[ProcessKey, ProcessHandle]) -> None:
        """Watch for a restart, as long as a process lives that could cause it."""
        deadline, tick = clock.Deadline(job.limits.settle), None
        with contextlib.ExitStack() as shown:
            while not deadline.passed and bindable(self.machine, job.endpoints, job.own_inodes):
                living = [p for p in self.supervisors if p.key in pins and not pins[p.key].exited]
                going = [
                    shell.process for shell in self.shells if not living and shell.may_run_more()
                ]
                if not living and not going:
                    return
                if tick is not None:
                    tick()
                elif living or deadline.elapsed > PROMPT:
                    by = (*living, *going)[0]
                    news = WatchingForRestart(deadline.left, by, deadline.elapsed)
                    tick = shown.enter_context(self.tools.wait(news))
                step = min(POLL_LAST if living else POLL_FIRST, deadline.left)
                wait_for_any_exit(self.machine, [pins[p.key] for p in living], step)


class Shell:
    """An interactive shell that waits for a command which is going to be stopped."""

    def __init__(self, machine: Machine, process: Process, command: Process) -> None:
        self.process = process
        self._machine, self._command = machine, command
        self._children = machine.children(process.pid)
        self._rest = clock.SteadyCondition(STILL)

    def may_run_more(self) -> bool:
        """Inspect it; return whether it lives and has not been seen at rest for long enough."""
        now = self._machine.process(self.process.pid)
        if now is None or now.key != self.process.key:
            return False
        new = self._machine.children(now.pid) - self._children
        return not self._rest.update(is_at_rest(now, self._command, new))


def restarters(tools: FreeServices, target: StopTarget) -> tuple[list[Process], Shell | None]:
    """Return the parents of a target that may restart it, nearest first, and a shell above.

    The search ends at an interactive shell, at an ancestor of devports, and at init. The shell is
    the one that waits for the target or for the last of the parents; the shell of devports waits
    for devports itself.
    """
    own = tools.machine.viewer().ancestor_keys
    found: list[Process] = []
    for parent in tools.machine.ancestors(target.process):
        if parent.key in own:
            break
        if not may_restart_children(parent):
            command = found[-1] if found else target.process
            typed = is_persons_shell(parent) and waits_for(parent, command)
            return found, Shell(tools.machine, parent, command) if typed else None
        found.append(parent)
    return found, None


def wait_for_any_exit(machine: Machine, alive: Sequence[ProcessHandle], seconds: float) -> None:
    """Wait until one of them exits; stopping a container has no such event."""
    if alive:
        machine.wait_for_exit(alive, seconds)
    else:
        clock.pause(seconds)


def new_holders(
    watch: RespawnWatcher,
    plan: Sequence[StopTarget],
    ends: Mapping[int, Endpoint],
    findings: Sequence[Finding],
) -> tuple[Respawned, ...]:
    """Return the present holders, each with the target that had the port, by its inodes."""
    now = local_ends(findings)
    found = []
    for it in plan_for(watch.tools, findings):
        target = next((t for t in plan if _ports(t, ends) & _ports(it, now)), plan[0])
        by = core.starter(it, watch.starters(target))
        new = all(m.process.started > watch.begun - TICK for m in it.members)
        found.append(Respawned(target, it, by, new and core.is_same_program(it, target)))
    return tuple(found)


def _ports(target: StopTarget, ends: Mapping[int, Endpoint]) -> set[int]:
    inodes = {inode for member in target.members for inode in member.inodes}
    return {ends[inode].port for inode in inodes & set(ends)}


def port_clients(
    machine: Machine, endpoints: Sequence[Endpoint], plan: Sequence[StopTarget]
) -> PortClients:
    """Return the clients and the outgoing connections, without processes of the plan.

    Clients on other machines are counted and have no process here. Costs one table, and a search
    for processes only where there are connections.
    """
    served = connections_to(machine, endpoints)
    ports = {s.remote.port for s in served if s.remote is not None}
    if not ports:
        return PortClients()
    near = machine.table(sorted(ports)[:MOST_CALLERS]).sockets
    calling = core.local_clients(served, near)
    holding = machine.holding((*served, *calling), thorough=False)
    return core.classify_clients(served, calling, holding, process_keys(plan))


def connections_to(machine: Machine, endpoints: Sequence[Endpoint]) -> tuple[Socket, ...]:
    """Return the connections that are served on these endpoints."""
    return core.connections(table_of(machine, endpoints).sockets, endpoints)
