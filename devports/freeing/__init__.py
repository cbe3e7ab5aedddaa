"""Carries a plan out: classify, show, ask, look again, end, wait until bindable.

Knows neither the screen nor the command line: questions and progress go through `Tools`, so that
`free` in a script and `run` in mid-start do the same.
"""

from __future__ import annotations

from devports import exitcodes
from devports.core.diagnosis import (
    Forbidden,
    Held,
    Lingering,
    NotLocal,
    is_bindable,
)
from devports.core.outcome import Declined, Freed, Planned, Question, Refused, WaitingForPort
from devports.core.plan import Policy, consent, targets
from devports.core.standing import Container, OtherUser, Protected, Supervised
from devports.core.value import Value
from devports.freeing.ladder import end, wait_until_bindable
from devports.system.survey import survey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from devports.core.diagnosis import Finding
    from devports.core.model import Endpoint, Holder
    from devports.core.outcome import Outcome, Progress, Why
    from devports.core.plan import RunOf, Target
    from devports.core.standing import Standing
    from devports.system import Machine

MAX_ROUNDS = 3
"""So often other holders may turn up while a person thinks, before we give up."""


class Tools(Value):
    """What freeing needs from outside."""

    machine: Machine
    ask: Callable[[Question], bool]
    tell: Callable[[Progress | Outcome], None]
    run_of: RunOf


class Limits(Value):
    """How long to wait, in seconds: after SIGTERM, after SIGKILL, for a respawn, for leftovers."""

    stop: float = 5.0
    kill: float = 2.0
    settle: float = 4.0
    linger: float = 5.0


class Job(Value):
    """What is to be free, and how far we may go for it. `ours`: inodes of sockets of ours."""

    endpoints: tuple[Endpoint, ...]
    policy: Policy = Policy()
    limits: Limits = Limits()
    ours: tuple[int, ...] = ()


def free(tools: Tools, job: Job) -> Freed:
    """Make all endpoints bindable, as far as the laws and the person allow."""
    findings: tuple[Finding, ...] = ()
    for _ in range(MAX_ROUNDS):
        findings = survey(tools.machine, job.endpoints, ours=job.ours, thorough=True)
        if all(is_bindable(finding.verdict) for finding in findings):
            return Freed(True, exitcodes.OK, (), findings)
        if code := beyond_ending(findings):
            return leave(tools, findings, code, job)
        plan = plan_for(tools, findings)
        if refusals := obtain_consent(tools, plan, findings, job.policy):
            return Freed(False, code_of(refusals), refusals, findings)
        if (ended := end(tools, plan, job)) is not None:
            return ended
    return Freed(False, exitcodes.TAKEN_AGAIN, (), findings)


def rehearse(tools: Tools, job: Job) -> Freed:
    """Say what `free` would do, and do nothing."""
    findings = survey(tools.machine, job.endpoints, ours=job.ours, thorough=True)
    plan = plan_for(tools, findings)
    outcomes = tuple(rehearsed(target, job.policy) for target in plan)
    bindable = all(is_bindable(finding.verdict) for finding in findings)
    return Freed(bindable, exitcodes.OK, outcomes, findings)


def rehearsed(target: Target, policy: Policy) -> Outcome:
    """Return what would become of one target."""
    match consent(target.standing, policy):
        case "refused":
            return Refused(target, why_refused(target.standing))
        case "unanswerable":
            return Refused(target, why_unanswerable(target.standing))
        case answer:
            return Planned(target, asks=answer == "ask")


def beyond_ending(findings: Sequence[Finding]) -> int:
    """Return the exit code where no process can be ended to free the port, else 0."""
    for finding in findings:
        match finding.verdict:
            case Forbidden():
                return exitcodes.PERMISSION
            case NotLocal():
                return exitcodes.USAGE
            case Held() if finding.holding.hidden:
                return exitcodes.PERMISSION
            case Held():
                continue
            case verdict:
                if not is_bindable(verdict):
                    return exitcodes.STILL_HELD
    return 0


def leave(tools: Tools, findings: tuple[Finding, ...], code: int, job: Job) -> Freed:
    """Wait for what goes by itself in time; otherwise report what is in the way."""
    verdicts = [finding.verdict for finding in findings if not is_bindable(finding.verdict)]
    waits = [v.seconds for v in verdicts if isinstance(v, Lingering) and v.seconds is not None]
    if len(waits) == len(verdicts) and max(waits) <= job.limits.linger:
        tools.tell(WaitingForPort(max(waits)))
        if wait_until_bindable(tools.machine, job, max(waits) + 1):
            now = survey(tools.machine, job.endpoints, ours=job.ours)
            return Freed(True, exitcodes.OK, (), now)
    return Freed(False, code, (), findings)


def plan_for(tools: Tools, findings: Sequence[Finding]) -> tuple[Target, ...]:
    """Return what has to end for these findings; Held ones only, clients are never in a plan."""
    holders: dict[object, Holder] = {}
    for finding in findings:
        if isinstance(finding.verdict, Held):
            holders.update((holder.process.key, holder) for holder in finding.holding.holders)
    return targets(tuple(holders.values()), tools.machine.viewer(), tools.run_of)


def obtain_consent(
    tools: Tools, plan: Sequence[Target], findings: Sequence[Finding], policy: Policy
) -> tuple[Outcome, ...]:
    """Ask for everything before anything is ended; return the refusals, none if all agreed.

    Ending one of two holders while the other stays would free nothing.
    """
    refusals: list[Outcome] = []
    for target in sorted(plan, key=lambda each: consent(each.standing, policy) != "refused"):
        match consent(target.standing, policy):
            case "refused":
                refusals.append(Refused(target, why_refused(target.standing)))
            case "unanswerable":
                refusals.append(Refused(target, why_unanswerable(target.standing)))
            case "ask" if not refusals:
                if not tools.ask(Question("stop", target, finding_of(target, findings))):
                    refusals.append(Declined(target))
            case _:
                continue
    return tuple(refusals)


def finding_of(target: Target, findings: Sequence[Finding]) -> Finding:
    """Return the finding in which a target was seen."""
    keys = {member.process.key for member in target.members}
    return next(f for f in findings if any(h.process.key in keys for h in f.holding.holders))


def why_unanswerable(standing: Standing) -> Why:
    """Name what is missing: a terminal and --yes, or --other-users beside it."""
    return "other-user" if isinstance(standing, OtherUser) else "no-terminal"


def why_refused(standing: Standing) -> Why:
    """Name the law that stands in the way."""
    match standing:
        case Container():
            return "container"
        case Supervised():
            return "supervised"
        case OtherUser():
            return "other-user"
        case Protected() | _:
            return "protected"


def code_of(refusals: Sequence[Outcome]) -> int:
    """Return the exit code for what was not allowed: the gravest reason decides."""
    whys = {outcome.why for outcome in refusals if isinstance(outcome, Refused)}
    if whys & {"protected", "supervised", "container"}:
        return exitcodes.PROTECTED
    if whys & {"other-user", "denied"}:
        return exitcodes.PERMISSION
    return exitcodes.HELD
