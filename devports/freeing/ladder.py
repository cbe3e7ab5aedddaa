"""Terminate, wait until bindable, kill what is left, watch for a respawn.

Success is a bind that works, not a process that has gone: a server may give its port up and live
on, or die and leave a worker that still listens.
"""

from __future__ import annotations

import contextlib
from itertools import takewhile

from devports import exitcodes
from devports.core.bystanders import connections
from devports.core.diagnosis import Held, all_bindable
from devports.core.outcome import (
    AlreadyGone,
    ContainerStopped,
    Freed,
    Killing,
    Refused,
    Respawned,
    Settling,
    StopFailed,
    Stopped,
    StoppingContainer,
    Terminating,
    TimedOut,
    WaitingForPort,
)
from devports.core.plan import is_supervisor
from devports.core.standing import Container, Mine
from devports.freeing.bindable import POLL_LAST, bindable
from devports.freeing.bystanders import bystanders
from devports.freeing.consent import (
    Scene,
    everybody,
    holders_of,
    is_container,
    plan_for,
    refusals,
)
from devports.freeing.look import look
from devports.freeing.shells import shell_above
from devports.system import clock
from devports.system.signum import CONT, KILL, NAMES, TERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from devports.core.diagnosis import Finding
    from devports.core.model import Process, ProcessKey
    from devports.core.outcome import Outcome
    from devports.core.plan import Target
    from devports.freeing import Job, Tools
    from devports.system import Pin

POLL_FIRST = 0.010
"""Seconds to the first look at the table, and then more and more. No event exists for a listener
that is closed by a process which lives on; the end of a process is one, waited for meanwhile."""
QUIET = 0.7
"""Seconds of waiting before the person is told what we wait for."""
PROMPT = 0.25
"""Seconds in which a shell is back at its prompt; before, there is nothing to tell."""
LINGER = 0.5
"""Seconds to wait for the end of a process whose port is free already."""


def end(tools: Tools, plan: Sequence[Target], job: Job) -> Freed | None:
    """End the targets of an agreed plan; None if others hold the port now, so ask again."""
    with contextlib.ExitStack() as stack:
        work = Work(tools, plan, job, stack)
        holding = work.holding()
        return None if holding is None else work.carry_out(holding)


