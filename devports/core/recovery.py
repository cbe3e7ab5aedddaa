"""The states of a start, as a pure machine, ``step(state, event, retry)``, and the run events.

The port is taken by the same step at first and after every loss, so recovery is no special case.
Starts are counted, waits grow, and every path ends in `Ended`. `core.start_outcome` decides the
result of a start. `ui` has the texts of every `RunEvent`.
"""

from __future__ import annotations

from devports import exitcodes
from devports.core.model import Endpoint, Holder, HolderSearch, Process, Socket
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal, TypeAlias

    from devports.core.start_outcome import Foreign, Own

    State: TypeAlias = "Taking | Starting | Serving | Stopping | Ended"
    Event: TypeAlias = (
        "PortFreed | PortStillHeld | Exited | Ready | PortTaken | HoldInTheWay | GivenUp"
        " | Interrupted"
    )
    Command: TypeAlias = "TakePort | Start | StopServer | Pause"
    Source = Literal["child", "devports"]
    HandoffMode = Literal["fd", "hook", "beside", "bare"]
    Step: TypeAlias = "tuple[State, tuple[Command, ...]]"
    WhyGivenUp = Literal["moved", "port-shared", "not-ready", "retries-exhausted"]
    EndReason = Literal[
        "stopped", "exited", "crashed", "declined", "supervised", "not-found", "failed"
    ]
    WhyReleased = Literal["line", "hook", "socket", "silence"]

    RunEvent: TypeAlias = (
        "ServerStarted | ServerReady | BoundNotListening | ListeningElsewhere | Released"
        " | PortLost | BindRefused | HandoffFailed | EndedAlike | StoppingServer | KillingServer"
        " | DetachedProcess | PortChanged | WaitingForPreviousRun | RecordFailed"
        " | WatchdogExited | WaitingForDependency | Stalled | Queued | Accepting | Joined"
        " | Redirected"
    )
    Tell: TypeAlias = Callable[[RunEvent], None]


class Retry(Frozen):
    """Limits: starts at most, and the wait before the second start in seconds (then doubled).

    `ways`: the handoff mode, and `bare` if the server may be started without a reservation where
    the reservation prevents its bind (see core.handoff).
    """

    attempts: int = 3
    wait: float = 0.2
    wait_max: float = 2.0
    ways: tuple[HandoffMode, ...] = ("beside", "bare")

    def before(self, attempt: int) -> float:
        """Return the wait before start number `attempt` (2, 3, ...), in seconds."""
        return float(min(self.wait * 2 ** (attempt - 2), self.wait_max))


class Taking(Frozen):
    """The port is being taken for start number `attempt`, to be handed over by `way`."""

    attempt: int
    way: HandoffMode


class Starting(Frozen):
    """The server runs and is not ready."""

    attempt: int
    way: HandoffMode


class Serving(Frozen):
    """A process of the server listens on the port."""


class Stopping(Frozen):
    """The server is being stopped because devports was interrupted."""

    signal: int


class Ended(Frozen):
    """The end of the run.

    Attributes:
        source: the origin of the exit code.
        reason: kebab-case, for messages and events.
        why: an error of devports in one line, if that was the end.
        ready: whether the server had been ready.
        in_way: whether it exited while a reservation may have prevented its bind.
    """

    code: int
    source: Source
    reason: str
    why: str = ""
    ready: bool = False
    in_way: bool = False


def end_reason(ended: Ended, *, stopping: bool = False) -> EndReason:
    """Return the reason to record for an end, see `records.RunEnd`.

    `stopping`: a key has interrupted the server, which then exited.
    """
    if stopping or ended.reason == "interrupted":
        return "stopped"
    if ended.source == "child":
        return "exited" if ended.ready and ended.code == exitcodes.OK else "crashed"
    if ended.reason == "folder-missing":
        return "not-found"
    return REASON_OF.get(ended.code, "failed")


class PortFreed(Frozen):
    """The port is reserved."""


class PortStillHeld(Frozen):
    """The port cannot be reserved; the exit code says why. `left`: another port is available."""

    code: int
    left: bool = False


class Exited(Frozen):
    """The server exited; `code` as a shell gives it. `asked`: Ctrl-C had reached it."""

    code: int
    asked: bool = False


class Ready(Frozen):
    """A process of the server listens on the port."""


class PortTaken(Frozen):
    """Another process has the port, so the server did not get it."""


class HoldInTheWay(Frozen):
    """The reservation may be why the server did not get its port.

    `waited`: seconds that it was given, 0 if it exited before.
    """

    waited: float = 0.0


class GivenUp(Frozen):
    """The server is not ready and will not be."""

    reason: WhyGivenUp


class Interrupted(Frozen):
    """Devports was interrupted by a signal that the server did not get."""

    signal: int


class TakePort(Frozen):
    """Inspect the port, ask, free it, reserve it."""


class Start(Frozen):
    attempt: int
    way: HandoffMode


class StopServer(Frozen):
    """Stop all processes of the server: `stop_signal` first, then SIGKILL."""


