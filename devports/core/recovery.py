"""How a start goes on, as a pure machine, ``step(state, event, retry)``, and what is told of it.

The first taking of the port and every later one are the same step, so nothing is special about
recovery. Starts are counted, waits grow, and every way ends in `Ended`. What became of a start is
decided by `core.start_outcome`. What happens is a `RunEvent`, worded by `ui`.
"""

from __future__ import annotations

from devports import exitcodes
from devports.core.model import HolderSearch
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal, TypeAlias

    from devports.core.model import Endpoint, Holder, Process, Socket
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
    WhyReleased = Literal["line", "hook", "socket", "silence"]

    RunEvent: TypeAlias = (
        "ServerStarted | ServerReady | BoundNotListening | ListeningElsewhere | Released"
        " | PortLost | BindRefused | HandoffFailed | EndedAlike | StoppingServer | KillingServer"
        " | DetachedProcess | PortChanged | WaitingForPreviousRun | RecordFailed"
        " | WaitingForDependency | Stalled | Queued | Accepting | Joined"
    )
    Tell: TypeAlias = Callable[[RunEvent], None]


class Retry(Frozen):
    """Bounds: starts at most, and the wait before the second start in seconds (then doubled).

    `ways`: how the port gets to the server, and `bare` if it may be started without our hold in
    case that is in its way (see core.handoff).
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
    """A process of our tree owns the port."""


class Stopping(Frozen):
    """The server was told to end because we were."""

    signal: int


class Ended(Frozen):
    """The end.

    Attributes:
        code: the exit code.
        source: whose it is.
        reason: kebab-case, for messages and events.
        why: an error of ours in one line, if that was the end.
        ready: whether the server had been ready.
        in_way: whether it ended by itself beside a hold of ours that may have been in its way.
    """

    code: int
    source: Source
    reason: str
    why: str = ""
    ready: bool = False
    in_way: bool = False


class PortFreed(Frozen):
    """The port is ours."""


class PortStillHeld(Frozen):
    """The port could not be had; the exit code says why. `left`: another port is to be had."""

    code: int
    left: bool = False


class Exited(Frozen):
    """The server ended by itself; `code` as a shell would give it."""

    code: int


class Ready(Frozen):
    """A process of our tree owns the port."""


class PortTaken(Frozen):
    """Somebody else has the port of a server that did not get it."""


class HoldInTheWay(Frozen):
    """Our hold may be why the server did not get its port.

    `waited`: seconds that it was given, 0 if it has ended before.
    """

    waited: float = 0.0


class GivenUp(Frozen):
    """The server is not ready and will not be."""

    reason: WhyGivenUp


class Interrupted(Frozen):
    """We were told to end by a signal that the server did not get itself."""

    signal: int


class TakePort(Frozen):
    """Look, ask, free, reserve."""


class Start(Frozen):
    """Start the server."""

    attempt: int
    way: HandoffMode


class StopServer(Frozen):
    """End the server's whole tree, gracefully first."""


class Pause(Frozen):
    """Wait before the next start, in seconds."""

    seconds: float


GIVEN_UP: dict[WhyGivenUp, int] = {
    "moved": exitcodes.NOT_READY,
    "port-shared": exitcodes.NOT_READY,
    "not-ready": exitcodes.NOT_READY,
    "retries-exhausted": exitcodes.TAKEN_AGAIN,
}
"""Why a server that lives is ended by us, and with which exit code."""


def begin(retry: Retry) -> Step:
    """Return the first state and what to do for it."""
    return Taking(1, retry.ways[0]), (TakePort(),)


def step(state: State, event: Event, retry: Retry) -> Step:
    """Return what comes next. An event that means nothing in a state leaves it as it is."""
    match state, event:
        case Taking(attempt, way), PortFreed():
            return Starting(attempt, way), (Start(attempt, way),)
        case Taking(), PortStillHeld(code):
            return Ended(code, "devports", "port-held"), ()
        case Taking(), Interrupted(number):
            return Ended(exitcodes.of_signal(number), "devports", "interrupted"), ()
        case Starting(), Exited(code):
            return Ended(code, "child", "ended-early"), ()
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
            # It binds in a way that our hold refuses; this start is not counted.
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
    """Say whether a run has come to its end because somebody else has the port."""
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
    """The server was started on a port that is ours, which it gets by `way`.

    `how`: what told it of the socket that it inherits, empty if it does not.
    """

    service: str
    endpoint: Endpoint
    attempt: int
    way: HandoffMode
    how: str = ""


class ServerReady(Frozen):
    """Ready: `process` of our own tree listens on `endpoint`, `seconds` after its start.

    `process` is None where ownership cannot be read and `ready.owner = "any"` accepts it.
    `scheme` is that of its address, where it is known for one that it does not say itself.
    """

    service: str
    endpoint: Endpoint
    process: Process | None
    seconds: float
    unserved: tuple[Endpoint, ...] = ()
    scheme: str = ""


