"""What happens during a run, for programs: one JSON object a line, beside the words for people.

Every event has `event`, `time` (ISO-8601, UTC) and `service`; the others depend on its kind and
are listed in `eventschema`. Nothing of it goes to stdout, which is the server's.
"""

from __future__ import annotations

import json
import os
import time

from devports.core.holder_kind import Container
from devports.core.recovery import (
    BoundNotListening,
    DetachedProcess,
    Ended,
    HandoffFailed,
    KillingServer,
    ListeningElsewhere,
    PortChanged,
    PortLost,
    RecordFailed,
    Released,
    ServerReady,
    ServerStarted,
    StoppingServer,
    WaitingForDependency,
    WaitingForPreviousRun,
)
from devports.core.stop_plan import (
    AlreadyGone,
    ContainerStopped,
    Declined,
    Killing,
    Refused,
    Respawned,
    StopFailed,
    Stopped,
    StoppingContainer,
    Terminating,
    TimedOut,
    WaitingForPort,
    WatchingForRestart,
    WouldStop,
)
from devports.core.value import unreachable
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from devports.core.model import Process
    from devports.core.recovery import RunEvent
    from devports.core.stop_plan import Answer, Outcome, Progress, Question, StopTarget

    Facts: TypeAlias = dict[str, Any]
    News: TypeAlias = RunEvent | Progress | Outcome | Ended


class EventLog:
    """A file of events. What cannot be written is lost: it must not stop the server."""

    def __init__(self, path: str, service: str) -> None:
        """Open the file, or make it; what is in it already stays.

        Raises:
            DevportsError: it cannot be opened.
        """
        self._service = service
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        try:
            self._descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise DevportsError(
                "events-unwritable",
                f"the events cannot be written to `{path}`: {error.strerror}",
                hints=("name another file behind `--events`",),
                service=service,
            ) from error

    def write(self, news: News) -> None:
        """Append one line, in one write: who follows the file never reads half of it."""
        self._append(facts_of(news))

    def asked(self, question: Question, answer: Answer) -> None:
        """Append what a person was asked, and what they said."""
        target = process_of(question.target.process)
        self._append({"event": "asked", "kind": question.kind, "process": target, "answer": answer})

    def _append(self, facts: Facts) -> None:
        now = time.time()
        moment = (
            time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03}Z"
        )
        line = {"event": facts.pop("event"), "time": moment, "service": self._service, **facts}
        try:
            os.write(self._descriptor, json.dumps(line).encode() + b"\n")
        except OSError:
            return


def process_of(process: Process) -> Facts:
    """Return who it is about; names are given as they are, JSON escapes them."""
    return {"pid": process.pid, "name": process.name, "user": process.user}


def facts_of(news: News) -> Facts:
    """Return the kind of an event and its facts."""
    if isinstance(news, Ended):
        facts: Facts = {"exit_code": news.code, "source": news.source, "reason": news.reason}
        return {"event": "ended", **facts}
    if isinstance(
        news, Terminating | Killing | StoppingContainer | WaitingForPort | WatchingForRestart
    ):
        return _progress(news)
    if isinstance(
        news,
        WouldStop
        | Stopped
        | AlreadyGone
        | ContainerStopped
        | StopFailed
        | Declined
        | Refused
        | TimedOut
        | Respawned,
    ):
        return _outcome(news)
    return _happening(news)


def _progress(news: Progress) -> Facts:
    match news:
        case Terminating(target=target):
            return _signalling("SIGTERM", target.process)
        case Killing(target=target):
            return _signalling("SIGKILL", target.process)
        case StoppingContainer(target=target):
            return {"event": "stopping-container", **_contained(target)}
        case WaitingForPort(seconds=seconds, clients=clients):
            return {"event": "waiting", "for": "port", "seconds": seconds, "clients": clients}
        case WatchingForRestart(seconds=seconds, by=by):
            return {"event": "watching", "seconds": seconds, "process": process_of(by)}
        case _:
            unreachable(news)


def _signalling(signal: str, process: Process) -> Facts:
    return {"event": "signalling", "signal": signal, "process": process_of(process)}


def _outcome(news: Outcome) -> Facts:
    process = process_of(news.target.process)
    match news:
        case Stopped(signals=signals, exited=exited, bindable=bindable):
            three = {"signals": list(signals), "exited": exited, "bindable": bindable}
            return {"event": "freed", "process": process, **three}
        case AlreadyGone():
            return {"event": "freed", "process": process, "signals": [], "exited": True}
        case ContainerStopped(bindable=bindable):
            facts: Facts = {"signals": [], "exited": True, "bindable": bindable}
            return {"event": "freed", **_contained(news.target), **facts}
        case StopFailed(complaint=complaint):
            return {
                "event": "not-freed",
                **_contained(news.target),
                "signals": [],
                "why": complaint,
            }
        case TimedOut(signals=signals):
            return {"event": "not-freed", "process": process, "signals": list(signals)}
        case Respawned(successor=successor):
            return {"event": "taken-again", "process": process_of(successor.process)}
        case Declined():
            return {"event": "declined", "process": process}
        case Refused(why=why):
            return {"event": "refused", "process": process, "why": why}
        case WouldStop(asks=asks):
            return {"event": "planned", "process": process, "asks": asks}
        case _:
            unreachable(news)


def _contained(target: StopTarget) -> Facts:
    """Return the forwarder of a container, and the container that it works for."""
    it = target.standing
    name = it.name if isinstance(it, Container) else ""
    return {"process": process_of(target.process), "container": name or None}


def _happening(news: RunEvent) -> Facts:
    match news:
        case ServerStarted(endpoint=endpoint, attempt=attempt, way=way, how=how):
            facts: Facts = {"endpoint": str(endpoint), "attempt": attempt}
            return {"event": "started", **facts, "handoff": way, "how": how or None}
        case ServerReady(endpoint=endpoint, process=process, seconds=seconds):
            owner = process_of(process) if process else None
            facts = {"endpoint": str(endpoint), "process": owner, "seconds": round(seconds, 3)}
            return {"event": "ready", **facts}
        case BoundNotListening(endpoint=endpoint):
            return {"event": "bound-only", "endpoint": str(endpoint)}
        case ListeningElsewhere(wanted=wanted, there=there):
            return {"event": "elsewhere", "endpoint": str(wanted), "listens": str(there)}
        case Released(endpoint=endpoint, line=line):
            return {"event": "released", "endpoint": str(endpoint), "line": line}
        case PortLost(foreign=foreign, line=line, next_attempt=attempt):
            facts = {"foreign": foreign, "line": line, "next_attempt": attempt or None}
            return {"event": "retry" if attempt else "lost", **facts}
        case HandoffFailed(way=way):
            return {"event": "handoff-failed", "handoff": way}
        case StoppingServer(signal=signal):
            return {"event": "stopping", "signal": signal}
        case KillingServer(seconds=seconds):
            return {"event": "killing", "seconds": round(seconds, 3)}
        case DetachedProcess(process=process, ended=ended):
            return {"event": "strayed", "process": process_of(process), "ended": ended}
        case PortChanged(declared=declared, used=used):
            return {"event": "port-changed", "declared": declared, "used": used}
        case WaitingForPreviousRun(pid=pid):
            return {"event": "waiting", "for": "predecessor", "pid": pid}
        case RecordFailed(why=why):
            return {"event": "unrecorded", "why": why}
        case WaitingForDependency(dependency=dependency, endpoint=endpoint):
            facts = {"dependency": dependency, "endpoint": str(endpoint)}
            return {"event": "waiting", "for": "dependency", **facts}
        case _:
            unreachable(news)
