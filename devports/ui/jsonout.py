"""Results for programs: the only module that spells JSON keys. `resultschema` has the shapes.

Names are given as they are, since JSON escapes what a terminal must not see; command lines have
their secrets masked as everywhere else. Times are ISO-8601 in UTC, lengths of time are seconds.
"""

from __future__ import annotations

import json
import time

from devports.core.codes import code_of
from devports.core.diagnosis import Lingering, Unexplained, is_bindable, sockets_of, worst
from devports.core.outcome import (
    AlreadyGone,
    ContainerStopped,
    Declined,
    Planned,
    Refused,
    Respawned,
    StopFailed,
    Stopped,
    TimedOut,
)
from devports.core.standing import (
    Container,
    Mine,
    OtherUser,
    Plain,
    Protected,
    Supervised,
    Tunnel,
)
from devports.core.value import unreachable
from devports.ui.health import message
from devports.ui.printable import command_line, redacted
from devports.ui.resultschema import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, Literal, TypeAlias

    from devports.checks.facts import Facts
    from devports.checks.problem import Problem
    from devports.core.diagnosis import Finding
    from devports.core.model import Gap, Hidden, Holder, Process, Socket
    from devports.core.outcome import Freed, Outcome
    from devports.core.plan import Target
    from devports.core.service import Config, Service
    from devports.core.standing import Standing
    from devports.errors import DevportsError

    Json: TypeAlias = dict[str, Any]
    Status = Literal["ok", "partial", "error"]

LONGEST = 4000
"""Characters of one command line."""


def document(
    command: Sequence[str],
    data: Json,
    *,
    exit_code: int,
    errors: Iterable[DevportsError] = (),
    status: Status | None = None,
) -> str:
    """Return the whole output of a command: one line.

    Args:
        command: the name of the command and of its sub-command; empty if none was recognised.
        data: from one of the functions below, or empty.
        exit_code: what the process is going to end with.
        errors: everything that went wrong.
        status: by default ok for exit code 0, error for every other.
    """
    envelope = {
        "schema_version": VERSION,
        "command": list(command),
        "status": status or ("error" if exit_code else "ok"),
        "exit_code": exit_code,
        "data": data,
        "errors": [_error(error) for error in errors],
    }
    # A file name can hold bytes that are no text (surrogates): only ASCII can always be written.
    return json.dumps(envelope, ensure_ascii=True, allow_nan=False) + "\n"


def overall(answers: Iterable[bool]) -> Status:
    """Return the status of a command with several targets."""
    found = set(answers)
    if False not in found:
        return "ok"
    return "partial" if True in found else "error"


def _error(error: DevportsError) -> Json:
    return {
        "code": error.code,
        "message": error.message,
        "service": error.service or None,
        "hints": list(error.hints),
    }


def check_data(targets: Iterable[tuple[str, Sequence[Finding]]], now: float) -> Json:
    """Return the data of ``check``: for each target, as it was written, its findings."""
    return {"targets": [answer(target, findings, now) for target, findings in targets]}


def free_data(targets: Iterable[tuple[str, Freed]], now: float) -> Json:
    """Return the data of ``free``: for each target, as it was written, what came of it."""
    return {
        "targets": [
            {
                **answer(target, freed.findings, now),
                "bindable": freed.bindable,
                "outcomes": [_outcome(outcome, now) for outcome in freed.outcomes],
                "spared": [{**_process(s.process, now), "why": s.why} for s in freed.spared],
            }
            for target, freed in targets
        ]
    }


def wait_data(
    until: str, targets: Iterable[tuple[str, bool, float, Sequence[Finding]]], now: float
) -> Json:
    """Return the data of ``wait``: for each target whether it happened, and after how long."""
    return {
        "until": until,
        "targets": [
            {**answer(target, findings, now), "happened": happened, "seconds": round(seconds, 3)}
            for target, happened, seconds, findings in targets
        ],
    }


def doctor_data(
    path: str, facts: Facts, problems: Iterable[Problem], *, healthy: bool, now: float
) -> Json:
    """Return the data of ``doctor``: every declared port, what is wrong, what cannot be seen."""
    return {
        "config": path or None,
        "healthy": healthy,
        "services": [
            {
                "service": declared.service.name,
                **answer(str(declared.spec), declared.findings, now),
            }
            for declared in facts.ports
            if declared.findings
        ],
        "problems": [_problem(problem, now) for problem in problems],
        "gaps": [gap_facts(gap) for gap in facts.gaps],
    }


def _problem(problem: Problem, now: float) -> Json:
    return {
        "code": problem.code,
        "severity": problem.severity,
        "service": problem.service or None,
        "port": problem.about.spec.port if problem.about else None,
        "message": message(problem),
        "evidence": list(problem.evidence),
        "why": problem.why,
        "holders": [_ended(target, now) for target in problem.plan],
        "remedies": [
            {"title": r.title, "command": r.command or None, "needs_root": r.needs_root}
            for r in problem.remedies
        ],
    }


def validate_data(config: Config) -> Json:
    """Return the data of ``validate``."""
    return {"path": config.path, "services": [_service(service) for service in config.services]}


def answer(target: str, findings: Sequence[Finding], now: float) -> Json:
    decisive = worst(finding.verdict for finding in findings)
    return {
        "target": target,
        "bindable": is_bindable(decisive),
        "verdict": code_of(decisive),
        "endpoints": [endpoint_facts(finding, now) for finding in findings],
    }


