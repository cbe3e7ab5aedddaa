"""Rules about what is on the declared ports right now."""

from __future__ import annotations

from devports.checks.problem import FreePort, Problem
from devports.core.codes import code_of
from devports.core.contained import shown
from devports.core.diagnosis import (
    Forbidden,
    Free,
    Held,
    HeldByClient,
    Lingering,
    NotLocal,
    Shadowed,
    Unexplained,
    sockets_of,
)
from devports.core.model import PortSpec
from devports.core.plan import Policy, consent
from devports.core.remedy import Remedy, remedies
from devports.core.standing import Container, Elsewhere, Mine, Plain, run_behind
from devports.core.value import Value, unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devports.checks.facts import Declared, Facts
    from devports.checks.problem import Severity
    from devports.core.diagnosis import Finding
    from devports.core.model import Endpoint
    from devports.core.plan import Target


class Judgement(Value):
    """What is the matter with a port: `what` is empty where the verdict itself says it."""

    code: str
    severity: Severity
    why: str = ""
    what: str = ""


def verdicts(facts: Facts) -> Iterator[Problem]:
    """Somebody or something is on a declared port, or this user cannot have it."""
    for declared in facts.ports:
        if (judged := judgement(facts, declared)) is not None:
            yield _about(facts, declared, judged)


def judgement(facts: Facts, declared: Declared) -> Judgement | None:
    """Return what is the matter with a port; None where all is well."""
    finding = declared.finding
    if finding is None:
        return None
    code, verdict = code_of(finding), finding.verdict
    match verdict:
        case Free():
            return None
        case Held(listens=listens):
            return _held(facts, declared, listens=listens)
        case HeldByClient(blocking=blocking):
            return Judgement(code, "error" if blocking else "warning")
        case Lingering(blocking=True):
            why = "no server can start there until they are gone"
            return Judgement(code, "warning", why)
        case Lingering():
            return Judgement(code, "note")
        case Shadowed():
            why = "a browser that asks for `localhost` may see the other server"
            return Judgement(code, "warning", why)
        case Unexplained():
            wsl = any(gap.code == "wsl" for gap in facts.gaps)
            return Judgement(code, "error", UNDER_WINDOWS if wsl else "")
        case Forbidden() | NotLocal():
            return Judgement(code, "error")
        case _:
            unreachable(verdict)


UNDER_WINDOWS = "under WSL a program of Windows may have it: `netstat.exe -ano` names that"


def _held(facts: Facts, declared: Declared, *, listens: bool) -> Judgement | None:
    """Judge a holder; on a port that is only watched, a listener is meant to be."""
    if serves(facts, declared):
        return None
    if (number := sharers(facts, declared)) > 1:
        severity: Severity = "error" if declared.service.command else "warning"
        what = f"{number} servers share {declared.spec} of `{declared.title}`"
        why = "each connection goes to one of them by chance (SO_REUSEPORT)"
        return Judgement("port-split", severity, why, what)
    if listens:
        watched = not declared.service.command
        return None if watched else Judgement("port-held", "error", _meaning(facts, declared))
    why = "lsof, ss and netstat call such a port free, and a server that wants it fails"
    return Judgement(
        "port-bound", "error", f"{why}; {runs}" if (runs := _runs(facts, declared)) else why
    )


def sharers(facts: Facts, declared: Declared) -> int:
    """Return how many servers listen on one address at once, each with a socket of its own."""
    owner = {i: number for number, target in enumerate(facts.plan(declared))
             for member in target.members for i in member.inodes}  # fmt: skip
    found: dict[object, set[int]] = {}
    for finding in declared.findings:
        for socket in sockets_of(finding.verdict):
            if socket.state == "LISTEN" and socket.inode in owner:
                found.setdefault(socket.local, set()).add(owner[socket.inode])
    return max(map(len, found.values()), default=0)


def serves(facts: Facts, declared: Declared) -> bool:
    """Say whether this is the service's own server, under a devports run of this project."""
    plan = facts.plan(declared)
    return bool(plan) and all(
        isinstance(target.standing, Mine)
        and not target.standing.run.left
        and (target.standing.run.project, target.standing.run.service)
        == (facts.root, declared.service.name)
        for target in plan
    )


def _meaning(facts: Facts, declared: Declared) -> str:
    return (
        _runs(facts, declared)
        or _moved(facts, declared)
        or f"`{declared.service.name}` cannot start while it is there"
    )


def _moved(facts: Facts, declared: Declared) -> str:
    """Return where the service runs meanwhile; empty if it does not."""
    name = declared.service.name
    for run in facts.runs:
        own = (run.project, run.service) == (facts.root, name) and run.process is not None
        if own and run.spec.port != declared.service.port:
            return f"`{name}` runs on {run.spec} meanwhile, and cannot start here"
    return ""


def _runs(facts: Facts, declared: Declared) -> str:
    """Return which devports run it is; empty if it is none."""
    plan = facts.plan(declared)
    runs = [run for target in plan if (run := run_behind(target.standing))]
    if not runs:
        return ""
    other = runs[0].project != facts.root
    if any(run.left for run in runs):
        of = f" of the project in {runs[0].project}" if other else ""
        return f"a devports run{of} that was killed has left it behind"
    if any(isinstance(t.standing, Elsewhere) and t.standing.relation == "sibling" for t in plan):
        return f"the checkout in {runs[0].project} runs it: two of one repository want one port"
    if other:
        return f"the project in {runs[0].project} runs it: two projects want one port"
    return f"it is the service `{runs[0].service}` of this project"


