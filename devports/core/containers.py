"""Containers behind a port: in holders, in a stop plan, in the answers of engines. Pure.

The process that listens is the engine's forwarder (or the engine): stopping it would leave a
running container that cannot be reached, so the engine stops the container instead. A forwarder
does not name its container: the engine does, through a function of the caller. Each answer is
compared with the port again: the filter of docker before 20.10 matched the port inside
(github.com/moby/moby/issues/40405), and podman has none.
"""

from __future__ import annotations

from itertools import pairwise

from devports.core.command_line import base_name, program, values_of
from devports.core.holder_kind import SHORT_ID, STOP_TIMEOUT, Container, SupervisedService
from devports.core.model import WILDCARDS, Endpoint, HiddenSocket, Holder, HolderSearch, Process
from devports.core.text import LAST_PORT, decimal, quote
from devports.core.value import Frozen
from devports.core.verdict import plain_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from devports.core.holder_kind import CurrentUser
    from devports.core.stop_plan import StopTarget

    Named = Callable[[Container, Endpoint], Container]


ID_LENGTH = 64
"""Hex digits of a container id: a sha256."""


class Published(Frozen):
    """A container that publishes a port, by the answer of its engine.

    `identity`: its whole id. `addresses`: of this machine, where it publishes the port; empty text
    is every address. `pod`: the id of its pod.
    """

    engine: str
    name: str
    image: str
    identity: str
    addresses: tuple[str, ...] = ()
    pod: str = ""


FORWARDERS = dict.fromkeys(
    [
        "OrbStack Helper",
        *"docker-proxy rootlesskit rootlesskit-docker-proxy rootlesskit-doc com.docker.backend"
        " com.docker.proxy com.docker.vpnkit vpnkit vpnkit-bridge OrbStack limactl colima"
        " dockerd"  # newer engines listen for their containers themselves
        " host-switch".split(),  # Rancher Desktop
    ],
    "docker",
) | dict.fromkeys(
    "rootlessport rootlessport-child containers-root containers-rootlessport pasta pasta.avx2"
    " passt slirp4netns conmon gvproxy".split(),
    "podman",
)
"""Programs that listen for containers, with their engine. The kernel cuts names after 15 characters
(prctl(2), PR_SET_NAME)."""

FOLDERS = (
    "/Applications/Docker.app/",
    "/Applications/OrbStack.app/",
    "/Applications/Rancher Desktop.app/",
    "\\Docker\\Docker\\",
    "\\Rancher Desktop\\",
)
"""Folders of the programs of docker's desktop editions."""

MACHINES = ("/.lima/", "/.colima/", "/_lima/")
"""Folders of virtual machines whose ports an ssh forwards: `ssh: .../ssh.sock [mux]`."""

UNITS = {
    "docker.service": "docker",
    "snap.docker.dockerd.service": "docker",
    "rootlesskit.service": "docker",
    "podman.service": "podman",
}
"""Services of engines. Stopping one stops all its containers, so that is never the first remedy."""

SCOPES = {"docker": "docker", "libpod": "podman", "cri-containerd": "kubernetes",
          "crio": "kubernetes"}  # fmt: skip
"""Prefixes of a container's control group, with the engine."""


CONMON, SHIM = "conmon", "containerd-shim"
"""The monitors of containers: podman's, and the prefix of containerd's
(``containerd-shim-runc-v2``)."""

NAMESPACES = {"moby": "docker", "k8s.io": "kubernetes"}
"""Namespaces of containerd, as in a shim's arguments, with the engine; the others are nerdctl's
(github.com/containerd/containerd/blob/main/docs/namespaces.md)."""


def engine_of_process(process: Process) -> str:
    """Return the engine whose forwarder a process is; empty if it is none."""
    named = next((FORWARDERS[name] for name in _names(process) if name in FORWARDERS), "")
    desktop = any(folder in process.exe for folder in FOLDERS) or _is_machine_mux(process)
    return named or ("docker" if desktop else "")


def _names(process: Process) -> tuple[str, ...]:
    """Return the name of a process, of its executable, and of its first argument."""
    return (process.name, program(process), *map(base_name, process.argv[:1]))


def is_monitor(process: Process) -> bool:
    """Return whether this is the monitor of a container: its descendants run in the container.

    Only names are compared, which any process can choose: they only forbid.
    """
    return any(name == CONMON or name.startswith(SHIM) for name in _names(process))