def endpoint_facts(finding: Finding, now: float) -> Json:
    verdict, holding = finding.verdict, finding.holding
    gaps = (*(verdict.gaps if isinstance(verdict, Unexplained) else ()), *holding.gaps)
    return {
        "address": finding.endpoint.address,
        "port": finding.endpoint.port,
        "verdict": code_of(verdict),
        "bindable": is_bindable(verdict),
        "seconds_left": verdict.seconds if isinstance(verdict, Lingering) else None,
        "sockets": [_socket(socket) for socket in sockets_of(verdict)],
        "holders": [_holder(holder, now) for holder in holding.holders],
        "hidden": [_hidden(hidden, now) for hidden in holding.hidden],
        "complete": holding.complete,
        "gaps": [gap_facts(gap) for gap in dict.fromkeys(gaps)],
    }


def _socket(socket: Socket) -> Json:
    return {
        "address": socket.local.address,
        "port": socket.local.port,
        "remote_address": socket.remote.address if socket.remote else None,
        "remote_port": socket.remote.port if socket.remote else None,
        "state": socket.state,
        "inode": socket.inode,
        "uid": socket.uid,
        "seconds_left": socket.expires,
    }


def _process(process: Process, now: float) -> Json:
    return {
        "pid": process.pid,
        "ppid": process.ppid,
        "uid": process.uid,
        "user": process.user,
        "name": process.name,
        "command_line": command_line(process.argv, LONGEST),
        "cwd": process.cwd,
        "exe": process.exe,
        "state": process.state,
        "started_at": utc(process.started) if process.started else None,
        "uptime_seconds": max(0.0, round(now - process.started, 3)) if process.started else None,
    }


def utc(moment: float) -> str:
    """Return seconds since the epoch as ISO-8601 in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def _holder(holder: Holder, now: float) -> Json:
    return {
        **_process(holder.process, now),
        "inodes": list(holder.inodes),
        "ancestors": [{"pid": parent.pid, "name": parent.name} for parent in holder.ancestors],
    }


def _hidden(hidden: Hidden, now: float) -> Json:
    return {
        "socket": _socket(hidden.socket),
        "user": hidden.user,
        "unit": hidden.unit,
        "likely": [_process(process, now) for process in hidden.likely],
    }


def gap_facts(gap: Gap) -> Json:
    return {"code": gap.code, "detail": gap.detail}


def _standing(standing: Standing) -> Json:
    match standing:
        case Plain():
            return _kind("plain")
        case Mine(service=service):
            return _kind("mine", service)
        case OtherUser(user=user):
            return _kind("other-user", user)
        case Supervised(unit=unit, stop=stop):
            return _kind("supervised", unit, stop)
        case Tunnel(kind=kind):
            return _kind("tunnel", kind)
        case Container(engine=engine, name=name, image=image, said=said):
            known: Json = {"container": name or None, "image": image or None, "engine_said": said}
            return _kind("container", engine, standing.stop or None) | known
        case Protected(reason=reason):
            return _kind("protected", reason)
        case _:
            unreachable(standing)


def _kind(kind: str, detail: str | None = None, stop: str | None = None) -> Json:
    facts: Json = {"kind": kind, "detail": detail, "stop": stop}
    return facts | {"container": None, "image": None, "engine_said": None}


def _ended(target: Target, now: float) -> Json:
    return {
        **_process(target.process, now),
        "standing": _standing(target.standing),
        "members": [member.process.pid for member in target.members],
    }


def _outcome(outcome: Outcome, now: float) -> Json:
    done: Json = {
        "kind": "",
        "process": _ended(outcome.target, now),
        "signals": [],
        "exited": None,
        "bindable": None,
        "seconds": None,
        "why": None,
        "complaint": None,
        "successor": None,
    }
    match outcome:
        case Planned():
            return done | {"kind": "planned"}
        case Stopped(signals=signals, seconds=seconds, exited=exited, bindable=bindable):
            facts = {"signals": list(signals), "exited": exited, "bindable": bindable}
            return done | {"kind": "stopped", "seconds": seconds, **facts}
        case ContainerStopped(seconds=seconds, bindable=bindable):
            return done | {"kind": "container-stopped", "seconds": seconds, "bindable": bindable}
        case StopFailed(complaint=complaint, bindable=bindable):
            return done | {"kind": "stop-failed", "complaint": complaint, "bindable": bindable}
        case AlreadyGone():
            return done | {"kind": "already-gone"}
        case Declined():
            return done | {"kind": "declined"}
        case Refused(why=why):
            return done | {"kind": "refused", "why": why}
        case TimedOut(signals=signals):
            facts = {"signals": list(signals), "exited": False, "bindable": False}
            return done | {"kind": "timed-out", **facts}
        case Respawned(successor=successor):
            return done | {"kind": "respawned", "successor": _ended(successor, now)}
        case _:
            unreachable(outcome)


def _service(service: Service) -> Json:
    return {
        "name": service.name,
        "host": service.host,
        "port": service.port,
        "ports": dict(service.ports),
        "command": _command(service.command),
        "shell": service.shell,
        "cwd": service.cwd,
        "env": [name for name, _ in service.env],
        "env_file": service.env_file,
        "depends_on": list(service.depends_on),
        "ready": {
            "http": service.ready.http,
            "timeout": service.ready.timeout,
            "owner": service.ready.owner,
        },
        "stop_signal": service.stop_signal,
        "stop_timeout": service.stop_timeout,
        "attempts": service.attempts,
        "on_conflict": service.on_conflict,
        "handoff": service.handoff,
    }


def _command(command: str | tuple[str, ...]) -> str | list[str]:
    """Return a command as it was written, a text or a list, without its secrets."""
    if isinstance(command, str):
        return " ".join(redacted(command.split(" ")))
    return list(redacted(command))
