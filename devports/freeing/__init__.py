"""Free ports: classify, show, ask, inspect again, stop, wait until bindable.

Questions and progress go through `FreeServices`, without a screen or a command line, so that `free`
in a script and `run` during a start do the same.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from devports import exitcodes
from devports.core.checkout import no_checkout
from devports.core.stop_plan import ConfirmPolicy, Declined, FreeResult, WaitingForPort
from devports.core.value import Frozen
from devports.core.verdict import (
    Held,
    LingeringConnections,
    NotLocal,
    NotPermitted,
    all_bindable,
    is_bindable,
)
from devports.freeing.bindable import findings_now, wait_until_bindable
from devports.freeing.consent import code_of, confirm, decide, plan_for
from devports.freeing.respawn import port_clients
from devports.freeing.terminate import stop_targets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import TypeAlias

    from devports.core.checkout import ElsewhereOf
    from devports.core.model import Endpoint, HolderSearch
    from devports.core.stop_plan import Answer, Outcome, Progress, Question, RunOf, WaitProgress
    from devports.core.verdict import Finding
    from devports.system import Machine
    from devports.system.container_engines import Engines

    Wait: TypeAlias = AbstractContextManager[Callable[[], None]]
    """A displayed wait; its loop calls the yielded function between two inspections."""

MAX_ROUNDS = 3
"""How often the holders may change during a question before freeing fails."""

NOT_VISIBLE_TO_ROOT = {"in-transit", "not-here"}
"""Gaps that remain for root as well."""


class FreeServices(Frozen):
    """The functions that freeing calls.

    Attributes:
        elsewhere: returns a function that finds checkouts, read again.
        waiting: shows a wait while it lasts; None: it is reported once.
        quiet: seconds of a wait before it is reported.
    """

    machine: Machine
    ask: Callable[[Question], Answer]
    tell: Callable[[Progress | Outcome], None]
    find_run: RunOf
    engines: Engines
    elsewhere: Callable[[], ElsewhereOf] = lambda: no_checkout
    waiting: Callable[[WaitProgress], Wait] | None = None
    quiet: float = 0.7

    def wait(self, news: WaitProgress) -> Wait:
        """Report a wait that begins."""
        if self.waiting is not None:
            return self.waiting(news)
        self.tell(news)
        return nullcontext(lambda: None)

    def of_one_freeing(self) -> FreeServices:
        """Return the same, with checkouts that are read once, at the first use."""
        once = self.elsewhere()
        return self.replace(elsewhere=lambda: once)


class StopTimeouts(Frozen):
    """Limits in seconds: after SIGTERM, after SIGKILL, for a restart, for lingering connections."""

    stop: float = 5.0
    kill: float = 2.0
    settle: float = 4.0
    linger: float = 5.0


class FreeRequest(Frozen):
    """What is to be free, and what is permitted for it.

    `own_inodes`: those of devports' sockets. `attempts`: how often the port is freed at most, where
    a process that no parent of the last holder started is faster than the new server.
    """

    endpoints: tuple[Endpoint, ...]
    policy: ConfirmPolicy = ConfirmPolicy()
    limits: StopTimeouts = StopTimeouts()
    own_inodes: Collection[int] = ()
    attempts: int = 1

    @property
    def exchanged(self) -> tuple[Endpoint, ...]:
        """The endpoints whose port is exchanged for another one rather than freed."""
        policy = self.policy
        return tuple(e for e in self.endpoints if policy.moves and e.port == policy.movable_port)


def free(tools: FreeServices, job: FreeRequest) -> FreeResult:
    """Make all endpoints bindable, as far as protection and confirmations permit."""
    freed = _free(tools.of_one_freeing(), job)
    if job.attempts > 1 and freed.is_lost:
        again = free(tools, job.replace(attempts=job.attempts - 1))
        return again.replace(outcomes=(*freed.outcomes, *again.outcomes))
    return freed


def _free(tools: FreeServices, job: FreeRequest) -> FreeResult:
    findings: tuple[Finding, ...] = ()
    for _ in range(MAX_ROUNDS):
        findings = findings_now(tools.machine, job)
        if all_bindable(findings):
            return FreeResult(True, exitcodes.OK, (), findings)
        if code := unfreeable_exit_code(findings):
            return wait_for_lingering(tools, findings, code, job)
        plan = plan_for(tools, findings)
        if not plan:
            continue  # the holder exited during the inspection
        around = port_clients(tools.machine, job.endpoints, plan)
        if refused := confirm(tools, job, plan, findings, around):
            if any(isinstance(one, Declined) for one in refused):  # a question takes time
                now = findings_now(tools.machine, job)
                findings = now if all_bindable(now) else findings
            return FreeResult(False, code_of(refused), refused, findings, around.spared)
        if (ended := stop_targets(tools, plan, job)) is not None:
            return finished(tools, ended.replace(spared=around.spared), job)
    return FreeResult(False, exitcodes.TAKEN_AGAIN, (), findings)


def preview(tools: FreeServices, job: FreeRequest) -> FreeResult:
    """Return what `free` would do, without doing it.

    A missing terminal does not matter, since nothing is asked. `policy.yes` counts as in a script:
    a holder that it does not cover is refused.
    """
    tools = tools.of_one_freeing()
    policy = job.policy.replace(interactive=job.policy.interactive or not job.policy.yes)
    findings = findings_now(tools.machine, job)
    plan = plan_for(tools, findings)
    outcomes = tuple(decide(target, policy) for target in plan)
    around = port_clients(tools.machine, job.endpoints, plan)
    return FreeResult(all_bindable(findings), exitcodes.OK, outcomes, findings, around.spared)


def finished(tools: FreeServices, ended: FreeResult, job: FreeRequest) -> FreeResult:
    """Return the result of stopping, after a wait for lingering connections of a stopped server."""
    held = any(isinstance(finding.verdict, Held) for finding in ended.findings)
    code = unfreeable_exit_code(ended.findings)
    if ended.bindable or held or not code:
        return ended
    left = wait_for_lingering(tools, ended.findings, code, job)
    return left.replace(outcomes=ended.outcomes, spared=ended.spared)


def unfreeable_exit_code(findings: Sequence[Finding]) -> int:
    """Return the exit code where no process can be stopped to free the port, else 0."""
    for finding in findings:
        match finding.verdict:
            case NotPermitted():
                return exitcodes.PERMISSION
            case NotLocal():
                return exitcodes.USAGE
            case Held() if finding.holding.hidden:
                return code_of_hidden(finding.holding)
            case Held():
                continue
            case verdict:
                if not is_bindable(verdict):
                    return exitcodes.STILL_HELD
    return 0


def code_of_hidden(holding: HolderSearch) -> int:
    """Return the code for an unknown holder; where all was read, no privilege helps."""
    gaps = {gap.code for gap in holding.gaps}
    return exitcodes.STILL_HELD if gaps and gaps <= NOT_VISIBLE_TO_ROOT else exitcodes.PERMISSION


def wait_for_lingering(
    tools: FreeServices, findings: tuple[Finding, ...], code: int, job: FreeRequest
) -> FreeResult:
    """Wait for connections that end in time; otherwise report what has the port."""
    verdicts = [finding.verdict for finding in findings if not is_bindable(finding.verdict)]
    waits = [
        v.seconds for v in verdicts if isinstance(v, LingeringConnections) and v.seconds is not None
    ]
    if len(waits) == len(verdicts) and max(waits) <= job.limits.linger:
        with tools.wait(WaitingForPort(max(waits))) as tick:
            wait_until_bindable(tools.machine, job, max(waits) + 1, tick)
        findings = findings_now(tools.machine, job)
        if all_bindable(findings):
            return FreeResult(True, exitcodes.OK, (), findings)
    return FreeResult(False, code, (), findings)
