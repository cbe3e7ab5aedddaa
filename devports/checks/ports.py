"""Rules about what is on the declared ports right now."""

from __future__ import annotations

from devports.checks.problem import Problem
from devports.core.codes import code_of
from devports.core.diagnosis import (
    Forbidden,
    Free,
    Held,
    HeldByClient,
    Lingering,
    NotLocal,
    Shadowed,
    Unexplained,
)
from devports.core.remedy import Remedy, remedies
from devports.core.standing import Mine
from devports.core.value import unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.checks.facts import Declared, Facts
    from devports.checks.problem import Severity


def verdicts(facts: Facts) -> Iterator[Problem]:
    """Somebody or something is on a declared port, or this user cannot have it."""
    for declared in facts.ports:
        if (judged := judgement(facts, declared)) is not None:
            yield _about(facts, declared, *judged)


def judgement(facts: Facts, declared: Declared) -> tuple[str, Severity, str] | None:
    """Return code, severity and meaning of what is on a port; None where all is well."""
    verdict = declared.verdict
    match verdict:
        case None | Free():
            return None
        case Held(sockets=sockets):
            return _held(facts, declared, listens=any(s.state == "LISTEN" for s in sockets))
        case HeldByClient(blocking=blocking):
            return code_of(verdict), "error" if blocking else "warning", ""
        case Lingering(blocking=True):
            return code_of(verdict), "warning", "no server can start there until they are gone"
        case Lingering():
            return code_of(verdict), "note", ""
        case Shadowed():
            why = "a browser that asks for `localhost` may see the other server"
            return code_of(verdict), "warning", why
        case Forbidden() | NotLocal() | Unexplained():
            return code_of(verdict), "error", ""
        case _:
            unreachable(verdict)


def _held(facts: Facts, declared: Declared, *, listens: bool) -> tuple[str, Severity, str] | None:
    """Judge a holder; on a port that is only watched, a listener is meant to be."""
    if serves(facts, declared) or (listens and not declared.service.command):
        return None
    if listens:
        return "port-held", "error", _meaning(facts, declared)
    why = "lsof, ss and netstat call such a port free, and a server that wants it fails"
    return "port-bound", "error", why


def serves(facts: Facts, declared: Declared) -> bool:
    """Say whether this is the service's own server, under a devports run of this project."""
    plan = facts.plan(declared)
    return bool(plan) and all(
        isinstance(target.standing, Mine)
        and not target.standing.left
        and (target.standing.project, target.standing.service)
        == (facts.root, declared.service.name)
        for target in plan
    )


def _meaning(facts: Facts, declared: Declared) -> str:
    runs = [t.standing for t in facts.plan(declared) if isinstance(t.standing, Mine)]
    if any(run.left for run in runs):
        return "a devports run that was killed has left it behind"
    if runs and runs[0].project != facts.root:
        return f"the project in {runs[0].project} runs it: two projects want one port"
    if runs:
        return f"it is the service `{runs[0].service}` of this project"
    return f"`{declared.service.name}` cannot start while it is there"


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


def _about(facts: Facts, declared: Declared, code: str, severity: Severity, why: str) -> Problem:
    """Return a problem whose words are those of the verdict, with what can be done about it."""
    finding = declared.finding
    assert finding is not None  # noqa: S101  # it has a verdict
    return Problem(
        code,
        severity,
        why=why,
        remedies=remedies(
            finding.verdict,
            finding.endpoint,
            finding.holding,
            facts.platform,
            service=declared.service.name,
            viewer=facts.viewer,
            run_of=facts.run_of,
            named=facts.named,
        ),
        service=declared.service.name,
        about=declared,
        plan=facts.plan(declared),
    )


RULES = (verdicts, host_unknown, nobody_there)
