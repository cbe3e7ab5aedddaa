"""Stop the targets of a confirmed plan, step by step, until the port is bindable.

Success is a bind that works, not a process that exited: a server may close its port and live, or
exit and leave a worker that still listens.
"""

from __future__ import annotations

import contextlib
from functools import partial

from devports import exitcodes
from devports.core.command_line import SHELLS, program
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
    is_inheritor,
)
from devports.core.value import Frozen
from devports.core.verdict import Finding, Held, all_bindable, local_ends
from devports.errors import is_refusal
from devports.freeing.bindable import POLL_LAST, bindable, findings_now, holders_in
from devports.freeing.consent import (
    code_of,
    confirm,
    is_container,
    plan_for,
    process_keys,
    processes_of,
    programs_of,
    split_target,
)
from devports.freeing.respawn import (
    RespawnWatcher,
    connections_to,
    new_holders,
    port_clients,
    wait_for_any_exit,
)
from devports.system import clock, refusal
from devports.system.signals import CONT, KILL, NAMES, TERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TypeAlias

    from devports.core.model import Endpoint, Process, ProcessKey
    from devports.core.stop_plan import Outcome, PortClients, StopTarget
    from devports.freeing import FreeRequest, FreeServices
    from devports.system import Machine, ProcessHandle

    StepResult: TypeAlias = "Freed | StillHeld | NotAllowed"

POLL_FIRST = 0.010
"""Seconds to the first inspection of the table, then longer. No event exists for a listener that is
closed by a living process; the exit of a process is an event, which ends the pause."""
GRACE = 0.25
"""Seconds to wait for the exit of children and parents before they are reported. Not where the port
is needed at once: another process could take it during the wait."""
LINGER_TIMEOUT = 0.5
"""Seconds to wait for the exit of a process whose port is free already."""


class Freed(Frozen):
    """The port is bindable."""


class StillHeld(Frozen):
    """The port is not bindable. The next step may help, if there is one."""


class NotAllowed(Frozen):
    """The next step is not permitted. `refused`: the targets that prevent it, if not reported."""

    refused: tuple[Outcome, ...] = ()


class Proof(Frozen):
    """The confirmed targets that still hold the port, and the local ends of its sockets by inode.

    A target without any socket on the port is reported as gone and not signalled.
    """

    holding: tuple[StopTarget, ...]
    ends: Mapping[int, Endpoint]


def stop_targets(
    tools: FreeServices, plan: Sequence[StopTarget], job: FreeRequest
) -> FreeResult | None:
    """Stop the targets of a confirmed plan; None if the holders changed: ask again.

    Raises:
        DevportsError: the machine refused a step; its facts are what was signalled before.
    """
    with contextlib.ExitStack() as stack:
        ending = [target for target in plan if not is_container(target)]
        watch = RespawnWatcher(tools, ending)
        pinned = PinnedProcesses(tools.machine, stack)
        try:
            pinned.pin((*process_keys(ending), *(parent.key for parent in watch.supervisors)))
            if (proof := prove(tools, plan, job)) is None:
                return None
            return StopOperation(watch, plan, job, pinned, proof).carry_out()
        except OSError as error:
            if not is_refusal(error):
                raise
            done = pinned.report(processes_of(plan))
            raise refusal(error, "cannot free the port", facts=done) from error


def prove(tools: FreeServices, plan: Sequence[StopTarget], job: FreeRequest) -> Proof | None:
    """Inspect again; None if a holder of the port is not in the plan with the same kind.

    Follows pinning and precedes the first signal: it proves that the pinned processes still hold
    the socket. A forwarder may serve another container by now: engines are asked again.
    """
    tools.engines.forget()
    findings = findings_now(tools.machine, job)
    if any(f.holding.hidden for f in findings if isinstance(f.verdict, Held)):
        return None
    now, before = plan_for(tools, findings), programs_of(plan)
    if any(before.get(key, runs) != runs for key, runs in programs_of(now).items()):
        return None
    if not _judged(now) <= _judged(plan):
        return None
    keys = {key for key, _, _ in _judged(now)}
    holding = (t for t in plan if any(m.process.key in keys for m in t.members))
    return Proof(tuple(holding), local_ends(findings))


def _judged(plan: Iterable[StopTarget]) -> set[tuple[ProcessKey, int, object]]:
    return {(m.process.key, m.process.uid, t.kind) for t in plan for m in t.members}


