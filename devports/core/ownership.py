"""Ready means owned: what is known of the endpoints of a started server."""

from __future__ import annotations

from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.model import Endpoint, Holder, Socket

MARK = "DEVPORTS_RUN"
"""The variable by which a process knows the `devports run` that it belongs to."""


class Ownership(Value):
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
