"""What kind of process a holder is, as values; `judging` decides which."""

from __future__ import annotations

from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from devports.core.model import ProcessKey

    Refusal: TypeAlias = "Supervised | Container | Protected"
    Standing: TypeAlias = "Plain | Mine | OtherUser | Tunnel | Refusal"


class Viewer(Value):
    """Who is asking: effective uid, the invoking user's uid under sudo, our own process line.

    `cgroup` is our own control group: in a unit of our own (a CI runner, cron) its other
    processes are neighbours, not services.
    """

    uid: int
    user_uid: int
    line: tuple[ProcessKey, ...] = ()
    cgroup: str = ""


class Plain(Value):
    """An ordinary process of the same user."""


class Mine(Value):
    """Started by a devports run; `service` and `project` are from its record.

    `left`: that run has died without ending its server. `patience`: seconds that the run may
    need to end its server by itself.
    """

    service: str
    project: str
    left: bool = False
    patience: float = 0.0


class OtherUser(Value):
    """A process of another user. `permitted`: we could signal it (we are root)."""

    user: str
    permitted: bool


class Tunnel(Value):
    """A process of the same user whose only job is to forward the port.

    `kind` are the words that start such a one; `stop` closes it by its own command, if it has one.
    """

    kind: str
    stop: str = ""


class Supervised(Value):
    """A supervisor would start it again: `stop` is the command that ends it for good.

    `unit` is its name there. Where it could not be read it is empty, and `stop` lists the names.
    """

    by: str
    unit: str
    stop: str


class Container(Value):
    """The forwarder of a container engine: ending it breaks the container, not stops it.

    `name` and `image` are the engine's own answer, empty where it has not been asked or did not
    say. `stale`: it has said that no container of its publishes the port.
    """

    engine: str
    name: str = ""
    image: str = ""
    stale: bool = False


class Protected(Value):
    """Never ended by us, whatever the flags. `reason` completes "it is ..."."""

    reason: str


class Run(Value):
    """A `devports run`, from its record.

    `left`: it has died, and this is the server it left. `patience`: seconds it may need to end.
    """

    key: ProcessKey
    service: str
    project: str
    left: bool = False
    patience: float = 0.0
