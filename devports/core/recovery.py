"""How a start goes on, as a pure machine, ``step(state, event, retry)``, and what is told of it.

The first taking of the port and every later one are the same step, so nothing is special about
recovery. Starts are counted, waits grow, and every way ends in `Ended`. Ready means owned: see
`PortOwnership`. What happens is a `RunEvent`, worded by `ui`.
"""

from __future__ import annotations

from devports import exitcodes
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal, TypeAlias

    from devports.core.model import Endpoint, Holder, Process, Socket

    State: TypeAlias = "Taking | Starting | Serving | Stopping | Ended"
    Event: TypeAlias = (
        "PortFreed | PortStillHeld | BindFailed | Exited | Ready | Moved | Shared | Interrupted"
        " | TimedOut"
    )
    Command: TypeAlias = "TakePort | Start | StopServer | Pause"
    Source = Literal["child", "devports"]
    HandoffMode = Literal["fd", "hook", "beside", "bare"]
    Step: TypeAlias = "tuple[State, tuple[Command, ...]]"

    RunEvent: TypeAlias = (
        "ServerStarted | ServerReady | BoundNotListening | ListeningElsewhere | Released"
        " | PortLost | HandoffFailed | StoppingServer | KillingServer | DetachedProcess"
        " | BindRefused | PortChanged | WaitingForPreviousRun | RecordFailed | WaitingForDependency"
    )
    Tell: TypeAlias = Callable[[RunEvent], None]


class Retry(Frozen):
    """Bounds: starts at most, and the wait before the second start in seconds (then doubled).

    `ways`: how the port may get to the server, best first (see core.handoff).
    """

    attempts: int = 3
    wait: float = 0.2
    wait_max: float = 2.0
    ways: tuple[HandoffMode, ...] = ("beside", "bare")

    def below(self, way: HandoffMode) -> tuple[HandoffMode, ...]:
        """Return the ways further down the ladder, none at its foot."""
        return self.ways[self.ways.index(way) + 1 :]

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
    """

    code: int
    source: Source
    reason: str
    why: str = ""
    ready: bool = False


class PortFreed(Frozen):
    """The port is ours."""


class PortStillHeld(Frozen):
    """The port could not be had; the exit code says why. `left`: another port is to be had."""

    code: int
    left: bool = False


class BindFailed(Frozen):
    """The server did not get its port. `foreign`: somebody else has it, not our reservation."""

    foreign: bool


class Exited(Frozen):
    """The server ended by itself; `code` as a shell would give it."""

    code: int


class Ready(Frozen):
    """A process of our tree owns the port."""


class Moved(Frozen):
    """The server lives and listens on another port instead. `told`: its command names that one."""

    foreign: bool
    told: bool = False


class Shared(Frozen):
    """The server listens, and so does somebody else on the same address (SO_REUSEPORT)."""


class Interrupted(Frozen):
    """We were told to end by a signal that the server did not get itself."""

    signal: int


class TimedOut(Frozen):
    """Not ready within its time.

    `refused`: nobody has its port, and it said that an address is in use.
    """

    refused: bool = False


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


GIVEN_UP = {
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
        case BindFailed(foreign=False) if ways := retry.below(state.way):
            return _down(state.attempt, ways[0])
        case Moved(told=True):
            return _given_up("moved")
        case Moved(foreign=False) | TimedOut(refused=True) if "bare" in retry.below(state.way):
            return _down(state.attempt, "bare")  # our reservation may have been in its way
        case BindFailed() | Moved(foreign=True):
            return _again(state, retry)
        case Moved():
            return _given_up("moved")
        case Shared():
            return _given_up("port-shared")
        case TimedOut():
            return _given_up("not-ready")
        case _:
            return state, ()


def _given_up(reason: str) -> Step:
    return Ended(GIVEN_UP[reason], "devports", reason), (StopServer(),)


def _down(attempt: int, way: HandoffMode) -> Step:
    """Go on with the next way: nobody else has the port, so it was our hold that it met."""
    if way == "bare":  # it binds without SO_REUSEADDR; our hold is given up at the start
        return Starting(attempt, way), (StopServer(), Start(attempt, way))
    return Taking(attempt, way), (StopServer(), TakePort())


def is_lost(event: Event, end: Ended) -> bool:
    """Say whether a run has come to its end because somebody else has the port."""
    match event:
        case PortStillHeld(left=left):
            return left
        case BindFailed(foreign=True) | Moved(foreign=True):
            return end.reason == "retries-exhausted"
        case _:
            return False


def goes_down(before: Starting, after: State) -> bool:
    """Say whether the same start is tried again by the next way."""
    return isinstance(after, Taking | Starting) and (
        after.attempt == before.attempt and after.way != before.way
    )


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
    """The server holds its port but does not listen: a reloader that waits for a mended file."""

    service: str
    endpoint: Endpoint


class ListeningElsewhere(Frozen):
    """The server does not listen where it should, and listens on another port."""

    service: str
    wanted: Endpoint
    there: Endpoint


class Released(Frozen):
    """Our reservation of `endpoint` was released beside the living server, which printed `line`."""

    service: str
    endpoint: Endpoint
    line: str


class PortLost(Frozen):
    """The server did not get its port. `line`: what it said, `next_attempt`: 0 for none."""

    service: str
    endpoint: Endpoint
    foreign: bool
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
    """The server did not get the port by `way` from us; it is started again by the next one.

    `waited`: seconds that it was given, after which it is started without our reservation; 0 if it
    ended before.
    """

    service: str
    way: HandoffMode
    waited: float = 0.0


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
    """A service that this one depends on is not ready; it is waited for, at most `seconds`."""

    service: str
    dependency: str
    endpoint: Endpoint
    seconds: float


MARK = "DEVPORTS_RUN"
"""The variable by which a process knows the `devports run` that it belongs to."""


class PortOwnership(Frozen):
    """Who listens now.

    Attributes:
        owner: a holder of ours that listens, None while none does.
        missing: endpoints on which nobody of ours listens.
        bound: whether one of ours is bound without listening.
        strangers: sockets of others that are bound or listen there.
        queueing: whether the owner's socket was made to listen by us, so that LISTEN is no proof.
        waiting: connections on it that nobody has accepted yet.
        elsewhere: where our tree listens on other ports; looked for only when it is given up.
    """

    owner: Holder | None
    missing: tuple[Endpoint, ...]
    bound: bool
    strangers: tuple[Socket, ...]
    queueing: bool = False
    waiting: int = 0
    elsewhere: tuple[Endpoint, ...] = ()
