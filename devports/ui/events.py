"""The events of a run for programs: one JSON object a line.

Every event has `event`, `time` (ISO-8601, UTC) and `service`; the other keys depend on its kind,
see `ui.json_types`. Nothing of it goes to stdout, which is the server's.
"""

from __future__ import annotations

import errno
import os
import time

from devports.core import recovery, stop_plan
from devports.core.holder_kind import Container
from devports.core.text import json_text
from devports.core.value import unreachable
from devports.errors import DevportsError
from devports.ui.escape import redacted_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from devports.core.model import Process
    from devports.ui import json_types as shape

    News: TypeAlias = recovery.RunEvent | stop_plan.Progress | stop_plan.Outcome | recovery.Ended


def _opened(path: str) -> int:
    """Open a regular file: a FIFO would wait for its reader, and stop the server when that is slow.

    Raises:
        OSError: it cannot be opened, or is another kind of file.
    """
    if os.path.lexists(path) and not os.path.isfile(path):
        raise OSError(errno.EINVAL, "it is not a regular file")
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.open(path, flags | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0), 0o600)


class EventLog:
    """A file of events. A line that cannot be written is lost: that must not stop the server."""

    def __init__(self, path: str, service: str) -> None:
        """Open the file for appending, or create it.

        Raises:
            DevportsError: it cannot be opened.
        """
        self._service = service
        try:
            self._descriptor = _opened(path)
        except OSError as error:
            raise DevportsError(
                "events-unwritable",
                f"cannot write events to `{path}`: {error.strerror}",
                hints=("pass another file to `--events`",),
                service=service,
            ) from error

    def write(self, news: News) -> None:
        """Append one line, in one write: a reader that follows the file never reads half of it."""
        self._append(_event(news))

    def asked(self, question: stop_plan.Question, answer: stop_plan.Answer) -> None:
        target = _process(question.target.process)
        self._append({"event": "asked", "kind": question.kind, "process": target, "answer": answer})

    def _append(self, event: shape.Event) -> None:
        now = time.time()
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        stamp = {"time": f"{moment}.{int(now % 1 * 1000):03}Z", "service": self._service}
        line = {"event": event["event"], **stamp, **event}
        try:
            os.write(self._descriptor, json_text(line).encode() + b"\n")
        except OSError:
            return


def _process(process: Process) -> shape.EventProcess:
    """Return the process as an event names it; JSON escapes the names."""
    return {"pid": process.pid, "name": process.name, "user": process.user}


def _event(news: News) -> shape.Event:
    match news:
        case recovery.ServerStarted(endpoint=endpoint, attempt=attempt, way=way, how=how):
            return {
                "event": "started",
                "endpoint": str(endpoint),
                "attempt": attempt,
                "handoff": way,
                "how": how or None,
            }
        case recovery.ServerReady(endpoint=endpoint, process=owner, seconds=seconds):
            return {
                "event": "ready",
                "endpoint": str(endpoint),
                "process": _process(owner) if owner else None,
                "seconds": round(seconds, 3),
            }
        case recovery.Stalled() | recovery.Queued() | recovery.Accepting() | recovery.Joined():
            return _serving(news)
        case recovery.Redirected(endpoint=endpoint):
            return {"event": "redirected", "endpoint": str(endpoint)}
        case recovery.BoundNotListening(endpoint=endpoint):
            return {"event": "bound-only", "endpoint": str(endpoint)}
        case recovery.ListeningElsewhere(wanted=wanted, there=there):
            return {"event": "elsewhere", "endpoint": str(wanted), "listens": str(there)}
        case recovery.Released() | recovery.PortLost():
            return _lost(news)
        case recovery.BindRefused():
            return _refused(news)
        case recovery.HandoffFailed(way=way):
            return {"event": "handoff-failed", "handoff": way}
        case recovery.EndedAlike():
            return {"event": "ended-alike"}
        case recovery.StoppingServer(signal=signal):
            return {"event": "stopping", "signal": signal}
        case recovery.KillingServer(seconds=seconds):
            return {"event": "killing", "seconds": round(seconds, 3)}
        case recovery.DetachedProcess(process=stray, ended=ended):
            return {"event": "strayed", "process": _process(stray), "ended": ended}
        case recovery.PortChanged(declared=declared, used=used):
            return {"event": "port-changed", "declared": declared, "used": used}
        case recovery.WaitingForPreviousRun(pid=pid):
            return {"event": "waiting", "for": "predecessor", "pid": pid}
        case recovery.RecordFailed(why=why):
            return {"event": "unrecorded", "why": why}
        case recovery.WatchdogExited():
            return {"event": "unwatched"}
        case recovery.WaitingForDependency(dependency=name, endpoint=endpoint):
            at = str(endpoint)
            return {"event": "waiting", "for": "dependency", "dependency": name, "endpoint": at}
        case recovery.Ended(code=code, source=source, reason=reason):
            return {"event": "ended", "exit_code": code, "source": source, "reason": reason}
        case _:
            return _freeing(news)


