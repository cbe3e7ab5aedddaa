"""What to do about a port that somebody holds."""

from __future__ import annotations

from devports.core.contained import contained, shown
from devports.core.containers import container_of, engine_of
from devports.core.judging import of_user, unit_of
from devports.core.plan import targets
from devports.core.quoting import quote
from devports.core.remedy.case import Remedy, http_sys, look
from devports.core.remedy.containers import asking, container, hidden_container
from devports.core.remedy.protected import protected
from devports.core.standing import (
    Container,
    Elsewhere,
    Protected,
    Supervised,
    Tunnel,
    Viewer,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from devports.core.model import Hidden, Holder, Process, Socket
    from devports.core.plan import Target
    from devports.core.remedy.case import Case

HTTP_SYS = (0, 4)
"""The pids under which Windows shows the kernel; http.sys listens for other programs there."""

NOBODY = Viewer(-1, -1)
REFUSED = (Protected, Supervised)


def held(case: Case, sockets: Sequence[Socket]) -> Iterator[Remedy]:
    holding = shown(case.holding)
    kernel = [h for h in holding.holders if _is_windows_kernel(case, h)]
    plan = _plan(case, [h for h in holding.holders if h not in kernel])
    killable = tuple(t for t in plan if _may_be_signalled(t))
    if case.platform == "darwin" and any(socket.state == "BOUND" for socket in sockets):
        yield case.wait(
            "a Python server that is just starting looks like this for up to 35 s: ask again then"
        )
    if any(_is_guarded(t) for t in plan):
        yield from _beside(case)
    yield from _devports_first(case, plan, holding.hidden)
    for target in plan:
        yield from _own_stop(case, target)
    for hidden in holding.hidden:
        yield from _hidden_stop(case, hidden)
    unasked = [t.process for t in killable if t.process.pid not in case.ignored]
    if case.viewer is not None and unasked:
        yield from _signal(case, killable, "TERM", unasked)
    if kernel:
        yield from http_sys(case)
    if holding.hidden or not holding.holders:
        yield from look(case, "shows who holds it, which needs root for another user's process")
    if case.viewer is not None and killable:
        members = [member.process for target in killable for member in target.members]
        yield from _signal(case, killable, "KILL", [*(t.process for t in killable), *members])


def _plan(case: Case, people: Sequence[Holder]) -> tuple[Target, ...]:
    """Return what has to end; there is one port, so every socket is on that."""
    viewer = case.viewer or NOBODY
    ports = {inode: case.port for holder in people for inode in holder.inodes}
    plan = targets(people, viewer, case.run_of, case.elsewhere_of)
    return contained(plan, ports, viewer, case.named)


def _may_be_signalled(target: Target) -> bool:
    """Say whether a command may be printed that signals it: what is printed gets copied."""
    return not isinstance(target.standing, (*REFUSED, Container)) and not _is_guarded(target)


def _is_guarded(target: Target) -> bool:
    return isinstance(target.standing, Elsewhere) and target.standing.is_guarded


def _beside(case: Case) -> Iterator[Remedy]:
    """Yield how a service starts beside the one of another checkout."""
    if case.service:
        command = f"devports run {quote(case.service)} --on-conflict next"
        yield Remedy("goes on beside it: another port, this once", command)


def _is_windows_kernel(case: Case, holder: Holder) -> bool:
    return case.platform == "win32" and holder.process.pid in HTTP_SYS


def _devports_first(
    case: Case, plan: Sequence[Target], hidden: Sequence[Hidden]
) -> Iterator[Remedy]:
    """Yield the command of ours, where it can get further than it did."""
    foreign = _foreign(case, [target for target in plan if _is_for_root(target)])
    if any(_is_guarded(target) for target in plan):
        return
    if plan and all(map(_can_end, plan)) and not foreign and not hidden:
        yield Remedy("ends what holds it, after asking", f"devports free {case.target}")
    elif foreign or (case.platform != "win32" and any(_may_be_ended(case, h) for h in hidden)):
        yield case.devports("ends what holds it, after asking", f"free {case.target}")


def _may_be_ended(case: Case, hidden: Hidden) -> bool:
    """Say whether root may end it by devports: no service, and nothing inside a container."""
    known = unit_of(hidden.cgroup) is not None or container_of(hidden.cgroup) is not None
    return not known or engine_of(hidden, case.port) != ""


def _can_end(target: Target) -> bool:
    """Say whether it may be ended at all, by whoever has the right to."""
    it = target.standing
    return it.said == "one" if isinstance(it, Container) else not isinstance(it, REFUSED)


def _is_for_root(target: Target) -> bool:
    """Say whether root gets further: with a user's process, or with an engine of its own."""
    if isinstance(target.standing, Container):
        return target.standing.said in ("unasked", "silent") and target.process.uid == 0
    return _can_end(target)


def _foreign(case: Case, killable: Sequence[Target]) -> bool:
    """Say whether some of it belongs to a user whose processes the viewer may not signal."""
    return case.viewer is not None and not all(_own(case, t.process.uid) for t in killable)


def _own(case: Case, uid: int | None) -> bool:
    return case.viewer is not None and uid in (case.viewer.uid, case.viewer.user_uid)


def _own_stop(case: Case, target: Target) -> Iterator[Remedy]:
    match target.standing:
        case Supervised(by=by, unit=unit, stop=stop):
            does = "this stops it for good" if unit else "this tells its name, to stop it by that"
            yield _stop(case, f"{by} would start it again: {does}", stop)
        case Tunnel(stop=stop) if stop:
            yield Remedy("closes the tunnel by its own command", stop)
        case Elsewhere(is_guarded=True, run=run, there=there):
            folder, what = (run.project, run.service) if run else (there.folder, str(case.port))
            title = "ends it, where it was started"
            yield Remedy(title, f"cd {quote(folder)} && devports free {quote(what)}")
        case Container() as it:
            yield from container(case, target, it)
        case Protected(reason=reason):
            yield from protected(case, target.process, reason)
        case _:
            return


def _stop(case: Case, title: str, stop: str) -> Remedy:
    bare = stop.removeprefix("sudo ")
    return case.root(title, bare) if stop != bare else Remedy(title, bare)


def _hidden_stop(case: Case, hidden: Hidden) -> Iterator[Remedy]:
    unit = unit_of(hidden.cgroup)
    if engine := engine_of(hidden, case.port):
        # To stop the engine's service would end all its containers.
        it = Container(engine)
        yield case.root("names the container that publishes the port", asking(case, it))
        yield case.root("stops that container", f"{engine} stop NAME")
    elif unit is not None and case.platform == "linux":
        whose = unit if _own(case, hidden.socket.uid) else of_user(unit, hidden.user)
        yield _stop(case, "stops the service that the socket was made in", whose.stop)
    yield from hidden_container(case, hidden.cgroup)


def _signal(
    case: Case, killable: Sequence[Target], name: str, processes: Sequence[Process]
) -> Iterator[Remedy]:
    pids = dict.fromkeys(process.pid for process in processes)
    if case.platform == "win32":
        yield _by_right(case, killable, *_taskkill(name, pids))
        return
    when = "since it was asked to end and did not" if case.ignored else "when it ignores that"
    title = "asks it to end" if name == "TERM" else f"last resort, {when}: nothing is saved"
    command = f"kill -{name} {' '.join(map(str, pids))}"
    stopped = [str(process.pid) for process in processes if process.state == "T"]
    if name == "TERM" and stopped:
        title += "; it is stopped (Ctrl-Z), so it must go on to take notice"
        command += f" && kill -CONT {' '.join(dict.fromkeys(stopped))}"
    yield _by_right(case, killable, title, command)


def _taskkill(name: str, pids: Iterable[int]) -> tuple[str, str]:
    """Return title and command for Windows; /T is for the children too.

    Without /F it posts WM_CLOSE, which a console program does not get.
    """
    which = " ".join(f"/PID {pid}" for pid in pids)
    if name == "TERM":
        title = "asks it and its children to end; a console program may refuse"
        return title, f"taskkill {which} /T"
    return "last resort, for it and its children: nothing is saved", f"taskkill {which} /T /F"


def _by_right(case: Case, killable: Sequence[Target], title: str, command: str) -> Remedy:
    return case.root(title, command) if _foreign(case, killable) else Remedy(title, command)
