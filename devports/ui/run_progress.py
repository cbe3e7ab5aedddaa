"""The events of a run, one line each, with a prefix among the server's own output. Pure.

VS Code reads some of the lines: the matcher in `.vscode-template/tasks.json` waits for them. A
background task that ends without those of a failure lets the debugger start all the same; with
them, VS Code asks first. Those of a failure are printed in VS Code only.
"""

from __future__ import annotations

from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL, errorcode

from devports import exitcodes
from devports.core import recovery
from devports.core.hint import hint, own_command, text_of
from devports.core.value import unreachable
from devports.errors import DevportsError
from devports.ui.escape import printable, redacted_text
from devports.ui.processes import process_label
from devports.ui.text import duration, elapsed, in_vscode, round_up, url_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devports.core.bind_errors import BindFailure
    from devports.core.hint import Advice
    from devports.core.service import Service


PREFIX = "devports: "
UNREGISTERED = "a second run will not find it"
UNWATCHED = "if devports is killed (SIGKILL), the server keeps running"
MUST_STAY = "its command must keep running in the foreground"


def event_line(event: recovery.RunEvent, config: str = "") -> str:
    """Return the line of an event; `config`: the value of `--config`, for hints in it."""
    return PREFIX + run_event_text(event) + _in_another_terminal(event, config)


def _in_another_terminal(event: recovery.RunEvent, config: str) -> str:
    """Return the command that starts the awaited dependency, during the wait; else empty."""
    if not isinstance(event, recovery.WaitingForDependency) or not event.startable:
        return ""
    return f"; run `{text_of(own_command('run', event.dependency), config)}` in another terminal"


def run_event_text(event: recovery.RunEvent) -> str:
    service = event.service
    match event:
        case recovery.ServerStarted(endpoint=endpoint, attempt=attempt, base=base):
            again = f", attempt {attempt}" if attempt > 1 else ""
            shift = f" ({base} + {endpoint.port - base} in this worktree)" if base else ""
            return f"starting `{service}` on {endpoint}{shift}{again}; {_handoff(event)}"
        case recovery.ServerReady():
            return _ready(event)
        case recovery.BoundNotListening():
            return f"`{service}` {_bound(event)}"
        case recovery.ListeningElsewhere():
            return f"`{service}` {_elsewhere(event)}"
        case recovery.PortLost():
            return _lost(event)
        case recovery.Released(endpoint=endpoint):
            done = f"released the reservation of {endpoint}, which may have blocked it"
            never = "" if event.why == "silence" else f"; {WITHOUT}"
            return f"`{service}` {_released(event)}: {done}; `{service}` keeps running{never}"
        case recovery.BindRefused():
            return _refused(event)
        case recovery.HandoffFailed():
            return f"`{service}` {_handoff_failed(event)}; {WITHOUT}"
        case recovery.EndedAlike():
            done = "exited the same way without the reservation"
            return f"`{service}` {done}; the port was not the cause"
        case recovery.StoppingServer(signal=signal):
            return f"stopping `{service}` with {signal}"
        case recovery.KillingServer(seconds=seconds):
            return f"`{service}` did not stop within {elapsed(seconds)}; sending SIGKILL"
        case recovery.DetachedProcess():
            return _detached(event)
        case recovery.PortChanged(declared=declared, used=used):
            return f"warning: `{service}` uses port {used}; port {declared} is in use"
        case recovery.WaitingForPreviousRun(pid=pid):
            return f"waiting for the previous run of `{service}` (pid {pid}) to exit"
        case recovery.RecordFailed(why=why):
            return f"cannot register this run of `{service}` ({printable(why)}); {UNREGISTERED}"
        case recovery.WatchdogExited():
            return f"the watchdog process of `{service}` has exited; {UNWATCHED}"
        case recovery.Stalled():
            return _stalled(event)
        case recovery.Queued(endpoint=endpoint, connections=number, seconds=seconds):
            wait = "1 connection waits" if number == 1 else f"{number} connections wait"
            return f"{wait} on {endpoint} for {seconds:.0f} s; the server is busy or stuck"
        case recovery.Accepting(endpoint=endpoint):
            return f"`{service}` accepts connections on {endpoint} again"
        case recovery.Joined(endpoint=endpoint, process=process):
            who = process_label(process)
            return f"{who} listens on {endpoint} too; a client may reach either server"
        case recovery.Redirected(endpoint=endpoint):
            met = f"another server answered on {endpoint} before `{service}` listened"
            return f"warning: {met}; a NAT rule may redirect its clients (run `devports doctor`)"
        case recovery.WaitingForDependency(dependency=dependency, seconds=seconds):
            within = f"waiting up to {duration(round_up(seconds))} for `{dependency}`"
            return f"{within} to be ready on {event.endpoint} (required by `{service}`)"
        case _:
            unreachable(event)