class Pause(Frozen):
    """Wait before the next start, in seconds."""

    seconds: float


GIVEN_UP: dict[WhyGivenUp, int] = {
    "moved": exitcodes.NOT_READY,
    "port-shared": exitcodes.NOT_READY,
    "not-ready": exitcodes.NOT_READY,
    "retries-exhausted": exitcodes.TAKEN_AGAIN,
}
"""Why a living server is stopped by devports, with the exit code."""


REASON_OF: dict[int, EndReason] = {
    exitcodes.HELD: "declined",
    exitcodes.PROTECTED: "supervised",
    exitcodes.NOT_EXECUTABLE: "not-found",
    exitcodes.NOT_FOUND: "not-found",
}
"""The reason of an end, by the code of devports."""


def begin(retry: Retry) -> Step:
    """Return the first state and its actions."""
    return Taking(1, retry.ways[0]), (TakePort(),)


def step(state: State, event: Event, retry: Retry) -> Step:
    """Return the next state and its actions. An event without a meaning in a state is ignored."""
    match state, event:
        case Taking(attempt, way), PortFreed():
            return Starting(attempt, way), (Start(attempt, way),)
        case Taking(), PortStillHeld(code):
            return Ended(code, "devports", "port-held"), ()
        case Taking(), Interrupted(number):
            return Ended(exitcodes.of_signal(number), "devports", "interrupted"), ()
        case Starting(), Exited(code, asked):
            return Ended(code, "child", "interrupted" if asked else "ended-early"), ()
        case Serving(), Exited(code):
            return Ended(code, "child", "exited"), ()
        case Stopping(), Exited(code):
            return Ended(code, "child", "interrupted"), ()
        case Starting() | Serving(), Interrupted(number):
            return Stopping(number), (StopServer(),)
        case Starting(), _:
            return _starting(state, event, retry)
        case _:
            return state, ()


def _starting(state: Starting, event: Event, retry: Retry) -> Step:
    match event:
        case Ready():
            return Serving(), ()
        case PortTaken():
            return _again(state, retry)
        case HoldInTheWay() if state.way != "bare":
            # Its bind fails beside the reservation; this start is not counted.
            return Starting(state.attempt, "bare"), (StopServer(), Start(state.attempt, "bare"))
        case HoldInTheWay():
            return _given_up("not-ready")
        case GivenUp(reason):
            return _given_up(reason)
        case PortStillHeld(code) if state.attempt < retry.attempts:
            return Ended(code, "devports", "port-held"), (StopServer(),)
        case PortStillHeld():
            return _given_up("retries-exhausted")
        case _:
            return state, ()


def _given_up(reason: WhyGivenUp) -> Step:
    return Ended(GIVEN_UP[reason], "devports", reason), (StopServer(),)


def is_lost(event: Event, end: Ended) -> bool:
    """Return whether a run ends because another process has the port."""
    match event:
        case PortStillHeld(left=left):
            return left
        case PortTaken() | GivenUp():
            return end.reason == "retries-exhausted"
        case _:
            return False


def _again(state: Starting, retry: Retry) -> Step:
    if state.attempt >= retry.attempts:
        return _given_up("retries-exhausted")
    attempt = state.attempt + 1
    commands = (StopServer(), Pause(retry.before(attempt)), TakePort())
    return Taking(attempt, state.way), commands


class ServerStarted(Frozen):
    """The server was started on a reserved port, which it gets by `way`.

    `how`: the argument or variable that names the inherited socket, empty without one. `base`: the
    declared port, if this worktree has another one; else 0.
    """

    service: str
    endpoint: Endpoint
    attempt: int
    way: HandoffMode
    how: str = ""
    base: int = 0


class ServerReady(Frozen):
    """Ready: `process` of the server listens on `endpoint`, `seconds` after its start.

    `process` is None where ownership cannot be read and `ready.owner = "any"` accepts that.
    `scheme` is that of its URL, where the server itself does not print it.
    """

    service: str
    endpoint: Endpoint
    process: Process | None
    seconds: float
    unserved: tuple[Endpoint, ...] = ()
    scheme: str = ""


class BoundNotListening(Frozen):
    """The server holds its port but does not listen.

    `holder` has the socket. `ended`: the process that was to listen has exited, so that a reloader
    waits for a changed file; None where it is still starting.
    """

    service: str
    endpoint: Endpoint
    holder: Process | None = None
    ended: int | None = None


class ListeningElsewhere(Frozen):
    """The server does not listen on its port, and listens on another one.

    `advice`: what to write in its command, where that never names the port; else empty.
    """

    service: str
    wanted: Endpoint
    there: Endpoint
    advice: str = ""


class Released(Frozen):
    """The reservation of `endpoint` was released while the server runs.

    `why`: it printed `line`, a hook reports that its bind failed, it has a socket that cannot be
    bound beside the reservation, or it had no socket for `seconds`.
    """

    service: str
    endpoint: Endpoint
    line: str = ""
    why: WhyReleased = "line"
    seconds: float = 0.0


