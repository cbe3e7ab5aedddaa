"""Terminate, wait until bindable, kill what is left, watch for a respawn.

Success is a bind that works, not a process that has gone: a server may give its port up and live
on, or die and leave a worker that still listens.
"""

from __future__ import annotations

import contextlib
import signal

from devports import exitcodes
from devports.core.diagnosis import Held, all_bindable, covers, is_bindable
from devports.core.outcome import (
    AlreadyGone,
    Freed,
    Killing,
    Refused,
    Respawned,
    Settling,
    Stopped,
    Terminating,
    TimedOut,
    WaitingForPort,
)
from devports.core.plan import is_supervisor
from devports.core.standing import Mine
from devports.freeing.consent import holders_of, plan_for, refusals
from devports.system import clock
from devports.system.survey import judge, survey, without

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from devports.core.diagnosis import Finding
    from devports.core.model import Endpoint, ProcessKey
    from devports.core.outcome import Outcome
    from devports.core.plan import Target
    from devports.freeing import Job, Tools
    from devports.system import Machine, Pin

POLL_FIRST, POLL_LAST = 0.010, 0.050
"""Seconds between looks at the table. No event exists for a listener that is closed by a process
which lives on; the end of a process is an event and is waited for at the same time."""
QUIET = 0.7
"""Seconds of waiting before the person is told what we wait for."""
LINGER = 0.5
"""Seconds to wait for the end of a process whose port is free already."""


def end(tools: Tools, plan: Sequence[Target], job: Job) -> Freed | None:
    """End the targets of an agreed plan; None if others hold the port now, so ask again."""
    with contextlib.ExitStack() as stack:
        work = Work(tools, plan, job, stack)
        return work.carry_out() if work.unchanged() else None


