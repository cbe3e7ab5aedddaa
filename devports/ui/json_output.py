"""The results of commands for programs, as one line of JSON; `ui.json_types` has their shapes.

Names are given unchanged, since JSON escapes control characters; command lines have their secrets
masked as everywhere else. Times are ISO-8601 in UTC, durations are seconds.
"""

from __future__ import annotations

import time

from devports.core.hint import text_of
from devports.core.text import json_text
from devports.core.value import unreachable
from devports.core.verdict import (
    HolderUnknown,
    LingeringConnections,
    Unconfirmed,
    code_of,
    deciding_finding,
    is_bindable,
    sockets_of,
)
from devports.ui.escape import command_line, redacted, redacted_line, redacted_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Literal

    from devports.core import holder_kind, stop_plan
    from devports.core.model import HiddenSocket, Holder, Process, Socket, VisibilityGap
    from devports.core.self_test import SelfTest
    from devports.core.service import Config, Service
    from devports.core.verdict import Finding, Verdict
    from devports.detect.model import DetectedService, SkippedService, Source
    from devports.doctor.facts import Facts, Problem
    from devports.errors import DevportsError
    from devports.records import RunEnd, RunStatus
    from devports.system.inspect import ListenerGroup
    from devports.ui import json_types as shape
    from devports.ui.status_rows import Section, StatusEntry, StatusPort
    from devports.vscode.merge import Plan

    Mode = Literal["write", "check", "diff"]


def document(
    command: Sequence[str],
    data: Mapping[str, object],
    *,
    exit_code: int,
    errors: Iterable[DevportsError] = (),
    status: shape.Status | None = None,
    config: str = "",
) -> str:
    """Return the whole output of a command: one line.

    `command`: its words, empty if none was recognised. `data`: from one of the functions below, or
    empty. `status`: by default ok for exit code 0, error for every other. `config`: the file that
    commands in hints name.
    """
    result: shape.Result = {
        "schema_version": 1,
        "command": list(command),
        "status": status or ("error" if exit_code else "ok"),
        "exit_code": exit_code,
        "data": data,
        "errors": [_error(error, config) for error in errors],
    }
    # A file name can hold bytes that are no text (surrogates): only ASCII can always be written.
    return json_text(result) + "\n"


def overall(answers: Iterable[bool]) -> shape.Status:
    """Return the status of a command with several targets."""
    found = set(answers)
    if False not in found:
        return "ok"
    return "partial" if True in found else "error"


def _error(error: DevportsError, config: str) -> shape.Error:
    return {
        "code": error.code,
        "message": error.message,
        "service": error.service or None,
        "hints": [text_of(hint, config) for hint in error.hints],
    }


def check_data(targets: Iterable[tuple[str, Sequence[Finding]]], now: float) -> shape.CheckData:
    """Return the data of ``check``: for each target, as typed, its findings."""
    return {"targets": [_answer(target, findings, now) for target, findings in targets]}


def free_data(targets: Iterable[tuple[str, stop_plan.FreeResult]], now: float) -> shape.FreeData:
    """Return the data of ``free``: for each target, as typed, its result."""
    return {
        "targets": [
            {
                **_answer(target, freed.findings, now),
                "bindable": freed.bindable,
                "outcomes": [_outcome(outcome, now) for outcome in freed.outcomes],
                "spared": [{**_process(s.process, now), "why": s.why} for s in freed.spared],
            }
            for target, freed in targets
        ]
    }


def wait_data(
    until: Literal["ready", "free"],
    targets: Iterable[tuple[str, bool, float, Sequence[Finding]]],
    now: float,
) -> shape.WaitData:
    """Return the data of ``wait``: for each target whether it happened, and after how long."""
    return {
        "until": until,
        "targets": [
            {**_answer(target, findings, now), "happened": happened, "seconds": round(seconds, 3)}
            for target, happened, seconds, findings in targets
        ],
    }


def doctor_data(
    path: str,
    facts: Facts,
    problems: Iterable[Problem],
    *,
    healthy: bool,
    now: float,
    config: str = "",
) -> shape.DoctorData:
    """Return the data of ``doctor``: every declared port, the problems, and what is not visible.

    `path`: of the configuration, empty if there is none that can be used. `now`: seconds since the
    epoch. `config`: the file that commands in hints name.
    """
    return {
        "config": path or None,
        "healthy": healthy,
        "services": [
            {
                "service": declared.service.name,
                **_answer(str(declared.spec), declared.findings, now),
            }
            for declared in facts.ports
            if declared.findings
        ],
        "problems": [_problem(problem, now, config) for problem in problems],
        "gaps": [_gap(gap) for gap in facts.gaps],
        "self_test": None,
    }


