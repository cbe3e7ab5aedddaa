"""What to do about a port that a container has: by its engine, never by a signal.

Sources: docker-ps(1), docker-stop(1), podman-ps(1), podman-pod-stop(1), crictl(1), systemctl(1).
"""

from __future__ import annotations

from devports.core.containers import container_of, is_monitor
from devports.core.judging import unit_of
from devports.core.quoting import quote
from devports.core.remedy.case import Remedy
from devports.core.standing import SHORT_ID, Container
from devports.core.value import unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.core.model import Process
    from devports.core.plan import Target
    from devports.core.remedy.case import Case


def container(case: Case, target: Target, it: Container) -> Iterator[Remedy]:
    """Yield what stops the container behind a target, as far as its engine has named it."""
    process = target.process
    match it.said:
        case "one":
            of = f" ({it.image})" if it.image else ""
            yield Remedy(f"stops the container that publishes the port: {it.name}{of}", it.stop)
        case "several":
            yield Remedy("shows on which address each of them publishes it", asking(case, it))
            for name in it.names:
                yield Remedy("stops one of them", f"{it.engine} stop {quote(name)}")
            if it.engine == "podman":
                yield Remedy("where they are one pod: stops that", "podman pod stop POD")
        case "none":
            yield from _stale(case, process, it)
        case "inside":
            yield from _inside(case, target, it)
        case "unasked" | "silent" | "missing":
            where = f": {it.engine} is not on PATH here" if it.said == "missing" else ""
            ask = f"names the container that publishes the port{where}"
            yield _by_owner(case, process, ask, asking(case, it))
            stop = "stops that container; ending its forwarder would break it"
            yield _by_owner(case, process, stop, f"{it.engine} stop NAME")
        case _:
            unreachable(it.said)


def asking(case: Case, it: Container) -> str:
    """Return the question to the engine; docker has a filter for ports, podman has none."""
    return "podman ps" if it.engine == "podman" else f"docker ps --filter publish={case.port}"


def _by_owner(case: Case, process: Process, title: str, command: str) -> Remedy:
    """Return a command for whoever owns the engine: its forwarder runs as that user."""
    viewer = case.viewer
    if viewer is None or process.uid == viewer.uid or case.platform == "win32":
        return Remedy(title, command)
    if process.uid == 0:
        return case.root(title, command)
    # A login, since the engine of a user is reached by what that sets (DOCKER_HOST, XDG_...).
    return Remedy(title, f"sudo -iu {quote(process.user)} {command}", needs_root=not case.is_root)


def _stale(case: Case, process: Process, it: Container) -> Iterator[Remedy]:
    """Yield what is left where the engine has forgotten that its forwarder runs."""
    yield _by_owner(case, process, "asks the engine again for the container", asking(case, it))
    if it.engine == "podman":  # there is no service to restart
        title = "last resort: ends the forwarder; a container that needs it would lose its port"
        yield _by_owner(case, process, title, f"kill -TERM {process.pid}")
        return
    title = "last resort: restarts the engine, which ends all its containers"
    unit = unit_of(process.cgroup)
    if case.platform != "linux":
        yield Remedy(f"{title}: quit Docker Desktop (or what runs it here) and start it again")
    elif unit is not None and unit.stop.startswith("systemctl --user"):
        yield Remedy(title, f"systemctl --user restart {quote(unit.unit)}")
    else:
        name = "docker" if unit is None else quote(unit.unit)
        yield case.root(title, f"systemctl restart {name}")


def _inside(case: Case, target: Target, it: Container) -> Iterator[Remedy]:
    parents = (parent for member in target.members for parent in member.ancestors)
    monitor = next(filter(is_monitor, parents), None)
    if not it.name:
        owner = monitor or target.process
        yield _by_owner(case, owner, "names the containers that run", f"{it.tool} ps")
        yield _by_owner(case, owner, "stops the one that it runs in", f"{it.tool} stop NAME")
        return
    if it.engine == "kubernetes":
        yield case.root("names the container and its pod", f"crictl ps --id {quote(it.name)}")
        yield Remedy("then delete that pod, or what owns it, by kubectl: that ends it for good")
        yield case.root("ends it, until its kubelet starts it again", it.stop)
        return
    title = "stops the container that it runs in"
    if it.engine != "docker" and monitor is not None:
        yield _by_owner(case, monitor, title, it.stop)
        return
    # Without root podman's groups are below user@UID.service, and docker's socket decides itself.
    rooted = it.engine == "podman" and "/user@" not in target.process.cgroup
    yield case.root(title, it.stop) if rooted else Remedy(title, it.stop)


def hidden_container(case: Case, cgroup: str) -> Iterator[Remedy]:
    """Yield what stops a container of which nothing but its control group is known."""
    found = container_of(cgroup)
    if found is not None:
        engine, identity = found
        stop = Container(engine, identity[:SHORT_ID]).stop
        yield case.root("stops the container that the socket was made in", stop)