def wait_text(wait: recovery.WaitingForDependency) -> str:
    """Return what is waited for, to be followed by a counter."""
    return f"waiting for `{wait.dependency}` on {wait.endpoint} (press Ctrl-C to stop)"


def stopped_by(service: str, command: str) -> str:
    """Return the line that names the command, with its pid, which stopped this run."""
    return f"{PREFIX}`{service}` was told to stop by {printable(command, 200)}"


def _quoted(line: str) -> str:
    """Return a line of a server's output."""
    return f'"{printable(redacted_text(line.strip()), 120)}"'


def _handoff(launched: recovery.ServerStarted) -> str:
    match launched.way:
        case "fd":
            return f"passing it the bound socket ({launched.how})"
        case "hook":
            return "holding the port until the server binds it"
        case "beside":
            return "holding the port until the server listens"
        case "bare":
            return "releasing the port just before the start"
        case _:
            unreachable(launched.way)


WHY = {
    EADDRINUSE: "address in use",
    EACCES: "permission denied",
    EADDRNOTAVAIL: "no address of this machine",
}


def _refused(it: recovery.BindRefused) -> str:
    """Return the other port that is in use, and what can be done about it."""
    holder = process_label(it.holder) if it.holder else ""
    if not it.errno:
        held = f"is in use by {holder}" if holder else "is in use"
        return f"{it.endpoint}, which the command of `{it.service}` names, {held}"
    why = WHY.get(it.errno) or errorcode.get(it.errno, f"error {it.errno}")
    line = f"a bind of {it.endpoint} by `{it.service}` was refused ({why})"
    if it.code is not None:
        ended = f"`{it.service}` exited with code {it.code} after"
        line = f"{ended} its bind of {it.endpoint} was refused ({why})"
    if it.errno != EADDRINUSE:
        return line
    has = f": {holder} uses it" if holder else ""
    port = it.endpoint.port
    declared = f"declare {port} in `ports` to let devports free it too"
    return f"{line}{has}; run `devports check {port}`, or {declared}"


WITHOUT = 'to always start it like this, set `handoff = "none"`'


def _handoff_failed(it: recovery.HandoffFailed) -> str:
    end = _END_BY_WAY[it.way]
    if it.waited:
        end = f"did not listen on its port within {it.waited:.0f} s"
    why = "possibly because devports held the port"
    return f"{end}, {why}; starting it once more without the reservation"


_END_BY_WAY: dict[recovery.HandoffMode, str] = {
    "fd": "exited without using the socket",
    "hook": "exited without binding the port",
    "beside": "exited before it bound the port",
    "bare": "exited before it bound the port",
}


def _released(it: recovery.Released) -> str:
    """Return why the reservation was released."""
    match it.why:
        case "line":
            return f"printed {_quoted(it.line)}"
        case "hook":
            return "was refused the port"
        case "socket":
            return "has a socket that cannot bind while devports holds the port"
        case "silence":
            return f"has not bound its port for {it.seconds:.0f} s"
        case _:
            unreachable(it.why)


def _detached(it: recovery.DetachedProcess) -> str:
    who = process_label(it.process)
    if it.ended:
        return f"`{it.service}` moved into the background as {who}; stopping it ({MUST_STAY})"
    lives = "runs in its own session and is still running"
    return f"{who}, which `{it.service}` started, {lives}"


def _bound(it: recovery.BoundNotListening) -> str:
    if it.ended is not None:
        ended = f"its serving process (pid {it.ended}) has exited"
        bound = f"has bound {it.endpoint} but is not listening"
        return f"{bound}: {ended}; save a file to restart it"
    holder = "one of its processes" if it.holder is None else process_label(it.holder)
    return f"is still starting: {holder} has bound {it.endpoint} and is not listening yet"


