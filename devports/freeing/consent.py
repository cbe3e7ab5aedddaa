"""The plan of what has to stop, and its confirmation. Signals no process."""

from __future__ import annotations

from devports import exitcodes
from devports.core.containers import with_containers
from devports.core.holder_kind import Container, OtherCheckout, OtherUser, SupervisedService
from devports.core.stop_plan import Declined, Question, Refused, WouldStop, confirmation, targets
from devports.core.verdict import Finding, deciding_finding, local_ends
from devports.freeing.bindable import holders_in
from devports.system.inspect import untrusted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from devports.core.holder_kind import HolderKind
    from devports.core.model import Process, ProcessKey
    from devports.core.stop_plan import (
        ConfirmPolicy,
        Outcome,
        PortClients,
        QuestionKind,
        StopTarget,
        Why,
    )
    from devports.freeing import FreeRequest, FreeServices


def plan_for(tools: FreeServices, findings: Iterable[Finding]) -> tuple[StopTarget, ...]:
    found, viewer = tuple(findings), tools.machine.viewer()
    plan = targets(holders_in(found), viewer, tools.find_run, tools.elsewhere())
    return with_containers(plan, local_ends(found), viewer, tools.engines.named)


def decide(target: StopTarget, policy: ConfirmPolicy) -> Outcome:
    """Return the result for one target: planned, perhaps after a question, or refused.

    No process is stopped where a source has named a wrong one in the self-test.
    """
    if untrusted("holders"):
        return Refused(target, "source-untrue")
    match confirmation(target.kind, policy):
        case "refused":
            return Refused(target, why_refused(target.kind))
        case "unanswerable":
            why = "on-conflict" if policy.never_ask else why_unanswerable(target.kind)
            return Refused(target, why)
        case answer:
            return WouldStop(target, asks=answer == "ask")


def confirm(
    tools: FreeServices,
    job: FreeRequest,
    plan: Sequence[StopTarget],
    findings: Sequence[Finding],
    around: PortClients,
    *,
    kind: QuestionKind = "stop",
) -> tuple[Outcome, ...]:
    """Ask about everything before anything is stopped; return what prevents it, if anything.

    Stopping one of two holders while the other stays would free nothing, so the first no decides.
    """
    plans = [decide(target, job.policy) for target in plan]
    if refused := tuple(outcome for outcome in plans if isinstance(outcome, Refused)):
        return refused
    for target in (it.target for it in plans if isinstance(it, WouldStop) and it.asks):
        finding = finding_of(target, findings)
        may_move = kind == "stop" and finding.endpoint.port == job.policy.movable_port
        what: QuestionKind = "container" if is_container(target) else kind
        abrupt = tools.machine.platform == "win32"
        question = Question(what, target, finding, around, may_move=may_move, abrupt=abrupt)
        answer = tools.ask(question)
        if answer != "yes":
            return (Declined(target, moving=answer == "next"),)
    return ()


def is_container(target: StopTarget) -> bool:
    """Return whether its engine stops it, so that no process of it is ever signalled."""
    return isinstance(target.kind, Container)


def finding_of(target: StopTarget, findings: Sequence[Finding]) -> Finding:
    """Return the finding that contains a target.

    Without one it is the deciding finding: nothing is stopped without its question.
    """
    keys = {member.process.key for member in target.members}
    seen = (f for f in findings if any(h.process.key in keys for h in f.holding.holders))
    return next(seen, None) or deciding_finding(findings)


def processes_of(plan: Iterable[StopTarget]) -> list[Process]:
    """Return all processes of a plan, each root before its members."""
    return [p for t in plan for p in (t.process, *(member.process for member in t.members))]


def process_keys(plan: Iterable[StopTarget]) -> list[ProcessKey]:
    """Return all identities of a plan, each once, in the order of `processes_of`."""
    return list(dict.fromkeys(process.key for process in processes_of(plan)))


def programs_of(plan: Iterable[StopTarget]) -> dict[ProcessKey, object]:
    """Return the program of each process of a plan.

    An exec keeps pid and start time. Arguments count only where the program is unreadable: servers
    change them (setproctitle).
    """
    return {process.key: process.exe or process.argv for process in processes_of(plan)}


def split_target(target: StopTarget, keys: Collection[ProcessKey]) -> list[StopTarget]:
    """Return a target reduced to the holders with these keys.

    If the root of the group is not among them, each holder is a target of its own.
    """
    members = tuple(member for member in target.members if member.process.key in keys)
    if target.process.key not in keys:
        return [target.replace(process=one.process, members=(one,)) for one in members]
    return [target.replace(members=members)] if members else []


def why_unanswerable(kind: HolderKind) -> Why:
    """Return which confirmation is missing where no terminal exists: `--yes`, or a separate one."""
    match kind:
        case OtherUser():
            return "other-user"
        case OtherCheckout(is_guarded=True):
            return "other-checkout"
        case _:
            return "no-terminal"


def why_refused(kind: HolderKind) -> Why:
    match kind:
        case Container():
            return "container"
        case SupervisedService():
            return "supervised"
        case OtherUser():
            return "other-user"
        case OtherCheckout():
            return "other-checkout"
        case _:
            return "protected"


def code_of(outcomes: Iterable[Outcome]) -> int:
    """Return the exit code for refused targets: the most severe reason decides."""
    whys = {outcome.why for outcome in outcomes if isinstance(outcome, Refused)}
    if "source-untrue" in whys:
        return exitcodes.CANNOT_INSPECT
    if whys & {"protected", "supervised", "container"}:
        return exitcodes.PROTECTED
    if whys & {"other-user", "denied"}:
        return exitcodes.PERMISSION
    return exitcodes.HELD
