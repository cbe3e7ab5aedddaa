"""How a start goes on, as a pure machine: ``step(state, event, retry)``.

The first taking of the port and every later one are the same step, so nothing is special about
recovery. Starts are counted, waits grow, and every way ends in `Ended`.
"""

from __future__ import annotations

from devports import exitcodes
from devports.core.value import Value, unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    State: TypeAlias = "Taking | Starting | Serving | Stopping | Ended"
    Event: TypeAlias = (
        "PortFreed | PortStillHeld | BindFailed | Exited | Ready | Moved | Shared | Interrupted"
        " | TimedOut"
    )
    Command: TypeAlias = "TakePort | Start | StopServer | Pause"
    Source = Literal["child", "devports"]
    Way = Literal["fd", "hook", "beside", "bare"]
    Step: TypeAlias = "tuple[State, tuple[Command, ...]]"


class Retry(Value):
    """Bounds: starts at most, and the wait before the second start in seconds (then doubled).

    `ways`: how the port may get to the server, best first (see core.handoff).
    """

    attempts: int = 3
    wait: float = 0.2
    wait_max: float = 2.0
    ways: tuple[Way, ...] = ("beside", "bare")

    def below(self, way: Way) -> Way | None:
        """Return the next way down the ladder, None at its foot."""
        below = self.ways[self.ways.index(way) + 1 :]
        return below[0] if below else None

    def has_bare_after(self, way: Way) -> bool:
        """Say whether a start without our reservation is still ahead."""
        return "bare" in self.ways[self.ways.index(way) + 1 :]

    def before(self, attempt: int) -> float:
        """Return the wait before start number `attempt` (2, 3, ...), in seconds."""
        return float(min(self.wait * 2 ** (attempt - 2), self.wait_max))


class Taking(Value):
    """The port is being taken for start number `attempt`, to be handed over by `way`."""

    attempt: int
    way: Way


class Starting(Value):
    """The server runs and is not ready."""

    attempt: int
    way: Way


class Serving(Value):
    """A process of our tree owns the port."""


class Stopping(Value):
    """The server was told to end because we were."""

    signal: int


class Ended(Value):
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


class PortFreed(Value):
    """The port is ours."""


class PortStillHeld(Value):
    """The port could not be had; the exit code says why. `left`: another port is to be had."""

    code: int
    left: bool = False


class BindFailed(Value):
    """The server did not get its port. `foreign`: somebody else has it, not our reservation."""

    foreign: bool


class Exited(Value):
    """The server ended by itself; `code` as a shell would give it."""

    code: int


class Ready(Value):
    """A process of our tree owns the port."""


class Moved(Value):
    """The server lives and listens on another port instead. `told`: its command names that one."""

    port: int | None
    foreign: bool
    told: bool = False


class Shared(Value):
    """The server listens, and so does somebody else on the same address (SO_REUSEPORT)."""


class Interrupted(Value):
    """We were told to end by a signal that the server did not get itself."""

    signal: int


class TimedOut(Value):
    """Not ready within its time.

    `refused`: nobody has its port, and it said that an address is in use.
    """

    refused: bool = False


class TakePort(Value):
    """Look, ask, free, reserve."""


class Start(Value):
    """Start the server."""

    attempt: int
    way: Way


class StopServer(Value):
    """End the server's whole tree, gracefully first."""


class Pause(Value):
    """Wait before the next start, in seconds."""

    seconds: float


def begin(retry: Retry) -> Step:
    """Return the first state and what to do for it."""
    return Taking(1, retry.ways[0]), (TakePort(),)


def step(state: State, event: Event, retry: Retry) -> Step:
    """Return what comes next. An event that means nothing in a state leaves it as it is."""
    match state:
        case Taking():
            return _taking(state, event)
        case Starting():
            return _starting(state, event, retry)
        case Serving():
            return _running(state, event)
        case Stopping():
            return _stopping(state, event)
        case Ended():
            return state, ()
        case _:
            unreachable(state)


def _taking(state: Taking, event: Event) -> Step:
    match event:
        case PortFreed():
            return Starting(state.attempt, state.way), (Start(state.attempt, state.way),)
        case PortStillHeld(code=code):
            return Ended(code, "devports", "port-held"), ()
        case Interrupted(signal=number):
            return Ended(exitcodes.of_signal(number), "devports", "interrupted"), ()
        case _:
            return state, ()


def _starting(state: Starting, event: Event, retry: Retry) -> Step:
    match event:
        case Ready():
            return Serving(), ()
        case BindFailed(foreign=False) if (way := retry.below(state.way)) is not None:
            return _down(state.attempt, way)
        case Moved(told=True):
            return Ended(exitcodes.NOT_READY, "devports", "moved"), (StopServer(),)
        case Moved(foreign=False) | TimedOut(refused=True) if retry.has_bare_after(state.way):
            return _down(state.attempt, "bare")  # our reservation may have been in its way
        case BindFailed() | Moved(foreign=True):
            return _again(state, retry)
        case Moved():
            return Ended(exitcodes.NOT_READY, "devports", "moved"), (StopServer(),)
        case Shared():
            return Ended(exitcodes.NOT_READY, "devports", "port-shared"), (StopServer(),)
        case TimedOut():
            return Ended(exitcodes.NOT_READY, "devports", "not-ready"), (StopServer(),)
        case Exited(code=code):
            return Ended(code, "child", "ended-early"), ()
        case _:
            return _running(state, event)


def _down(attempt: int, way: Way) -> Step:
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
        return Ended(exitcodes.TAKEN_AGAIN, "devports", "retries-exhausted"), (StopServer(),)
    attempt = state.attempt + 1
    commands = (StopServer(), Pause(retry.before(attempt)), TakePort())
    return Taking(attempt, state.way), commands


def _running(state: Starting | Serving, event: Event) -> Step:
    match event:
        case Exited(code=code):
            return Ended(code, "child", "exited"), ()
        case Interrupted(signal=number):
            return Stopping(number), (StopServer(),)
        case _:
            return state, ()


def _stopping(state: Stopping, event: Event) -> Step:
    match event:
        case Exited(code=code):
            return Ended(code, "child", "interrupted"), ()
        case _:
            return state, ()
