"""Containers behind a port: by whose engine it is published, as far as processes show it. Pure.

The process that listens is the engine's forwarder (or the engine): ending it leaves a container
that runs and cannot be reached, so it is never ended, and the container is stopped by its engine.
"""

from __future__ import annotations

from itertools import pairwise

from devports.core.number import LAST_PORT, decimal
from devports.core.options import values_of
from devports.core.program import base_name, program
from devports.core.standing import STOP_TIMEOUT
from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.model import Hidden, Process

ID_LENGTH = 64
"""Hex digits of a container's id: a sha256."""


class Published(Value):
    """A container that publishes a port, in the words of its engine.

    `identity`: its whole id. `stop_timeout`: seconds that its engine gives it to end.
    """

    engine: str
    name: str
    image: str
    identity: str
    stop_timeout: int = STOP_TIMEOUT


FORWARDERS = {
    "docker-proxy": "docker",
    "dockerd": "docker",  # newer engines listen for their containers themselves
    "rootlesskit": "docker",
    "rootlesskit-docker-proxy": "docker",
    "rootlesskit-doc": "docker",
    "com.docker.backend": "docker",
    "com.docker.proxy": "docker",
    "com.docker.vpnkit": "docker",
    "vpnkit": "docker",
    "vpnkit-bridge": "docker",
    "OrbStack": "docker",
    "OrbStack Helper": "docker",
    "limactl": "docker",
    "colima": "docker",
    "host-switch": "docker",  # Rancher Desktop
    "rootlessport": "podman",
    "rootlessport-child": "podman",
    "containers-root": "podman",
    "containers-rootlessport": "podman",
    "pasta": "podman",
    "pasta.avx2": "podman",
    "passt": "podman",
    "slirp4netns": "podman",
    "conmon": "podman",
    "gvproxy": "podman",
}
"""Programs that listen for containers, and the engine to ask about them. The kernel cuts names
after 15 characters (prctl(2), PR_SET_NAME)."""

FOLDERS = (
    "/Applications/Docker.app/",
    "/Applications/OrbStack.app/",
    "/Applications/Rancher Desktop.app/",
    "\\Docker\\Docker\\",
    "\\Rancher Desktop\\",
)
"""Where the desktop editions of docker's engine keep their programs."""

MACHINES = ("/.lima/", "/.colima/", "/_lima/")
"""Folders of virtual machines whose ports an ssh forwards: `ssh: .../ssh.sock [mux]`."""

UNITS = {
    "docker.service": "docker",
    "snap.docker.dockerd.service": "docker",
    "rootlesskit.service": "docker",
    "podman.service": "podman",
}
"""Services of engines. To stop one ends all its containers, so that is never the first advice."""

SCOPES = {"docker": "docker", "libpod": "podman", "cri-containerd": "kubernetes",
          "crio": "kubernetes"}  # fmt: skip
"""What the control group of a container begins with, by the runtime that names it."""


CONMON, SHIM = "conmon", "containerd-shim"
"""The monitors of containers: podman's, and how the names of containerd's begin
(``containerd-shim-runc-v2``)."""

NAMESPACES = {"moby": "docker", "k8s.io": "kubernetes"}
"""Who has which namespace of containerd, as its shim is told it; the others are nerdctl's
(github.com/containerd/containerd/blob/main/docs/namespaces.md)."""


def engine_of_process(process: Process) -> str:
    """Return the engine whose forwarder a process is; empty if it is none."""
    for name in _names(process):
        if name in FORWARDERS:
            return FORWARDERS[name]
    if any(folder in process.exe for folder in FOLDERS) or _is_machine_mux(process):
        return "docker"
    return ""


def _names(process: Process) -> tuple[str, ...]:
    """Return what a process calls itself, what was executed, and as what it was called."""
    return (process.name, program(process), *map(base_name, process.argv[:1]))


def is_monitor(process: Process) -> bool:
    """Say whether an engine has this above the processes of a container: all below it are inside.

    Told by names alone, which may be anybody's: that only takes away.
    """
    return any(name == CONMON or name.startswith(SHIM) for name in _names(process))


def monitored(monitor: Process) -> tuple[str, str, str]:
    """Return engine, id and name of a monitor's container, by its words; empty what they lack.

    conmon(8) has ``-c ID -n NAME``, a shim ``-namespace NAMESPACE -id ID``
    (github.com/containerd/containerd/blob/main/core/runtime/v2/README.md). One shim of kubernetes
    has all containers of a pod, and the id of that.
    """
    if CONMON in _names(monitor):
        engine, names = "podman", values_of(monitor.argv, "-n", "--name")
        ids = values_of(monitor.argv, "-c", "--cid")
    else:
        namespaces = values_of(monitor.argv, "-namespace", "--namespace")
        engine, names = NAMESPACES.get("".join(namespaces[:1]), "nerdctl"), ()
        ids = () if engine == "kubernetes" else values_of(monitor.argv, "-id", "--id")
    return engine, next(filter(is_identity, ids), ""), next(filter(is_name, names), "")


def _is_machine_mux(process: Process) -> bool:
    """Say whether this is the ssh of lima (colima, Rancher) that carries a machine's ports."""
    words = " ".join(process.argv[:4])
    named = program(process) == "ssh" or words.startswith("ssh: ")
    return named and any(folder in words for folder in MACHINES)


def container_of(cgroup: str) -> tuple[str, str] | None:
    """Return engine and id of the container whose control group this is, if it is one's.

    systemd names it ``docker-<id>.scope`` or ``libpod-<id>.scope``; without systemd the folder
    ``/docker/<id>`` does it. podman keeps a group of its own inside (``.../container``).
    """
    parts = cgroup.split("/")
    for at, part in enumerate(parts):
        runtime, _, rest = part.removesuffix(".scope").rpartition("-")
        above = parts[at - 1] if at else ""
        engine = SCOPES.get(runtime) or (SCOPES.get(above) if not runtime else None)
        if engine and is_identity(rest):
            return engine, rest
    return None


def is_identity(text: str) -> bool:
    return len(text) == ID_LENGTH and all(char in "0123456789abcdef" for char in text)


def is_name(text: str) -> bool:
    """Say whether an engine gives such a name, which in a command is never taken for an option."""
    return text[:1].isalnum()


def engine_of(hidden: Hidden, port: int) -> str:
    """Return the engine behind a socket whose process could not be read; empty if none is seen.

    A forwarder of docker is root's: its descriptors cannot be read, and its control group is that
    of the engine. Its words can, and tell the port.
    """
    for process in hidden.likely:
        if port in forwarded(process.argv):
            return engine_of_process(process)
    if hidden.unit in UNITS:
        return UNITS[hidden.unit]
    known = {engine_of_process(process) for process in hidden.likely}
    return known.pop() if len(known) == 1 else ""


def forwarded(argv: tuple[str, ...]) -> set[int]:
    """Return the port that the words of a docker-proxy name (``-host-port 8000``), as a set."""
    if not argv or base_name(argv[0]) not in ("docker-proxy", "rootlesskit-docker-proxy"):
        return set()
    words = (value for key, value in pairwise(argv) if key == "-host-port")
    return {port for word in words if (port := decimal(word, LAST_PORT)) is not None}
