"""What happens during a run, one line each, marked as ours among the server's own output. Pure.

Some of the lines are read by VS Code: the matcher in `.vscode-template/tasks.json` waits for them.
A background task that ends without those of a failure lets the debugger start all the same; with
them, VS Code asks first. Those of a failure are not said outside VS Code, where nobody needs them.
"""

from __future__ import annotations

from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL, errorcode

from devports import exitcodes
from devports.core import recovery
from devports.core.value import unreachable
from devports.errors import DevportsError
from devports.ui.escape import printable
from devports.ui.processes import label
from devports.ui.text import duration, in_vscode, took, url_of, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devports.core.bind_errors import BindFailure
    from devports.core.hint import Advice
    from devports.core.service import Service


PREFIX = "devports: "
STAYS = "a service has to stay in the foreground"


def event_line(event: recovery.RunEvent) -> str:
    return PREFIX + _words(event)


def _words(event: recovery.RunEvent) -> str:
    service = event.service
    match event:
        case recovery.ServerStarted(endpoint=endpoint, attempt=attempt):
            again = f", attempt {attempt}" if attempt > 1 else ""
            return f"starting `{service}` on {endpoint}{again}; {_handoff(event)}"
        case recovery.ServerReady():
            return _ready(event)
        case recovery.BoundNotListening():
            return f"`{service}` {_bound(event)}"
        case recovery.ListeningElsewhere():
            return f"`{service}` {_elsewhere(event)}"
        case recovery.PortLost():
            return _lost(event)
        case recovery.Released(endpoint=endpoint):
            done = f"released our reservation of {endpoint}, which may be in its way"
            return f"`{service}` {_met(event)}: {done}; `{service}` keeps running{_or_never(event)}"
        case recovery.BindRefused():
            return _refused(event)
        case recovery.HandoffFailed():
            return f"`{service}` {_in_the_way(event)}; {WITHOUT}"
        case recovery.EndedAlike():
            return f"`{service}` ended the same way without our hold: it was not the port"
        case recovery.StoppingServer(signal=signal):
            return f"stopping `{service}` with {signal}"
        case recovery.KillingServer(seconds=seconds):
            return f"`{service}` did not end in {seconds:.1f} s: killing it with SIGKILL"
        case recovery.DetachedProcess(process=process, ended=True):
            return f"`{service}` went into the background as {label(process)}: ending that, {STAYS}"
        case recovery.DetachedProcess(process=process):
            lives = "has a session of its own and still runs"
            return f"{label(process)}, which `{service}` started, {lives}"
        case recovery.PortChanged(declared=declared, used=used):
            return f"PORT CHANGED: `{service}` gets port {used}, port {declared} is taken"
        case recovery.WaitingForPreviousRun(pid=pid):
            return f"waiting for the last run of `{service}` (pid {pid}) to end"
        case recovery.RecordFailed(why=why):
            lost = f"no record of this run of `{service}` can be kept ({printable(why)})"
            return f"{lost}: a second run will not know of it"
        case recovery.WaitingForDependency(dependency=dependency, seconds=seconds):
            within = f"waiting up to {duration(whole(seconds))} for `{dependency}`"
            return f"{within} to be ready on {event.endpoint}: `{service}` depends on it"
        case _:
            unreachable(event)


def _quoted(line: str, most: int = 120) -> str:
    """Return a line of a server's output."""
    return f'"{printable(line.strip(), most)}"'


def _handoff(launched: recovery.ServerStarted) -> str:
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


WHY = {
    EADDRINUSE: "address in use",
    EACCES: "permission denied",
    EADDRNOTAVAIL: "no address of this machine",
}


def _refused(it: recovery.BindRefused) -> str:
    """Return which other port was not to be had, and what can be done about it."""
    holder = label(it.holder) if it.holder else ""
    if not it.errno:
        held = f"is held by {holder}" if holder else "is held"
        return f"{it.endpoint}, which the command of `{it.service}` names, {held}"
    why = WHY.get(it.errno) or errorcode.get(it.errno, f"error {it.errno}")
    line = f"a bind of {it.endpoint} by `{it.service}` was refused ({why})"
    if it.code is not None:
        ended = f"`{it.service}` ended with code {it.code} after"
        line = f"{ended} its bind of {it.endpoint} was refused ({why})"
    if it.errno != EADDRINUSE:
        return line
    has = f": {holder} has it" if holder else ""
    port = it.endpoint.port
    declared = f"declare {port} in `ports` and devports frees it with the other"
    return f"{line}{has}; run `devports check {port}`, or {declared}"