class PortLost(Frozen):
    """Another process has the server's port.

    `line`: output of the server. `next_attempt`: the number of the next start, 0 for none.
    """

    service: str
    endpoint: Endpoint
    line: str
    next_attempt: int
    attempts: int


class BindRefused(Frozen):
    """Another port of the server is not available, by a hook's report or the server's command.

    Attributes:
        holder: a process that has it, None if none is found.
        errno: why its bind failed; 0 without a report, where only the command names the port.
        code: the exit code of the server, None while it lives.
    """

    service: str
    endpoint: Endpoint
    holder: Process | None
    errno: int = 0
    code: int | None = None


class HandoffFailed(Frozen):
    """The server did not get the port by `way`, and is started once more without a reservation.

    `waited`: seconds that it was given, 0 if it exited before.
    """

    service: str
    way: HandoffMode
    waited: float = 0.0


class EndedAlike(Frozen):
    """Without a reservation the server exited as it did with one: the port was not the cause."""

    service: str


class StoppingServer(Frozen):
    """The server is being stopped with `signal`."""

    service: str
    signal: str


class KillingServer(Frozen):
    """The server did not exit within `seconds` and is killed."""

    service: str
    seconds: float


class DetachedProcess(Frozen):
    """A process of the server has left its session; `ended`: it has the port and is stopped."""

    service: str
    process: Process
    ended: bool


class PortChanged(Frozen):
    """`on_conflict = "next"`: a port other than the declared one is used."""

    service: str
    declared: int
    used: int


class WaitingForPreviousRun(Frozen):
    """The previous run of this service is stopping; this run waits for it."""

    service: str
    pid: int


class RecordFailed(Frozen):
    """No record of this run can be kept; only the port itself excludes a second run."""

    service: str
    why: str


class WatchdogExited(Frozen):
    """The watchdog process has exited: after a SIGKILL of devports the server keeps running."""

    service: str


class WaitingForDependency(Frozen):
    """A dependency is not ready; it is waited for, at most `seconds`.

    `startable`: it has a command, and no run has started it.
    """

    service: str
    dependency: str
    endpoint: Endpoint
    seconds: float
    startable: bool = False


class Stalled(Frozen):
    """A server that was ready lives and accepts no connections any more.

    `process` had the socket and has exited. It is None where no process of the server has listened
    for `seconds`.
    """

    service: str
    endpoint: Endpoint
    process: Process | None
    seconds: float = 0.0


class Queued(Frozen):
    """Connections that have waited for `seconds` to be accepted: the server is busy or hangs."""

    service: str
    endpoint: Endpoint
    connections: int
    seconds: float


class Accepting(Frozen):
    """The server accepts connections again."""

    service: str
    endpoint: Endpoint


class Joined(Frozen):
    """Another process listens on the endpoint too (SO_REUSEPORT)."""

    service: str
    endpoint: Endpoint
    process: Process


class Redirected(Frozen):
    """A connection to the endpoint was accepted before any process listened on it."""

    service: str
    endpoint: Endpoint


MARK = "DEVPORTS_RUN"
"""The variable with which a process is assigned to its `devports run`."""


class PortOwnership(Frozen):
    """The sockets on the endpoints, and their holders.

    Attributes:
        owner: a process of the server that listens, None while none does.
        unserved: endpoints on which no process of the server listens.
        bound: whether a process of the server is bound without listening.
        inherited: whether it has nothing but the socket that it inherited from devports.
        other_sockets: sockets of other processes that are bound or listen there.
        queueing: whether devports made the owner's socket listen, so that LISTEN is no proof.
        waiting: connections on it that no process has accepted yet.
        elsewhere: where the server listens on other ports; read only before it is given up.
        others: the holders of the other sockets; read only then, too.
    """

    owner: Holder | None
    unserved: tuple[Endpoint, ...]
    bound: bool
    other_sockets: tuple[Socket, ...]
    queueing: bool = False
    waiting: int = 0
    elsewhere: tuple[Endpoint, ...] = ()
    inherited: bool = False
    others: HolderSearch = HolderSearch()

    @property
    def has_any(self) -> bool:
        """Whether any process has a socket on the endpoints."""
        return self.owner is not None or self.bound or bool(self.other_sockets)

    @property
    def foreign(self) -> Foreign:
        """The state of other processes' sockets on the endpoints."""
        listens = any(socket.state == "LISTEN" for socket in self.other_sockets)
        return "listen" if listens else "bound" if self.other_sockets else "none"

    def own(self, *, serves: bool) -> Own:
        """Return the state of the server's sockets on the endpoints.

        `serves`: it meets the other conditions of `ready`. A socket that devports made listen
        proves nothing else.
        """
        if self.owner is not None and (serves or not self.queueing):
            return "some" if self.unserved else "listen"
        if self.owner is not None or (self.bound and self.inherited):
            return "given"
        return "bound" if self.bound else "none"
