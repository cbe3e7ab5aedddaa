"""What happens during a run, in one line each, marked as ours among the server's own output."""

from __future__ import annotations

from devports.core.happening import (
    BoundOnly,
    DependencyDown,
    InTheWay,
    KillingServer,
    Launched,
    NextPort,
    Owned,
    PortLost,
    Predecessor,
    StoppingServer,
)
from devports.core.value import unreachable
from devports.ui.deeds import took
from devports.ui.printable import printable
from devports.ui.who import label

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.happening import Happening
    from devports.core.recovery import Ended

PREFIX = "devports: "


def happening_words(happening: Happening) -> str:
    """Return the line for one event."""
    return PREFIX + _words(happening)


def _words(happening: Happening) -> str:
    match happening:
        case Launched(service=service, endpoint=endpoint, attempt=1):
            return f"starting `{service}` on {endpoint}"
        case Launched(service=service, endpoint=endpoint, attempt=attempt):
            return f"starting `{service}` on {endpoint}, attempt {attempt}"
        case Owned():
            return _owned(happening)
        case BoundOnly(service=service, endpoint=endpoint):
            return (
                f"`{service}` holds {endpoint} but does not listen yet;"
                " a reloader waits like this for a mended file"
            )
        case PortLost():
            return _lost(happening)
        case InTheWay(service=service):
            return f"`{service}` binds without SO_REUSEADDR; starting it again without our hold"
        case StoppingServer(service=service, signal=signal):
            return f"stopping `{service}` with {signal}"
        case KillingServer(service=service, seconds=seconds):
            return f"`{service}` did not end in {seconds:g} s and was killed with SIGKILL"
        case NextPort(service=service, declared=declared, used=used):
            return f"PORT CHANGED: `{service}` gets port {used}, port {declared} is taken"
        case Predecessor(service=service, pid=pid):
            return f"waiting for the last run of `{service}` (pid {pid}) to end"
        case DependencyDown(service=service, dependency=dependency, endpoint=endpoint):
            return f"`{service}` depends on `{dependency}`, and nobody listens on {endpoint}"
        case _:
            unreachable(happening)


def _owned(owned: Owned) -> str:
    who = "a process that cannot be read" if owned.process is None else label(owned.process)
    line = f"`{owned.service}` is ready on {owned.endpoint}: {who}, {took(owned.seconds)}"
    if owned.unserved:
        line += f"; nobody serves {', '.join(map(str, owned.unserved))}"
    return line


def _lost(lost: PortLost) -> str:
    why = "somebody else has it" if lost.foreign else "it was refused the port"
    line = f"`{lost.service}` did not get {lost.endpoint}: {why}"
    if lost.line:
        line += f' ("{printable(lost.line.strip(), 120)}")'
    if lost.next_attempt:
        return f"{line}; trying again, start {lost.next_attempt} of {lost.attempts}"
    return line


def ended_words(service: str, ended: Ended) -> str:
    """Return the last line: what the exit code is and whose."""
    return f"{PREFIX}`{service}` ended with exit code {ended.code} (source: {ended.source})"
