"""One `devports run`: takes the port, starts the server, stays with it. Drives core.recovery."""

from __future__ import annotations

import os
import signal

from devports import exitcodes
from devports.core.bindfailure import match_bind_failure
from devports.core.diagnosis import is_bindable
from devports.core.happening import (
    BoundOnly,
    InTheWay,
    KillingServer,
    Launched,
    Owned,
    PortLost,
    StoppingServer,
)
from devports.core.recovery import (
    BindFailed,
    Ended,
    Exited,
    Interrupted,
    Moved,
    Pause,
    Ready,
    Retry,
    Serving,
    Start,
    Starting,
    Stopping,
    StopServer,
    TakePort,
    Taking,
    TimedOut,
    begin,
    step,
)
from devports.core.value import Value, unreachable
from devports.run.interrupts import Interrupts, Signalled, terminal_interrupts_the_server
from devports.run.ownership import Watch
from devports.run.reachable import answers
from devports.run.relay import write_all
from devports.run.server import Server
from devports.system import clock
from devports.system.survey import survey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from devports.core.bindfailure import BindFailure
    from devports.core.happening import Happening
    from devports.core.model import Endpoint, ProcessKey
    from devports.core.ownership import Ownership
    from devports.core.recovery import Command, Event, State
    from devports.core.service import Service
    from devports.freeing import Tools
    from devports.records import Record, Records, RunState
    from devports.run.hold import Hold

    Tell = Callable[[Happening], None]

LOOK_EVERY = 0.025
"""Seconds between looks for our listener: 40 microseconds each."""
RETRIES_ITSELF = 6.0
"""Seconds that a server which says "address in use" and lives on is given: gunicorn tries again
for 5 s and nginx for 2.5 s (measured)."""
SAY_BOUND_AFTER = 3.0
SECOND_CTRL_C = 2.0


class Launch(Value):
    """What is to be started: service, command line and environment filled, and our record."""

    service: Service
    argv: tuple[str, ...]
    env: Mapping[str, str]
    record: Record
    endpoints: tuple[Endpoint, ...]
    extra: tuple[Endpoint, ...] = ()
    retry: Retry = Retry()

    @property
    def everything(self) -> tuple[Endpoint, ...]:
        """All endpoints that have to be ours: those of the first port and of the further ones."""
        return (*self.endpoints, *self.extra)


