"""Everybody who listens on this machine, by project: one look at the table, one at the holders."""

from __future__ import annotations

from devports.core.containers import container_of
from devports.core.diagnosis import Held
from devports.core.judging import unit_of
from devports.core.value import Value
from devports.system.survey import with_holders
from devports.system.worktree import worktree_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Literal

    from devports.core.diagnosis import Finding
    from devports.core.model import Endpoint, Gap, Holding, Process, Socket
    from devports.core.standing import Viewer
    from devports.system import Machine

    Kind = Literal["project", "folder", "system"]

NOWHERE = ("", "/")
"""Working directories that say nothing: unreadable, or a daemon's (daemon(3))."""


class Group(Value):
    """Listeners that belong together.

    Attributes:
        kind: a git checkout, a folder without one, or the services of the system.
        folder: the top of the checkout, or the working directory; empty for the system.
        branch: what is checked out, empty if unknown.
        repository: the same for all worktrees of one clone.
        findings: one for each address and port, by port.
    """

    kind: Kind
    folder: str = ""
    branch: str = ""
    repository: str = ""
    findings: tuple[Finding, ...] = ()


class Census(Value):
    """All groups: this project, other ones, folders, the system; and what could not be seen."""

    groups: tuple[Group, ...]
    gaps: tuple[Gap, ...] = ()


def census(
    machine: Machine, here: str, who: Callable[[Sequence[Socket]], Holding] | None = None
) -> Census:
    """Return everybody who listens, or is bound and may listen at any moment. Binds nothing.

    Args:
        machine: where to look.
        here: a folder; the group of its project comes first.
        who: looks up the holders of sockets; by default every process is looked at, once.
    """
    table = machine.listeners()
    at: dict[Endpoint, list[Socket]] = {}
    for socket in table.sockets:
        at.setdefault(socket.local, []).append(socket)
    judged = [(endpoint, Held(tuple(sockets))) for endpoint, sockets in at.items()]
    found = with_holders(judged, who or (lambda sockets: machine.holding(sockets, thorough=True)))
    gaps = (gap for finding in found for gap in finding.holding.gaps)
    return Census(
        grouped(found, machine.viewer(), here), tuple(dict.fromkeys((*table.gaps, *gaps)))
    )


def grouped(findings: Iterable[Finding], viewer: Viewer, here: str) -> tuple[Group, ...]:
    """Return the findings by the project of whoever has them."""
    homes: dict[str, Group] = {}
    members: dict[Group, list[Finding]] = {}
    for finding in sorted(findings, key=lambda each: (each.endpoint.port, each.endpoint.address)):
        leader = _leader(finding)
        folder = leader.cwd if leader and not is_service(leader, viewer) else ""
        home = homes.setdefault(folder, _home(folder))
        members.setdefault(home, []).append(finding)
    own = _home(here)
    ordered = sorted(members, key=lambda group: (group != own, *_place(group)))
    return tuple(group.but(findings=tuple(members[group])) for group in ordered)


def is_service(process: Process, viewer: Viewer) -> bool:
    """Say whether a process is the system's rather than somebody's work.

    A unit of systemd, a container, a process of another user, one without a folder of its own.
    """
    unit, container = unit_of(process.cgroup), container_of(process.cgroup)
    if unit is not None and unit != unit_of(viewer.cgroup):
        return True
    if container is not None and container != container_of(viewer.cgroup):
        return True
    return process.uid not in (viewer.uid, viewer.user_uid) or process.cwd in NOWHERE


def _leader(finding: Finding) -> Process | None:
    """Return the holder that started the others, if any could be read."""
    holders = finding.holding.holders
    keys = {holder.process.key for holder in holders}
    tops = (h.process for h in holders if not any(a.key in keys for a in h.ancestors))
    return next(tops, None)


def _home(folder: str) -> Group:
    if folder in NOWHERE:
        return Group("system")
    checkout = worktree_of(folder)
    if checkout is None:
        return Group("folder", folder)
    return Group("project", checkout.root, checkout.branch, checkout.repository)


def _place(group: Group) -> tuple[int, str, str]:
    """Return what groups are sorted by: worktrees of one clone stay together."""
    return (("project", "folder", "system").index(group.kind), group.repository, group.folder)
