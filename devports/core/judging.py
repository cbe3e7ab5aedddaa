"""Which standing a process has. Pure judgement over process facts.

A name is free text that any process can choose, so nothing is granted by name; names only take
away (protected, container, supervised). Evidence that cannot be faked decides the rest: uid,
control group, ancestry, a record of ours.
"""

from __future__ import annotations

from devports.core.checkout import unplaced
from devports.core.containers import container_of, engine_of_process, is_monitor, monitored
from devports.core.protection import protection
from devports.core.quoting import quote
from devports.core.standing import (
    SHORT_ID,
    Container,
    Elsewhere,
    Mine,
    OtherUser,
    Plain,
    Protected,
    Supervised,
    Tunnel,
)
from devports.core.supervisors import keeper_of
from devports.core.tunnels import exit_command, is_session, kind_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.core.checkout import ElsewhereOf
    from devports.core.model import Holder, Process
    from devports.core.standing import Refusal, Run, Standing, Viewer


def standing(
    target: Process,
    viewer: Viewer,
    run: Run | None,
    ancestors: Sequence[Process] = (),
    *,
    elsewhere_of: ElsewhereOf = unplaced,
) -> Standing:
    """Judge one process. The first rule that applies decides; refusals come before grants."""
    if refusal := _refusal(target, viewer, ancestors):
        return refusal
    if run is None and is_session(target):
        return Protected("an ssh session that forwards the port")
    if target.uid not in (viewer.uid, viewer.user_uid):
        return OtherUser(target.user, permitted=viewer.uid == 0)
    other = elsewhere_of(target, run)
    if other is not None and other.is_guarded:
        return other
    if run is None and (kind := kind_of(target)):
        return Tunnel(kind, exit_command(target))
    return other or (Mine(run) if run is not None else Plain())


def _refusal(target: Process, viewer: Viewer, ancestors: Sequence[Process]) -> Refusal | None:
    """Return what is never ended by us, whoever asks."""
    engine = engine_of_process(target)
    if engine and target.pid > 1 and target.key not in viewer.line:
        return Container(engine)
    if reason := protection(target, viewer):
        return Protected(reason)
    if inside := _inside(target, viewer, ancestors):
        return inside
    unit = unit_of(target.cgroup)
    if unit is not None and unit != unit_of(viewer.cgroup):
        return unit if target.uid in (viewer.uid, viewer.user_uid) else of_user(unit, target.user)
    return keeper_of(target, ancestors, viewer)


def _inside(target: Process, viewer: Viewer, ancestors: Sequence[Process]) -> Container | None:
    """Return the container that a process runs inside, unless it is the one that we run in.

    Its control group tells, or the monitor among its parents: with ``--cgroups=disabled``, and of
    a user's podman on cgroup v1, a container has no group of its own.
    """
    own, found = container_of(viewer.cgroup), container_of(target.cgroup)
    if found is not None and found != own:
        return Container(found[0], found[1][:SHORT_ID], said="inside")
    for parent in ancestors:
        if is_monitor(parent) and parent.key not in viewer.line:
            engine, identity, name = monitored(parent)
            if (engine, identity) != own:
                return Container(engine, name or identity[:SHORT_ID], said="inside")
    return None


def unit_of(cgroup: str) -> Supervised | None:
    """Return the systemd service of a control group path (systemd.slice(5)), if it is one.

    Only the last ``*.service`` component counts: ``user@1000.service`` holds every program of a
    login, and ``*.scope`` is a terminal or a session. A desktop starts its applications, terminals
    and editors among them, as ``app-*@*.service`` (systemd.io/DESKTOP_ENVIRONMENTS): to stop that
    would close the window.
    """
    parts = [part for part in cgroup.split("/") if part.endswith(".service")]
    if not parts or not cgroup.rstrip("/").endswith(parts[-1]) or parts[-1].startswith("user@"):
        return None
    user = any(part.startswith("user@") for part in parts)
    if user and parts[-1].startswith("app-"):
        return None
    stop = "systemctl --user stop" if user else "sudo systemctl stop"
    # Who owns a control group may name it as they like, and systemd itself writes \x2d for a dash.
    dashes = "-- " if parts[-1].startswith("-") else ""
    return Supervised("systemd", parts[-1], f"{stop} {dashes}{quote(parts[-1])}")


def of_user(unit: Supervised, user: str) -> Supervised:
    """Return a unit with the command that reaches the manager of another user (systemctl(1))."""
    reach = f"sudo systemctl --user --machine={quote(user)}@.host "
    return unit.but(stop=unit.stop.replace("systemctl --user ", reach, 1))


def strictest(
    top: Process,
    members: Sequence[Holder],
    viewer: Viewer,
    run: Run | None,
    *,
    elsewhere_of: ElsewhereOf = unplaced,
) -> Standing:
    """Return the standing of a whole family: what holds for one member holds for all."""
    lines = [(top, parents_of(top, members)), *((m.process, m.ancestors) for m in members)]
    judged = (
        standing(process, viewer, run, line, elsewhere_of=elsewhere_of) for process, line in lines
    )
    return min(judged, key=_strictness)


def _strictness(item: Standing) -> tuple[int, bool]:
    order = (Protected, Container, Supervised, OtherUser, Elsewhere, Tunnel, Mine, Plain)
    vaguer = isinstance(item, Supervised) and not item.unit
    milder = isinstance(item, Elsewhere) and not item.is_guarded
    return order.index(type(item)), vaguer or milder


def parents_of(top: Process, members: Sequence[Holder]) -> tuple[Process, ...]:
    """Return the parents of the top of a family, as its members know them."""
    for member in members:
        keys = [process.key for process in member.line]
        if top.key in keys:
            return member.line[keys.index(top.key) + 1 :]
    return ()
