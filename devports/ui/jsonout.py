"""Results for programs. Only this module and the other json* spell keys; `resultschema` has shapes.

`jsonfacts` is what they are made of.
"""

from __future__ import annotations

import json

from devports.core.ours import completed, with_config
from devports.ui.health import message
from devports.ui.jsonfacts import answer, ended_facts, gap_facts, outcome_facts, process_facts
from devports.ui.printable import redacted
from devports.ui.resultschema import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, Literal, TypeAlias

    from devports.checks.facts import Facts
    from devports.checks.problem import Problem
    from devports.core.diagnosis import Finding
    from devports.core.outcome import Freed
    from devports.core.remedy import Remedy
    from devports.core.service import Config, Service
    from devports.errors import DevportsError

    Json: TypeAlias = dict[str, Any]
    Status = Literal["ok", "partial", "error"]


def document(
    command: Sequence[str],
    data: Json,
    *,
    exit_code: int,
    errors: Iterable[DevportsError] = (),
    status: Status | None = None,
    config: str = "",
) -> str:
    """Return the whole output of a command: one line.

    Args:
        command: the name of the command and of its sub-command; empty if none was recognised.
        data: from one of the functions below, or empty.
        exit_code: what the process is going to end with.
        errors: everything that went wrong.
        status: by default ok for exit code 0, error for every other.
        config: the file that commands of ours are to name.
    """
    envelope = {
        "schema_version": VERSION,
        "command": list(command),
        "status": status or ("error" if exit_code else "ok"),
        "exit_code": exit_code,
        "data": data,
        "errors": [_error(error, config) for error in errors],
    }
    # A file name can hold bytes that are no text (surrogates): only ASCII can always be written.
    return json.dumps(envelope, ensure_ascii=True, allow_nan=False) + "\n"


def overall(answers: Iterable[bool]) -> Status:
    """Return the status of a command with several targets."""
    found = set(answers)
    if False not in found:
        return "ok"
    return "partial" if True in found else "error"


def _error(error: DevportsError, config: str) -> Json:
    return {
        "code": error.code,
        "message": error.message,
        "service": error.service or None,
        "hints": [completed(hint, config) for hint in error.hints],
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
                "outcomes": [outcome_facts(outcome, now) for outcome in freed.outcomes],
                "spared": [{**process_facts(s.process, now), "why": s.why} for s in freed.spared],
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
    path: str,
    facts: Facts,
    problems: Iterable[Problem],
    *,
    healthy: bool,
    now: float,
    config: str = "",
) -> Json:
    """Return the data of ``doctor``: every declared port, what is wrong, what cannot be seen.

    Args:
        path: of the configuration; empty if there is none that can be used.
        facts: what was looked at.
        problems: what was found.
        healthy: whether that is none.
        now: seconds since the epoch.
        config: the file that commands of ours are to name.
    """
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
        "problems": [_problem(problem, now, config) for problem in problems],
        "gaps": [gap_facts(gap) for gap in facts.gaps],
    }


def _problem(problem: Problem, now: float, config: str) -> Json:
    return {
        "code": problem.code,
        "severity": problem.severity,
        "service": problem.service or None,
        "port": problem.about.spec.port if problem.about else None,
        "message": message(problem),
        "evidence": list(problem.evidence),
        "why": problem.why,
        "holders": [ended_facts(target, now) for target in problem.plan],
        "remedies": [_remedy(remedy, config) for remedy in problem.remedies],
    }


def _remedy(remedy: Remedy, config: str) -> Json:
    return {
        "title": remedy.title,
        "command": with_config(remedy.command, config) or None,
        "needs_root": remedy.needs_root,
    }


def validate_data(config: Config) -> Json:
    """Return the data of ``validate``."""
    return {"path": config.path, "services": [_service(service) for service in config.services]}


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
            "log": service.ready.log,
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
