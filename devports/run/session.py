"""One `devports run`: reserves the port, starts the server, supervises it. Drives core.recovery."""

from __future__ import annotations

import contextlib
import os
import signal

from devports import exitcodes
from devports.core.recovery import (
    Ended,
    EndedAlike,
    Exited,
    GivenUp,
    HandoffFailed,
    HoldInTheWay,
    Interrupted,
    Pause,
    PortChanged,
    PortFreed,
    PortLost,
    PortStillHeld,
    PortTaken,
    Ready,
    Redirected,
    ServerStarted,
    Serving,
    Start,
    Starting,
    Stopping,
    StopServer,
    TakePort,
    Taking,
    WatchdogExited,
    begin,
    end_reason,
    is_lost,
    step,
)
from devports.core.start_outcome import BY_SIGNAL
from devports.core.stop_plan import Declined
from devports.core.value import unreachable
from devports.errors import DevportsError
from devports.run import terminal
from devports.run.launch import HandoffRunner, mark_of
from devports.run.reservation import PortTakenError, Reservations, StartMemory
from devports.run.server import LOOK_EVERY, Server, ServerProcessTree
from devports.run.startup import OwnershipWatcher, ServerStart
from devports.run.terminal import SignalQueue, SignalReceived, terminal_interrupts_the_server
from devports.run.watchdog import WatchdogConfig, start_watchdog
from devports.system import clock, refusal
from devports.system.bind import is_redirected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from devports.core.model import Endpoint
    from devports.core.recovery import Command, Event, HandoffMode, RunEvent, State, Tell
    from devports.core.start_outcome import StartFacts
    from devports.core.stop_plan import Answer, Outcome, Progress, Question, WaitProgress
    from devports.freeing import FreeRequest, FreeServices
    from devports.records import RunRecords, RunState
    from devports.run.launch import Launch
    from devports.run.serving import ServingWatcher

SECOND_CTRL_C = 2.0
SOON = 3.0
"""Seconds from ready within which a failed bind of another port may explain an exit."""
HANDOFF_TIMEOUT = 5.0
"""Seconds that a running server has to listen on a socket which it requested."""