def _elsewhere(it: recovery.ListeningElsewhere) -> str:
    line = f"listens on {it.there}; still waiting for {it.wanted}"
    if not it.advice:
        return line
    write = f"; the command does not name the port: write {it.advice}"
    return f"{line}{write}; Ctrl-C ends the wait"


def _ready(ready: recovery.ServerReady) -> str:
    who = "unknown process" if ready.process is None else process_label(ready.process)
    line = f"`{ready.service}` is ready on {ready.endpoint} after {elapsed(ready.seconds)}: {who}"
    if ready.unserved:
        line += f"; not listening on {', '.join(map(str, ready.unserved))}"
    return line


def _stalled(it: recovery.Stalled) -> str:
    if it.process is None:
        since = f"none of its processes has listened on {it.endpoint} for {it.seconds:.0f} s"
        return f"`{it.service}` is stalled: {since}"
    gone = f"{process_label(it.process)} exited and no process accepts on {it.endpoint}"
    return f"`{it.service}` is stalled: {gone}; save a file or restart"


def _lost(lost: recovery.PortLost) -> str:
    line = f"`{lost.service}` lost {lost.endpoint} to another process"
    if lost.line:
        line += f" ({_quoted(lost.line)})"
    if lost.next_attempt:
        return f"{line}; retrying, start {lost.next_attempt} of {lost.attempts}"
    return line


def end_text(service: str, ended: recovery.Ended, *, started: bool = True) -> str:
    """Return the last line: the exit code and its source."""
    if ended.source == "devports":
        done = "was stopped" if started else "was not started"
        return f"{PREFIX}`{service}` {done} (devports exit code {ended.code})"
    line = f"{PREFIX}`{service}` exited with code {ended.code}"
    if ended.reason == "ended-early":
        line += ", before it was ready" + (f": {MUST_STAY}" if ended.code == 0 else "")
        if ended.code == 0 and ended.in_way:
            line += '; if it could not bind while devports held the port, set `handoff = "none"`'
    return line