WITHOUT = 'to have it started so at once, set `handoff = "none"`'


def _in_the_way(it: recovery.HandoffFailed) -> str:
    end = f"did not listen on its port in {it.waited:.0f} s" if it.waited else _END_BY_WAY[it.way]
    return f"{end}, and our reservation may have been in its way; starting it once more without it"


_END_BY_WAY: dict[recovery.HandoffMode, str] = {
    "fd": "did not take the socket before it ended",
    "hook": "ended and did not ask for the port",
    "beside": "ended before it took the port",
    "bare": "ended before it took the port",
}


def _met(it: recovery.Released) -> str:
    """Return why our hold was let go."""
    match it.why:
        case "line":
            return f"printed {_quoted(it.line)}"
        case "hook":
            return "was refused the port"
        case "socket":
            return "has a socket that cannot be bound beside our hold"
        case "silence":
            return f"has had nothing of its port for {it.seconds:.0f} s"
        case _:
            unreachable(it.why)


def _or_never(it: recovery.Released) -> str:
    return "" if it.why == "silence" else f"; {WITHOUT}"


def _bound(it: recovery.BoundNotListening) -> str:
    if it.ended is not None:
        ended = f"its process (pid {it.ended}) that was to serve has ended"
        return (
            f"holds {it.endpoint} but does not listen yet: {ended}; save a file to start it again"
        )
    holder = "a process of it" if it.holder is None else label(it.holder)
    return f"is still starting: {holder} has {it.endpoint} and does not listen yet"


def _elsewhere(it: recovery.ListeningElsewhere) -> str:
    line = f"listens on {it.there} and not on {it.wanted}: waiting for that"
    if not it.advice:
        return line
    write = f"; the command never says the port: write {it.advice}"
    return f"{line}{write}; Ctrl-C ends the wait"


def _ready(ready: recovery.ServerReady) -> str:
    who = "a process that cannot be read" if ready.process is None else label(ready.process)
    line = f"`{ready.service}` is ready on {ready.endpoint}: {who}, {took(ready.seconds)}"
    if ready.unserved:
        line += f"; nobody serves {', '.join(map(str, ready.unserved))}"
    return line


def _lost(lost: recovery.PortLost) -> str:
    line = f"`{lost.service}` did not get {lost.endpoint}: somebody else has it"
    if lost.line:
        line += f" ({_quoted(lost.line)})"
    if lost.next_attempt:
        return f"{line}; trying again, start {lost.next_attempt} of {lost.attempts}"
    return line


def ended_words(service: str, ended: recovery.Ended, *, started: bool = True) -> str:
    """Return the last line: what the exit code is and whose."""
    code = f"exit code {ended.code} (source: {ended.source})"
    if not started:
        return f"{PREFIX}`{service}` was not started: {code}"
    line = f"{PREFIX}`{service}` ended with {code}"
    if ended.reason == "ended-early":
        line += ", before it was ready" + (f": {STAYS}" if ended.code == 0 else "")
        if ended.code == 0 and ended.in_way:
            line += '; if it could not bind beside our hold, set `handoff = "none"`'
    return line


def gave_up(
    service: Service,
    ended: recovery.Ended,
    seen: recovery.PortOwnership | None,
    failure: BindFailure | None,
    status: int | None = None,
    *,
    unsaid: bool = False,
    in_way: bool = False,
    advice: str = "",
) -> DevportsError:
    """Return why a server was given up, from what was seen last and what it said.

    `in_way`: our hold may have been in its way. `advice`: what to write in its command, where that
    never says the port.
    """
    from devports.core.hint import hint, ours

    name, facts = service.name, list(_seen_lines(seen))
    if status is not None:
        what = f"with status {status}" if status else "not at all"
        facts.append(f"GET {service.ready.http} was answered {what}")
    if unsaid:
        facts.append(f'its output did not show "{printable(service.ready.log, 120)}"')
    if failure is not None:
        facts.append(f"it said: {printable(failure.line.strip(), 200)}")
    if in_way and ended.reason == "not-ready" and seen is not None and not seen.has_any:
        facts.append("it did not bind while our hold was there, or after that")
    check = ours("check", str(service.spec.port))
    hints: tuple[Advice, ...] = (hint("run ", check, " to see who has it now"),)
    match ended.reason:
        case "moved" if seen is not None:  # it went where its sockets were found
            where = ", ".join(map(str, seen.elsewhere))
            message = f"`{name}` went to {where} instead of {service.spec}"
            hints = ("make it keep its port (vite: --strictPort), or declare the other one",)
            if advice:
                hints = (f"its command never says the port: write {advice}",)
        case "port-shared":
            message = f"`{name}` shares {service.spec} with another server (SO_REUSEPORT)"
            free = ours("free", str(service.spec))
            hints = (hint("end the other one: run ", free, ", then start again"),)
        case "retries-exhausted":
            message = f"`{name}` did not get {service.spec} in {service.attempts} starts"
        case _:
            message = f"`{name}` was not ready on {service.spec} in {service.ready.timeout:g} s"
            hints = _until_ready(service, seen, status, unsaid=unsaid, in_way=in_way)
    return DevportsError(
        ended.reason,
        message,
        facts=tuple(facts),
        hints=hints,
        service=name,
        exit_code=ended.code,
    )


