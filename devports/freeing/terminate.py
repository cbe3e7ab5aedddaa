"""Terminate, wait until bindable, kill what is left, watch for a respawn.

Success is a bind that works, not a process that has gone: a server may give its port up and live
on, or die and leave a worker that still listens.
"""

from __future__ import annotations

import contextlib

from devports import exitcodes
from devports.core.holder_kind import Container, run_behind
from devports.core.stop_plan import (
    AlreadyGone,
    ContainerStopped,
    FreeResult,
    Killing,
    Refused,
    StopFailed,
    Stopped,
    StoppingContainer,
    Terminating,
    TimedOut,
    WaitingForPort,
    connections,
    is_heir,
)
from devports.core.verdict import Held, all_bindable
from devports.freeing.bindable import POLL_LAST, bindable, look
from devports.freeing.consent import (
    ConfirmContext,
    code_of,
    everybody,
    holders_of,
    is_container,
    parts,
    people_of,
    plan_for,
    ports_of,
    programs_of,
    refusals,
)
from devports.freeing.respawn import RespawnWatcher, bystanders, pass_time, successors
from devports.system import clock
from devports.system.signals import CONT, KILL, NAMES, TERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from devports.core.model import ProcessKey
    from devports.core.stop_plan import Outcome, StopTarget
    from devports.core.verdict import Finding
    from devports.freeing import FreeRequest, FreeServices
    from devports.system import ProcessHandle

POLL_FIRST = 0.010
"""Seconds to the first look at the table, and then more and more. No event exists for a listener
that is closed by a process which lives on; the end of a process is one, waited for meanwhile."""
QUIET = 0.7
"""Seconds of waiting before the person is told what we wait for."""
LINGER = 0.5
"""Seconds to wait for the end of a process whose port is free already."""


def end(tools: FreeServices, plan: Sequence[StopTarget], job: FreeRequest) -> FreeResult | None:
    """End the targets of an agreed plan; None if others hold the port now, so ask again."""
    with contextlib.ExitStack() as stack:
        work = StopOperation(tools, plan, job, stack)
        holding = work.holding()
        return None if holding is None else work.carry_out(holding)


