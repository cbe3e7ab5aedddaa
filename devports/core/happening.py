"""What happens while a service is started and runs: values, worded later by `ui`."""

from __future__ import annotations

from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from devports.core.model import Endpoint, Process
    from devports.core.recovery import Way

    Happening: TypeAlias = (
        "Launched | Owned | BoundOnly | Elsewhere | Released | PortLost | InTheWay"
        " | StoppingServer | KillingServer | Strayed | NextPort | Predecessor | Unrecorded"
        " | DependencyDown"
    )


class Launched(Value):
    """The server was started on a port that is ours, which it gets by `way`.

    `how`: what told it of the socket that it inherits, empty if it does not.
    """

    service: str
    endpoint: Endpoint
    attempt: int
    way: Way
    how: str = ""


class Owned(Value):
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


class BoundOnly(Value):
    """The server holds its port but does not listen: a reloader that waits for a mended file."""

    service: str
    endpoint: Endpoint


class Elsewhere(Value):
    """The server does not listen where it should, and listens on another port."""

    service: str
    wanted: Endpoint
    there: Endpoint


class Released(Value):
    """Our reservation of `endpoint` was released beside the living server, which printed `line`."""

    service: str
    endpoint: Endpoint
    line: str


class PortLost(Value):
    """The server did not get its port. `line`: what it said, `next_attempt`: 0 for none."""

    service: str
    endpoint: Endpoint
    foreign: bool
    line: str
    next_attempt: int
    attempts: int


class InTheWay(Value):
    """The server did not get the port by `way` from us; it is started again by the next one.

    `waited`: seconds that it was given, after which it is started without our reservation; 0 if it
    ended before.
    """

    service: str
    way: Way
    waited: float = 0.0


class StoppingServer(Value):
    """The server is told to end with `signal`."""

    service: str
    signal: str


class KillingServer(Value):
    """The server did not end in `seconds` and is killed."""

    service: str
    seconds: float


class Strayed(Value):
    """A process of the server has left its session; `ended` if it took the port there."""

    service: str
    process: Process
    ended: bool


class NextPort(Value):
    """`on_conflict = "next"`: another port than the declared one is used."""

    service: str
    declared: int
    used: int


class Predecessor(Value):
    """An earlier run of this service is ending; we wait for it."""

    service: str
    pid: int


class Unrecorded(Value):
    """No record of this run can be kept; the port itself still says who is first."""

    service: str
    why: str


class DependencyDown(Value):
    """A service that this one depends on is not ready; it is waited for, at most `seconds`."""

    service: str
    dependency: str
    endpoint: Endpoint
    seconds: float