def split(facts: Facts) -> Iterator[Problem]:
    """A server is where it should be, and another one where `localhost` may lead as well."""
    for declared in facts.ports:
        strangers = _strangers(facts, declared)
        at_home = serves(facts, declared) or not declared.service.command
        if strangers and at_home and isinstance(declared.verdict, Held):
            others = declared.but(findings=strangers)
            plan = facts.plan(others)
            where = tuple(dict.fromkeys(_spec(each.endpoint) for each in strangers))
            host = "127.0.0.1" if declared.spec.host in ("", "localhost") else declared.spec.host
            yield Problem(
                "port-split",
                "warning",
                f"`localhost:{declared.spec.port}` may reach another server than"
                f" `{declared.title}`: one on {' and '.join(map(str, where))}",
                why="which one answers depends on the client, and on IPv4 or IPv6",
                remedies=(
                    Remedy(f"ask for {PortSpec(host, declared.spec.port)} and not for `localhost`"),
                    Remedy("ends the other, after asking", FreePort(where).command),
                ),
                service=declared.service.name,
                about=others,
                plan=plan,
                mend=None if any(map(_is_refused, plan)) else FreePort(where),
            )


def _strangers(facts: Facts, declared: Declared) -> tuple[Finding, ...]:
    """Return who listens beside it and is no part of who has it.

    A container is published on both families by two forwarders: those are one server.
    """
    if not declared.beside:
        return ()
    plan = facts.plan(declared)
    own = {key for t in plan for key in (t.process.key, *(m.process.key for m in t.members))}
    forwarded = any(isinstance(target.standing, Container) for target in plan)
    return tuple(
        finding
        for finding in declared.beside
        for target in facts.plan(declared.but(findings=(finding,)))
        if target.process.key not in own
        and not (forwarded and isinstance(target.standing, Container))
    )


def host_unknown(facts: Facts) -> Iterator[Problem]:
    """A host that has no address."""
    for declared in facts.ports:
        if declared.unresolved:
            yield Problem(
                "host-unknown",
                "error",
                f"the host `{declared.spec.host}` of `{declared.title}` has no address",
                evidence=(declared.unresolved,),
                remedies=(Remedy('write host = "127.0.0.1" or "localhost"'),),
                service=declared.service.name,
            )


def nobody_there(facts: Facts) -> Iterator[Problem]:
    """A port that other services need, and that devports does not start, has no server."""
    needed = {need for d in facts.ports for need in d.service.depends_on}
    for declared in facts.ports:
        watched = not declared.service.command and not declared.name
        free = declared.findings and not isinstance(declared.verdict, Held)
        if watched and free and declared.service.name in needed:
            yield Problem(
                "dependency-down",
                "note",
                f"nobody listens on {declared.spec} for `{declared.service.name}`",
                why="other services need it, and devports does not start it: it has no command",
                service=declared.service.name,
            )


def _one_too_many(plan: Sequence[Target]) -> tuple[Remedy, ...]:
    """Return what ends the server that came last: which one is meant to be, only people know."""
    last = max(plan, key=lambda target: target.process.started)
    if not isinstance(last.standing, Plain):
        return ()
    title = "ends the one that came last, if that is the one too many"
    return (Remedy(title, f"kill -TERM {last.process.pid}"),)


def _remedies(facts: Facts, finding: Finding, declared: Declared) -> tuple[Remedy, ...]:
    service = declared.service.name
    return remedies(
        finding.verdict,
        finding.endpoint,
        finding.holding,
        facts.platform,
        service=service,
        # By its name a run that has moved away would be ended with who is here.
        typed=str(declared.spec) if _moved(facts, declared) else service,
        viewer=facts.viewer,
        run_of=facts.run_of,
        elsewhere_of=facts.elsewhere_of,
        named=facts.named,
        ephemeral=facts.ephemeral,
    )


def _about(facts: Facts, declared: Declared, judged: Judgement) -> Problem:
    """Return a problem whose words are those of the verdict, with what can be done about it."""
    finding = declared.finding
    assert finding is not None  # noqa: S101  # it has a verdict
    plan = facts.plan(declared)
    service = declared.service
    first = _one_too_many(plan) if judged.code == "port-split" else ()
    return Problem(
        judged.code,
        judged.severity,
        judged.what,
        why=judged.why,
        remedies=(*first, *_remedies(facts, finding, declared)),
        service=service.name,
        about=declared,
        plan=plan,
        mend=_mend(declared, plan) if judged.code != "port-split" else None,
    )


def _mend(declared: Declared, plan: Sequence[Target]) -> FreePort | None:
    """Return how freeing may get somewhere: all in the way are known, and may be ended by us."""
    service = declared.service
    hidden = any(shown(finding.holding).hidden for finding in declared.findings)
    if not plan or hidden or any(map(_is_refused, plan)):
        return None
    match declared.verdict:
        case Held():
            return FreePort((declared.spec,), service.name, service.stop_timeout)
        case Shadowed(sockets=sockets):
            return FreePort(tuple(dict.fromkeys(_spec(socket.local) for socket in sockets)))
        case _:
            return None


def _spec(end: Endpoint) -> PortSpec:
    return PortSpec(end.address, end.port)


def _is_refused(target: Target) -> bool:
    return consent(target.standing, Policy(interactive=True)) == "refused"


RULES = (verdicts, split, host_unknown, nobody_there)
