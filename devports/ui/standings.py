"""What a holder's kind means for ending it, in words. Pure."""

from __future__ import annotations

from devports.core.standing import (
    Container,
    Mine,
    OtherUser,
    Plain,
    Protected,
    Supervised,
    Tunnel,
)
from devports.core.value import unreachable
from devports.ui.contained import container_label, container_words
from devports.ui.printable import printable
from devports.ui.who import counted, label, listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.plan import Target
    from devports.core.standing import Standing


def standing_words(standing: Standing) -> str:
    """Return what its kind means for ending it; empty for a plain process."""
    match standing:
        case Plain():
            return ""
        case Mine(run=run):
            return f"started by `devports run {printable(run.service)}`"
        case OtherUser(user=user, permitted=permitted):
            whose = f"belongs to user {printable(user)}"
            return whose if permitted else f"{whose}: only they or root can end it"
        case Tunnel(kind=kind):
            return f"a tunnel (`{printable(kind)}`): it forwards the port to another machine"
        case Supervised(by=by, unit=unit):
            name = f" as `{printable(unit)}`" if unit else ""
            return f"{printable(by)} runs it{name} and may start it again"
        case Container():
            return container_words(standing)
        case Protected(reason=reason):
            return f"never ended by devports: it is {printable(reason)}"
        case _:
            unreachable(standing)


def target_label(target: Target) -> str:
    """Return a target with its family: `uvicorn` (pid 1) and its 2 workers; or a container.

    A run of ours is called as it was typed, whatever the system calls its process.
    """
    if isinstance(target.standing, Container):
        known = target.standing.said == "one"
        return container_label(target.standing) if known else label(target.process)
    below = [m.process for m in target.members if m.process.key != target.process.key]
    top = label(target.process)
    if isinstance(target.standing, Mine) and not target.standing.run.left:
        top = f"`devports run {printable(target.standing.run.service)}` (pid {target.process.pid})"
    if not below:
        return top
    if len(below) < len(target.members):
        return f"{top} and its {counted(len(below), 'worker')}"
    return f"{top} and its {listed([label(process) for process in below])}"