class Session:
    """The effects of a run. The next step is decided by `core.recovery.step` alone."""

    def __init__(
        self, launch: Launch, job: FreeRequest, tools: FreeServices, tell: Tell, records: RunRecords
    ) -> None:
        self.launch, self.service, self.records = launch, launch.service, records
        self.machine, self._ask, self._tell = tools.machine, tools.ask, tell
        self.terminal = terminal.terminal_of_process()
        self.guard = start_watchdog(
            self._duty()
        )  # before any descriptor is open that it must not inherit
        self.reserved = Reservations(
            tools.replace(ask=self._question, tell=self._progress, waiting=self._waiting),
            job,
            records,
        )
        self._tell_progress, self._wait = tools.tell, tools.wait
        self.interrupts = SignalQueue()
        self.family = ServerProcessTree(self.machine)
        self.watch = OwnershipWatcher(self.machine, launch.endpoints, self.family, self.reserved)
        self.handoff = HandoffRunner(
            launch,
            self.reserved,
            records.path,
            machine=self.machine,
            family=self.family,
            interrupts=self.interrupts,
        )
        self.server: Server | None = None
        self.startup: ServerStart | None = None
        self.serving: ServingWatcher | None = None
        self._redirected: Endpoint | None = None
        self._ctrl_c = clock.Deadline(0)
        self._marked: RunState = "starting"
        self._ended: Ended | None = None
        self._moves = job.policy.moves
        self._retry, self._memory = (
            launch.retry,
            StartMemory(records, launch.argv, self.service.cwd),
        )
        if self._memory.needs_bare and "bare" in self._retry.ways:
            self._retry = self._retry.replace(ways=("bare",))
        self._last_facts: StartFacts | None = None
        """The last facts of the start after which the reservation was left out."""

    def _duty(self) -> WatchdogConfig:
        return WatchdogConfig(
            self.machine,
            self.launch.all_endpoints,
            mark_of(self.launch.record),
            self.terminal,
            signal.Signals[self.service.stop_signal],
            self.service.stop_timeout,
        )

    # -- the loop

    def run(self) -> Ended | None:
        """Run to the end, clean up and record the end; None if the service is to get another port.

        Raises:
            DevportsError: the command cannot be started at all, or the server cannot be stopped.
        """
        with contextlib.ExitStack() as stack:
            stack.push(self.guard)
            stack.enter_context(self.interrupts)
            stack.callback(self._record_end)
            stack.callback(self.handoff.close)
            stack.callback(self.reserved.release)
            stack.callback(self._stop_server)
            stack.callback(self.interrupts.install, deferred=True)
            try:
                self._ended = self._run_states()
            except SignalReceived as signalled:
                code = exitcodes.of_signal(signalled.number)
                self._ended = Ended(code, "devports", "interrupted")
        return self._ended

    def _record_end(self) -> None:
        """Record the end; what becomes of a moved or failed session is decided by its caller."""
        if self._ended is None:
            self.records.drop(self.launch.record)
            return
        ready = self.startup is not None and self.startup.owned is not None
        self._ended = self._ended.replace(ready=ready)
        reason = end_reason(self._ended, stopping=self._marked == "stopping")
        self.records.finish(self.launch.record, self._ended.code, reason, ready=ready)

    def _run_states(self) -> Ended | None:
        state, commands = begin(self._retry)
        lost = False
        while True:
            event = self._execute(commands)
            if isinstance(state, Ended):
                return None if lost or self._wants_other_port() else state
            event = event or self._wait_for_event(state)
            before = state
            state, commands = step(before, event, self._retry)
            lost = self._moves and isinstance(state, Ended) and is_lost(event, state)
            self._report_transition(event, before, state)

    def _wants_other_port(self) -> bool:
        """Return whether the answer to the question was another port."""
        outcomes = self.reserved.last.outcomes if self.reserved.last else ()
        return any(isinstance(one, Declined) and one.moving for one in outcomes)

    def _execute(self, commands: tuple[Command, ...]) -> Event | None:
        event: Event | None = None
        for command in commands:
            match command:
                case TakePort():
                    self._unless_interrupted()
                    event = self.reserved.acquire()
                case Start(attempt=attempt, way=way):
                    self._unless_interrupted()
                    event = self._start(attempt, way)
                case StopServer():
                    self._stop_server()
                case Pause(seconds=seconds):
                    self._unless_interrupted()
                    clock.pause(seconds)
                case _:
                    unreachable(command)
        return event

    def _wait_for_event(self, state: State) -> Event:
        server, startup = self.server, self.startup
        assert server is not None  # noqa: S101  # states after Start only
        assert startup is not None  # noqa: S101
        match state:
            case Starting():
                event = startup.wait_until_decided(server, self._signals)
                asked = self._marked == "stopping"
                return event.replace(asked=asked) if isinstance(event, Exited) else event
            case Serving():
                return self._supervise(server)
            case Stopping(signal=number):
                return Exited(self._code(server, number))
            case Taking() | Ended():
                raise AssertionError(f"nothing to wait for in {type(state).__name__}")
            case _:
                unreachable(state)

    def _unless_interrupted(self) -> None:
        """Continue without a server, unless a signal came while the last one was being stopped."""
        if self.server is not None and self.server.kill_signal:
            raise SignalReceived(self.server.kill_signal)
        self.interrupts.resume()

    def _question(self, question: Question) -> Answer:
        """Ask, and reinstall the signal handlers, which the prompt's event loop has replaced."""
        try:
            with self._own_screen():
                return self._ask(question)
        except SignalReceived:
            raise
        except KeyboardInterrupt:
            raise SignalReceived(signal.SIGINT) from None
        finally:
            self.interrupts.install(deferred=False)

    def _progress(self, news: Progress | Outcome) -> None:
        with self._own_screen():
            self._tell_progress(news)

    @contextlib.contextmanager
    def _waiting(self, news: WaitProgress) -> Iterator[Callable[[], None]]:
        """Show a wait; after a server has written, its last line would be drawn over."""
        if self.server is not None:
            self._progress(news)
            yield lambda: None
            return
        with self._wait(news) as tick:
            yield tick

    def _own_screen(self) -> contextlib.AbstractContextManager[None]:
        """Take the terminal back for a block: in raw mode, lines would be staircased."""
        return self.terminal.restored() if self.terminal else contextlib.nullcontext()

    # -- the server

    def _start(self, attempt: int, way: HandoffMode) -> Event | None:
        """Start the server; from here on signals are queued, so that none orphans it."""
        self.interrupts.install(deferred=True)
        self._redirected = next(filter(is_redirected, self.launch.endpoints), None)
        self.startup = ServerStart(
            self.launch,
            self.watch,
            self.handoff,
            self.tell,
            way=way,
            attempt=attempt,
            proven=self._memory.shown == "beside",
        )
        try:
            way, how = self.handoff.start(way, self._spawn)
        except PortTakenError:
            return PortTaken()
        except OSError as error:
            raise refusal(
                error,
                f"cannot start `{self.service.name}`",
                code="not-started",
                service=self.service.name,
                exit_code=exitcodes.NOT_EXECUTABLE,
            ) from error
        self._mark("starting")
        name, endpoint = self.service.name, self.launch.endpoints[0]
        base = 0 if self.launch.declared else self.service.base  # `next` has left both
        self.tell(ServerStarted(name, endpoint, attempt, way, how, base))
        return None

    def _spawn(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        assert self.startup is not None  # noqa: S101  # made just before
        self.guard.expect()
        self.server = Server(
            argv,
            env,
            self.service,
            machine=self.machine,
            family=self.family,
            interrupts=self.interrupts,
            suspicious=self.startup.check_output,
            holders=self.watch.holders,
            tell=self.tell,
            hooks=self.handoff.hooks,
            terminal=self.terminal,
            log=self.launch.record.log,
        )
        key = self.machine.key(self.server.process.pid)
        if key is not None:
            self.guard.watch(key)

    def _supervise(self, server: Server) -> Event:
        watcher, patience = self.serving or self._watcher(), clock.Deadline(HANDOFF_TIMEOUT)
        soon = clock.Deadline(SOON)
        if self._redirected is not None:
            self.tell(Redirected(self.service.name, self._redirected))
        with contextlib.closing(watcher):
            while (code := server.code) is None:
                seconds, pins = (LOOK_EVERY, ()) if self.reserved else (watcher.left, watcher.pins)
                event = self._signals(server.poll_once(seconds, pins))
                if event is not None:
                    return event
                if self._marked == "stopping":
                    watcher.close()  # Ctrl-C: the server is expected to accept no more
                elif not self.reserved:
                    patience = clock.Deadline(HANDOFF_TIMEOUT)
                    self._check_serving(watcher)
                elif patience.passed or self.watch.latest().owner is not None:
                    self.reserved.release()  # its reloader has the requested socket
        server.close()
        if not soon.passed and self.startup is not None:
            self.handoff.collect()
            self.startup.report_refused(code)
        return Exited(code)

    def _watcher(self) -> ServingWatcher:
        """Watch the holders of the port before ready is reported: any may exit after that."""
        from devports.run.serving import ServingWatcher  # not before it is needed

        owned, ends = self.startup and self.startup.owned, self.launch.endpoints
        served = owned.endpoint if owned else ends[0]
        watcher = ServingWatcher(self.machine, self.service, ends, self.family, served)
        watcher.check()
        return watcher

    def _check_serving(self, watcher: ServingWatcher) -> None:
        """Check the ready server if it is due; record and report a change."""
        if self.guard.has_exited():
            self.tell(WatchdogExited(self.service.name))
        news = watcher.check()
        if news is not None:
            self._mark("serving", stalled=watcher.stalled)
            self.tell(news)

    def _code(self, server: Server, number: int) -> int:
        try:
            return server.code_after(number)
        except DevportsError:
            self.server = None  # nothing more can be done about it
            raise

    def _stop_server(self) -> None:
        if self.server is not None:
            self.handoff.refuse_requests()
            ready = self.startup is not None and self.startup.owned is not None
            self.server.end(was_ready=ready)

    # -- signals, records, words

    def _signals(self, numbers: list[int]) -> Event | None:
        """Turn signals into an event; the first Ctrl-C is handled by the server alone."""
        keys = self.server.keys if self.server else ()
        if self.terminal is None and signal.SIGINT in numbers and terminal_interrupts_the_server():
            keys, numbers = [signal.SIGINT], [n for n in numbers if n != signal.SIGINT]
        if signal.SIGINT in keys and not numbers:
            self._mark("stopping")
            again = not self._ctrl_c.passed
            self._ctrl_c = clock.Deadline(SECOND_CTRL_C)
            return Interrupted(signal.SIGINT) if again else None
        if numbers:
            self._mark("stopping")
            return Interrupted(numbers[0])
        return None

    def _mark(self, state: RunState, *, stalled: bool = False) -> None:
        """Write the state, and the server that would be orphaned by a SIGKILL, into the record."""
        self._marked = state
        with contextlib.suppress(OSError):  # no reason to stop
            server = self.server and self.machine.key(self.server.process.pid)
            now = self.launch.record.replace(state=state, server=server, stalled=stalled)
            self.records.mark(now)

    def tell(self, happening: RunEvent) -> None:
        """Report an event on a line of its own: editors match it at the start of a line."""
        with self._own_screen():
            if self.server is not None and self.server.relay.midline:
                with contextlib.suppress(OSError):  # the reader is closed
                    os.write(2, b"\n")
            self._tell(happening)

    def _report_transition(self, event: Event, before: State, after: State) -> None:
        name, endpoint, startup = self.service.name, self.launch.endpoints[0], self.startup
        if isinstance(before, Starting) and startup is not None:
            self._remember(event, startup)
        match event, after:
            case PortFreed(), Starting() if self.launch.declared and startup is None:
                self.tell(PortChanged(name, self.launch.declared, self.service.port))
            case HoldInTheWay(waited), Starting() if isinstance(before, Starting):
                self.tell(HandoffFailed(name, before.way, waited))
            case Ready(), Serving():
                self.reserved.release()
                self.handoff.mute()
                self._mark("serving")
                self.serving = self._watcher()
                if startup and startup.owned:
                    self.tell(startup.owned)
            case PortStillHeld() | PortTaken() | GivenUp("retries-exhausted"), _ if isinstance(
                before, Starting
            ):
                attempt = after.attempt if isinstance(after, Taking) else 0
                failure = startup.failure if startup else None
                line = failure.line if failure else ""
                self.tell(PortLost(name, endpoint, line, attempt, self.launch.retry.attempts))
            case _:
                return

    def _remember(self, event: Event, start: ServerStart) -> None:
        """Store whether this command works with the reservation, if its start has shown that."""
        memory, facts, met = self._memory, start.facts, self._last_facts
        match event:
            case HoldInTheWay():
                self._last_facts = facts
            case Ready() if start.way == "bare":
                memory.note("bare" if met is not None or memory.shown == "bare" else "")
            case Ready() if start.released in ("socket", "hook"):
                memory.note("bare")
            case Ready() if start.released is None and not facts.hooked:
                memory.note("beside")
            case Exited(code) if met is not None and met.code == code:
                memory.note("alike")
                self.tell(EndedAlike(self.service.name))
            case Exited(code) if memory.shown == "beside" and 0 < code < BY_SIGNAL:
                memory.note("")  # the failure was attributed to the command, which may be wrong
            case _:
                return