def _lost(news: recovery.Released | recovery.PortLost) -> shape.Event:
    line = redacted_text(news.line)
    match news:
        case recovery.Released(endpoint=endpoint, why=why):
            return {"event": "released", "endpoint": str(endpoint), "line": line, "why": why}
        case recovery.PortLost(next_attempt=0):
            return {"event": "lost", "foreign": True, "line": line, "next_attempt": None}
        case recovery.PortLost(next_attempt=attempt):
            return {"event": "retry", "foreign": True, "line": line, "next_attempt": attempt}
        case _:
            unreachable(news)


def _refused(news: recovery.BindRefused) -> shape.Event:
    number = news.errno
    return {
        "event": "bind-refused",
        "endpoint": str(news.endpoint),
        "process": _process(news.holder) if news.holder else None,
        "error": errno.errorcode.get(number, str(number)) if number else None,
        "exit_code": news.code,
    }


def _freeing(news: stop_plan.Progress | stop_plan.Outcome) -> shape.Event:
    match news:
        case stop_plan.Terminating(target=target):
            return {"event": "signalling", "signal": "SIGTERM", "process": _process(target.process)}
        case stop_plan.Killing(target=target):
            return {"event": "signalling", "signal": "SIGKILL", "process": _process(target.process)}
        case stop_plan.StoppingContainer(target=target):
            process, it = _process(target.process), _container(target)
            return {"event": "stopping-container", "process": process, "container": it}
        case stop_plan.WaitingForPort(seconds=seconds, clients=clients):
            return {"event": "waiting", "for": "port", "seconds": seconds, "clients": clients}
        case stop_plan.WatchingForRestart(seconds=seconds, by=by):
            return {"event": "watching", "seconds": seconds, "process": _process(by)}
        case _:
            return _outcome(news)


def _serving(
    news: recovery.Stalled | recovery.Queued | recovery.Accepting | recovery.Joined,
) -> shape.Event:
    endpoint = str(news.endpoint)
    match news:
        case recovery.Stalled(process=exited):
            gone = _process(exited) if exited else None
            return {"event": "stalled", "endpoint": endpoint, "process": gone}
        case recovery.Queued(connections=number, seconds=seconds):
            at, lasting = endpoint, round(seconds, 3)
            return {"event": "queued", "endpoint": at, "connections": number, "seconds": lasting}
        case recovery.Accepting():
            return {"event": "accepting", "endpoint": endpoint}
        case recovery.Joined(process=other):
            return {"event": "shared", "endpoint": endpoint, "process": _process(other)}
        case _:
            unreachable(news)


def _outcome(news: stop_plan.Outcome) -> shape.Event:
    process = _process(news.target.process)
    match news:
        case stop_plan.Stopped(signals=signals, exited=exited, bindable=bindable):
            return {
                "event": "freed",
                "process": process,
                "signals": list(signals),
                "exited": exited,
                "bindable": bindable,
            }
        case stop_plan.AlreadyGone():
            return {"event": "freed", "process": process, "signals": [], "exited": True}
        case stop_plan.ContainerStopped(bindable=bindable):
            return {
                "event": "freed",
                "process": process,
                "container": _container(news.target),
                "signals": [],
                "exited": True,
                "bindable": bindable,
            }
        case stop_plan.StopFailed(engine_error=why):
            return {
                "event": "not-freed",
                "process": process,
                "container": _container(news.target),
                "signals": [],
                "why": why,
            }
        case stop_plan.TimedOut(signals=signals):
            return {"event": "not-freed", "process": process, "signals": list(signals)}
        case stop_plan.Respawned(successor=successor):
            return {"event": "taken-again", "process": _process(successor.process)}
        case stop_plan.Declined():
            return {"event": "declined", "process": process}
        case stop_plan.Refused(why=why):
            return {"event": "refused", "process": process, "why": why}
        case stop_plan.WouldStop(asks=asks):
            return {"event": "planned", "process": process, "asks": asks}
        case _:
            unreachable(news)


def _container(target: stop_plan.StopTarget) -> str | None:
    """Return the name of the container that a forwarder works for, if it is known."""
    it = target.kind
    return (it.name or None) if isinstance(it, Container) else None