def self_test_data(result: SelfTest, problems: Iterable[Problem]) -> shape.DoctorData:
    """Return the data of ``doctor --self-test``, which checks nothing else."""
    return {
        "config": None,
        "healthy": result.passed,
        "services": [],
        "problems": [_problem(problem, 0, "") for problem in problems],
        "gaps": [],
        "self_test": {
            "passed": result.passed,
            "seconds": round(result.seconds, 3),
            "about": dict(result.about),
            "sources": [
                {
                    "name": source.name,
                    "cases": source.cases,
                    "cannot_show": list(source.unseen),
                    "decides": source.decides,
                    "missing": source.missing or None,
                    "differences": [
                        {
                            "case": each.case,
                            "about": each.about,
                            "expected": each.expected,
                            "seen": each.seen,
                            "lines": list(each.lines),
                        }
                        for each in source.differences
                    ],
                }
                for source in result.sources
            ],
            "skipped": [{"case": case, "why": why} for case, why in result.skipped],
        },
    }


def _problem(problem: Problem, now: float, config: str) -> shape.Problem:
    from devports.ui.reports import message  # for `doctor` alone

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
            {
                "title": remedy.title,
                "command": text_of(remedy.command, config) or None,
                "needs_root": remedy.needs_root,
            }
            for remedy in problem.remedies
        ],
    }


def validate_data(config: Config) -> shape.ValidateData:
    return {"path": config.path, "services": [_service(service) for service in config.services]}


def _service(service: Service) -> shape.Service:
    return {
        "name": service.name,
        "host": service.host,
        "port": service.port,
        "ports": dict(service.ports),
        "port_per": service.port_per,
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
            "log": service.ready.log,
        },
        "stop_signal": service.stop_signal,
        "stop_timeout": service.stop_timeout,
        "attempts": service.attempts,
        "on_conflict": service.on_conflict,
        "handoff": service.handoff,
    }


def _command(command: str | tuple[str, ...]) -> str | list[str]:
    """Return a command as written, a text or a list, without its secrets."""
    if isinstance(command, str):
        return redacted_text(command)
    return list(redacted(command))


def vscode_data(plan: Plan, mode: Mode) -> shape.VscodeData:
    """Return the data of ``vscode``: each file with its difference, and the notes."""
    from devports.ui.reports import difference  # difflib

    return {
        "mode": mode,
        "in_sync": mode == "write" or plan.in_sync,
        "files": [
            {
                "path": file.path,
                "state": "absent" if file.after is None else file.state,
                "written": mode == "write" and file.state != "current",
                "difference": list(difference(file)),
            }
            for file in plan.files
        ],
        "notes": [
            {
                "code": note.code,
                "message": note.message,
                "hints": list(note.hints),
                "snippet": note.snippet or None,
            }
            for note in plan.notes
        ],
    }


def init_data(
    path: str,
    text: str,
    services: Sequence[DetectedService],
    left_out: Sequence[SkippedService],
    *,
    written: bool,
    unread: Sequence[str],
) -> shape.InitData:
    """Return the data of ``init``: the file, its services with their sources, the skipped ones."""
    from devports.ui.reports import next_command  # for `init` alone

    return {
        "path": path,
        "written": written,
        "text": text,
        "whole": not unread,
        "unread": list(unread),
        "services": [_found(service) for service in services],
        "left_out": [{**_source(left.source), "why": left.why} for left in left_out],
        "next": text_of(next_command(services)) if written else None,
    }


def _found(service: DetectedService) -> shape.Found:
    return {
        "name": service.name,
        "kind": service.kind,
        "port": service.port or None,
        "stated": service.stated,
        "ports": dict(service.ports),
        "command": redacted_line(service.command) or None,
        "shell": service.shell,
        "cwd": service.folder,
        "env": [name for name, _ in service.env],
        "sources": [_source(source) for source in service.sources],
        "notes": list(service.notes),
    }


def _source(source: Source) -> shape.Source:
    return {"file": source.path, "line": source.line or None, "text": redacted_line(source.text)}