class Session:
    """The effects of a run. What comes next is decided by `core.recovery.step` alone."""

    def __init__(
        self, launch: Launch, hold: Hold, tools: Tools, tell: Tell, records: Records
    ) -> None:
        self.launch, self.hold, self._tell, self.records = launch, hold, tell, records
        self.service, self.machine = launch.service, tools.machine
        self.server: Server | None = None
        self.failure: BindFailure | None = None
        self.ctrl_c = clock.Deadline(0)
        self.seen: Ownership | None = None
        """What was seen of the port last, to explain a server that never got ready."""

    # -- the loop

    def run(self) -> Ended:
        """Run to the end and leave nothing behind.

        Raises:
            DevportsError: the command cannot be started at all.
        """
        with Interrupts() as self.interrupts:
            try:
                return self._drive()
            except Signalled as signalled:
                return Ended(exitcodes.of_signal(signalled.number), "devports", "interrupted")
            finally:
                self.interrupts.install(calm=True)
                self._stop_server()
                self.hold.release()
                self.records.drop(self.launch.record)

    def _drive(self) -> Ended:
        state, commands = begin()
        while True:
            event = self._perform(commands)
            if isinstance(state, Ended):
                return state
            event = event or self._next(state)
            state, commands = step(state, event, self.launch.retry)
            self._tell_of(event, state)

    def _perform(self, commands: tuple[Command, ...]) -> Event | None:
        event: Event | None = None
        for command in commands:
            match command:
                case TakePort():
                    self._unless_interrupted()
                    event = self.hold.take()
                case Start(attempt=attempt, hold=hold):
                    self._start(attempt, hold=hold)
                case StopServer():
                    self._stop_server()
                case Pause(seconds=seconds):
                    self._unless_interrupted()
                    clock.pause(seconds)
                case _:
                    unreachable(command)
        return event

    def _next(self, state: State) -> Event:
        match state:
            case Starting():
                return self._until_ready()
            case Serving():
                return self._until_the_end()
            case Stopping():
                return Exited(self._code())
            case Taking() | Ended():
                raise AssertionError(f"nothing to wait for in {state!r}")
            case _:
                unreachable(state)

    def _unless_interrupted(self) -> None:
        """Go on without a server, unless a signal came while the last one was being stopped."""
        self.interrupts.install(calm=False)
        if self.server is not None and self.server.hurried:
            raise Signalled(self.server.hurried)

    def tell(self, happening: Happening) -> None:
        """Say what happens, on a line of its own: editors look for it at the start of one."""
        if self.server is not None and self.server.relay.midline:
            write_all(2, b"\n")
        self._tell(happening)

    # -- the server

    def _start(self, attempt: int, *, hold: bool) -> None:
        """Start the server; from here on signals wait for the loop, so that none orphans it."""
        self.interrupts.install(calm=True)
        self.failure = None
        self.beside_hold = hold
        if hold:
            self.hold.share()
        else:
            self.hold.release()
        self.server = Server(
            self.launch.argv,
            self.service.cwd,
            self.launch.env,
            machine=self.machine,
            interrupts=self.interrupts,
            suspicious=self._suspicious,
        )
        me = self.machine.key(os.getpid())
        assert me is not None  # noqa: S101  # we exist
        self.watch = Watch(self.machine, self.launch.endpoints, me)
        self._mark("starting")
        self.tell(Launched(self.service.name, self.launch.endpoints[0], attempt))

    def _mark(self, state: RunState) -> None:
        """Write into our record how far we are, and who would be left if we were killed."""
        server = self.machine.key(self._running().process.pid)
        self.records.mark(self.launch.record.but(state=state, server=server))

    def _suspicious(self, text: str) -> None:
        ports = {endpoint.port for endpoint in self.launch.everything}
        found = match_bind_failure(text, ports)
        if found is not None and found.kind in ("fatal", "foreign", "moved"):
            self.failure = self.failure or found

    def _code(self) -> int:
        """Wait for the server's end and return its exit code."""
        server = self._running()
        while (code := server.code) is None:
            server.turn(LOOK_EVERY)
        server.close()
        return code

    def _running(self) -> Server:
        assert self.server is not None  # noqa: S101  # states after Start only
        return self.server

    def _until_ready(self) -> Event:
        """Watch the start until it is decided."""
        server = self._running()
        deadline = clock.Deadline(self.service.ready.timeout)
        patience: clock.Deadline | None = None
        said_bound = False
        while not deadline.passed:
            if (event := self._signals(server.turn(LOOK_EVERY))) is not None:
                return event
            if server.code is not None:
                return self._ended_early()
            now = self.seen = self.watch.look(self.hold.inodes)
            if self._is_ready(now):
                return Ready()
            if self.failure is not None:
                patience = patience or clock.Deadline(RETRIES_ITSELF)
                if not now.strangers:
                    self.hold.release()  # our own reservation may be what it met
                if patience.passed or self.failure.kind == "moved":
                    return self._bind_failed(now)
            if now.bound and not said_bound and server.started.elapsed > SAY_BOUND_AFTER:
                said_bound = True
                self.tell(BoundOnly(self.service.name, self.launch.endpoints[0]))
        elsewhere = self.watch.elsewhere()
        self.seen = self.watch.look(self.hold.inodes).but(elsewhere=elsewhere)
        if elsewhere and self.seen.owner is None and not self.seen.bound:
            return Moved(elsewhere[0].port, foreign=bool(self.seen.strangers))
        return TimedOut()

    def _is_ready(self, now: Ownership) -> bool:
        """Say whether the port is ours and serves; on several addresses one of them will do."""
        complete = len(now.missing) < len(self.launch.endpoints) and not now.strangers
        anybody = self.service.ready.owner == "any" and any(
            socket.state == "LISTEN" for socket in now.strangers
        )
        if not (complete and now.owner) and not anybody:
            return False
        served = next(e for e in self.launch.endpoints if anybody or e not in now.missing)
        path = self.service.ready.http
        if path and not answers(served, path, timeout=1.0):
            return False
        owner = now.owner.process if now.owner else None
        seconds = self._running().started.elapsed
        self.tell(Owned(self.service.name, served, owner, seconds, now.missing))
        self.hold.release()
        self._running().relay.watching = False
        self._mark("serving")
        return True

    def _ended_early(self) -> Event:
        """Tell a lost port from an end of the server's own making."""
        server = self._running()
        server.close()
        for text in server.relay.tails():
            self._suspicious(text)
        now = self.watch.look(self.hold.inodes)
        named = self.failure is not None and self.failure.port is not None
        if named or (self.failure and (self.beside_hold or self._is_refused())):
            return self._bind_failed(now)
        if now.strangers and server.code:
            return BindFailed(foreign=True)
        return Exited(self._code())

    def _bind_failed(self, now: Ownership) -> Event:
        foreign = bool(now.strangers) or (not self.beside_hold and self._is_refused())
        if self.failure is not None and self.failure.kind == "moved":
            return Moved(self.failure.new_port, foreign)
        return BindFailed(foreign)

    def _is_refused(self) -> bool:
        """Say whether a bind fails now: a bare "address in use" may be about another port."""
        findings = survey(self.machine, self.launch.everything, ours=self.hold.inodes)
        return not all(is_bindable(finding.verdict) for finding in findings)

    def _until_the_end(self) -> Event:
        server = self._running()
        while server.code is None:
            if (event := self._signals(server.turn(None))) is not None:
                return event
        return Exited(self._code())

    # -- signals and the end

    def _signals(self, numbers: list[int]) -> Event | None:
        """Turn signals to us into an event; a first Ctrl-C is the server's own business."""
        for number in numbers:
            if number == signal.SIGINT and terminal_interrupts_the_server():
                again = not self.ctrl_c.passed
                self.ctrl_c = clock.Deadline(SECOND_CTRL_C)
                if not again:
                    continue
            self._mark("stopping")
            return Interrupted(number)
        return None

    def _holders(self) -> list[ProcessKey]:
        """Return who of our tree has the port, also where it has left our process group."""
        return [holder.process.key for holder in self.watch.holders(self.hold.inodes)]

    def _stop_server(self) -> None:
        """End whatever of the server is left; nothing happens if nothing is."""
        server = self.server
        if server is None:
            return
        if server.code is None or server.tree() or self._holders():
            name = self.service.stop_signal
            if server.code is None:
                self.tell(StoppingServer(self.service.name, name))
            number = signal.Signals[name]
            if server.stop(number, self.service.stop_timeout, self._holders):
                self.tell(KillingServer(self.service.name, self.service.stop_timeout))
        server.close()

    def _tell_of(self, event: Event, after: State) -> None:
        name, endpoint = self.service.name, self.launch.endpoints[0]
        match event, after:
            case BindFailed(foreign=False), Starting():
                self.tell(InTheWay(name))
            case ((BindFailed(foreign=foreign) | Moved(foreign=foreign)), (Taking() | Ended())):
                attempt = after.attempt if isinstance(after, Taking) else 0
                line = self.failure.line if self.failure else ""
                self.tell(
                    PortLost(name, endpoint, foreign, line, attempt, self.launch.retry.attempts)
                )
            case _:
                return