class PinnedProcesses:
    """The processes that may be signalled, and the sent signals: none is signalled without a pin.

    Every process of a plan is pinned before the last inspection, except those of containers.
    """

    def __init__(self, machine: Machine, stack: contextlib.ExitStack) -> None:
        self._machine, self._stack = machine, stack
        self.pins: dict[ProcessKey, ProcessHandle] = {}
        self.sent: dict[ProcessKey, list[str]] = {}
        self.denied: set[ProcessKey] = set()

    def pin(self, keys: Iterable[ProcessKey]) -> None:
        for key in keys:
            if key not in self.pins and (pin := self._machine.pin(key)) is not None:
                self._stack.callback(pin.close)
                self.pins[key] = pin

    def terminate(self, key: ProcessKey) -> None:
        """Send SIGTERM; a suspended process gets SIGCONT too, to be able to react."""
        self.signal(key, TERM)
        now = self._machine.process(key.pid)
        if now is not None and now.state == "T":
            self.signal(key, CONT)

    def signal(self, key: ProcessKey, number: int) -> None:
        """Send a signal; not to a process for which that was denied before."""
        pin = None if key in self.denied else self.pins.get(key)
        match "gone" if pin is None else pin.send(number):
            case "sent":
                self.sent.setdefault(key, []).append(NAMES[number])
            case "denied":
                self.denied.add(key)
            case _:
                return

    def living(self, keys: Iterable[ProcessKey]) -> list[ProcessHandle]:
        """Return the pins of the living processes."""
        return [self.pins[key] for key in keys if key in self.pins and not self.pins[key].exited]

    def report(self, processes: Iterable[Process]) -> tuple[str, ...]:
        """Return what was sent to each process and whether it runs, which no limit prevents."""
        names = {process.key: f"`{program(process)}` (pid {process.pid})" for process in processes}
        return tuple(
            f"{names.get(key, f'pid {key.pid}')}: sent {', '.join(sent)}; "
            f"{'it is still running' if self.living((key,)) else 'it has exited'}"
            for key, sent in self.sent.items()
        ) or ("no signal was sent",)

    def wait_for_exit(self, keys: Sequence[ProcessKey], seconds: float) -> bool:
        deadline = clock.Deadline(seconds)
        while (living := self.living(keys)) and not deadline.passed:
            self._machine.wait_for_exit(living, deadline.left)
        return not living