class BoundNotListening(Frozen):
    """The server holds its port but does not listen.

    `holder` has the socket. `ended`: the process that was to serve is this one and has ended, so
    that a reloader waits for a mended file; None where it is still starting.
    """

    service: str
    endpoint: Endpoint
    holder: Process | None = None
    ended: int | None = None


class ListeningElsewhere(Frozen):
    """The server does not listen where it should, and listens on another port.

    `advice`: what to write in its command, where that never says the port; else empty.
    """

    service: str
    wanted: Endpoint
    there: Endpoint
    advice: str = ""


class Released(Frozen):
    """Our reservation of `endpoint` was let go beside the living server.

    `why`: it printed `line`, a hook says that its bind failed, it has a socket that cannot be bound
    beside ours, or nothing was seen of it for `seconds`.
    """

    service: str
    endpoint: Endpoint
    line: str = ""
    why: WhyReleased = "line"
    seconds: float = 0.0


class PortLost(Frozen):
    """Somebody else has the server's port.

    `line`: what the server said, `next_attempt`: 0 for none.
    """

    service: str
    endpoint: Endpoint
    line: str
    next_attempt: int
    attempts: int


class BindRefused(Frozen):
    """Another port of the server's is not to be had, by what a hook told or its command names.

    Attributes:
        holder: a process that has it, None if none is seen.
        errno: why its bind failed; 0 if nobody told of one, and the command names the port.
        code: the exit code of the server, None while it lives.
    """

    service: str
    endpoint: Endpoint
    holder: Process | None
    errno: int = 0
    code: int | None = None


class HandoffFailed(Frozen):
    """The server did not get the port by `way`, and is started once more without our hold.

    `waited`: seconds that it was given, 0 if it ended before.
    """

    service: str
    way: HandoffMode
    waited: float = 0.0


class EndedAlike(Frozen):
    """Without our hold the server ended as it did beside it: it was not the port."""

    service: str


class StoppingServer(Frozen):
    """The server is told to end with `signal`."""

    service: str
    signal: str


class KillingServer(Frozen):
    """The server did not end in `seconds` and is killed."""

    service: str
    seconds: float


class DetachedProcess(Frozen):
    """A process of the server has left its session; `ended` if it took the port there."""

    service: str
    process: Process
    ended: bool


class PortChanged(Frozen):
    """`on_conflict = "next"`: another port than the declared one is used."""

    service: str
    declared: int
    used: int


class WaitingForPreviousRun(Frozen):
    """An earlier run of this service is ending; we wait for it."""

    service: str
    pid: int


class RecordFailed(Frozen):
    """No record of this run can be kept; the port itself still says who is first."""

    service: str
    why: str


class WaitingForDependency(Frozen):
    """A service that this one depends on is not ready; it is waited for, at most `seconds`.

    `startable`: it has a command, and nothing has started it.
    """

    service: str
    dependency: str
    endpoint: Endpoint
    seconds: float
    startable: bool = False


class Stalled(Frozen):
    """A server that was ready accepts no connections any more, and lives.

    `process` had the socket and has exited. It is None where no process of the server has listened
    for `seconds`.
    """

    service: str
    endpoint: Endpoint
    process: Process | None
    seconds: float = 0.0


class Queued(Frozen):
    """So many connections have waited for `seconds` to be accepted: the server is busy or stuck."""

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


MARK = "DEVPORTS_RUN"
"""The variable by which a process knows the `devports run` that it belongs to."""


class PortOwnership(Frozen):
    """Who listens now.

    Attributes:
        owner: a holder of ours that listens, None while none does.
        missing: endpoints on which nobody of ours listens.
        bound: whether one of ours is bound without listening.
        inherited: whether that is nothing but what it got from us at its start.
        strangers: sockets of others that are bound or listen there.
        queueing: whether the owner's socket was made to listen by us, so that LISTEN is no proof.
        waiting: connections on it that nobody has accepted yet.
        elsewhere: where our tree listens on other ports; looked for only when it is given up.
        others: who has the strangers' sockets; looked for only then, too.
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
        """Whether anybody has anything of the endpoints."""
        return self.owner is not None or self.bound or bool(self.other_sockets)

    @property
    def foreign(self) -> Foreign:
        """What others have of the endpoints."""
        listens = any(socket.state == "LISTEN" for socket in self.other_sockets)
        return "listen" if listens else "bound" if self.other_sockets else "none"

    def own(self, *, serves: bool) -> Own:
        """Return what our tree has of the endpoints.

        `serves`: it does what makes it ready. A socket that we made listen proves nothing else.
        """
        if self.owner is not None and (serves or not self.queueing):
            return "some" if self.unserved else "listen"
        if self.owner is not None or (self.bound and self.inherited):
            return "given"
        return "bound" if self.bound else "none"