class Work:
    """One plan being carried out.

    Every process in it is pinned before the last look, but those of containers: without a pin
    nobody can be signalled.
    """

    def __init__(
        self, tools: Tools, plan: Sequence[Target], job: Job, stack: contextlib.ExitStack
    ) -> None:
        self.tools, self.machine, self.plan, self.job = tools, tools.machine, plan, job
        self.stack = stack
        self.pins: dict[ProcessKey, Pin] = {}
        self.sent: dict[ProcessKey, list[str]] = {}
        self.denied: set[ProcessKey] = set()
        self.complaints: dict[Target, str] = {}
        """What engines said that were told to stop a container; empty where it was stopped."""
        self.ending = [target for target in plan if not is_container(target)]
        self.supervisors = [p for target in self.ending for p in supervisors_of(tools, target)]
        above = [shell_above(tools, target) for target in self.ending]
        self.shells = [shell for shell in above if shell is not None]
        for key in (*everybody(self.ending), *(parent.key for parent in self.supervisors)):
            self.pin(key)

    def pin(self, key: ProcessKey) -> None:
        if key not in self.pins and (pin := self.machine.pin(key)) is not None:
            self.stack.callback(pin.close)
            self.pins[key] = pin

    def look(self) -> tuple[Finding, ...]:
        return look(self.machine, self.job)

    def holding(self) -> set[ProcessKey] | None:
        """Return who holds the port now; None if not all were in the plan, judged as they are.

        Comes after pinning and before the first signal: it proves that the pinned processes still
        hold the socket. One forwarder may work for another container by now: engines are asked
        again.
        """
        self.tools.engines.forget()
        findings = self.look()
        if any(f.holding.hidden for f in findings if isinstance(f.verdict, Held)):
            return None
        agreed = {(m.process.key, m.process.uid, t.standing) for t in self.plan for m in t.members}
        now = {
            (member.process.key, member.process.uid, target.standing)
            for target in plan_for(self.tools, findings)
            for member in target.members
        }
        return {key for key, _, _ in now} if now <= agreed else None

    def carry_out(self, holding: Collection[ProcessKey]) -> Freed:
        """End those targets of which somebody is still among the holders."""
        begun = clock.monotonic()
        still = [t for t in self.plan if any(m.process.key in holding for m in t.members)]
        for target in still:
            if isinstance(target.standing, Container):
                self.stop_container(target, target.standing)
        if any(self.complaints.values()) and not self.bindable():
            # To end the others now would free nothing.
            told = tuple(self.outcome(target, 0, free=False) for target in self.complaints)
            return self.conclude(told, free=False)
        for target in still:
            if not is_container(target):
                self.terminate(target)
        free = self.wait(self.patience()) or self.kill_what_is_left()
        seconds = clock.monotonic() - begun
        outcomes = tuple(self.outcome(target, seconds, free=free) for target in self.plan)
        return self.conclude(outcomes, free=free)

    def stop_container(self, target: Target, container: Container) -> None:
        self.tools.tell(StoppingContainer(target))
        self.complaints[target] = self.tools.engines.stop(container)

    def patience(self) -> float:
        """Return the seconds until SIGKILL; a devports run ends its own server in its own time."""
        runs = [t.standing.run.patience for t in self.plan if isinstance(t.standing, Mine)]
        return max([self.job.limits.stop, *runs])

    def terminate(self, target: Target) -> None:
        """Send SIGTERM to the top of a family."""
        self.tools.tell(Terminating(target))
        self.signal(target.process.key, TERM)
        if target.process.state == "T":
            self.signal(target.process.key, CONT)

    def signal(self, key: ProcessKey, number: int) -> None:
        """Send it; who could not be signalled once is not tried again."""
        pin = None if key in self.denied else self.pins.get(key)
        match "gone" if pin is None else pin.send(number):
            case "sent":
                self.sent.setdefault(key, []).append(NAMES[number])
            case "denied":
                self.denied.add(key)
            case _:
                return

    def wait(self, seconds: float) -> bool:
        """Wait until bindable; orphaned workers of an ended parent are terminated on the way."""
        deadline = clock.Deadline(seconds)
        told = False
        step = POLL_FIRST
        while not (free := self.bindable(last=True)) and not deadline.passed:
            alive = [self.pins[key] for key in self.sent if self.lives(key)]
            if not alive and not self.terminate_orphans() and not self.complaints:
                free = self.bindable(last=True)
                break
            self.pass_time(alive, min(step, deadline.left))
            step = min(step * 1.5, POLL_LAST)
            if not told and deadline.elapsed > QUIET:
                told = True
                self.tools.tell(WaitingForPort(deadline.left, self.clients()))
        return free

    def pass_time(self, alive: Sequence[Pin], seconds: float) -> None:
        """Wait for the end of one of them; a container's engine has nothing to wait for."""
        if alive:
            self.machine.wait_for_exit(alive, seconds)
        else:
            clock.pause(seconds)

    def terminate_orphans(self) -> bool:
        """Terminate members that outlived their family's top and still hold the port."""
        members = {m.process.key for target in self.ending for m in target.members}
        left = [h.process.key for h in holders_of(self.look()) if h.process.key in members]
        for key in left:
            if key not in self.sent:
                self.signal(key, TERM)
        return any(self.lives(key) for key in left if key not in self.denied)

    def bindable(self, *, last: bool = False) -> bool:
        return bindable(self.machine, self.job.endpoints, self.job.ours, last=last)

    def clients(self) -> int:
        """Count the connections that are being served on these endpoints."""
        table = self.machine.table({endpoint.port for endpoint in self.job.endpoints})
        return len(connections(table.sockets, self.job.endpoints))

    def kill_what_is_left(self) -> bool:
        """Kill who still holds the agreed sockets, with a consent of its own.

        Those may be workers that were made in the meantime: they are judged like everybody else.
        Somebody with a socket of their own was not agreed on and is left alone.
        """
        findings = self.look()
        plan = [t for t in plan_for(self.tools, findings) if self.agreed(t) and not is_container(t)]
        plan = [target for target in plan if target.process.key not in self.denied]
        for key in everybody(plan):
            self.pin(key)
        scene = Scene(findings, bystanders(self.machine, self.job.endpoints, everybody(plan)))
        if not plan or refusals(self.tools, plan, scene, self.job.policy, "kill"):
            return False
        # A question takes time, and pins were made above: who holds the port now is for certain.
        still = {h.process.key for h in holders_of(self.look())}
        for target in plan:
            keys = [m.process.key for m in target.members if m.process.key in still]
            if keys:
                self.tools.tell(Killing(target))
            for key in dict.fromkeys((target.process.key, *keys) if keys else ()):
                self.signal(key, KILL)
        return self.wait(self.job.limits.kill)

    def agreed(self, target: Target) -> bool:
        """Say whether the plan was about these processes or these very sockets."""
        sockets = {inode for t in self.plan for member in t.members for inode in member.inodes}
        known = set(everybody(self.plan))
        return any(m.process.key in known or sockets & set(m.inodes) for m in target.members)

    def left_of(self, target: Target) -> list[ProcessKey]:
        return [key for key in everybody((target,)) if self.lives(key)]

    def outcome(self, target: Target, seconds: float, *, free: bool) -> Outcome:
        """Say what became of one target: three facts, signalled, exited, and whether it let go."""
        if complaint := self.complaints.get(target):
            return StopFailed(target, complaint)
        if target in self.complaints:
            return ContainerStopped(target, seconds)
        keys = everybody((target,))
        names = tuple(dict.fromkeys(name for key in keys for name in self.sent.get(key, ())))
        if target.process.key in self.denied:
            return Refused(target, "denied")
        if not names:
            return AlreadyGone(target)
        if not free and self.left_of(target):
            return TimedOut(target, names)
        pins = [self.pins[key] for key in keys if key in self.pins]
        deadline = clock.Deadline(LINGER)
        while (alive := [pin for pin in pins if not pin.exited]) and not deadline.passed:
            self.machine.wait_for_exit(alive, deadline.left)
        return Stopped(target, names, seconds, exited=not alive)

    def conclude(self, outcomes: tuple[Outcome, ...], *, free: bool) -> Freed:
        """Look once more, after watching for a respawn where somebody could start it again."""
        if free:
            self.watch()
        findings = self.look()
        bindable = all_bindable(findings)
        outcomes = tuple(
            outcome.but(bindable=bindable)
            if isinstance(outcome, Stopped | ContainerStopped | StopFailed)
            else outcome
            for outcome in outcomes
        )
        for outcome in outcomes:
            self.tools.tell(outcome)
        if bindable:
            return Freed(True, exitcodes.OK, outcomes, findings)
        if any(self.complaints.values()):
            return Freed(False, exitcodes.PROTECTED, outcomes, findings)
        strangers = {h.process.key for h in holders_of(findings)} - set(everybody(self.plan))
        if free or (strangers and not any(self.left_of(target) for target in self.plan)):
            return self.respawned(outcomes, findings)
        code = exitcodes.PERMISSION if self.denied else exitcodes.STILL_HELD
        return Freed(False, code, outcomes, findings)

    def watch(self) -> None:
        """Watch for a respawn, as long as somebody lives who could bring it about."""
        deadline = clock.Deadline(self.job.limits.settle)
        told = False
        while not deadline.passed and self.bindable():
            living = [parent for parent in self.supervisors if self.lives(parent.key)]
            going = [shell.process for shell in self.shells if not living and shell.may_go_on()]
            if not living and not going:
                return
            if not told and (living or deadline.elapsed > PROMPT):
                told = True
                self.tools.tell(Settling(deadline.left, (*living, *going)[0]))
            pins = [self.pins[parent.key] for parent in living]
            self.pass_time(pins, min(POLL_LAST if pins else POLL_FIRST, deadline.left))

    def lives(self, key: ProcessKey) -> bool:
        return key in self.pins and not self.pins[key].exited

    def respawned(self, outcomes: tuple[Outcome, ...], findings: tuple[Finding, ...]) -> Freed:
        found = plan_for(self.tools, findings)
        named = tuple(Respawned(outcomes[0].target, successor) for successor in found)
        for outcome in named:
            self.tools.tell(outcome)
        return Freed(False, exitcodes.TAKEN_AGAIN, (*outcomes, *named), findings)


def supervisors_of(tools: Tools, target: Target) -> tuple[Process, ...]:
    """Return the parents of a target that may start it again, nearest first.

    The line ends at a person's shell, at what we run in ourselves, and at init.
    """
    own = tools.machine.viewer().line
    parents = tools.machine.ancestors(target.process)
    return tuple(takewhile(lambda p: p.key not in own and is_supervisor(p), parents))
