"""Kinds of holders, as values; `core.classify` selects one."""

from __future__ import annotations

from devports.core.text import quote
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from devports.core.model import ProcessKey

    Refusal: TypeAlias = "SupervisedService | Container | Protected"
    Said: TypeAlias = Literal[
        "unasked", "one", "pod", "several", "none", "silent", "missing", "inside"
    ]
    HolderKind: TypeAlias = (
        "OrdinaryProcess | DevportsRun | OtherCheckout | OtherUser | Tunnel | Refusal"
    )
    Relation: TypeAlias = Literal["sibling", "project"]


class CurrentUser(Frozen):
    """The user of this command: effective uid, the uid before sudo, the ancestors of devports.

    `cgroup` is the control group of devports: inside a unit (a CI runner, cron) its other processes
    are neighbours, not services. `containers` are the ids of those that devports runs in, by its
    ancestors.
    """

    uid: int
    user_uid: int
    ancestor_keys: tuple[ProcessKey, ...] = ()
    cgroup: str = ""
    containers: tuple[str, ...] = ()


class OrdinaryProcess(Frozen):
    """An ordinary process of the same user."""


class RunInfo(Frozen):
    """A `devports run`, from its record.

    `orphaned`: it was killed, and this is its server. `stop_timeout`: seconds that it may need to
    stop its server.
    """

    key: ProcessKey
    service: str
    project: str
    orphaned: bool = False
    stop_timeout: float = 0.0

    @property
    def words(self) -> str:
        return run_words(self.service)


def run_target(run: str) -> str:
    """Return the target of `devports free` for a run of a record: its service, or its port."""
    name, _, port = run.partition(":")
    return port or name


def run_name(run: str) -> str:
    """Return the service of a run of a record, or the program of a typed command."""
    return run.partition(":")[0]


def run_words(run: str) -> str:
    """Return the arguments of `devports run` for a run of a record.

    No service has a colon in its name; a typed command is recorded by its program and port,
    `uvicorn:8000`.
    """
    name, colon, port = run.partition(":")
    return f"--port {port} -- {name}" if colon else name


class DevportsRun(Frozen):
    """A process of a devports run."""

    run: RunInfo


class Place(Frozen):
    """The top folder of a checkout and its branch; or a project's folder without git."""

    folder: str
    branch: str = ""


class OtherCheckout(Frozen):
    """A process of another checkout of this repository (`sibling`), or of another project.

    `run`: the devports run that started it, if one did. `here`: the place of this command.
    """

    relation: Relation
    there: Place
    here: Place
    run: RunInfo | None = None

    @property
    def is_guarded(self) -> bool:
        """Whether `--yes` does not cover it: a sibling's, or another project's live run."""
        return self.relation == "sibling" or (self.run is not None and not self.run.orphaned)


def run_behind(kind: HolderKind) -> RunInfo | None:
    """Return the devports run, live or killed, that started the process."""
    return kind.run if isinstance(kind, DevportsRun | OtherCheckout) else None


class OtherUser(Frozen):
    """A process of another user. `permitted`: devports may signal it (it runs as root)."""

    user: str
    permitted: bool


class Tunnel(Frozen):
    """A process of the same user that only forwards the port.

    `kind`: the command that starts such a tunnel. `stop`: the command that closes it, if it has
    one.
    """

    kind: str
    stop: str = ""


class SupervisedService(Frozen):
    """A process that a supervisor would restart. `stop`: the command that stops it permanently.

    `unit`: its name there. Where that is not readable it is empty, and `stop` lists the names.
    """

    by: str
    unit: str
    stop: str


SHORT_ID = 12
"""Digits of a container id that engines print and accept."""


STOP_TIMEOUT = 10
"""Seconds between stop signal and kill that engines give a container by default (docker-stop(1),
podman-stop(1))."""


class Container(Frozen):
    """A process of a container, or the forwarder of its port: the engine stops it, never a signal.

    Stopping a forwarder would leave a running container that cannot be reached.

    Attributes:
        engine: docker, podman, nerdctl or kubernetes.
        name: of the container or pod, by the engine's answer. For a process inside: the name in its
            monitor's arguments, or else the short id; empty where neither is known.
        image: its image, by the same source.
        identity: its whole id, by the engine, the control group or the monitor's arguments.
        engine_answer: what the engine says about the port. "pod": only the containers of one pod
            publish it. "inside" needs no answer: the control group or a monitor names the
            container.
        names: of all that publish the port, where there are several, each with its address.
        engine_error: why the engine gave no answer.
        stop_timeout: seconds between its stop signal and the kill.
        confirmed: whether the engine that devports can ask knows the container of a process inside.
        supervisor: what starts it again, with its name there; empty for none.
    """

    engine: str
    name: str = ""
    image: str = ""
    identity: str = ""
    engine_answer: Said = "unasked"
    names: tuple[tuple[str, str], ...] = ()
    engine_error: str = ""
    stop_timeout: int = STOP_TIMEOUT
    confirmed: bool = False
    supervisor: tuple[str, str] = ("", "")

    @property
    def can_stop(self) -> bool:
        """Whether the engine that devports can ask knows it, so that it can stop it."""
        return self.engine_answer in ("one", "pod") or self.confirmed

    @property
    def tool(self) -> str:
        """The engine's program for a command line."""
        return "crictl" if self.engine == "kubernetes" else self.engine

    @property
    def stopping(self) -> tuple[str, ...]:
        """The command that stops this container, as words; none where the container is unknown."""
        whole = ("pod",) if self.engine_answer == "pod" else ()
        return (self.tool, *whole, "stop", self.name) if self.name else ()

    @property
    def stop(self) -> str:
        """The same command as text."""
        return " ".join(map(quote, self.stopping))


class Protected(Frozen):
    """A process that devports never stops. `reason` completes "it is ..."."""

    reason: str