def status_data(
    sections: Sequence[Section],
    gaps: Iterable[VisibilityGap],
    now: float,
    *,
    offset: int | None = None,
) -> shape.StatusData:
    """Return every service that could be inspected or, with groups, every listener."""
    alone = [section for section in sections if section.group is None]
    services = [entry for section in alone for entry in section.entries if entry.places]
    groups = [_group(s.group, s.entries, now) for s in sections if s.group is not None]
    return {
        "services": [_entry(entry, now) for entry in services],
        "groups": None if alone else groups,
        "offset": offset,
        "gaps": [_gap(gap) for gap in gaps],
    }


def _entry(entry: StatusEntry, now: float) -> shape.StatusService:
    run = next((place.run for place in entry.places if place.run is not None), None)
    if run is not None and run.record.ended is not None:
        run = None
    return {
        "service": entry.service or None,
        **_answer(entry.text, [place.finding for place in entry.places], now),
        "endpoints": [_shown(place, now) for place in entry.places],
        "run": None if run is None else _run(run),
        "base": entry.base or None,
        "url": next((place.url for place in entry.places if place.url), None),
        "ended": None if entry.ended is None else _run_end(entry.ended),
    }


def _run_end(end: RunEnd) -> shape.RunEnd:
    return {
        "code": end.code,
        "reason": end.reason,
        "ready": end.ready,
        "ended_at": _utc(end.time),
    }


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _shown(place: StatusPort, now: float) -> shape.Shown:
    facts = _endpoint(place.finding, now)
    return {**facts, "state": place.stage or None, "url": place.url or None}


def _run(run: RunStatus) -> shape.Run:
    record = run.record
    return {
        "pid": record.key.pid,
        "service": record.service,
        "project": record.project,
        "state": record.state,
        "stalled": record.stalled,
        "live": run.live,
    }


def _group(group: ListenerGroup, entries: Iterable[StatusEntry], now: float) -> shape.Group:
    return {
        "kind": group.kind,
        "folder": group.folder or None,
        "branch": group.branch or None,
        "listeners": [
            {
                "service": entry.service or None,
                "run": None if place.run is None else _run(place.run),
                "endpoint": _shown(place, now),
            }
            for entry in entries
            for place in entry.places
        ],
    }


MAX_COMMAND = 4000
"""Maximum length of one command line."""


def _answer(target: str, findings: Sequence[Finding], now: float) -> shape.Checked:
    finding = deciding_finding(findings)
    return {
        "target": target,
        "bindable": _bindable(finding.verdict),
        "verdict": code_of(finding),
        "endpoints": [_endpoint(finding, now) for finding in findings],
    }


def _bindable(verdict: Verdict) -> bool | None:
    return None if isinstance(verdict, Unconfirmed) else is_bindable(verdict)


def _endpoint(finding: Finding, now: float) -> shape.Endpoint:
    verdict, holding = finding.verdict, finding.holding
    gaps = (*(verdict.gaps if isinstance(verdict, HolderUnknown) else ()), *holding.gaps)
    return {
        "address": finding.endpoint.address,
        "port": finding.endpoint.port,
        "verdict": code_of(finding),
        "bindable": _bindable(verdict),
        "seconds_left": verdict.seconds if isinstance(verdict, LingeringConnections) else None,
        "sockets": [_socket(socket) for socket in sockets_of(verdict)],
        "holders": [_holder(holder, now) for holder in holding.holders],
        "hidden": [_hidden(hidden, now) for hidden in holding.hidden],
        "complete": holding.complete,
        "gaps": [_gap(gap) for gap in dict.fromkeys(gaps)],
    }


def _socket(socket: Socket) -> shape.Socket:
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


def _process(process: Process, now: float) -> shape.Process:
    return {
        "pid": process.pid,
        "ppid": process.ppid,
        "uid": process.uid,
        "user": process.user,
        "name": process.name,
        "command_line": command_line(process.argv, MAX_COMMAND),
        "cwd": process.cwd,
        "exe": process.exe,
        "state": process.state,
        "started_at": _utc(process.started) if process.started else None,
        "uptime_seconds": max(0.0, round(now - process.started, 3)) if process.started else None,
    }