class Work:
    """One plan being carried out. Everything in it is pinned before the last look."""

    def __init__(
        self, tools: Tools, plan: Sequence[Target], job: Job, stack: contextlib.ExitStack
    ) -> None:
        self.tools, self.machine, self.plan, self.job = tools, tools.machine, plan, job
        self.stack = stack
        self.pins: dict[ProcessKey, Pin] = {}
        self.sent: dict[ProcessKey, list[str]] = {}
        self.denied: set[ProcessKey] = set()
        self.supervised = any(has_supervisor(tools, target) for target in plan)
        for key in everybody(plan):
            self.pin(key)

    def pin(self, key: ProcessKey) -> None:
        if key not in self.pins and (pin := self.machine.pin(key)) is not None:
            self.stack.callback(pin.close)
            self.pins[key] = pin

    def look(self) -> tuple[Finding, ...]:
        return survey(self.machine, self.job.endpoints, ours=self.job.ours, thorough=True)

    def unchanged(self) -> bool:
        """Say whether everybody who holds the port now was in the plan, judged as it was.

        Comes after pinning and before the first signal: it proves that the pinned processes still
        hold the socket.
        """
        findings = self.look()
        if any(f.holding.hidden for f in findings if isinstance(f.verdict, Held)):
            return False
        agreed = {(m.process.key, m.process.uid, t.standing) for t in self.plan for m in t.members}
        now = {
            (member.process.key, member.process.uid, target.standing)
            for target in plan_for(self.tools, findings)
            for member in target.members
        }
        self.holding = {key for key, _, _ in now}
        return now <= agreed

    def carry_out(self) -> Freed:
        begun = clock.monotonic()
        for target in self.plan:
            self.terminate(target)
        free = self.wait(self.patience()) or self.kill_what_is_left()
        seconds = clock.monotonic() - begun
        outcomes = tuple(self.outcome(target, seconds, free=free) for target in self.plan)
        return self.conclude(outcomes, free=free)

    def patience(self) -> float:
        """Return the seconds until SIGKILL; a devports run ends its own server in its own time."""
        runs = [t.standing.patience for t in self.plan if isinstance(t.standing, Mine)]
        return max([self.job.limits.stop, *runs])

    def terminate(self, target: Target) -> None:
        """Send SIGTERM to the top of a family, unless nobody of it holds the port any more."""
        if not self.holding & {member.process.key for member in target.members}:
            return
        self.tools.tell(Terminating(target))
        self.signal(target.process.key, signal.SIGTERM)
        if target.process.state == "T":
            self.signal(target.process.key, signal.SIGCONT)

    def signal(self, key: ProcessKey, number: signal.Signals) -> None:
        pin = self.pins.get(key)
        match "gone" if pin is None else pin.send(number):
            case "sent":
                self.sent.setdefault(key, []).append(number.name)
            case "denied":
                self.denied.add(key)
            case _:
                return

    def wait(self, seconds: float) -> bool:
        """Wait until bindable; orphaned workers of an ended parent are terminated on the way."""
        deadline = clock.Deadline(seconds)
        told = False
        step = POLL_FIRST
        while not (free := self.bindable()) and not deadline.passed:
            alive = [pin for key, pin in self.pins.items() if key in self.sent and not pin.exited]
            if not alive and not self.terminate_orphans():
                free = self.bindable()
                break
            self.machine.wait_for_exit(alive, min(step, deadline.left))
            step = min(step * 1.5, POLL_LAST)
            if not told and deadline.elapsed > QUIET:
                told = True
                self.tools.tell(WaitingForPort(deadline.left, self.clients()))
        return free

    def terminate_orphans(self) -> bool:
        """Terminate members that outlived their family's top and still hold the port."""
        members = {m.process.key for target in self.plan for m in target.members}
        left = [h.process.key for h in holders_of(self.look()) if h.process.key in members]
        for key in left:
            if key not in self.sent:
                self.signal(key, signal.SIGTERM)
        return any(not self.pins[key].exited for key in left if key in self.pins)

    def bindable(self) -> bool:
        return bindable(self.machine, self.job.endpoints, self.job.ours)

    def clients(self) -> int:
        """Count the connections that are being served on these endpoints."""
        table = self.machine.table({endpoint.port for endpoint in self.job.endpoints})
        return sum(
            socket.state == "ESTABLISHED" and any(covers(socket, e) for e in self.job.endpoints)
            for socket in table.sockets
        )

    def kill_what_is_left(self) -> bool:
        """Kill who still holds the agreed sockets, with a consent of its own.

        Those may be workers that were made in the meantime: they are judged like everybody else.
        Somebody with a socket of their own was not agreed on and is left alone.
        """
        findings = self.look()
        plan = [t for t in plan_for(self.tools, findings) if self.agreed(t)]
        for key in everybody(plan):
            self.pin(key)
        if not plan or refusals(self.tools, plan, findings, self.job.policy, "kill"):
            return False
        # A question takes time, and pins were made above: who holds the port now is for certain.
        still = {h.process.key for h in holders_of(self.look())}
        for target in plan:
            keys = [m.process.key for m in target.members if m.process.key in still]
            if keys:
                self.tools.tell(Killing(target))
            for key in dict.fromkeys((target.process.key, *keys) if keys else ()):
                self.signal(key, signal.SIGKILL)
        return self.wait(self.job.limits.kill)

    def agreed(self, target: Target) -> bool:
        """Say whether the plan was about these processes or these very sockets."""
        sockets = {inode for t in self.plan for member in t.members for inode in member.inodes}
        known = set(everybody(self.plan))
        return any(m.process.key in known or sockets & set(m.inodes) for m in target.members)

    def left_of(self, target: Target) -> list[ProcessKey]:
        keys = everybody((target,))
        return [key for key in keys if key in self.pins and not self.pins[key].exited]

    def outcome(self, target: Target, seconds: float, *, free: bool) -> Outcome:
        """Say what became of one target: three facts, signalled, exited, and whether it let go."""
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
        if free and self.supervised:
            self.watch()
        findings = self.look()
        for outcome in outcomes:
            self.tools.tell(outcome)
        if all_bindable(findings):
            return Freed(True, exitcodes.OK, outcomes, findings)
        strangers = {h.process.key for h in holders_of(findings)} - set(everybody(self.plan))
        if free or (strangers and not any(self.left_of(target) for target in self.plan)):
            return self.respawned(outcomes, findings)
        code = exitcodes.PERMISSION if self.denied else exitcodes.STILL_HELD
        return Freed(False, code, outcomes, findings)

    def watch(self) -> None:
        deadline = clock.Deadline(self.job.limits.settle)
        if not deadline.passed:
            self.tools.tell(Settling(self.job.limits.settle))
        while not deadline.passed and self.bindable():
            clock.pause(min(POLL_LAST, deadline.left))

    def respawned(self, outcomes: tuple[Outcome, ...], findings: tuple[Finding, ...]) -> Freed:
        found = plan_for(self.tools, findings)
        named = tuple(Respawned(outcomes[0].target, successor) for successor in found)
        for outcome in named:
            self.tools.tell(outcome)
        return Freed(False, exitcodes.TAKEN_AGAIN, (*outcomes, *named), findings)


def everybody(plan: Iterable[Target]) -> list[ProcessKey]:
    """Return all identities of a plan, each top before its members."""
    keys = [key for t in plan for key in (t.process.key, *(m.process.key for m in t.members))]
    return list(dict.fromkeys(keys))


def has_supervisor(tools: Tools, target: Target) -> bool:
    """Say whether the parent of a target may start the server again."""
    parent = tools.machine.process(target.process.ppid)
    line = tools.machine.viewer().line
    return parent is not None and parent.key not in line and is_supervisor(parent)


def bindable(machine: Machine, endpoints: Sequence[Endpoint], ours: Collection[int]) -> bool:
    """Say whether the kernel would accept all these binds now and nobody is in the way."""
    table = without(machine.table({endpoint.port for endpoint in endpoints}), ours)
    return all(is_bindable(judge(machine, endpoint, table)) for endpoint in endpoints)


def wait_until_bindable(machine: Machine, job: Job, seconds: float) -> bool:
    """Wait, at most `seconds`, for what goes by itself."""
    deadline = clock.Deadline(seconds)
    while not (free := bindable(machine, job.endpoints, job.ours)) and not deadline.passed:
        clock.pause(min(POLL_LAST, deadline.left))
    return free
