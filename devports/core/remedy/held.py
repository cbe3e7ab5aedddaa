"""What to do about a port that somebody holds."""

from __future__ import annotations

from devports.core.plan import targets
from devports.core.program import program
from devports.core.quoting import quote
from devports.core.remedy.case import Remedy, http_sys, look, next_port
from devports.core.standing import Container, Protected, Supervised, Viewer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devports.core.model import Hidden, Holder, Process, Socket
    from devports.core.plan import Target
    from devports.core.remedy.case import Case

AIRPLAY = (5000, 7000)
"""What the AirPlay Receiver of macOS listens on."""

HTTP_SYS = (0, 4)
"""The pids under which Windows shows the kernel; http.sys listens for other programs there."""


def held(case: Case, sockets: Sequence[Socket]) -> Iterator[Remedy]:
    kernel = [h for h in case.holding.holders if _is_windows_kernel(case, h)]
    people = [h for h in case.holding.holders if not _is_windows_kernel(case, h)]
    plan = targets(people, case.viewer or Viewer(-1, -1), case.run_of)
    refused = (Protected, Container, Supervised)
    killable = tuple(target for target in plan if not isinstance(target.standing, refused))
    if case.platform == "darwin" and any(socket.state == "BOUND" for socket in sockets):
        yield case.wait(
            "a Python server that is just starting looks like this for up to 35 s: ask again then"
        )
    yield from _devports_first(case, killable)
    for target in plan:
        yield from _own_stop(case, target)
    for hidden in case.holding.hidden:
        yield from _hidden_stop(case, hidden)
    if case.viewer is not None and killable:
        yield from _signal(case, killable, "TERM", [t.process for t in killable])
    if kernel:
        yield from http_sys(case)
    if case.holding.hidden or not case.holding.holders:
        yield from look(case, "shows who holds it, which needs root for another user's process")
    if case.viewer is not None and killable:
        members = [member.process for target in killable for member in target.members]
        yield from _signal(case, killable, "KILL", [*(t.process for t in killable), *members])


def _is_windows_kernel(case: Case, holder: Holder) -> bool:
    return case.platform == "win32" and holder.process.pid in HTTP_SYS


def _devports_first(case: Case, killable: Sequence[Target]) -> Iterator[Remedy]:
    command = f"devports free {case.target}"
    if killable and not _foreign(case, killable):
        yield Remedy("ends what holds it, after asking", command)
    elif killable or (case.holding.hidden and case.platform != "win32"):
        yield case.root("ends what holds it, after asking, as root", command)


def _foreign(case: Case, killable: Sequence[Target]) -> bool:
    """Say whether some of it belongs to a user whose processes the viewer may not signal."""
    viewer = case.viewer
    own = (viewer.uid, viewer.user_uid) if viewer else ()
    return viewer is not None and any(target.process.uid not in own for target in killable)


def _own_stop(case: Case, target: Target) -> Iterator[Remedy]:
    match target.standing:
        case Supervised(by=by, stop=stop):
            needs_root = stop.startswith("sudo ")
            title = f"{by} would start it again: this stops it for good"
            bare = stop.removeprefix("sudo ")
            yield case.root(title, bare) if needs_root else Remedy(title, bare)
        case Container(engine=engine):
            yield from _container(case, engine)
        case Protected(reason=reason):
            yield from _protected(case, target.process, reason)
        case _:
            return


def _container(case: Case, engine: str) -> Iterator[Remedy]:
    # docker has a filter for published ports, podman does not.
    tool = "podman" if engine == "podman" else "docker"
    ask = f"docker ps --filter publish={case.port}" if tool == "docker" else "podman ps"
    yield Remedy("names the container that publishes the port", ask)
    yield Remedy("stops that container; ending its forwarder would break it", f"{tool} stop NAME")


def _protected(case: Case, process: Process, reason: str) -> Iterator[Remedy]:
    name = program(process)
    if case.platform == "darwin" and name == "ControlCenter" and case.port in AIRPLAY:
        yield Remedy(
            "the AirPlay Receiver of macOS has it: turn it off in System Settings > General >"
            " AirDrop & Handoff"
        )
    elif process.pid == 1 and case.platform == "linux":
        yield Remedy(
            "systemd holds it for a socket unit: find the unit, then stop NAME.socket",
            "systemctl list-sockets",
        )
    elif process.pid == 1 and case.platform == "darwin":
        yield Remedy("launchd holds it for a service: find its label", "launchctl list")
    elif case.viewer is not None and process.key in case.viewer.line:
        yield Remedy("devports runs inside that process: run it from another terminal")
    elif name in ("code", "code-server", "Code", "cursor", "codium", "zed", "sshd"):
        yield Remedy("an editor or ssh forwards the port: close the forward in its Ports panel")
    yield case.elsewhere(f"it is {reason}: choose another port", next_port(case))


def _hidden_stop(case: Case, hidden: Hidden) -> Iterator[Remedy]:
    unit = hidden.unit
    if unit.endswith(".service") and case.platform == "linux":
        dashes = "-- " if unit.startswith("-") else ""
        title = "stops the service that the socket was made in"
        yield case.root(title, f"systemctl stop {dashes}{quote(unit)}")
    engine, _, rest = unit.removesuffix(".scope").rpartition("-")
    if engine in ("docker", "libpod"):
        tool = "docker" if engine == "docker" else "podman"
        yield case.root("stops that container", f"{tool} stop {quote(rest[:12])}")


def _signal(
    case: Case, killable: Sequence[Target], name: str, processes: Sequence[Process]
) -> Iterator[Remedy]:
    pids = dict.fromkeys(process.pid for process in processes)
    title = "asks it to end" if name == "TERM" else "last resort, when it ignores that"
    if case.platform == "win32":
        # Without /F it posts WM_CLOSE, which a console program does not get.
        title += "; a console program may refuse" if name == "TERM" else ": nothing is saved"
        force = " /F" if name == "KILL" else ""
        which = " ".join(f"/PID {pid}" for pid in pids)
        yield Remedy(title, f"taskkill {which} /T{force}")
        return
    title += ", as its own stop key does" if name == "TERM" else ": nothing is saved"
    command = f"kill -{name} {' '.join(map(str, pids))}"
    yield case.root(title, command) if _foreign(case, killable) else Remedy(title, command)