def _holder(holder: Holder, now: float) -> shape.Holder:
    return {
        **_process(holder.process, now),
        "inodes": list(holder.inodes),
        "ancestors": [{"pid": parent.pid, "name": parent.name} for parent in holder.ancestors],
    }


def _hidden(hidden: HiddenSocket, now: float) -> shape.Hidden:
    return {
        "socket": _socket(hidden.socket),
        "user": hidden.user,
        "unit": hidden.unit,
        "likely": [_process(process, now) for process in hidden.likely],
    }


def _gap(gap: VisibilityGap) -> shape.Gap:
    return {"code": gap.code, "detail": gap.detail}


def _standing(standing: holder_kind.HolderKind) -> shape.Standing:
    from devports.core import holder_kind  # for `free` and `doctor`

    facts: shape.Standing = {
        "kind": "plain",
        "detail": None,
        "stop": None,
        "container": None,
        "image": None,
        "engine_said": None,
        "folder": None,
        "branch": None,
        "relation": None,
    }
    match standing:
        case holder_kind.OrdinaryProcess():
            return facts
        case holder_kind.DevportsRun(run=run):
            return facts | {"kind": "mine", "detail": holder_kind.run_name(run.service)}
        case holder_kind.OtherCheckout(relation=relation, there=there, run=run):
            return facts | {
                "kind": "elsewhere",
                "detail": holder_kind.run_name(run.service) if run else None,
                "folder": there.folder,
                "branch": there.branch or None,
                "relation": relation,
            }
        case holder_kind.OtherUser(user=user):
            return facts | {"kind": "other-user", "detail": user}
        case holder_kind.SupervisedService(unit=unit, stop=stop):
            return facts | {"kind": "supervised", "detail": unit, "stop": stop}
        case holder_kind.Tunnel(kind=kind):
            return facts | {"kind": "tunnel", "detail": kind}
        case holder_kind.Container(engine=engine, name=name, image=image, engine_answer=said):
            return facts | {
                "kind": "container",
                "detail": engine,
                "stop": standing.stop or None,
                "container": name or None,
                "image": image or None,
                "engine_said": said,
            }
        case holder_kind.Protected(reason=reason):
            return facts | {"kind": "protected", "detail": reason}
        case _:
            unreachable(standing)


def _ended(target: stop_plan.StopTarget, now: float) -> shape.Ended:
    return {
        **_process(target.process, now),
        "standing": _standing(target.kind),
        "members": [member.process.pid for member in target.members],
    }


def _outcome(outcome: stop_plan.Outcome, now: float) -> shape.Outcome:
    from devports.core import stop_plan  # for `free`

    done: shape.Outcome = {
        "kind": "declined",
        "process": _ended(outcome.target, now),
        "signals": [],
        "exited": None,
        "bindable": None,
        "seconds": None,
        "why": None,
        "complaint": None,
        "asks": None,
        "successor": None,
        "parent": None,
        "orphans": [],
    }
    match outcome:
        case stop_plan.WouldStop(asks=asks):
            return done | {"kind": "planned", "asks": asks}
        case stop_plan.Stopped(signals=signals, seconds=seconds, exited=exited, bindable=bindable):
            return done | {
                "kind": "stopped",
                "signals": list(signals),
                "exited": exited,
                "bindable": bindable,
                "seconds": seconds,
                "parent": _process(outcome.parent, now) if outcome.parent else None,
                "orphans": [_process(child, now) for child in outcome.orphans],
            }
        case stop_plan.ContainerStopped(seconds=seconds, bindable=bindable):
            return done | {"kind": "container-stopped", "seconds": seconds, "bindable": bindable}
        case stop_plan.StopFailed(engine_error=complaint, bindable=bindable):
            return done | {"kind": "stop-failed", "complaint": complaint, "bindable": bindable}
        case stop_plan.AlreadyGone():
            return done | {"kind": "already-gone"}
        case stop_plan.Declined():
            return done
        case stop_plan.Refused(why=why):
            return done | {"kind": "refused", "why": why}
        case stop_plan.TimedOut(signals=signals):
            return done | {
                "kind": "timed-out",
                "signals": list(signals),
                "exited": False,
                "bindable": False,
            }
        case stop_plan.Respawned(successor=successor, by=by):
            return done | {
                "kind": "respawned",
                "successor": _ended(successor, now),
                "parent": _process(by, now) if by else None,
            }
        case _:
            unreachable(outcome)