def _until_ready(
    service: Service,
    seen: recovery.PortOwnership | None,
    status: int | None,
    *,
    unsaid: bool,
    in_way: bool,
) -> tuple[Advice, ...]:
    """Return what may help a server that was not ready in time, by the most that was seen of it."""
    from devports.core.hint import hint, ours

    name = service.name
    if status:
        return (f"set `ready.http` of `{name}` to a path that answers below 400",)
    if unsaid:
        return (f"set `ready.log` of `{name}` to a text that it prints when it is ready",)
    longer = f"if it needs longer, set `ready = {{ timeout = 120 }}` for `{name}`"
    if seen is None or seen.owner is not None:
        return (longer,)
    if seen.bound:
        return ("look at its output above: its code may have an error", longer)
    if seen.strangers:
        who = hint("run ", ours("check", str(service.spec.port)), " to see who has it now")
        return (who, f'if that is what `{name}` starts, set `ready = {{ owner = "any" }}`')
    once = f'if it tries to bind only once, set `handoff = "none"` for `{name}`'
    return (longer, once) if in_way else (longer,)


def _seen_lines(seen: recovery.PortOwnership | None) -> Iterator[str]:
    if seen is None:
        return
    if seen.owner is not None:
        does = "has the socket, and accepts no connection" if seen.queueing else "listens"
        yield f"{label(seen.owner.process)} of it {does}"
    elif seen.bound:
        yield "a process of it is bound to the port but does not listen"
    else:
        yield "no process of it listens on the port"
    for socket in seen.strangers:
        who = [label(h.process) for h in seen.others.holders if socket.inode in h.inodes]
        yield f"{' and '.join(who) or 'somebody else'} has {socket.state} {socket.local}"


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


def begins(service: str) -> str:
    """Return the first line of a run, which comes before everything that may take time."""
    return f"{PREFIX}taking the port of `{printable(service, 80)}`"


def after_ready(ready: recovery.ServerReady, env: Mapping[str, str]) -> str:
    """Return the line behind the ready line, empty where there is nothing to say.

    It has the address, for a click, where the server says none. VS Code gets it in any case: after
    a reload of its window it does not find the ready line again if nothing follows.
    """
    if ready.scheme:
        url = url_of(ready.endpoint.address, ready.endpoint.port, ready.scheme)
        return f"{PREFIX}serving {url} until it is stopped"
    return f"{PREFIX}serving until it is stopped" if in_vscode(env) else ""


def failure(message: str, file: str) -> str:
    """Return all that is said of a failure, to be written at once: its line, then the end.

    VS Code is to show `file`. With the end first, it would start the debugger.
    """
    return f"{PREFIX}error: {printable(file)}: {printable(message)}\n{NOT_RUNNING}"


def in_short(error: DevportsError) -> str:
    """Return what an error says in one line: for a configuration, its first problem too."""
    reason = next((fact.rpartition("^")[2].strip() for fact in error.facts if "^" in fact), "")
    return f"{error.message}: {reason}" if reason else error.message


def meaning(service: str, ended: recovery.Ended) -> str:
    """Return how a run failed; empty for success, and for an end by a signal.

    Before it was ready those two are failures as well: a debugger that waits must not start.
    """
    code = ended.code
    quiet = code == exitcodes.OK or code > BY_SIGNAL
    if quiet and ended.ready:
        return ""
    if ended.source == "child":
        early = ", before it was ready" if quiet else ""
        return f"`{service}` ended with exit code {code}{early}"
    return ended.why or f"`{service}` did not run: {MEANINGS.get(code, f'exit code {code}')}"
