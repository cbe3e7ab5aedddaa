"""What happens during a run, in one line each, marked as ours among the server's own output.

editorline: What VS Code reads from `devports run`, in words. Pure.

The matcher in `.vscode-template/tasks.json` waits for these lines. A background task that ends
without the second one lets the debugger start all the same; with it, VS Code asks first and shows
the configuration in red. Outside VS Code nobody needs them, and they are not said.
"""

from __future__ import annotations

from devports import exitcodes
from devports.core.recovery import (
    BoundNotListening,
    DetachedProcess,
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
from devports.core.value import unreachable
from devports.errors import DevportsError
from devports.ui.escape import printable
from devports.ui.processes import duration, label, whole
from devports.ui.progress import took
from devports.ui.status_rows import url_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devports.core.bind_errors import BindFailure
    from devports.core.hint import Advice
    from devports.core.recovery import Ended, PortOwnership, RunEvent
    from devports.core.service import Service


PREFIX = "devports: "
STAYS = "a service has to stay in the foreground"


def happening_words(happening: RunEvent) -> str:
    """Return the line for one event."""
    return PREFIX + _words(happening)


def _words(happening: RunEvent) -> str:
    match happening:
        case ServerStarted(service=service, endpoint=endpoint, attempt=attempt):
            again = f", attempt {attempt}" if attempt > 1 else ""
            return f"starting `{service}` on {endpoint}{again}; {_handoff(happening)}"
        case ServerReady():
            return _owned(happening)
        case BoundNotListening(service=service, endpoint=endpoint):
            return (
                f"`{service}` holds {endpoint} but does not listen yet;"
                " a reloader waits like this for a mended file"
            )
        case ListeningElsewhere(service=service, wanted=wanted, there=there):
            return f"`{service}` listens on {there} and not on {wanted}: waiting for that"
        case PortLost():
            return _lost(happening)
        case Released(service=service, endpoint=endpoint, line=line):
            return (
                f'`{service}` printed "{printable(line.strip(), 120)}": released our reservation of'
                f" {endpoint}, which may be in its way; `{service}` keeps running"
            )
        case HandoffFailed():
            return f"`{happening.service}` {_in_the_way(happening)}"
        case StoppingServer(service=service, signal=signal):
            return f"stopping `{service}` with {signal}"
        case KillingServer(service=service, seconds=seconds):
            return f"`{service}` did not end in {seconds:.1f} s: killing it with SIGKILL"
        case DetachedProcess(service=service, process=process, ended=ended):
            who = label(process)
            if ended:
                return f"`{service}` went into the background as {who}: ending that, {STAYS}"
            return f"{who}, which `{service}` started, has a session of its own and still runs"
        case PortChanged(service=service, declared=declared, used=used):
            return f"PORT CHANGED: `{service}` gets port {used}, port {declared} is taken"
        case WaitingForPreviousRun(service=service, pid=pid):
            return f"waiting for the last run of `{service}` (pid {pid}) to end"
        case RecordFailed(service=service, why=why):
            return (
                f"no record of this run of `{service}` can be kept ({printable(why)}):"
                " a second run will not know of it"
            )
        case WaitingForDependency(service=service, dependency=dependency, seconds=seconds):
            within = f"waiting up to {duration(whole(seconds))} for `{dependency}`"
            return f"{within} to be ready on {happening.endpoint}: `{service}` depends on it"
        case _:
            unreachable(happening)


def _handoff(launched: ServerStarted) -> str:
    match launched.way:
        case "fd":
            return f"it takes the socket ({launched.how})"
        case "hook":
            return "the port is held until its bind asks for it"
        case "beside":
            return "the port is held until it listens"
        case "bare":
            return "the port is let go for it"
        case _:
            unreachable(launched.way)


def _in_the_way(it: HandoffFailed) -> str:
    if it.waited:
        return (
            f"did not listen on its port in {it.waited:g} s, and our reservation may have been in"
            " its way; starting it once more without it"
        )
    match it.way:
        case "fd":
            return "did not take the socket; starting it again without one"
        case "hook":
            return "did not ask for the port; starting it again beside our hold"
        case "beside" | "bare":
            return "binds without SO_REUSEADDR; starting it again without our hold"
        case _:
            unreachable(it.way)


def _owned(owned: ServerReady) -> str:
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


def ended_words(service: str, ended: Ended, *, started: bool = True) -> str:
    """Return the last line: what the exit code is and whose."""
    if not started:
        how = f"was not started: exit code {ended.code} (source: {ended.source})"
        return f"{PREFIX}`{service}` {how}"
    early = ", before it was ready" if ended.reason == "ended-early" else ""
    if early and ended.code == 0:
        early += f": {STAYS}"
    return f"{PREFIX}`{service}` ended with exit code {ended.code} (source: {ended.source}){early}"


def gave_up(
    service: Service,
    ended: Ended,
    seen: PortOwnership | None,
    failure: BindFailure | None,
    status: int | None = None,
    *,
    unsaid: bool = False,
) -> DevportsError:
    """Return why a server was given up, from what was seen last and what it said."""
    from devports.core.hint import hint, ours

    name, facts = service.name, list(seen_lines(seen))
    if status is not None:
        what = f"with status {status}" if status else "not at all"
        facts.append(f"GET {service.ready.http} was answered {what}")
    if unsaid:
        facts.append(f'its output did not show "{printable(service.ready.log, 120)}"')
    if failure is not None:
        facts.append(f"it said: {printable(failure.line.strip(), 200)}")
    check = ours("check", str(service.spec.port))
    hints: tuple[Advice, ...] = (hint("run ", check, " to see who has it now"),)
    match ended.reason:
        case "moved":
            where = moved_to(seen, failure)
            message = f"`{name}` went to {where} instead of {service.spec}"
            hints = ("make it keep its port (vite: --strictPort), or declare the other one",)
        case "port-shared":
            message = f"`{name}` shares {service.spec} with another server (SO_REUSEPORT)"
            free = ours("free", str(service.spec))
            hints = (hint("end the other one: run ", free, ", then start again"),)
        case "retries-exhausted":
            message = f"`{name}` did not get {service.spec} in {service.attempts} starts"
        case _:
            message = f"`{name}` was not ready on {service.spec} in {service.ready.timeout:g} s"
            hints = (f"if it needs longer, set `ready = {{ timeout = 120 }}` for `{name}`",)
            if seen is not None and seen.owner is None and seen.bound:
                hints = ("look at its output above: its code may have an error", *hints)
            if unsaid:
                hints = (f"set `ready.log` of `{name}` to a text that it prints when it is ready",)
            if status:
                hints = (f"set `ready.http` of `{name}` to a path that answers below 400",)
    return DevportsError(
        ended.reason,
        message,
        facts=tuple(facts),
        hints=hints,
        service=name,
        exit_code=ended.code,
    )


def moved_to(seen: PortOwnership | None, failure: BindFailure | None) -> str:
    """Return where a server went, from its sockets or else from what it said."""
    if seen is not None and seen.elsewhere:
        return ", ".join(map(str, seen.elsewhere))
    return f"port {failure.new_port}" if failure and failure.new_port else "another port"


def seen_lines(seen: PortOwnership | None) -> Iterator[str]:
    """Yield what was known of the port when the server was given up."""
    if seen is None:
        return
    if seen.owner is not None and seen.queueing:
        yield f"{label(seen.owner.process)} of it has the socket, and accepts no connection"
    elif seen.owner is not None:
        yield f"{label(seen.owner.process)} of it listens"
    elif seen.bound:
        yield "a process of it is bound to the port but does not listen"
    else:
        yield "no process of it listens on the port"
    for socket in seen.strangers:
        yield f"somebody else has {socket.state} {socket.local}"


NOT_RUNNING = f"{PREFIX}not running"
"""Said behind a failure. It ends the wait of a debugger, which then finds the failure: at the end
of the process VS Code forgets the second failure in a row (WatchingProblemCollector.done)."""
BY_SIGNAL = 128
MEANINGS = {
    exitcodes.HELD: "its port is held and was not freed",
    exitcodes.PROTECTED: "its port is held by what has to be stopped in its own way",
    exitcodes.PERMISSION: "the permission for its port is missing",
    exitcodes.STILL_HELD: "its port is not bindable after every step",
    exitcodes.TAKEN_AGAIN: "its port was taken again",
    exitcodes.NOT_READY: "it was not ready in time",
    exitcodes.IN_CHARGE: "another devports run is in charge of it",
}


def is_read(env: Mapping[str, str]) -> bool:
    """Say whether this is a terminal of VS Code, or of an editor made from it."""
    return env.get("TERM_PROGRAM") == "vscode"


def begins(service: str) -> str:
    """Return the first line of a run, which comes before everything that may take time."""
    return f"{PREFIX}taking the port of `{printable(service, 80)}`"


def after_ready(owned: ServerReady, env: Mapping[str, str]) -> str:
    """Return the line behind the ready line, empty where there is nothing to say.

    It has the address, for a click, where the server says none. VS Code gets it in any case: after
    a reload of its window it does not find the ready line again if nothing follows.
    """
    if owned.scheme:
        url = url_of(owned.endpoint.address, owned.endpoint.port, owned.scheme)
        return f"{PREFIX}serving {url} until it is stopped"
    return f"{PREFIX}serving until it is stopped" if is_read(env) else ""


def failed(message: str, file: str) -> str:
    """Return the line of a failure: the file that VS Code is to show, and what happened."""
    return f"{PREFIX}error: {printable(file)}: {printable(message)}"


def in_short(error: DevportsError) -> str:
    """Return what an error says in one line: for a configuration, its first problem too."""
    reason = next((fact.rpartition("^")[2].strip() for fact in error.facts if "^" in fact), "")
    return f"{error.message}: {reason}" if reason else error.message


def meaning(service: str, ended: Ended) -> str:
    """Return how a run failed; empty for success, and for an end by a signal."""
    code = ended.code
    if code == exitcodes.OK or code > BY_SIGNAL:
        return ""
    if ended.source == "child":
        return f"`{service}` ended with exit code {code}"
    return ended.why or f"`{service}` did not run: {MEANINGS.get(code, f'exit code {code}')}"