class StopOperation:
    """The execution of one plan. Processes that inherit a socket are added once confirmed."""

    def __init__(
        self,
        watch: RespawnWatcher,
        plan: Sequence[StopTarget],
        job: FreeRequest,
        pinned: PinnedProcesses,
        proof: Proof,
    ) -> None:
        self.watch, self.tools, self.machine, self.job = watch, watch.tools, watch.machine, job
        self.plan, self.pinned, self.proof = list(plan), pinned, proof
        self.below: dict[ProcessKey, set[ProcessKey]] = {}
        self.grace = min(GRACE, job.limits.settle)

    def carry_out(self) -> FreeResult:
        """Stop the containers, terminate, wait, escalate; then watch for a restart and finish."""
        begun = clock.monotonic()
        complaints = self.stop_containers()
        if any(complaints.values()) and not self.bindable():
            # Stopping the others now would free nothing.
            outcomes = [self.outcome(it, complaints, 0, freed=False) for it in complaints]
            return self.finish(StillHeld(), outcomes)
        patience = self.terminate()
        result = self.wait(patience)
        if isinstance(result, StillHeld):
            result = self.escalate(patience)
        seconds, freed = clock.monotonic() - begun, isinstance(result, Freed)
        outcomes = [self.outcome(it, complaints, seconds, freed=freed) for it in self.plan]
        if freed:
            self.watch.settle(self.job, self.pinned.pins)
        return self.finish(result, outcomes)

    def bindable(self, *, last: bool = False) -> bool:
        return bindable(self.machine, self.job.endpoints, self.job.own_inodes, last=last)

    def ending(self) -> list[StopTarget]:
        return [target for target in self.plan if not is_container(target)]

    def stop_containers(self) -> dict[StopTarget, str]:
        """Stop the containers by their engines; return the error of each, empty for none."""
        complaints: dict[StopTarget, str] = {}
        for target in self.proof.holding:
            if isinstance(target.kind, Container):
                self.tools.tell(StoppingContainer(target))
                complaints[target] = self.tools.engines.stop(target.kind)
        return complaints

    def terminate(self) -> clock.Deadline:
        """Send SIGTERM to the other targets; return how long they may take."""
        for target in self.proof.holding:
            if not is_container(target):
                self.tools.tell(Terminating(target))
                self.note_children(target)
                self.pinned.terminate(target.process.key)
        runs = [run.stop_timeout for t in self.plan if (run := run_behind(t.kind))]
        # A devports run stops its server within its own timeout.
        return clock.Deadline(max([self.job.limits.stop, *runs]))

    def wait(self, deadline: clock.Deadline) -> StepResult:
        """Wait until bindable, at most until every signalled process has exited."""
        tick, step = None, POLL_FIRST
        by_engines = any(is_container(target) for target in self.proof.holding)
        with contextlib.ExitStack() as shown:
            while not self.bindable(last=True):
                if deadline.passed:
                    return StillHeld()
                alive = self.pinned.living(self.pinned.sent)
                if not alive and not by_engines:
                    return Freed() if self.bindable(last=True) else StillHeld()
                wait_for_any_exit(self.machine, alive, min(step, deadline.left))
                step = min(step * 1.5, POLL_LAST)
                if tick is not None:
                    tick()
                elif (waited := deadline.elapsed) > self.tools.quiet:
                    clients = len(connections_to(self.machine, self.job.endpoints))
                    news = WaitingForPort(deadline.left, clients, waited)
                    tick = shown.enter_context(self.tools.wait(news))
        return Freed()

    def escalate(self, patience: clock.Deadline) -> StepResult:
        """Terminate new holders of a confirmed socket, then kill the holders that were terminated.

        Workers outlive their parent, and a socket can be passed on at any time. Each step is taken
        twice: after the exit of a parent that starts new workers, these can be stopped.
        """
        for step in (partial(self.terminate_the_rest, patience), self.kill) * 2:
            findings = findings_now(self.machine, self.job)
            plan = self.remaining_targets(findings)
            if not plan:
                break
            match step(plan, findings):
                case StillHeld():
                    continue
                case decided:
                    return decided
        return StillHeld()

    def remaining_targets(self, findings: tuple[Finding, ...]) -> list[StopTarget]:
        """Return the holders of the port that are in the plan, or have one of its sockets.

        A process with a socket of its own was not confirmed and is left running.
        """
        sockets = {inode for t in self.plan for member in t.members for inode in member.inodes}
        known = set(process_keys(self.plan))
        return [
            target
            for target in plan_for(self.tools, findings)
            if not is_container(target)
            and any(m.process.key in known or sockets & set(m.inodes) for m in target.members)
        ]

    def terminate_the_rest(
        self, patience: clock.Deadline, plan: Sequence[StopTarget], findings: tuple[Finding, ...]
    ) -> StepResult:
        """Terminate the inheritors of a socket, if permitted, and members not signalled."""
        known = set(process_keys(self.plan))
        inheritors = [one for t in plan for one in split_target(t, set(process_keys((t,))) - known)]
        if inheritors and (refusal := self.refusal_of(inheritors, findings)) is not None:
            return refusal
        self.plan += inheritors
        left = self.holders_now()
        inheritors = [one for one in inheritors if left & set(process_keys((one,)))]
        for one in inheritors:
            self.tools.tell(Terminating(one))
        done = self.pinned.denied | set(self.pinned.sent)
        untold = [key for key in process_keys(self.ending()) if key in left and key not in done]
        for key in dict.fromkeys((*(one.process.key for one in inheritors), *untold)):
            self.pinned.terminate(key)
        if not inheritors and not untold:
            return StillHeld()
        least = self.job.limits.stop if inheritors else self.job.limits.kill
        return self.wait(clock.Deadline(max(least, patience.left)))

    def refusal_of(
        self, inheritors: Sequence[StopTarget], findings: tuple[Finding, ...]
    ) -> NotAllowed | None:
        """Return why inheritors of a socket may not be stopped; pins them before the question.

        They are confirmed like any holder; `--yes` covers only the process group.
        """
        agreed = processes_of(self.ending())
        family = {m.process.key for t in inheritors for m in t.members if is_inheritor(m, agreed)}
        if self.job.policy.yes and not family.issuperset(process_keys(inheritors)):
            return NotAllowed()
        self.pinned.pin(process_keys(inheritors))
        refused = confirm(self.tools, self.job, inheritors, findings, self.around(inheritors))
        return NotAllowed(refused) if refused else None

    def kill(self, plan: Sequence[StopTarget], findings: tuple[Finding, ...]) -> StepResult:
        """Kill the terminated holders whose time has passed, after a separate confirmation."""
        signalled = set(self.pinned.sent) - self.pinned.denied
        told = [part for target in plan for part in split_target(target, signalled)]
        if not told:
            return StillHeld()
        if confirm(self.tools, self.job, told, findings, self.around(told), kind="kill"):
            return NotAllowed()
        # A question takes time: these hold the port now.
        still = self.holders_now()
        for target in told:
            keys = [m.process.key for m in target.members if m.process.key in still]
            if keys:
                self.tools.tell(Killing(target))
                self.note_children(target)
            for key in dict.fromkeys((target.process.key, *keys) if keys else ()):
                self.pinned.signal(key, KILL)
        return self.wait(clock.Deadline(self.job.limits.kill))

    def note_children(self, target: StopTarget) -> None:
        """Record the descendants of a target while they are known; they are not stopped."""
        found = map(self.machine.key, self.machine.descendants(target.process.pid))
        below = {key for key in found if key is not None}.difference(process_keys(self.plan))
        self.pinned.pin(below)
        self.below.setdefault(target.process.key, set()).update(below)

    def holders_now(self) -> set[ProcessKey]:
        return {h.process.key for h in holders_in(findings_now(self.machine, self.job))}

    def around(self, plan: Sequence[StopTarget]) -> PortClients:
        return port_clients(self.machine, self.job.endpoints, plan)

    def outcome(
        self,
        target: StopTarget,
        complaints: Mapping[StopTarget, str],
        seconds: float,
        *,
        freed: bool,
    ) -> Outcome:
        """Return the result of one target: was it signalled, did it exit, did it close the port."""
        if complaint := complaints.get(target):
            return StopFailed(target, complaint)
        if target in complaints:
            return ContainerStopped(target, seconds)
        keys, sent = process_keys((target,)), self.pinned.sent
        names = tuple(dict.fromkeys(name for key in keys for name in sent.get(key, ())))
        if target.process.key in self.pinned.denied:
            return Refused(target, "denied")
        if not names:
            return AlreadyGone(target)
        if not freed and self.pinned.living(keys):
            return TimedOut(target, names)
        return Stopped(
            target, names, seconds, exited=self.pinned.wait_for_exit(keys, LINGER_TIMEOUT)
        )

    def finish(self, result: StepResult, outcomes: Sequence[Outcome]) -> FreeResult:
        """Inspect again: the final state decides, whatever the single results are."""
        findings = findings_now(self.machine, self.job)
        free = all_bindable(findings)
        refused = result.refused if isinstance(result, NotAllowed) else ()
        told = tuple(self.completed(it, free=free) for it in (*outcomes, *refused))
        code = exitcodes.OK if free else self.code_of_failure(result, outcomes, findings)
        if code == exitcodes.TAKEN_AGAIN:
            told += new_holders(self.watch, self.plan, self.proof.ends, findings)
        for outcome in told:
            self.tools.tell(outcome)
        return FreeResult(free, code, told, findings)

    def completed(self, it: Outcome, *, free: bool) -> Outcome:
        """Return a result completed with whether the port is free, and what still runs."""
        match it:
            case Stopped() if free:
                return it.replace(parent=self.living_parent(it), orphans=self.orphans(it))
            case Stopped() | ContainerStopped() | StopFailed():
                return it.replace(bindable=free)
            case _:
                return it

    def living_parent(self, it: Stopped) -> Process | None:
        """Return the nearest living parent that may restart it; None for a shell.

        A shell runs its next command or exits: a parent above it has seen no exit.
        """
        parents = self.watch.parents(it.target)
        self.pinned.wait_for_exit([parent.key for parent in parents], self.grace)
        nearest = next((one for one in parents if self.pinned.living((one.key,))), None)
        return nearest if nearest is not None and program(nearest) not in SHELLS else None

    def orphans(self, it: Stopped) -> tuple[Process, ...]:
        """Return its living children."""
        below = sorted(self.below.get(it.target.process.key, ()), key=lambda key: key.pid)
        if not it.exited or self.pinned.wait_for_exit(below, self.grace):
            return ()
        left = (self.machine.process(key.pid) for key in below if self.pinned.living((key,)))
        return tuple(one for one in left if one is not None and one.key in below)

    def code_of_failure(
        self, result: StepResult, outcomes: Sequence[Outcome], findings: Sequence[Finding]
    ) -> int:
        if any(isinstance(outcome, StopFailed) for outcome in outcomes):
            return exitcodes.PROTECTED
        known = set(process_keys(self.plan))
        others = any(holder.process.key not in known for holder in holders_in(findings))
        match result:
            case NotAllowed(refused=refused) if refused:
                return code_of(refused)
            case Freed():
                return exitcodes.TAKEN_AGAIN
            case _ if others and not self.pinned.living(known):
                return exitcodes.TAKEN_AGAIN
            case _:
                return exitcodes.PERMISSION if self.pinned.denied else exitcodes.STILL_HELD
