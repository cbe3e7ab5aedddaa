"""Commands that a person can run manually, safest first, on this operating system.

No command stops a process that is only a client, and none sends SIGKILL before SIGTERM; a container
is stopped by its engine, never by a signal. Sources of the commands: ss(8), sysctl(8), setcap(8),
systemctl(1), launchctl(1), lsof(8), netstat(1), ssh(1), `netsh int ipv4`, `netsh http`,
docker-ps(1), docker-stop(1), podman-ps(1), podman-pod-stop(1), crictl(1).
"""

from __future__ import annotations

from devports.core.checkout import no_checkout
from devports.core.classify import cancel, is_session, master_exit, of_user, unit_of
from devports.core.command_line import program
from devports.core.containers import (
    container_of,
    engine_not_asked,
    engine_of,
    is_monitor,
    with_containers,
    with_forwarders,
)
from devports.core.hint import OwnCommand, own_command
from devports.core.holder_kind import (
    SHORT_ID,
    Container,
    CurrentUser,
    OtherCheckout,
    Protected,
    SupervisedService,
    Tunnel,
    run_target,
)
from devports.core.model import LOOPBACK, PRIVILEGED, Endpoint
from devports.core.protected import EDITOR, SHELL
from devports.core.stop_plan import no_run, targets
from devports.core.text import LAST_PORT, quote
from devports.core.value import Frozen, unreachable
from devports.core.verdict import (
    DEFAULT_EPHEMERAL,
    Free,
    Held,
    HolderUnknown,
    LingeringConnections,
    LocalhostConflict,
    NotLocal,
    NotPermitted,
    OutgoingConnection,
    Unconfirmed,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from devports.core.checkout import ElsewhereOf
    from devports.core.containers import Named
    from devports.core.model import HiddenSocket, Holder, HolderSearch, Platform, Process, Socket
    from devports.core.stop_plan import RunOf, StopTarget
    from devports.core.verdict import Verdict


class Remedy(Frozen):
    """One remedy: its purpose, and the command to copy. Without a command it is advice.

    `needs_root`: it needs more rights than the current user has.
    """

    title: str
    command: str | OwnCommand = ""
    needs_root: bool = False


class RemedyContext(Frozen):
    """What remedies depend on, besides the verdict.

    Attributes:
        endpoint: the address that the server has to bind.
        platform: as in sys.platform.
        service: with this port; empty without one.
        typed: the target of a command; empty: the service, or else the port.
        viewer: the current user. None: protected processes are unknown, so no command stops
            anything.
        find_run: finds the live `devports run` of a process.
        elsewhere_of: finds the other checkout or project of a process.
        named: finds the container behind a forwarder.
        ephemeral: first and last port of the range for outgoing connections.
        ignored: pids of processes that did not exit when they were stopped.
        shared: whether all checkouts of the repository have this port.
    """

    endpoint: Endpoint
    holding: HolderSearch
    platform: Platform
    service: str = ""
    typed: str = ""
    viewer: CurrentUser | None = None
    find_run: RunOf = no_run
    elsewhere_of: ElsewhereOf = no_checkout
    named: Named = engine_not_asked
    ephemeral: tuple[int, int] = DEFAULT_EPHEMERAL
    ignored: tuple[int, ...] = ()
    shared: bool = False

    @property
    def port(self) -> int:
        return self.endpoint.port

    @property
    def target(self) -> str:
        """The target of a devports command for the port."""
        return self.typed or self.service or str(self.port)

    @property
    def is_root(self) -> bool:
        return self.viewer is not None and self.viewer.uid == 0

    def outgoing(self, port: int) -> bool:
        """Return whether outgoing connections get this port."""
        low, high = self.ephemeral
        return low <= port <= high

    def root(self, title: str, command: str | OwnCommand) -> Remedy:
        """Return a command for root, or on Windows for an elevated terminal."""
        if self.platform == "win32":
            return Remedy(f"{title} (as administrator)", command)
        if self.is_root:
            return Remedy(title, command)
        by_sudo = f"sudo {command}" if isinstance(command, str) else command.replace(sudo=True)
        return Remedy(title, by_sudo, needs_root=True)

    def wait(self, title: str) -> Remedy:
        return Remedy(title, own_command("check", self.target))

    def elsewhere(self, title: str, port: int) -> Remedy:
        """Return the remedy that always works: another port."""
        if self.service:
            return Remedy(title, own_command("run", self.service, "--port", str(port)))
        return Remedy(f"{title}, for example {port}")


def remedies(verdict: Verdict, case: RemedyContext) -> tuple[Remedy, ...]:
    """Return the remedies for an endpoint, the safest first; none for a free one."""
    match verdict:
        case Free() | Unconfirmed():
            return ()
        case Held(sockets=sockets):
            found = held(case, sockets)
        case OutgoingConnection():
            found = client(case)
        case LingeringConnections():
            found = lingering(case, verdict)
        case LocalhostConflict(sockets=sockets):
            found = shadowed(case, sockets)
        case HolderUnknown():
            found = unexplained(case)
        case NotPermitted():
            found = forbidden(case)
        case NotLocal():
            found = not_local(case)
        case _:
            unreachable(verdict)
    return tuple(dict.fromkeys(found))


HTTP_SYS = (0, 4)
"""The pids of the kernel on Windows; http.sys listens for other programs there."""

UNKNOWN_USER = CurrentUser(-1, -1)
NEVER_STOPPED_KINDS = (Protected, SupervisedService)


def held(case: RemedyContext, sockets: Sequence[Socket]) -> Iterator[Remedy]:
    holding = with_forwarders(case.holding)
    windows = case.platform == "win32"
    kernel = [h for h in holding.holders if windows and h.process.pid in HTTP_SYS]
    plan = _plan(case, sockets, [h for h in holding.holders if h not in kernel])
    killable = tuple(t for t in plan if _may_be_signalled(t))
    if case.platform == "darwin" and any(socket.state == "BOUND" for socket in sockets):
        yield case.wait(
            "a Python server may look like this for up to 35 s while it starts; check again then"
        )
    if any(_is_guarded(t) for t in plan):
        yield from _beside_checkout(case, plan)
    yield from _devports_first(case, plan, holding.hidden)
    for target in plan:
        yield from _own_stop(case, target)
    for hidden in holding.hidden:
        yield from _hidden_stop(case, hidden)
    engine_not_asked = [t.process for t in killable if t.process.pid not in case.ignored]
    if case.viewer is not None and engine_not_asked:
        yield _signal(case, killable, "TERM", engine_not_asked)
    if kernel:
        yield from http_sys(case)
    if holding.hidden or not holding.holders:
        yield from look(case, "show the holder (root sees processes of other users)")
    if case.viewer is not None and killable:
        members = [member.process for target in killable for member in target.members]
        yield _signal(case, killable, "KILL", [*(t.process for t in killable), *members])


def _plan(
    case: RemedyContext, sockets: Sequence[Socket], people: Sequence[Holder]
) -> tuple[StopTarget, ...]:
    viewer = case.viewer or UNKNOWN_USER
    plan = targets(people, viewer, case.find_run, case.elsewhere_of)
    return with_containers(plan, {s.inode: s.local for s in sockets}, viewer, case.named)


def _may_be_signalled(target: StopTarget) -> bool:
    """Return whether a printed command may signal it: what is printed gets copied."""
    return not isinstance(target.kind, (*NEVER_STOPPED_KINDS, Container)) and not _is_guarded(
        target
    )


def _is_guarded(target: StopTarget) -> bool:
    return isinstance(target.kind, OtherCheckout) and target.kind.is_guarded


def _beside_checkout(case: RemedyContext, plan: Sequence[StopTarget]) -> Iterator[Remedy]:
    """Yield the ways to start a service beside the same one of another checkout."""
    kinds = [target.kind for target in plan]
    siblings = any(isinstance(it, OtherCheckout) and it.relation == "sibling" for it in kinds)
    if siblings and case.shared:
        key = f'`port_per = "worktree"` in `[services.{case.service}]`'
        yield Remedy(f"for a port of its own in every checkout, set {key}")
    if case.service:
        again = own_command("run", case.service, "--on-conflict", "next")
        yield Remedy("use another port, this once", again)


def _devports_first(
    case: RemedyContext, plan: Sequence[StopTarget], hidden: Sequence[HiddenSocket]
) -> Iterator[Remedy]:
    """Yield the devports command, where it can stop more than was stopped."""
    foreign = _foreign(case, [target for target in plan if _is_for_root(target)])
    if any(_is_guarded(target) for target in plan):
        return
    if plan and all(map(_can_end, plan)) and not foreign and not hidden:
        yield Remedy("stop the holder (asks first)", own_command("free", case.target))
    elif foreign or (case.platform != "win32" and any(_may_be_ended(case, h) for h in hidden)):
        yield case.root("stop the holder (asks first)", own_command("free", case.target))


def _may_be_ended(case: RemedyContext, hidden: HiddenSocket) -> bool:
    """Return whether root may stop it with devports: no service, and no process in a container."""
    known = unit_of(hidden.cgroup) is not None or container_of(hidden.cgroup) is not None
    return not known or engine_of(hidden, case.port) != ""


def _can_end(target: StopTarget) -> bool:
    """Return whether it may be stopped at all, by a user with the rights."""
    it = target.kind
    return it.can_stop if isinstance(it, Container) else not isinstance(it, NEVER_STOPPED_KINDS)


def _is_for_root(target: StopTarget) -> bool:
    """Return whether root can stop more: a user's process, or a container of its own engine."""
    if isinstance(target.kind, Container):
        return target.kind.engine_answer in ("unasked", "silent") and target.process.uid == 0
    return _can_end(target)


def _foreign(case: RemedyContext, killable: Sequence[StopTarget]) -> bool:
    """Return whether some of it belongs to a user whose processes the viewer may not signal."""
    return case.viewer is not None and not all(_own(case, t.process.uid) for t in killable)


def _own(case: RemedyContext, uid: int | None) -> bool:
    return case.viewer is not None and uid in (case.viewer.uid, case.viewer.user_uid)


def _own_stop(case: RemedyContext, target: StopTarget) -> Iterator[Remedy]:
    match target.kind:
        case SupervisedService(by=by, unit=unit, stop=stop):
            does = "stop it there" if unit else "find its name there, then stop it"
            yield _stop(case, f"{by} may restart it; {does}", stop)
        case Tunnel(stop=stop) if stop:
            yield Remedy("close the tunnel", stop)
        case OtherCheckout(is_guarded=True, run=run, there=there):
            folder, what = (
                (run.project, run_target(run.service)) if run else (there.folder, str(case.port))
            )
            title = "stop it where it was started"
            yield Remedy(title, f"cd {quote(folder)} && devports free {quote(what)}")
        case Container() as it:
            yield from container(case, target, it)
        case Protected(reason=reason):
            yield from protected(case, target.process, reason)
        case _:
            return


def _stop(case: RemedyContext, title: str, stop: str) -> Remedy:
    bare = stop.removeprefix("sudo ")
    return case.root(title, bare) if stop != bare else Remedy(title, bare)


def _hidden_stop(case: RemedyContext, hidden: HiddenSocket) -> Iterator[Remedy]:
    unit = unit_of(hidden.cgroup)
    if engine := engine_of(hidden, case.port):
        # Stopping the engine's service would stop all its containers.
        it = Container(engine)
        yield case.root("find the container that publishes the port", _list_containers(case, it))
        yield case.root("stop that container", f"{engine} stop NAME")
    elif unit is not None and case.platform == "linux":
        whose = unit if _own(case, hidden.socket.uid) else of_user(unit, hidden.user)
        yield _stop(case, "stop the service that opened the socket", whose.stop)
    if found := container_of(hidden.cgroup):  # only its control group is known
        stop = Container(found[0], found[1][:SHORT_ID]).stop
        yield case.root("stop the container that opened the socket", stop)


def _signal(
    case: RemedyContext, killable: Sequence[StopTarget], name: str, processes: Sequence[Process]
) -> Remedy:
    kill = _taskkill if case.platform == "win32" else _kill
    title, command = kill(case, name, processes)
    return case.root(title, command) if _foreign(case, killable) else Remedy(title, command)


def _kill(case: RemedyContext, name: str, processes: Sequence[Process]) -> tuple[str, str]:
    when = "it ignored SIGTERM" if case.ignored else "if it does not exit"
    title = (
        "ask the process to exit"
        if name == "TERM"
        else f"last resort, {when}: kill it (unsaved data is lost)"
    )
    command = f"kill -{name} {_pids(processes)}"
    stopped = [process for process in processes if process.state == "T"]
    if name == "TERM" and stopped:
        title += "; it is suspended (Ctrl-Z) and must be continued first"
        command += f" && kill -CONT {_pids(stopped)}"
    return title, command


def _taskkill(_: RemedyContext, name: str, processes: Sequence[Process]) -> tuple[str, str]:
    """Return title and command for Windows; /T includes the children.

    Without /F it posts WM_CLOSE, which a console program does not get.
    """
    which = _pids(processes, "/PID ")
    if name == "TERM":
        title = "ask the process and its children to exit (console programs may ignore it)"
        return title, f"taskkill {which} /T"
    return "last resort: kill it and its children (unsaved data is lost)", f"taskkill {which} /T /F"


def _pids(processes: Iterable[Process], before: str = "") -> str:
    return " ".join(dict.fromkeys(f"{before}{process.pid}" for process in processes))


def client(case: RemedyContext) -> Iterator[Remedy]:
    yield case.wait("wait until the outgoing connection closes, then check again")
    yield Remedy("show the connection, to close it in its program", _seen_by(case))
    title, port = "use another port", common_port(case)
    if case.outgoing(case.port) and not case.outgoing(port):
        low, high = case.ephemeral
        title += f" outside {low}-{high} (the range for outgoing connections)"
    yield case.elsewhere(title, port)
    if case.platform == "linux":
        yield case.root(
            "exclude the port from the range for outgoing connections (replaces the current list)",
            f"sysctl -w net.ipv4.ip_local_reserved_ports={case.port}",
        )
    if case.platform == "win32":
        yield _reserve(case)


def _seen_by(case: RemedyContext) -> str:
    """Return the command that lists the sockets on a port; on Windows with the pid at the end."""
    if case.platform == "win32":
        return f"netstat -ano | findstr :{case.port}"
    if case.platform == "darwin":
        return f"lsof -nP -iTCP:{case.port}"
    return f"ss -tanp 'sport = :{case.port}'"


def _reserve(case: RemedyContext) -> Remedy:
    return case.root(
        "exclude the port from the range for outgoing connections",
        f"netsh int ipv4 add excludedportrange protocol=tcp startport={case.port} numberofports=1",
    )


def lingering(case: RemedyContext, verdict: LingeringConnections) -> Iterator[Remedy]:
    seconds = verdict.seconds
    until = "until its clients have closed the connections"
    if seconds is not None:
        until = f"{int(seconds) + 1} s for the kernel to drop the closed connections"
    if not verdict.blocking:
        yield Remedy("start the server now (servers that set SO_REUSEADDR are not affected)")
    yield case.wait(f"wait {until}, then check again")
    states = _destroyable(verdict.sockets)
    if case.platform == "linux" and verdict.blocking and states:
        yield case.root(
            "remove the closed connections (needs a kernel with INET_DIAG_DESTROY)",
            f"ss -K -t {states} 'sport = :{case.port}'",
        )
    if verdict.blocking:
        yield Remedy("to avoid this, let the server set SO_REUSEADDR")


def _destroyable(sockets: Sequence[Socket]) -> str:
    """Return the ss state filter for sockets without a process; others belong to a process."""
    states = (socket.state for socket in sockets if socket.inode == 0)
    names = {"TIME_WAIT": "time-wait", "FIN_WAIT1": "fin-wait-1", "FIN_WAIT2": "fin-wait-2",
             "LAST_ACK": "last-ack", "CLOSING": "closing"}  # fmt: skip
    return " ".join(f"state {names[state]}" for state in dict.fromkeys(states) if state in names)


def shadowed(case: RemedyContext, sockets: Sequence[Socket]) -> Iterator[Remedy]:
    address = case.endpoint.address
    here = Endpoint(LOOPBACK.get(address, address), case.port)
    yield Remedy(f"use http://{here} (`localhost` may reach the other server)")
    for sister in dict.fromkeys(str(socket.local) for socket in sockets):
        yield Remedy("show the other server", own_command("check", sister))
        yield Remedy("stop the other server (asks first)", own_command("free", sister))


def unexplained(case: RemedyContext) -> Iterator[Remedy]:
    yield case.wait("check again in a moment")
    yield from look(case, "show more, including sockets of other users")
    if case.platform == "darwin":
        yield Remedy("list the sockets that lsof does not show", "netstat -anv -p tcp")
    if case.platform == "win32":
        yield from http_sys(case)
        yield _excluded()
    yield case.elsewhere("use another port", next_port(case))


def _excluded() -> Remedy:
    command = "netsh int ipv4 show excludedportrange protocol=tcp"
    return Remedy("list the port ranges reserved by Windows", command)


def forbidden(case: RemedyContext) -> Iterator[Remedy]:
    yield case.elsewhere("use a port that any user may bind", common_port(case))
    if case.platform == "win32":
        yield _excluded()
        yield case.root("release port ranges reserved by Hyper-V, step 1", "net stop winnat")
        yield _reserve(case)
        yield case.root("release port ranges reserved by Hyper-V, step 2", "net start winnat")
    elif case.platform == "darwin":
        yield Remedy(
            "on macOS, bind the port on every address (no permission needed): host = "
            '"0.0.0.0", which the network can reach'
        )
    elif case.port < PRIVILEGED:
        setting = f"sysctl -w net.ipv4.ip_unprivileged_port_start={case.port}"
        yield case.root(
            "allow all users to bind ports from this one up (until the next boot)", setting
        )
        command = "setcap cap_net_bind_service=+ep PROGRAM"
        yield case.root(
            "allow one program to bind ports below 1024 (for a script, its interpreter)", command
        )
    else:
        command = "sysctl net.ipv4.ip_unprivileged_port_start"
        yield Remedy("show the first port that needs no permission", command)


def not_local(case: RemedyContext) -> Iterator[Remedy]:
    look = {"linux": "ip addr", "darwin": "ifconfig", "win32": "ipconfig"}
    yield Remedy("list the addresses of this machine", look[case.platform])
    yield Remedy('use one of them, or host = "127.0.0.1"')
    if case.platform == "darwin" and case.endpoint.address.startswith("127."):
        command = f"ifconfig lo0 alias {quote(case.endpoint.address)}"
        yield case.root("add the address (macOS has 127.0.0.1 only)", command)


def container(case: RemedyContext, target: StopTarget, it: Container) -> Iterator[Remedy]:
    """Yield the commands that stop the container behind a target, as far as its engine named it."""
    process = target.process
    match it.engine_answer:
        case "one":
            of = f" ({it.image})" if it.image else ""
            yield Remedy(f"stop the container that publishes the port: {it.name}{of}", it.stop)
        case "pod":
            yield Remedy("stop the pod that publishes the port", it.stop)
        case "several":
            yield Remedy("show which address each container publishes", _list_containers(case, it))
            for name, there in it.names:
                at = f" ({it.engine} publishes it on {there})" if there else ""
                yield Remedy(f"stop one of them{at}", f"{it.engine} stop {quote(name)}")
        case "none":
            yield from _stale(case, process, it)
        case "inside":
            yield from _inside(case, target, it)
        case "unasked" | "silent" | "missing":
            where = f" ({it.engine} is not on PATH)" if it.engine_answer == "missing" else ""
            ask = f"find the container that publishes the port{where}"
            yield _by_owner(case, process, ask, _list_containers(case, it))
            stop = "stop that container (not its forwarder)"
            yield _by_owner(case, process, stop, f"{it.engine} stop NAME")
        case _:
            unreachable(it.engine_answer)


def _list_containers(case: RemedyContext, it: Container) -> str:
    """Return the command that lists the containers; podman has no filter for ports."""
    return "podman ps" if it.engine == "podman" else f"docker ps --filter publish={case.port}"


def _by_owner(case: RemedyContext, process: Process, title: str, command: str) -> Remedy:
    """Return a command for the owner of the engine: its forwarder runs as that user."""
    viewer = case.viewer
    if viewer is None or process.uid == viewer.uid or case.platform == "win32":
        return Remedy(title, command)
    if process.uid == 0:
        return case.root(title, command)
    # A login shell, since it sets what reaches a user's engine (DOCKER_HOST, XDG_...).
    return Remedy(title, f"sudo -iu {quote(process.user)} {command}", needs_root=not case.is_root)


def _stale(case: RemedyContext, process: Process, it: Container) -> Iterator[Remedy]:
    """Yield the remedies where the engine has no container for a running forwarder."""
    yield _by_owner(case, process, "ask the engine again", _list_containers(case, it))
    if it.engine == "podman":  # there is no service to restart
        title = "last resort: stop the forwarder (a running container loses its port)"
        yield _by_owner(case, process, title, f"kill -TERM {process.pid}")
        return
    title = "last resort: restart the engine (stops all its containers)"
    unit = unit_of(process.cgroup)
    if case.platform != "linux":
        yield Remedy(
            f"{title}: quit Docker Desktop (or the program that runs the engine here) and "
            "start it again"
        )
    elif unit is not None and unit.stop.startswith("systemctl --user"):
        yield Remedy(title, f"systemctl --user restart {quote(unit.unit)}")
    else:
        name = "docker" if unit is None else quote(unit.unit)
        yield case.root(title, f"systemctl restart {name}")


def _inside(case: RemedyContext, target: StopTarget, it: Container) -> Iterator[Remedy]:
    parents = (parent for member in target.members for parent in member.ancestors)
    monitor = next(filter(is_monitor, parents), None)
    if not it.name:
        owner = monitor or target.process
        yield _by_owner(case, owner, "list the running containers", f"{it.tool} ps")
        yield _by_owner(case, owner, "stop the container that it runs in", f"{it.tool} stop NAME")
        return
    if it.engine == "kubernetes":
        yield case.root("show the container and its pod", f"crictl ps --id {quote(it.name)}")
        yield Remedy("then delete the pod, or the object that owns it, with kubectl")
        yield case.root("stop it (the kubelet restarts it)", it.stop)
        return
    title = "stop the container that it runs in"
    if it.can_stop:
        yield Remedy(title, it.stop)
        return
    if it.engine != "docker" and monitor is not None:
        yield _by_owner(case, monitor, title, it.stop)
        return
    # Without root podman's groups are below user@UID.service; for docker its socket decides.
    rooted = it.engine == "podman" and "/user@" not in target.process.cgroup
    yield case.root(title, it.stop) if rooted else Remedy(title, it.stop)


AIRPLAY = (5000, 7000)
"""Ports of the AirPlay Receiver of macOS (12 and later), on every address."""


def protected(case: RemedyContext, process: Process, reason: str) -> Iterator[Remedy]:
    """Yield the known way to make a protected process close the port, and another port."""
    name = program(process)
    if case.platform == "darwin" and name == "ControlCenter" and case.port in AIRPLAY:
        yield Remedy(
            "turn off AirPlay Receiver of macOS, which uses the port, in System Settings > "
            "General > AirDrop & Handoff"
        )
    elif process.pid == 1 and case.platform != "win32":
        yield from _first(case, name)
    elif case.viewer is not None and process.key in case.viewer.ancestor_keys:
        yield Remedy("devports runs inside that process; run it from another terminal")
    elif reason == EDITOR:
        yield Remedy("stop forwarding the port in the Ports panel of the editor")
    elif reason == SHELL:
        yield Remedy("exit that shell, or close the socket in it")
    elif name.startswith("sshd"):
        yield Remedy("close the ssh session that forwards the port (ssh -R), on its client")
    elif is_session(process):
        yield from _session(case, process)
    yield case.elsewhere(f"use another port (the holder is {reason})", next_port(case))


def _first(case: RemedyContext, name: str) -> Iterator[Remedy]:
    if case.platform == "darwin":
        yield Remedy("launchd holds the port for a service; find its label", "launchctl list")
    elif name in ("systemd", "init"):
        yield Remedy(
            "systemd holds the port for a socket unit; find the unit, then stop NAME.socket",
            "systemctl list-sockets",
        )
    else:
        yield Remedy("the holder is process 1 of a container; stop the container from outside")


def _session(case: RemedyContext, process: Process) -> Iterator[Remedy]:
    """Yield the command that cancels one forward of an ssh (ssh(1), -O) and keeps its session."""
    if command := cancel(process, case.port):
        yield Remedy("remove this forward; the ssh session continues", command)
    else:
        yield Remedy("close that ssh session, or start it without the forward")
    if command := master_exit(process):
        yield Remedy("close the shared connection and every session in it", command)


def next_port(case: RemedyContext) -> int:
    """Return the next port; a common one where that is invalid or in the outgoing range."""
    port = case.port + 1
    fine = PRIVILEGED <= port <= LAST_PORT and not case.outgoing(port)
    return port if fine else common_port(case)


def common_port(case: RemedyContext) -> int:
    """Return a port that any user may bind, outside the default range of outgoing connections."""
    port = 8000 + case.port % 1000
    return port + 1 if port == case.port else port


def http_sys(case: RemedyContext) -> Iterator[Remedy]:
    title = "Windows (http.sys) listens on behalf of a program; show its name"
    yield case.root(title, "netsh http show servicestate")


def look(case: RemedyContext, title: str) -> Iterator[Remedy]:
    if case.platform == "win32":
        yield Remedy("list its sockets; the last column is the pid of the holder", _seen_by(case))
        return
    yield case.root(title, own_command("check", case.target))
    if case.platform == "linux":
        yield case.root("the same with ss", _seen_by(case))
    else:
        yield case.root("the same with lsof", f"lsof -nP +c0 -iTCP:{case.port}")
