"""What kind of process a holder is, as values; `core.classify` decides which."""

from __future__ import annotations

from devports.core.text import quote
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from devports.core.model import ProcessKey

    Refusal: TypeAlias = "SupervisedService | Container | Protected"
    Said: TypeAlias = Literal["unasked", "one", "several", "none", "silent", "missing", "inside"]
    HolderKind: TypeAlias = (
        "OrdinaryProcess | DevportsRun | OtherCheckout | OtherUser | Tunnel | Refusal"
    )
    Relation: TypeAlias = Literal["sibling", "project"]


class CurrentUser(Frozen):
    """Who is asking: effective uid, the invoking user's uid under sudo, our own process line.

    `cgroup` is our own control group: in a unit of our own (a CI runner, cron) its other
    processes are neighbours, not services.
    """

    uid: int
    user_uid: int
    line: tuple[ProcessKey, ...] = ()
    cgroup: str = ""


class OrdinaryProcess(Frozen):
    """An ordinary process of the same user."""


class RunInfo(Frozen):
    """A `devports run`, from its record.

    `left`: it has died, and this is the server it left. `patience`: seconds that it may need to
    end its server by itself.
    """

    key: ProcessKey
    service: str
    project: str
    left: bool = False
    patience: float = 0.0

    @property
    def words(self) -> str:
        return run_words(self.service)


def run_target(run: str) -> str:
    """Return what `devports free` calls the run of a record: its service, or its port."""
    name, _, port = run.partition(":")
    return port or name


def run_name(run: str) -> str:
    """Return what the run of a record serves: the service, or the program of a typed command."""
    return run.partition(":")[0]


def run_words(run: str) -> str:
    """Return what a person types behind `devports run` for the run of a record.

    No service has a colon in its name; a command that is in no configuration is called by its
    program and port, `uvicorn:8000`.
    """
    name, colon, port = run.partition(":")
    return f"--port {port} -- {name}" if colon else name


class DevportsRun(Frozen):
    """Started by a devports run."""

    run: RunInfo


class Place(Frozen):
    """The top folder of a checkout and its branch; or a project's folder, where there is no git."""

    folder: str
    branch: str = ""


class OtherCheckout(Frozen):
    """Of another checkout of this repository (`sibling`), or of another project.

    `run`: the devports run that started it, if one did. `here`: where who asks is.
    """

    relation: Relation
    there: Place
    here: Place
    run: RunInfo | None = None

    @property
    def is_guarded(self) -> bool:
        """Whether `--yes` does not cover it: a sibling's, or another project's live run."""
        return self.relation == "sibling" or (self.run is not None and not self.run.left)


def run_behind(standing: HolderKind) -> RunInfo | None:
    """Return the devports run that a process is of, or was left by."""
    return standing.run if isinstance(standing, DevportsRun | OtherCheckout) else None


class OtherUser(Frozen):
    """A process of another user. `permitted`: we could signal it (we are root)."""

    user: str
    permitted: bool


class Tunnel(Frozen):
    """A process of the same user whose only job is to forward the port.

    `kind` are the words that start such a one; `stop` closes it by its own command, if it has one.
    """

    kind: str
    stop: str = ""


class SupervisedService(Frozen):
    """A supervisor would start it again: `stop` is the command that ends it for good.

    `unit` is its name there. Where it could not be read it is empty, and `stop` lists the names.
    """

    by: str
    unit: str
    stop: str


SHORT_ID = 12
"""Digits of a container's id that engines show and take for the whole."""


STOP_TIMEOUT = 10
"""Seconds that engines give a container to end by itself where nobody has said another time
(docker-stop(1), podman-stop(1))."""


class Container(Frozen):
    """A process of a container, or the forwarder of its port: the engine stops it, no signal does.

    To end a forwarder leaves a container that runs and cannot be reached.

    Attributes:
        engine: docker, podman, nerdctl or kubernetes.
        name: of the container, by the engine's own answer. Of one that it runs inside: the name by
            its monitor's words, or else the short id; empty where neither is known.
        image: the same of its image.
        identity: its whole id, where it is the only one that publishes the port.
        said: what the engine answered. "inside" needs no answer: the control group tells, or the
            monitor among the parents.
        names: of all that publish the port, where there are several.
        complaint: why the engine gave no answer.
        stop_timeout: seconds that its engine gives it to end by itself, before it is killed.
    """

    engine: str
    name: str = ""
    image: str = ""
    identity: str = ""
    said: Said = "unasked"
    names: tuple[str, ...] = ()
    complaint: str = ""
    stop_timeout: int = STOP_TIMEOUT

    @property
    def tool(self) -> str:
        """The engine's program for a command line."""
        return "crictl" if self.engine == "kubernetes" else self.engine

    @property
    def stopping(self) -> tuple[str, ...]:
        """The words that stop this container; none where it is not known which one it is."""
        return (self.tool, "stop", self.name) if self.name else ()

    @property
    def stop(self) -> str:
        """The same as a person types it."""
        return " ".join(map(quote, self.stopping))


class Protected(Frozen):
    """Never ended by us, whatever the flags. `reason` completes "it is ..."."""

    reason: str
