"""Terminate, wait until bindable, kill what is left, watch for a respawn.

Success is a bind that works, not a process that has gone: a server may give its port up and live
on, or die and leave a worker that still listens.
"""

from __future__ import annotations

import contextlib
import signal

from devports import exitcodes
from devports.core.diagnosis import Held, covers, is_bindable
from devports.core.outcome import (
    AlreadyGone,
    Freed,
    Killing,
    Question,
    Refused,
    Respawned,
    Stopped,
    Terminating,
    TimedOut,
    WaitingForPort,
)
from devports.core.plan import is_supervisor, targets
from devports.system import clock
from devports.system.survey import judge, survey, without

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from devports.core.diagnosis import Finding
    from devports.core.model import Endpoint, Holder, ProcessKey
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
        """Say whether everybody who holds the port now was in the plan, with the same uid.

        Comes after pinning and before the first signal: it proves that the pinned processes still
        hold the socket.
        """
        agreed = {(m.process.key, m.process.uid) for t in self.plan for m in t.members}
        now = {(h.process.key, h.process.uid) for h in holders_of(self.look())}
        self.holding = {key for key, _ in now}
        return now <= agreed

    def carry_out(self) -> Freed:
        begun = clock.Deadline(0)
        for target in self.plan:
            self.terminate(target)
        free = self.wait(self.job.limits.stop) or self.kill_what_is_left()
        seconds = begun.elapsed
        outcomes = tuple(self.outcome(target, seconds, free=free) for target in self.plan)
        return self.conclude(outcomes, free=free)

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
                break
            self.machine.wait_for_exit(alive, min(step, deadline.left))
            step = min(step * 1.5, POLL_LAST)
            if not told and deadline.elapsed > QUIET:
                told = True
                self.tools.tell(WaitingForPort(deadline.left, self.clients()))
        return free

    def terminate_orphans(self) -> bool:
        """Terminate members that survived the top of their family; say whether there were any."""
        left = [
            member.process.key
            for target in self.plan
            for member in target.members
            if member.process.key not in self.sent
        ]
        for key in left:
            self.signal(key, signal.SIGTERM)
        return any(key in self.sent for key in left)

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
        """Kill what did not end, and whoever holds the agreed sockets by now, with consent."""
        heirs = self.heirs()
        for target in self.plan:
            left = self.left_of(target)
            if (left or heirs) and not (self.job.policy.yes or self.may_kill(target)):
                return False
            for key in left:
                self.tools.tell(Killing(target))
                self.signal(key, signal.SIGKILL)
        # Looking again after pinning proves that the heirs still hold those sockets.
        for key in heirs & self.heirs():
            self.signal(key, signal.SIGKILL)
        return self.wait(self.job.limits.kill)

    def heirs(self) -> set[ProcessKey]:
        """Pin the processes that hold the agreed sockets now: workers made in the meantime."""
        agreed = {inode for t in self.plan for member in t.members for inode in member.inodes}
        found = {h.process.key for h in holders_of(self.look()) if agreed & set(h.inodes)}
        for key in found:
            self.pin(key)
        return found

    def left_of(self, target: Target) -> list[ProcessKey]:
        keys = everybody((target,))
        return [key for key in keys if key in self.pins and not self.pins[key].exited]

    def may_kill(self, target: Target) -> bool:
        return self.tools.ask(Question("kill", target, self.look()[0]))

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
        if all(is_bindable(finding.verdict) for finding in findings):
            return Freed(True, exitcodes.OK, outcomes, findings)
        strangers = {h.process.key for h in holders_of(findings)} - set(everybody(self.plan))
        if free or (strangers and not any(self.left_of(target) for target in self.plan)):
            return self.respawned(outcomes, findings)
        code = exitcodes.PERMISSION if self.denied else exitcodes.STILL_HELD
        return Freed(False, code, outcomes, findings)

    def watch(self) -> None:
        deadline = clock.Deadline(self.job.limits.settle)
        while not deadline.passed and self.bindable():
            clock.pause(min(POLL_LAST, deadline.left))

    def respawned(self, outcomes: tuple[Outcome, ...], findings: tuple[Finding, ...]) -> Freed:
        found = targets(holders_of(findings), self.machine.viewer(), self.tools.run_of)
        named = tuple(Respawned(outcomes[0].target, successor) for successor in found)
        for outcome in named:
            self.tools.tell(outcome)
        return Freed(False, exitcodes.TAKEN_AGAIN, (*outcomes, *named), findings)


def everybody(plan: Iterable[Target]) -> list[ProcessKey]:
    """Return all identities of a plan, each top before its members."""
    keys = [key for t in plan for key in (t.process.key, *(m.process.key for m in t.members))]
    return list(dict.fromkeys(keys))


def holders_of(findings: Iterable[Finding]) -> tuple[Holder, ...]:
    """Return everybody who holds one of the endpoints."""
    held = [finding for finding in findings if isinstance(finding.verdict, Held)]
    found = {h.process.key: h for finding in held for h in finding.holding.holders}
    return tuple(found.values())


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
