"""Containers in the place of their forwarders, in what was found and in a plan. Pure.

A forwarder never says for which container it works: its engine does, through a function that the
caller brings. A forwarder of root's docker cannot be read by others, but its words can.
"""

from __future__ import annotations

from devports.core.containers import engine_of, engine_of_process, forwarded
from devports.core.model import Holder
from devports.core.standing import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from devports.core.model import Hidden, Holding, Process
    from devports.core.plan import Target
    from devports.core.standing import Viewer

    Named = Callable[[Container, int], Container]


def unasked(container: Container, _: int) -> Container:
    """Ask no engine."""
    return container


def shown(holding: Holding) -> Holding:
    """Return a holding in which hidden forwarders are holders like others.

    That is a claim and no proof, and safe: who is taken for a forwarder is never signalled.
    """
    found = [(hidden, forwarder_of(hidden)) for hidden in holding.hidden]
    more = [Holder(it, (hidden.socket.inode,)) for hidden, it in found if it is not None]
    left = tuple(hidden for hidden, it in found if it is None)
    return holding.but(holders=(*holding.holders, *more), hidden=left) if more else holding


def forwarder_of(hidden: Hidden) -> Process | None:
    """Return the process that forwards a hidden socket, if one shows itself.

    A socket has the uid of who made it, so nobody passes for the forwarder of another user.
    """
    port = hidden.socket.local.port
    engine = engine_of(hidden, port)
    fit = [p for p in hidden.likely if p.uid == hidden.socket.uid and engine_of_process(p)]
    named = [process for process in fit if port in forwarded(process.argv)]
    return next((process for process in (*named, *fit) if engine), None)


def contained(
    plan: Sequence[Target], ports: Mapping[int, int], viewer: Viewer, named: Named
) -> tuple[Target, ...]:
    """Return a plan in which forwarders have their containers' names, one target for each.

    Docker starts two forwarders for one port, on IPv4 and IPv6; its desktop editions have one
    process for all ports of all containers.

    Args:
        plan: what has to end.
        ports: the port of each socket in question, by inode.
        viewer: who asks the engine.
        named: returns a container with what its engine says about a port.
    """
    found: dict[object, Target] = {}
    for target in plan:
        for key, part in _parts(target, ports, viewer, named):
            known = found.get(key)
            found[key] = (
                part
                if known is None
                else part.but(process=known.process, members=(*known.members, *part.members))
            )
    return tuple(found.values())


def _parts(
    target: Target, ports: Mapping[int, int], viewer: Viewer, named: Named
) -> Iterator[tuple[object, Target]]:
    """Yield a target as it is, or for each port that it forwards; each under what makes it one."""
    forwarder, uid = target.standing, target.process.uid
    if not isinstance(forwarder, Container) or forwarder.said != "unasked":
        yield target.process.key, target
        return
    inodes = [inode for member in target.members for inode in member.inodes]
    for port in dict.fromkeys(ports.get(inode, 0) for inode in inodes):
        own = forwarder.engine, uid
        container = named(forwarder, port) if _answers(*own, viewer) else forwarder
        holders = (m.but(inodes=tuple(i for i in m.inodes if ports.get(i, 0) == port))
                   for m in target.members)  # fmt: skip
        members = tuple(member for member in holders if member.inodes)
        key = (*own, container.identity or port)
        yield key, target.but(standing=container, members=members)


def _answers(engine: str, uid: int, viewer: Viewer) -> bool:
    """Say whether the engine that we would ask is the one of this forwarder.

    podman knows the containers of its caller only, and so does docker where it runs without root.
    """
    return uid == viewer.uid or (engine == "docker" and uid == 0)