def monitored_container(monitor: Process) -> tuple[str, str, str]:
    """Return engine, id and name of a monitor's container, by its arguments; empty where unknown.

    conmon(8) has ``-c ID -n NAME``, a shim ``-namespace NAMESPACE -id ID``
    (github.com/containerd/containerd/blob/main/core/runtime/v2/README.md). One shim of kubernetes
    serves all containers of a pod, with the id of the pod.
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
    """Return whether this is the ssh of lima (colima, Rancher) that forwards a machine's ports."""
    words = " ".join(process.argv[:4])
    named = program(process) == "ssh" or words.startswith("ssh: ")
    return named and any(folder in words for folder in MACHINES)


def container_of(cgroup: str) -> tuple[str, str] | None:
    """Return engine and id of the container with this control group; None for another group.

    systemd names it ``docker-<id>.scope`` or ``libpod-<id>.scope``; without systemd it is the
    folder ``/docker/<id>``. podman has a group of its own inside (``.../container``).
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
    """Return whether it is a container name, which a command never takes for an option."""
    return text[:1].isalnum()


def engine_of(hidden: HiddenSocket, port: int) -> str:
    """Return the engine behind a socket whose process could not be read; empty if none is found.

    A forwarder of docker belongs to root: its descriptors cannot be read, and its control group is
    that of the engine. Its arguments can be read, and name the port.
    """
    for process in hidden.likely:
        if port in forwarded(process.argv):
            return engine_of_process(process)
    if hidden.unit in UNITS:
        return UNITS[hidden.unit]
    known = {engine_of_process(process) for process in hidden.likely}
    return known.pop() if len(known) == 1 else ""


PROXIES = ("docker-proxy", "rootlesskit-docker-proxy")


def forwarded(argv: tuple[str, ...]) -> set[int]:
    """Return the port in the arguments of a docker-proxy (``-host-port 8000``), as a set."""
    if not argv or base_name(argv[0]) not in PROXIES:
        return set()
    words = (value for key, value in pairwise(argv) if key == "-host-port")
    return {port for word in words if (port := decimal(word, LAST_PORT)) is not None}


def engine_not_asked(container: Container, _: Endpoint) -> Container:
    """Return the container as it is; no engine is asked."""
    return container


def with_forwarders(holding: HolderSearch) -> HolderSearch:
    """Return a search in which hidden forwarders are holders like others.

    They are not proven holders, which is safe: a forwarder is never signalled.
    """
    found = [(hidden, forwarder_of(hidden)) for hidden in holding.hidden]
    more = [Holder(it, (hidden.socket.inode,)) for hidden, it in found if it is not None]
    left = tuple(hidden for hidden, it in found if it is None)
    return holding.replace(holders=(*holding.holders, *more), hidden=left) if more else holding


def forwarder_of(hidden: HiddenSocket) -> Process | None:
    """Return the process that forwards a hidden socket, if one is found.

    A socket has the uid of its creator, so a process of another user is never taken for it.
    """
    local = hidden.socket.local
    engine = engine_of(hidden, local.port)
    fit = [p for p in hidden.likely if p.uid == hidden.socket.uid and engine_of_process(p)]
    named = [process for process in fit if local.port in forwarded(process.argv)]
    here = [p for p in named if ("-host-ip", local.address) in pairwise(p.argv)]
    return next((process for process in (*here, *named, *fit) if engine), None)


def with_containers(
    plan: Sequence[StopTarget], ends: Mapping[int, Endpoint], viewer: CurrentUser, named: Named
) -> tuple[StopTarget, ...]:
    """Return a stop plan with the containers of its forwarders, one target for each container.

    Docker starts two forwarders for one port, on IPv4 and IPv6; its desktop editions have one
    process for all ports of all containers.

    Args:
        plan: what has to stop.
        ends: the local end of each socket in question, by inode.
        viewer: the user that asks the engine.
        named: returns a container with its engine's answer about an address.
    """
    found: dict[object, StopTarget] = {}
    for target in plan:
        for key, part in _parts(target, ends, viewer, named):
            known = found.get(key)
            found[key] = (
                part
                if known is None
                else part.replace(process=known.process, members=(*known.members, *part.members))
            )
    return tuple(found.values())


def _parts(
    target: StopTarget, ends: Mapping[int, Endpoint], viewer: CurrentUser, named: Named
) -> Iterator[tuple[object, StopTarget]]:
    """Yield a target as it is, or one for each forwarded end; each with the key that merges it."""
    known, uid = target.kind, target.process.uid
    if not isinstance(known, Container):
        yield target.process.key, target
        return
    if known.engine_answer == "inside":
        found = named(known, NOWHERE)
        inside = (known.engine, known.identity)
        yield (
            inside if found.can_stop else target.process.key,
            target.replace(kind=_kind(found, viewer)),
        )
        return
    inodes = [inode for member in target.members for inode in member.inodes]
    for end in dict.fromkeys(ends.get(inode, NOWHERE) for inode in inodes):
        own = known.engine, uid
        container = named(known, end) if _is_reachable(*own, viewer) else known
        holders = (m.replace(inodes=tuple(i for i in m.inodes if ends.get(i, NOWHERE) == end))
                   for m in target.members)  # fmt: skip
        members = tuple(member for member in holders if member.inodes)
        key = (*own, container.identity if container.can_stop else end.port)
        yield key, target.replace(kind=_kind(container, viewer), members=members)


NOWHERE = Endpoint("", 0)
"""The local end of a socket that is not in question."""


def _kind(container: Container, viewer: CurrentUser) -> Container | SupervisedService:
    """Return a container, or the service of a supervisor that would start the next one."""
    by, name = container.supervisor
    if by == SWARM:
        return SupervisedService(by, name, f"docker service scale {quote(f'{name}=0')}")
    if by:
        stop = "sudo systemctl stop" if viewer.uid == 0 else "systemctl --user stop"
        return SupervisedService(by, name, f"{stop} {quote(name)}")
    return container


def _is_reachable(engine: str, uid: int, viewer: CurrentUser) -> bool:
    """Return whether the engine that devports can ask is the one of this forwarder.

    podman knows the containers of its caller only, and so does docker where it runs without root.
    """
    return uid == viewer.uid or (engine == "docker" and uid == 0)


FORMAT = "{{.ID}}\t{{.Names}}\t{{.Image}}\t{{.Ports}}"
"""For docker. Not `{{json .}}`: that computes the size of every container, which takes seconds."""
FIELDS = 4
SWARM = "docker swarm"
LABELS = {"com.docker.swarm.service.name": SWARM, "PODMAN_SYSTEMD_UNIT": "systemd"}
"""Labels of containers that are started again, with the supervisor (docs.docker.com/engine/swarm,
podman-generate-systemd(1), podman-systemd.unit(5)): their value is the name there."""
DETAILS = "\t".join(
    ("{{.Config.StopTimeout}}", "{{.Name}}", "{{.Config.Image}}",
     *(f'{{{{index .Config.Labels "{label}"}}}}' for label in LABELS))
)  # fmt: skip
"""For `inspect` of both engines (docs.docker.com/reference/api/engine, podman-inspect(1))."""
LONGEST_STOP = 3600
"""Seconds to wait for a container at most: some have no limit."""


def docker(raw: bytes, port: int) -> tuple[Published, ...]:
    """Return the containers that publish a TCP port, from lines in `FORMAT`."""
    rows = [line.split("\t") for line in raw.decode("utf-8", "replace").splitlines()]
    return tuple(
        Published("docker", name, image, identity, addresses)
        for identity, names, image, ports in (row for row in rows if len(row) == FIELDS)
        if is_identity(identity) and (addresses := docker_addresses(ports, port))
        for name in (_own_name(names),)
        if is_name(name)
    )


def _own_name(names: str) -> str:
    """Return the container's own name among its links: ``web/db,db`` (docker-run(1))."""
    return next((name for name in names.split(",") if "/" not in name), names)


