"""Who would have to end, and whether that is agreed. Asks, and signals nobody."""

from __future__ import annotations

from devports import exitcodes
from devports.core.containers import contained
from devports.core.holder_kind import Container, OtherCheckout, OtherUser, SupervisedService
from devports.core.stop_plan import (
    Declined,
    Question,
    Refused,
    WouldStop,
    consent,
    targets,
)
from devports.core.verdict import deciding_finding, sockets_of
from devports.freeing.bindable import holders_in

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
    from devports.core.verdict import Finding
    from devports.freeing import FreeRequest, FreeServices


def plan_for(tools: FreeServices, findings: Iterable[Finding]) -> tuple[StopTarget, ...]:
    """Return what has to end for these findings."""
    found, viewer = tuple(findings), tools.machine.viewer()
    plan = targets(holders_in(found), viewer, tools.find_run, tools.elsewhere())
    return contained(plan, ports_of(found), viewer, tools.engines.named)


def ports_of(findings: Iterable[Finding]) -> dict[int, int]:
    """Return the port of each socket in question, by inode."""
    return {s.inode: s.local.port for finding in findings for s in sockets_of(finding.verdict)}


def decide(target: StopTarget, policy: ConfirmPolicy) -> Outcome:
    """Return what would become of one target: planned, perhaps after a question, or refused."""
    match consent(target.standing, policy):
        case "refused":
            return Refused(target, why_refused(target.standing))
        case "unanswerable":
            why = "on-conflict" if policy.fails else why_unanswerable(target.standing)
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
    """Ask for everything before anything is ended; return what stands in the way, if anything.

    Ending one of two holders while the other stays would free nothing, so the first no decides.
    """
    plans = [decide(target, job.policy) for target in plan]
    if refused := tuple(outcome for outcome in plans if isinstance(outcome, Refused)):
        return refused
    for target in (it.target for it in plans if isinstance(it, WouldStop) and it.asks):
        finding = finding_of(target, findings)
        may_move = kind == "stop" and finding.endpoint.port == job.policy.movable
        what: QuestionKind = "container" if is_container(target) else kind
        answer = tools.ask(Question(what, target, finding, around, may_move=may_move))
        if answer != "yes":
            return (Declined(target, moving=answer == "next"),)
    return ()


def is_container(target: StopTarget) -> bool:
    """Say whether its engine ends it, so that nobody of it is ever signalled."""
    return isinstance(target.standing, Container)


def finding_of(target: StopTarget, findings: Sequence[Finding]) -> Finding:
    """Return the finding in which a target was seen.

    Where none shows it any more it is the decisive one: nobody is ended without the question.
    """
    keys = {member.process.key for member in target.members}
    seen = (f for f in findings if any(h.process.key in keys for h in f.holding.holders))
    return next(seen, None) or deciding_finding(findings)


def processes_of(plan: Iterable[StopTarget]) -> list[Process]:
    """Return all processes of a plan, each top before its members."""
    return [p for t in plan for p in (t.process, *(member.process for member in t.members))]


def process_keys(plan: Iterable[StopTarget]) -> list[ProcessKey]:
    """Return all identities of a plan, each once, in the order of `processes_of`."""
    return list(dict.fromkeys(process.key for process in processes_of(plan)))


def programs_of(plan: Iterable[StopTarget]) -> dict[ProcessKey, object]:
    """Return what each process of a plan runs.

    An exec keeps pid and start time. Words count only where the program is unreadable: servers
    write what they are at into them (setproctitle).
    """
    return {process.key: process.exe or process.argv for process in processes_of(plan)}


def parts(target: StopTarget, keys: Collection[ProcessKey]) -> list[StopTarget]:
    """Return what is left of a target when only the holders with these keys are meant.

    Where the top of their family is not meant, each is for itself.
    """
    members = tuple(member for member in target.members if member.process.key in keys)
    if target.process.key not in keys:
        return [target.replace(process=one.process, members=(one,)) for one in members]
    return [target.replace(members=members)] if members else []


def why_unanswerable(standing: HolderKind) -> Why:
    """Say whose yes is missing where nobody can be asked: that of `--yes`, or one of its own."""
    match standing:
        case OtherUser():
            return "other-user"
        case OtherCheckout(is_guarded=True):
            return "other-checkout"
        case _:
            return "no-terminal"


def why_refused(standing: HolderKind) -> Why:
    """Name the law that stands in the way."""
    match standing:
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
    """Return the exit code for what was not allowed: the gravest reason decides."""
    whys = {outcome.why for outcome in outcomes if isinstance(outcome, Refused)}
    if whys & {"protected", "supervised", "container"}:
        return exitcodes.PROTECTED
    if whys & {"other-user", "denied"}:
        return exitcodes.PERMISSION
    return exitcodes.HELD
