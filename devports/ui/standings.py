"""What a holder's kind means for ending it, in words. Pure."""

from __future__ import annotations

from devports.core.standing import (
    Container,
    Elsewhere,
    Mine,
    OtherUser,
    Plain,
    Protected,
    Run,
    Supervised,
    Tunnel,
    run_behind,
)
from devports.core.value import unreachable
from devports.ui.contained import container_label, container_words
from devports.ui.printable import printable
from devports.ui.who import counted, label, listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.core.plan import Target
    from devports.core.standing import Standing


def standing_words(standing: Standing) -> str:
    """Return what its kind means for ending it; empty for a plain process."""
    match standing:
        case Plain():
            return ""
        case Mine(run=run) | Elsewhere(run=Run() as run):
            return f"started by `devports run {printable(run.service)}`"
        case Elsewhere():
            return ""
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


def belonging(standing: Elsewhere) -> str:
    """Return whose it is, to follow "of"."""
    sibling = standing.relation == "sibling"
    return "another checkout of this repository" if sibling else "another project"


def origin_words(standings: Sequence[Standing]) -> str:
    """Return where holders come from, to follow their names; empty unless all are elsewhere."""
    found = list(dict.fromkeys(standings))
    if len(found) != 1 or not isinstance(found[0], Elsewhere):
        return ""
    run, whose = found[0].run, belonging(found[0])
    if run is None:
        return f", which belongs to {whose}"
    return f", which `devports run {printable(run.service)}` started in {whose}"


def target_label(target: Target) -> str:
    """Return a target with its family: `uvicorn` (pid 1) and its 2 workers; or a container.

    A run of ours is called as it was typed, whatever the system calls its process.
    """
    if isinstance(target.standing, Container):
        known = target.standing.said == "one"
        return container_label(target.standing) if known else label(target.process)
    below = [m.process for m in target.members if m.process.key != target.process.key]
    top = label(target.process)
    run = run_behind(target.standing)
    if run is not None and not run.left:
        top = f"`devports run {printable(run.service)}` (pid {target.process.pid})"
    if not below:
        return top
    if len(below) < len(target.members):
        return f"{top} and its {counted(len(below), 'worker')}"
    return f"{top} and its {listed([label(process) for process in below])}"