class StopOperation:
    """One plan being carried out.

    Every process in it is pinned before the last look, but those of containers: without a pin
    nobody can be signalled. Who inherits a socket on the way joins the plan by a judgement of
    their own.
    """

    def __init__(
        self,
        tools: FreeServices,
        plan: Sequence[StopTarget],
        job: FreeRequest,
        stack: contextlib.ExitStack,
    ) -> None:
        self.tools, self.machine, self.job = tools, tools.machine, job
        self.plan = list(plan)
        self.stack = stack
        self.pins: dict[ProcessKey, ProcessHandle] = {}
        self.sent: dict[ProcessKey, list[str]] = {}
        self.denied: set[ProcessKey] = set()
        self.complaints: dict[StopTarget, str] = {}
        """What engines said that were told to stop a container; empty where it was stopped."""
        self.refused: tuple[Outcome, ...] = ()
        """What stands in the way of ending who inherited a socket."""
        self.over = False
        self.ports: dict[int, int] = {}
        self.patience = clock.Deadline(0)
        self.ending = [target for target in plan if not is_container(target)]
        self.watch = RespawnWatcher(tools, self.ending)
        for key in (*everybody(self.ending), *(parent.key for parent in self.watch.supervisors)):
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
        self.ports = ports_of(findings)
        plan, before = plan_for(self.tools, findings), programs_of(self.plan)
        if any(before.get(key, now) != now for key, now in programs_of(plan).items()):
            return None
        agreed = {(m.process.key, m.process.uid, t.standing) for t in self.plan for m in t.members}
        now = {(m.process.key, m.process.uid, t.standing) for t in plan for m in t.members}
        return {key for key, _, _ in now} if now <= agreed else None

    def carry_out(self, holding: Collection[ProcessKey]) -> FreeResult:
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
                self.tools.tell(Terminating(target))
                self.terminate(target.process.key)
        runs = [run.patience for t in self.plan if (run := run_behind(t.standing))]
        # A devports run ends its own server in its own time.
        self.patience = clock.Deadline(max([self.job.limits.stop, *runs]))
        free = self.wait(self.patience) or self.insist()
        seconds = clock.monotonic() - begun
        outcomes = [self.outcome(target, seconds, free=free) for target in self.plan]
        return self.conclude((*outcomes, *self.refused), free=free)

    def stop_container(self, target: StopTarget, container: Container) -> None:
        self.tools.tell(StoppingContainer(target))
        self.complaints[target] = self.tools.engines.stop(container)

    def terminate(self, key: ProcessKey) -> None:
        """Send SIGTERM; who is stopped, perhaps only since the look, has to go on to notice."""
        self.signal(key, TERM)
        now = self.machine.process(key.pid)
        if now is not None and now.state == "T":
            self.signal(key, CONT)

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

    def wait(self, deadline: clock.Deadline) -> bool:
        """Wait until bindable, at most until everybody has ended who was told to."""
        told = False
        step = POLL_FIRST
        while not (free := self.bindable(last=True)) and not deadline.passed:
            alive = [self.pins[key] for key in self.sent if self.lives(key)]
            if not alive and not self.complaints:
                free = self.bindable(last=True)
                break
            pass_time(self.machine, alive, min(step, deadline.left))
            step = min(step * 1.5, POLL_LAST)
            if not told and deadline.elapsed > QUIET:
                told = True
                self.tools.tell(WaitingForPort(deadline.left, self.clients()))
        return free

    def bindable(self, *, last: bool = False) -> bool:
        return bindable(self.machine, self.job.endpoints, self.job.ours, last=last)

    def clients(self) -> int:
        """Count the connections that are being served on these endpoints."""
        table = self.machine.table({endpoint.port for endpoint in self.job.endpoints})
        return len(connections(table.sockets, self.job.endpoints))

    def insist(self) -> bool:
        """Terminate who has an agreed socket without having been told to end, kill who was told.

        Workers outlive their parent, and a socket can be handed on at any time. Each step is taken
        twice: with a parent that makes new ones gone, those can end.
        """
        for step in (self.tell_the_rest, self.kill, self.tell_the_rest, self.kill):
            findings = self.look()
            plan = self.agreed(findings)
            if plan and step(plan, findings):
                return True
            if self.over or not plan:
                break
        return False

    def agreed(self, findings: tuple[Finding, ...]) -> list[StopTarget]:
        """Return who holds the port and is of the plan, or has one of its very sockets.

        Somebody with a socket of their own was not agreed on and is left alone.
        """
        sockets = {inode for t in self.plan for member in t.members for inode in member.inodes}
        known = set(everybody(self.plan))
        return [
            target
            for target in plan_for(self.tools, findings)
            if not is_container(target)
            and any(m.process.key in known or sockets & set(m.inodes) for m in target.members)
        ]

    def tell_the_rest(self, plan: Sequence[StopTarget], findings: tuple[Finding, ...]) -> bool:
        known = set(everybody(self.plan))
        heirs = [heir for t in plan for heir in parts(t, set(everybody((t,))) - known)]
        if heirs and not self.join(heirs, findings):
            self.over = True
            return False
        left = self.holding_now()
        heirs = [heir for heir in heirs if left & set(everybody((heir,)))]
        for heir in heirs:
            self.tools.tell(Terminating(heir))
        done = self.denied | set(self.sent)
        untold = [key for key in everybody(self.ending) if key in left and key not in done]
        for key in dict.fromkeys((*(heir.process.key for heir in heirs), *untold)):
            self.terminate(key)
        if not heirs and not untold:
            return False
        least = self.job.limits.stop if heirs else self.job.limits.kill
        return self.wait(clock.Deadline(max(least, self.patience.left)))

    def join(self, heirs: Sequence[StopTarget], findings: tuple[Finding, ...]) -> bool:
        """Take into the plan who inherited a socket; False if that is not allowed.

        They are judged like everybody else, and `--yes` was said of nobody but the family.
        """
        agreed = people_of(self.ending)
        family = {m.process.key for t in heirs for m in t.members if is_heir(m, agreed)}
        if self.job.policy.yes and not family.issuperset(everybody(heirs)):
            return False
        for key in everybody(heirs):
            self.pin(key)
        self.refused = refusals(self.tools, heirs, self.scene(heirs, findings), self.job.policy)
        if not self.refused:
            self.plan += heirs
            self.ending += heirs
        return not self.refused

    def kill(self, plan: Sequence[StopTarget], findings: tuple[Finding, ...]) -> bool:
        """Kill who was told to end and had the time for it, with a consent of its own."""
        told = [part for target in plan for part in parts(target, set(self.sent) - self.denied)]
        if not told:
            return False
        scene = self.scene(told, findings)
        if refusals(self.tools, told, scene, self.job.policy, "kill"):
            self.over = True
            return False
        # A question takes time: who holds the port now is for certain.
        still = self.holding_now()
        for target in told:
            keys = [m.process.key for m in target.members if m.process.key in still]
            if keys:
                self.tools.tell(Killing(target))
            for key in dict.fromkeys((target.process.key, *keys) if keys else ()):
                self.signal(key, KILL)
        return self.wait(clock.Deadline(self.job.limits.kill))

    def holding_now(self) -> set[ProcessKey]:
        return {holder.process.key for holder in holders_of(self.look())}

    def scene(self, plan: Sequence[StopTarget], findings: tuple[Finding, ...]) -> ConfirmContext:
        return ConfirmContext(
            findings, bystanders(self.machine, self.job.endpoints, everybody(plan))
        )

    def left_of(self, target: StopTarget) -> list[ProcessKey]:
        return [key for key in everybody((target,)) if self.lives(key)]

    def outcome(self, target: StopTarget, seconds: float, *, free: bool) -> Outcome:
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

    def conclude(self, outcomes: tuple[Outcome, ...], *, free: bool) -> FreeResult:
        """Look once more, after watching for a respawn where somebody could start it again."""
        if free:
            self.watch.settle(self.job, self.pins)
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
            return FreeResult(True, exitcodes.OK, outcomes, findings)
        if any(self.complaints.values()):
            return FreeResult(False, exitcodes.PROTECTED, outcomes, findings)
        if self.refused:
            return FreeResult(False, code_of(self.refused), outcomes, findings)
        strangers = {h.process.key for h in holders_of(findings)} - set(everybody(self.plan))
        if free or (strangers and not any(self.left_of(target) for target in self.plan)):
            return self.respawned(outcomes, findings)
        code = exitcodes.PERMISSION if self.denied else exitcodes.STILL_HELD
        return FreeResult(False, code, outcomes, findings)

    def lives(self, key: ProcessKey) -> bool:
        return key in self.pins and not self.pins[key].exited

    def respawned(self, outcomes: tuple[Outcome, ...], findings: tuple[Finding, ...]) -> FreeResult:
        named = successors(self.tools, self.plan, self.ports, findings)
        for outcome in named:
            self.tools.tell(outcome)
        return FreeResult(False, exitcodes.TAKEN_AGAIN, (*outcomes, *named), findings)
