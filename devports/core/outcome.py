"""What was done about a port: values, worded later by `ui`."""

from __future__ import annotations

from devports.core.bystanders import Bystanders
from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from devports.core.bystanders import Spared
    from devports.core.diagnosis import Finding
    from devports.core.model import Process
    from devports.core.plan import Target

    Outcome: TypeAlias = (
        "Planned | Stopped | ContainerStopped | StopFailed | AlreadyGone | Declined | Refused"
        " | TimedOut | Respawned"
    )
    Progress: TypeAlias = "Terminating | Killing | StoppingContainer | WaitingForPort | Settling"
    QuestionKind = Literal["stop", "kill", "container"]
    Answer = Literal["yes", "no", "next"]
    Why = Literal[
        "protected",
        "supervised",
        "container",
        "other-user",
        "other-checkout",
        "on-conflict",
        "no-terminal",
        "denied",
    ]


class Planned(Value):
    """It would be ended; nothing was done. `asks`: a person would be asked first."""

    target: Target
    asks: bool


class Stopped(Value):
    """Signalled, and it let go of the port after `seconds`. `signals` in the order sent.

    `exited`: a server may give up its port and live on to finish with its clients.
    `bindable`: whether that was all it took; another may have the port still, or again.
    """

    target: Target
    signals: tuple[str, ...]
    seconds: float
    exited: bool = True
    bindable: bool = True


class ContainerStopped(Value):
    """Its engine says that the container has ended. `seconds` and `bindable` as in `Stopped`."""

    target: Target
    seconds: float
    bindable: bool = True


class StopFailed(Value):
    """Its engine did not stop the container and said why; the port may be bindable anyway."""

    target: Target
    complaint: str
    bindable: bool = False


class AlreadyGone(Value):
    """It ended, or let go of the socket, before anything was sent."""

    target: Target


class Declined(Value):
    """The person said no. `moving`: and that the service shall take another port instead."""

    target: Target
    moving: bool = False


class Refused(Value):
    """Not ended by us; `why` says which law stands in the way."""

    target: Target
    why: Why


class TimedOut(Value):
    """Signalled and still there."""

    target: Target
    signals: tuple[str, ...]


class Respawned(Value):
    """Ended, and another process has taken its place."""

    target: Target
    successor: Target


class Terminating(Value):
    """Progress: SIGTERM is being sent."""

    target: Target


class Killing(Value):
    """Progress: it did not end in time, SIGKILL is being sent."""

    target: Target


class StoppingContainer(Value):
    """Progress: the engine is being told to stop the container."""

    target: Target


class WaitingForPort(Value):
    """Progress: waiting up to `seconds` for leftovers or a slow stop; `clients` still connected."""

    seconds: float
    clients: int = 0


class Settling(Value):
    """Progress: the port is free; watching `seconds` whether `by` starts the server again."""

    seconds: float
    by: Process


class Question(Value):
    """What a person is asked before anything is ended.

    To stop a process, to kill what did not stop, or to have a container stopped by its engine.

    `may_move`: taking another port is an answer too.
    """

    kind: QuestionKind
    target: Target
    finding: Finding
    around: Bystanders = Bystanders()
    may_move: bool = False


class Freed(Value):
    """The result of freeing: three facts (signalled, exited, bindable), and the exit code.

    `findings` were taken last, after everything was done: they decide. `spared` were not touched.
    """

    bindable: bool
    exit_code: int
    outcomes: tuple[Outcome, ...]
    findings: tuple[Finding, ...]
    spared: tuple[Spared, ...] = ()
