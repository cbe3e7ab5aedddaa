"""What kind of process a holder is. Pure judgement over process facts.

A name is free text that any process can choose, so nothing is granted by name; names only take
away (protected, container, supervised). Evidence that cannot be faked decides the rest: uid,
control group, ancestry, a record of ours.
"""

from __future__ import annotations

from devports.core.containers import container_of, engine_of_process
from devports.core.program import program
from devports.core.quoting import quote
from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from devports.core.model import Holder, Process, ProcessKey

    Standing: TypeAlias = "Plain | Mine | OtherUser | Supervised | Container | Protected"


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


class Supervised(Value):
    """A supervisor would start it again: `stop` is the command that ends it for good."""

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


SHORT = 12
"""Digits of a container's id that engines show and take for the whole."""

PROTECTED_NAMES = frozenset(
    "systemd launchd kernel_task WindowServer loginwindow dbus-daemon dbus-broker ControlCenter"
    " rapportd sharingd mDNSResponder sshd login containerd podman"
    " sshd-session code code-server Code cursor codium zed tmux screen".split()
) | {"tmux: server"}
"""Last resort beside evidence: these names are only ever refused for, never granted for."""

EDITOR_FOLDERS = (
    "/.vscode-server/",
    "/.vscode-server-insiders/",
    "/.cursor-server/",
    "/.windsurf-server/",
    "/JetBrains/",
    "/.zed_server/",
)
"""Where editors keep the programs of their remote ends: a node or a java like any other by name."""


def standing(target: Process, viewer: Viewer, run: Run | None) -> Standing:
    """Judge one process. The first rule that applies decides; refusals come before grants."""
    if reason := protection(target, viewer):
        return Protected(reason)
    if engine := engine_of_process(target):
        return Container(engine)
    inside = container_of(target.cgroup)
    if inside is not None and inside != container_of(viewer.cgroup):
        return Container(inside[0], inside[1][:SHORT])
    unit = unit_of(target.cgroup)
    if unit is not None and unit != unit_of(viewer.cgroup):
        return unit
    if target.uid not in (viewer.uid, viewer.user_uid):
        return OtherUser(target.user, permitted=viewer.uid == 0)
    if run is not None:
        return Mine(run.service, run.project, run.left, run.patience)
    return Plain()


def protection(target: Process, viewer: Viewer) -> str:
    """Return why `target` is never ended by us, or an empty text."""
    if target.pid <= 0:
        return "the kernel itself"
    if target.pid == 1:
        return "the first process of this system"
    # kthreadd is pid 2, but in a container pid 2 is anybody: kernel threads have no arguments.
    if 2 in (target.pid, target.ppid) and not target.argv:  # noqa: PLR2004
        return "a kernel thread"
    if target.key in viewer.line:
        return "devports itself or one of the processes it runs in"
    if target.name in PROTECTED_NAMES or program(target) in PROTECTED_NAMES:
        return "a process that the system, the session or the editor needs"
    if target.exe.startswith(("/System/", "/usr/libexec/")):
        return "part of the operating system"
    if any(folder in target.exe for folder in EDITOR_FOLDERS):
        return "a process that the editor needs"
    return ""


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


def strictest(top: Process, members: Sequence[Holder], viewer: Viewer, run: Run | None) -> Standing:
    """Return the standing of a whole family: what holds for one member holds for all."""
    found = [standing(top, viewer, run), *(standing(m.process, viewer, run) for m in members)]
    order = (Protected, Container, Supervised, OtherUser, Mine, Plain)
    return min(found, key=lambda item: order.index(type(item)))
