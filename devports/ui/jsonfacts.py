"""Ports, processes and outcomes as JSON: what the data of several commands are made of.

Names are given as they are, since JSON escapes what a terminal must not see; command lines have
their secrets masked as everywhere else. Times are ISO-8601 in UTC, lengths of time are seconds.
"""

from __future__ import annotations

import time

from devports.core.codes import code_of
from devports.core.diagnosis import Lingering, Unexplained, decisive, is_bindable, sockets_of
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
    Elsewhere,
    Mine,
    OtherUser,
    Plain,
    Protected,
    Supervised,
    Tunnel,
)
from devports.core.value import unreachable
from devports.ui.printable import command_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypeAlias

    from devports.core.diagnosis import Finding
    from devports.core.model import Gap, Hidden, Holder, Process, Socket
    from devports.core.outcome import Outcome
    from devports.core.plan import Target
    from devports.core.standing import Standing

    Json: TypeAlias = dict[str, Any]

LONGEST = 4000
"""Characters of one command line."""


def answer(target: str, findings: Sequence[Finding], now: float) -> Json:
    finding = decisive(findings)
    return {
        "target": target,
        "bindable": is_bindable(finding.verdict),
        "verdict": code_of(finding),
        "endpoints": [endpoint_facts(finding, now) for finding in findings],
    }


def endpoint_facts(finding: Finding, now: float) -> Json:
    verdict, holding = finding.verdict, finding.holding
    gaps = (*(verdict.gaps if isinstance(verdict, Unexplained) else ()), *holding.gaps)
    return {
        "address": finding.endpoint.address,
        "port": finding.endpoint.port,
        "verdict": code_of(finding),
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


def process_facts(process: Process, now: float) -> Json:
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
        **process_facts(holder.process, now),
        "inodes": list(holder.inodes),
        "ancestors": [{"pid": parent.pid, "name": parent.name} for parent in holder.ancestors],
    }


def _hidden(hidden: Hidden, now: float) -> Json:
    return {
        "socket": _socket(hidden.socket),
        "user": hidden.user,
        "unit": hidden.unit,
        "likely": [process_facts(process, now) for process in hidden.likely],
    }


def gap_facts(gap: Gap) -> Json:
    return {"code": gap.code, "detail": gap.detail}


def _standing(standing: Standing) -> Json:
    match standing:
        case Plain():
            return _kind("plain")
        case Mine(run=run):
            return _kind("mine", run.service)
        case Elsewhere(relation=relation, there=there, run=run):
            placed: Json = {"folder": there.folder, "branch": there.branch or None}
            facts = _kind("elsewhere", run.service if run else None)
            return facts | placed | {"relation": relation}
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
    unknown = ("container", "image", "engine_said", "folder", "branch", "relation")
    return facts | dict.fromkeys(unknown)


def ended_facts(target: Target, now: float) -> Json:
    return {
        **process_facts(target.process, now),
        "standing": _standing(target.standing),
        "members": [member.process.pid for member in target.members],
    }


def outcome_facts(outcome: Outcome, now: float) -> Json:
    done: Json = {
        "kind": "",
        "process": ended_facts(outcome.target, now),
        "signals": [],
        "exited": None,
        "bindable": None,
        "seconds": None,
        "why": None,
        "complaint": None,
        "asks": None,
        "successor": None,
    }
    match outcome:
        case Planned(asks=asks):
            return done | {"kind": "planned", "asks": asks}
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
            return done | {"kind": "respawned", "successor": ended_facts(successor, now)}
        case _:
            unreachable(outcome)