def docker_addresses(text: str, port: int) -> tuple[str, ...]:
    """Return the host's addresses that have a TCP port, of ``0.0.0.0:8000->80/tcp, 443/tcp``.

    A range is ``[::]:90-91->80-81/tcp``; older versions write IPv6 without brackets.
    """
    found: list[str] = []
    for part in text.split(", "):
        outside, arrow, inside = part.partition("->")
        address, _, ports = outside.rpartition(":")
        first, _, last = ports.partition("-")
        if arrow and inside.endswith("/tcp") and port in _span(first, last or first):
            found.append(address.removeprefix("[").removesuffix("]"))
    return tuple(found)


def _span(first: str, last: str) -> range:
    begin, end = decimal(first, LAST_PORT), decimal(last, LAST_PORT)
    return range(0) if begin is None or end is None else range(begin, end + 1)


def podman(raw: bytes, port: int) -> tuple[Published, ...] | None:
    """Return the containers that publish a TCP port, from ``--format json``; None if invalid."""
    import json  # only where podman forwards

    try:
        rows = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(rows, list):
        return None
    return tuple(_podman(rows, port))


def _podman(rows: Iterable[Any], port: int) -> Iterator[Published]:
    for row in rows:
        facts = row if isinstance(row, dict) else {}
        identity, image, names = facts.get("Id"), facts.get("Image"), facts.get("Names")
        name = names[0] if isinstance(names, list) and names else names
        if not (isinstance(identity, str) and isinstance(name, str)):
            continue
        if not (is_identity(identity) and is_name(name)):
            continue
        entries = [entry for entry in _list(facts.get("Ports")) if port in _mapped(entry)]
        if entries:
            addresses = tuple(_text(entry.get("host_ip")) for entry in entries)
            pod = _text(facts.get("Pod"))
            pod = pod if is_identity(pod) else ""
            yield Published("podman", name, _text(image), identity, addresses, pod)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapped(entry: Any) -> range:
    """Return the host's ports of one mapping: ``range`` ports from ``host_port``."""
    facts = entry if isinstance(entry, dict) else {}
    first, number = facts.get("host_port"), facts.get("range", 1)
    if facts.get("protocol", "tcp") != "tcp" or type(first) is not int or type(number) is not int:
        return range(0)
    return range(first, first + max(number, 1))