def start_error(
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
    """Return why a start failed, from the last facts and the output.

    `in_way`: whether the reservation may have blocked the server. `advice`: what to write in the
    command, if it never names the port.
    """
    name, facts = service.name, list(_seen_lines(seen, status))
    if status is not None:
        what = f"returned status {status}" if status else "got no response"
        facts.append(f"GET {service.ready.http} {what}")
    if unsaid:
        facts.append(f'its output did not contain "{printable(service.ready.log, 120)}"')
    if failure is not None:
        facts.append(f"server output: {printable(failure.line.strip(), 200)}")
    if in_way and ended.reason == "not-ready" and seen is not None and not seen.has_any:
        facts.append("it did not bind while devports held the port, nor after that")
    check = own_command("check", str(service.spec.port))
    hints: tuple[Advice, ...] = (hint("to see the holder, run ", check),)
    match ended.reason:
        case "moved" if seen is not None:  # it listens where its sockets were found
            where = ", ".join(map(str, seen.elsewhere))
            message = f"`{name}` listens on {where} instead of {service.spec}"
            hints = (
                "make the server use its port (vite: `--strictPort`), or declare the other port",
            )
            if advice:
                hints = (f"its command does not name the port: write {advice}",)
        case "port-shared":
            message = f"`{name}` and another server both listen on {service.spec} (SO_REUSEPORT)"
            free = own_command("free", str(service.spec))
            hints = (hint("to stop the other server, run ", free),)
        case "retries-exhausted":
            message = f"`{name}` lost {service.spec} in each of {service.attempts} starts"
        case _:
            message = f"`{name}` is not ready on {service.spec} after {service.ready.timeout:g} s"
            hints = _until_ready(service, seen, status, unsaid=unsaid, in_way=in_way)
    return DevportsError(
        ended.reason, message, facts=tuple(facts), hints=hints, service=name, exit_code=ended.code
    )


def _until_ready(
    service: Service,
    seen: recovery.PortOwnership | None,
    status: int | None,
    *,
    unsaid: bool,
    in_way: bool,
) -> tuple[Advice, ...]:
    """Return hints for a server that was not ready within its timeout, by the facts."""
    name = service.name
    if status:
        return (f"set `ready.http` of `{name}` to a path that returns a status below 400",)
    if unsaid:
        return (f"set `ready.log` of `{name}` to text that the server prints when it is ready",)
    longer = f"if the server needs more time, set `ready = {{ timeout = 120 }}` for `{name}`"
    if seen is None or seen.owner is not None:
        return (longer,)
    if seen.bound:
        return ("check the server's output above for errors", longer)
    if seen.other_sockets:
        who = hint("to see the holder, run ", own_command("check", str(service.spec.port)))
        return (who, f'if `{name}` starts that process, set `ready = {{ owner = "any" }}`')
    once = f'if it tries to bind only once, set `handoff = "none"` for `{name}`'
    return (longer, once) if in_way else (longer,)


def _seen_lines(seen: recovery.PortOwnership | None, status: int | None) -> Iterator[str]:
    if seen is None:
        return
    if seen.owner is not None:
        mute = seen.queueing and not status  # an inherited socket listens without its server
        does = "has the socket but accepts no connection" if mute else "listens"
        yield f"its process {process_label(seen.owner.process)} {does}"
    elif seen.bound:
        yield "one of its processes has bound the port but is not listening"
    else:
        yield "none of its processes listens on the port"
    for socket in seen.other_sockets:
        who = [process_label(h.process) for h in seen.others.holders if socket.inode in h.inodes]
        has = "have" if len(who) > 1 else "has"
        yield f"{' and '.join(who) or 'another process'} {has} {socket.state} {socket.local}"


NOT_RUNNING = f"{PREFIX}not running"
"""Printed after a failure. It ends the wait of a debugger, which then finds the failure.

At the end of the process VS Code forgets the second failure in a row
(WatchingProblemCollector.done).
"""
BY_SIGNAL = 128
MEANINGS = {
    exitcodes.HELD: "its port is in use",
    exitcodes.PROTECTED: "its port is in use by a process that devports does not stop",
    exitcodes.PERMISSION: "no permission to bind or free its port",
    exitcodes.STILL_HELD: "its port is still in use after all steps",
    exitcodes.TAKEN_AGAIN: "another process took its port again",
    exitcodes.NOT_READY: "it did not become ready",
    exitcodes.ALREADY_RUNNING: "it is already running",
}


def start_line(service: str) -> str:
    """Return the first line of a run, before anything that may take time."""
    return f"{PREFIX}taking the port of `{printable(service, 80)}`"


def ready_line(ready: recovery.ServerReady, env: Mapping[str, str]) -> str:
    """Return the line behind the ready line, empty if there is none.

    It has the address, to click, if the server prints none. VS Code gets it always: after a reload
    of its window it does not find the ready line again if nothing follows.
    """
    if ready.scheme:
        url = url_of(ready.endpoint.address, ready.endpoint.port, ready.scheme)
        return f"{PREFIX}serving {url} (press Ctrl-C to stop)"
    return f"{PREFIX}running (press Ctrl-C to stop)" if in_vscode(env) else ""


def failure(message: str, file: str, line: int = 0) -> str:
    """Return the lines of a failure, to be written at once: its line, then the end.

    VS Code is to show `file`, at `line` if that is known. With the end first, it would start the
    debugger. Tasks of earlier versions match this text too, with the line as a part of the message.
    A number at the begin of the message would be the column: where a pattern names a line and no
    column, VS Code reads one there.
    """
    at = f"line {line}: " if line else ""
    told = f"address {message}" if message[:1].isdigit() else message
    return f"{PREFIX}error: {printable(file)}: {at}{printable(told)}\n{NOT_RUNNING}"


def one_line(error: DevportsError) -> str:
    """Return an error in one line: for a configuration, with its first problem."""
    reason = next((fact.rpartition("^")[2].strip() for fact in error.facts if "^" in fact), "")
    return f"{error.message}: {reason}" if reason else error.message


def meaning(service: str, ended: recovery.Ended, *, started: bool = False) -> str:
    """Return how a run failed; empty for success, and for an exit by a signal.

    Before it was ready both are failures as well: a waiting debugger must not start.
    """
    code = ended.code
    quiet = code == exitcodes.OK or code > BY_SIGNAL
    if quiet and ended.ready:
        return ""
    if ended.source == "child":
        early = ", before it was ready" if quiet else ""
        return f"`{service}` exited with code {code}{early}"
    done = "was stopped" if started else "was not started"
    return ended.why or f"`{service}` {done}: {MEANINGS.get(code, f'exit code {code}')}"