def behind(found: Sequence[Published], end: Endpoint, identity: str) -> tuple[Published, ...]:
    """Return the containers behind a forwarder's socket, of all that publish its port.

    The one that its monitor names; else those that publish exactly its address; else those that
    publish every address, or any where the socket is bound to every address.
    """
    address = plain_address(end.address)
    own = [each for each in found if each.identity == identity]
    exact = [each for each in found if address in map(plain_address, each.addresses)]
    anywhere = ("", *WILDCARDS)
    wide = [each for each in found if address in anywhere or {*each.addresses} & {*anywhere}]
    return tuple(own or exact or wide)


def answered(container: Container, found: Sequence[Published]) -> Container:
    """Return a container with its engine's answer: what is `behind` its socket."""
    pods = {each.pod for each in found}
    if not found:
        return container.replace(engine_answer="none")
    one = found[0]
    if len(pods) == 1 and one.pod:
        return container.replace(engine_answer="pod", name=one.pod[:SHORT_ID], identity=one.pod)
    if len(found) > 1:
        names = tuple((each.name, ", ".join(each.addresses)) for each in found)
        return container.replace(engine_answer="several", names=names)
    return container.replace(
        engine_answer="one", name=one.name, image=one.image, identity=one.identity
    )


def detailed(container: Container, lines: Sequence[str]) -> Container:
    """Return a container with its engine's answer to `DETAILS`, a line for each of its containers.

    A process inside a container is its engine's to stop if the engine knows that container.
    """
    rows = [line.split("\t") for line in lines]
    whole = [row for row in rows if len(row) == DETAILS.count("\t") + 1]
    supervisors = ((by, row[at]) for row in whole for at, by in enumerate(LABELS.values(), 3))
    changed = container.replace(
        stop_timeout=max((stop_timeout(row[0]) for row in rows), default=STOP_TIMEOUT),
        supervisor=next((found for found in supervisors if is_name(found[1])), ("", "")),
    )
    if container.engine_answer != "inside" or len(whole) != 1:
        return changed
    name = whole[0][1].removeprefix("/")
    if not is_name(name):
        return changed
    return changed.replace(name=name, image=whole[0][2], confirmed=True)


def stop_timeout(text: str) -> int:
    """Return the seconds of a container's own stop timeout, else the default.

    docker prints ``<nil>`` for a container without a timeout of its own, and -1 for no limit.
    """
    text = text.strip()
    if not (text.isascii() and text.removeprefix("-").isdecimal()):
        return STOP_TIMEOUT
    seconds = decimal(text, LONGEST_STOP)
    return LONGEST_STOP if seconds is None else seconds
