"""The commands of every remedy, whole lists in the order in which they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports.core.hint import text_of
from devports.core.holder_kind import CurrentUser
from devports.core.model import (
    Endpoint,
    HiddenSocket,
    Holder,
    HolderSearch,
    Process,
    ProcessKey,
    Socket,
)
from devports.core.remedies import RemedyContext, remedies
from devports.core.verdict import (
    Held,
    HolderUnknown,
    LingeringConnections,
    LocalhostConflict,
    NotLocal,
    NotPermitted,
    OutgoingConnection,
)

if TYPE_CHECKING:
    from devports.core.containers import Named
    from devports.core.holder_kind import Said
    from devports.core.model import Platform
    from devports.core.verdict import Verdict

ME, OTHER = 1000, 1001
HERE = Endpoint("127.0.0.1", 8000)
LISTEN = Socket(HERE, None, "LISTEN", inode=7)
BOUND = Socket(HERE, None, "BOUND", inode=7)
GONE = Socket(HERE, Endpoint("127.0.0.1", 50000), "TIME_WAIT", expires=42.5)
DRAIN = Socket(HERE, Endpoint("127.0.0.1", 50001), "ESTABLISHED", inode=8)
DEVPORTS = 'sudo "$(command -v devports)" '
VIEWER = CurrentUser(ME, ME, (ProcessKey(50, 1),))
ROOT = CurrentUser(0, ME, VIEWER.ancestor_keys)


def process(pid: int, name: str = "python3", uid: int = ME, **facts: object) -> Process:
    plain = Process(ProcessKey(pid, 1), 40, uid, "lana", name, (name, "server.py"), "/srv")
    return plain.replace(**facts)


def held_by(*holders: Process, hidden: tuple[HiddenSocket, ...] = ()) -> HolderSearch:
    return HolderSearch(tuple(Holder(holder, (7,)) for holder in holders), hidden)


def below(parent: Process) -> HolderSearch:
    """Return a server of a mapped user, as they are in a container without root."""
    return HolderSearch((Holder(process(60, uid=100_069), (7,), (parent,)),))


def by_words(text: str) -> HolderSearch:
    argv = tuple(text.split())
    return held_by(process(60, argv[0], argv=argv))


def says(said: Said, **facts: object) -> Named:
    return lambda container, _: container.replace(engine_answer=said, **facts)


MASTER = process(60, "ssh", argv=("ssh: /home/lana/cm [mux]",), exe="/usr/bin/ssh")
GOD = process(40, "PM2 v6", argv=("PM2 v6.0.14: God Daemon (/home/lana/.pm2)",))
LONG = "ab" * 32
CONMON = Process(ProcessKey(40, 1), 1, ME, "lana", "conmon", ("conmon", "-c", LONG, "-n", "web"))
SHIM = CONMON.replace(
    uid=0, user="root", name="containerd-shim", argv=("containerd-shim", "-id", LONG)
)
OWN = "/user.slice/user-1000.slice/user@1000.service"
HOLDINGS = {
    "a  containersnap": held_by(
        process(60, "docker-proxy", uid=0, cgroup="/system.slice/snap.docker.dockerd.service")
    ),
    "a  containerone's own docker": held_by(
        process(60, "rootlesskit", cgroup=f"{OWN}/docker.service")
    ),
    "another user's podman container": held_by(process(60, "rootlessport", uid=OTHER)),
    "inside docker": held_by(process(60, cgroup=f"/docker/{LONG}")),
    "inside podman": held_by(process(60, cgroup=f"{OWN}/libpod-{LONG}.scope")),
    "inside root's podman": held_by(process(60, cgroup=f"/machine.slice/libpod-{LONG}.scope")),
    "inside kubernetes": held_by(process(60, cgroup=f"/kubepods/crio-{LONG}.scope")),
    "below conmon": below(CONMON),
    "below root's conmon": below(CONMON.replace(uid=0, user="root")),
    "below a conmon without words": below(CONMON.replace(argv=())),
    "below docker's shim": below(SHIM.replace(argv=(*SHIM.argv, "-namespace", "moby"))),
    "below nerdctl's shim": below(SHIM),
    "a hidden engine": held_by(hidden=(HiddenSocket(LISTEN, "root", "docker.service"),)),
    "a stopped process": held_by(process(60, state="T")),
    "a tunnel": by_words("ssh -N -S /run/c -L 8000:db:5432 host"),
    "a kubectl": by_words("kubectl port-forward svc/db 8000"),
    "an ssh session": by_words("ssh -S /run/c -L 8000:db:5432 host"),
    "an ssh master": held_by(MASTER),
    "an sshd": held_by(process(60, "sshd-session", exe="/usr/lib/sshd-session")),
    "an app as pid 1": held_by(process(1, "node", uid=0)),
    "pm2": HolderSearch((Holder(process(60), (7,), (GOD,)),)),
    "a plain process": held_by(process(60)),
    "two processes": held_by(process(60), process(61)),
    "another user's process": held_by(process(60, uid=OTHER)),
    "a systemd service": held_by(process(60, cgroup="/system.slice/my\\x2dapp.service")),
    "a container": held_by(process(60, "docker-proxy", uid=0)),
    "a podman container": held_by(process(60, "rootlessport")),
    "the editor": held_by(process(60, "code")),
    "the shell that devports runs in": held_by(process(50, "zsh")),
    "the first process": held_by(process(1, "systemd", uid=0)),
    "AirPlay": held_by(process(60, "ControlCenter")),
    "the Windows kernel": held_by(process(4, "System", uid=0)),
    "a hidden process": held_by(hidden=(HiddenSocket(LISTEN, "root"),)),
    "a hidden service": held_by(hidden=(HiddenSocket(LISTEN, "root", "fake db.service"),)),
    "a hidden container": held_by(hidden=(HiddenSocket(LISTEN, "root", "docker-" + "ab" * 32),)),
    "nobody that can be seen": HolderSearch(),
}
VERDICTS: dict[str, Verdict] = {
    "held": Held((LISTEN,)),
    "bound": Held((BOUND,)),
    "a client's": OutgoingConnection((DRAIN,)),
    "lingering": LingeringConnections((GONE,), blocking=False),
    "lingering and blocking": LingeringConnections((GONE,), blocking=True),
    "still draining": LingeringConnections((DRAIN,), blocking=True),
    "half closed": LingeringConnections((DRAIN.replace(state="FIN_WAIT2"),), blocking=True),
    "shadowed": LocalhostConflict((Socket(Endpoint("::1", 8000), None, "LISTEN"),)),
    "unexplained": HolderUnknown(),
    "forbidden": NotPermitted(),
    "not local": NotLocal(),
}


def test_who_was_asked_to_end_and_did_not_is_not_asked_again() -> None:
    found = remedies(
        VERDICTS["held"],
        RemedyContext(HERE, HOLDINGS["a plain process"], "linux", viewer=VIEWER, ignored=(60,)),
    )
    assert [text_of(remedy.command) for remedy in found] == ["devports free 8000", "kill -KILL 60"]
    assert "it ignored SIGTERM" in found[-1].title


def test_root_is_not_told_that_it_needs_root() -> None:
    for viewer, needed in ((VIEWER, True), (ROOT.replace(user_uid=0), False)):
        who = HOLDINGS["another user's process"]
        found = remedies(VERDICTS["held"], RemedyContext(HERE, who, "linux", viewer=viewer))
        assert {remedy.needs_root for remedy in found} == {needed}


def test_a_port_has_one_name_in_all_commands() -> None:
    found = remedies(
        VERDICTS["held"],
        RemedyContext(
            HERE, HOLDINGS["a plain process"], "linux", "web", typed="[::1]:8001", viewer=VIEWER
        ),
    )
    assert text_of(found[0].command) == "devports free '[::1]:8001'"


# What a person reads: the whole list, in order.


def listed(
    verdict: str, who: str = "nobody that can be seen", platform: Platform = "linux", **more: object
) -> list[str]:
    facts: dict[str, object] = {"endpoint": HERE, "viewer": VIEWER, **more}
    case = RemedyContext(holding=HOLDINGS[who], platform=platform, **facts)  # type: ignore[arg-type]
    found = remedies(VERDICTS[verdict], case)
    return [text_of(remedy.command) for remedy in found if remedy.command]


LISTS = {
    "a plain process": (
        listed("held", "a plain process"),
        ["devports free 8000", "kill -TERM 60", "kill -KILL 60"],
    ),
    "a plain process of a service": (
        listed("held", "two processes", service="backend"),
        ["devports free backend", "kill -TERM 60 61", "kill -KILL 60 61"],
    ),
    "a plain process on Windows": (
        listed("held", "two processes", "win32"),
        ["devports free 8000", "taskkill /PID 60 /PID 61 /T", "taskkill /PID 60 /PID 61 /T /F"],
    ),
    "without knowing who asks": (
        listed("held", "a plain process", viewer=None),
        ["devports free 8000"],
    ),
    "another user's process": (
        listed("held", "another user's process"),
        [DEVPORTS + "free 8000", "sudo kill -TERM 60", "sudo kill -KILL 60"],
    ),
    "another user's process, asked by root": (
        listed("held", "another user's process", viewer=ROOT),
        ["devports free 8000", "kill -TERM 60", "kill -KILL 60"],
    ),
    "a systemd service, its name quoted": (
        listed("held", "a systemd service"),
        ["sudo systemctl stop 'my\\x2dapp.service'"],
    ),
    "a container": (
        listed("held", "a container"),
        [DEVPORTS + "free 8000", "sudo docker ps --filter publish=8000", "sudo docker stop NAME"],
    ),
    "a podman container": (
        listed("held", "a podman container"),
        ["podman ps", "podman stop NAME"],
    ),
    "a container that its engine named": (
        listed("held", "a container", named=says("one", name="db", image="postgres:16")),
        ["devports free 8000", "docker stop db"],
    ),
    "one of several containers": (
        listed("held", "a container", named=says("several", names=(("db", "::1"), ("a b", "")))),
        ["docker ps --filter publish=8000", "docker stop db", "docker stop 'a b'"],
    ),
    "a pod": (
        listed("held", "a podman container", named=says("pod", name="abab")),
        ["devports free 8000", "podman pod stop abab"],
    ),
    "a forwarder that was orphaned": (
        listed("held", "a container", named=says("none")),
        ["sudo docker ps --filter publish=8000", "sudo systemctl restart docker"],
    ),
    "a forwarder that was left behind by a service of docker": (
        listed("held", "a  containersnap", named=says("none")),
        ["sudo docker ps --filter publish=8000",
         "sudo systemctl restart snap.docker.dockerd.service"],
    ),
    "a forwarder that was left behind by one's own docker": (
        listed("held", "a  containerone's own docker", named=says("none")),
        ["docker ps --filter publish=8000", "systemctl --user restart docker.service"],
    ),
    "a forwarder that was left behind on macOS": (
        listed("held", "a container", "darwin", named=says("none")),
        ["sudo docker ps --filter publish=8000"],
    ),
    "a forwarder that was left behind by podman": (
        listed("held", "a podman container", named=says("none")),
        ["podman ps", "kill -TERM 60"],
    ),
    "a container whose engine is silent, asked by root": (
        listed("held", "a container", viewer=ROOT, named=says("silent")),
        ["docker ps --filter publish=8000", "docker stop NAME"],
    ),
    "a container whose engine's command is missing": (
        listed("held", "a podman container", named=says("missing")),
        ["podman ps", "podman stop NAME"],
    ),
    "another user's podman": (
        listed("held", "another user's podman container"),
        ["sudo -iu lana podman ps", "sudo -iu lana podman stop NAME"],
    ),
    "a process inside a container": (
        listed("held", "inside docker"), ["docker stop abababababab"],
    ),
    "a process inside root's podman": (
        listed("held", "inside root's podman"), ["sudo podman stop abababababab"],
    ),
    "a process inside one's own podman": (
        listed("held", "inside podman"), ["podman stop abababababab"],
    ),
    "a process inside a container that the engine knows": (
        listed("held", "inside root's podman", named=says("inside", name="web", confirmed=True)),
        ["devports free 8000", "podman stop web"],
    ),
    "a process inside a pod of kubernetes": (
        listed("held", "inside kubernetes"),
        ["sudo crictl ps --id abababababab", "sudo crictl stop abababababab"],
    ),
    "a process below one's own conmon": (listed("held", "below conmon"), ["podman stop web"]),
    "a process below root's conmon": (
        listed("held", "below root's conmon"), ["sudo podman stop web"],
    ),
    "a process below another user's conmon, asked by root": (
        listed("held", "below conmon", viewer=ROOT), ["sudo -iu lana podman stop web"],
    ),
    "a process below a conmon that does not say of which container": (
        listed("held", "below a conmon without words"), ["podman ps", "podman stop NAME"],
    ),
    "a process below a shim of docker": (
        listed("held", "below docker's shim"), ["docker stop abababababab"],
    ),
    "a process below a shim of nerdctl": (
        listed("held", "below nerdctl's shim"), ["sudo nerdctl stop abababababab"],
    ),
    "a hidden engine, whose service is not the thing to stop": (
        listed("held", "a hidden engine"),
        [DEVPORTS + "free 8000", "sudo docker ps --filter publish=8000", "sudo docker stop NAME",
         DEVPORTS + "check 8000", "sudo ss -tanp 'sport = :8000'"],
    ),
    "a server that is stopped": (
        listed("held", "a stopped process"),
        ["devports free 8000", "kill -TERM 60 && kill -CONT 60", "kill -KILL 60"],
    ),
    "a tunnel with a command of its own": (
        listed("held", "a tunnel"),
        ["devports free 8000", "ssh -S /run/c -O exit host", "kill -TERM 60", "kill -KILL 60"],
    ),
    "a tunnel without one": (
        listed("held", "a kubectl"),
        ["devports free 8000", "kill -TERM 60", "kill -KILL 60"],
    ),
    "one forward of an ssh session": (
        listed("held", "an ssh session"),
        ["ssh -S /run/c -O cancel -L 8000:db:5432 host"],
    ),
    "the shared master of ssh sessions": (
        listed("held", "an ssh master"), ["ssh -S /home/lana/cm -O exit master"],
    ),
    "a reverse forward": (listed("held", "an sshd"), []),
    "the first process of a container": (listed("held", "an app as pid 1"), []),
    "pm2, whose name for it is not known": (
        listed("held", "pm2"), ["pm2 list"],
    ),
    "the editor": (
        listed("held", "the editor", service="backend"),
        ["devports run backend --port 8001"],
    ),
    "systemd's socket": (listed("held", "the first process"), ["systemctl list-sockets"]),
    "launchd's socket": (listed("held", "the first process", "darwin"), ["launchctl list"]),
    "a hidden process": (
        listed("held", "a hidden process"),
        [DEVPORTS + "free 8000", DEVPORTS + "check 8000", "sudo ss -tanp 'sport = :8000'"],
    ),
    "a hidden process on macOS": (
        listed("bound", "a hidden process", "darwin"),
        ["devports check 8000", DEVPORTS + "free 8000", DEVPORTS + "check 8000",
         "sudo lsof -nP +c0 -iTCP:8000"],
    ),
    "a hidden process on Windows": (
        listed("held", "a hidden process", "win32"),
        ["netstat -ano | findstr :8000"],
    ),
    "a hidden service, its name quoted": (
        listed("held", "a hidden service"),
        ["sudo systemctl stop 'fake db.service'",
         DEVPORTS + "check 8000", "sudo ss -tanp 'sport = :8000'"],
    ),
    "a hidden container": (
        listed("held", "a hidden container"),
        ["sudo docker stop abababababab",
         DEVPORTS + "check 8000", "sudo ss -tanp 'sport = :8000'"],
    ),
    "http.sys": (
        listed("held", "the Windows kernel", "win32"),
        ["netsh http show servicestate"],
    ),
    "a client": (
        listed("a client's"),
        ["devports check 8000", "ss -tanp 'sport = :8000'",
         "sudo sysctl -w net.ipv4.ip_local_reserved_ports=8000"],
    ),
    "a client on macOS, of a service": (
        listed("a client's", platform="darwin", service="backend",
               endpoint=Endpoint("127.0.0.1", 50051)),
        ["devports check backend", "lsof -nP -iTCP:50051",
         "devports run backend --port 8051"],
    ),
    "a client on Windows": (
        listed("a client's", platform="win32"),
        ["devports check 8000", "netstat -ano | findstr :8000",
         "netsh int ipv4 add excludedportrange protocol=tcp startport=8000 numberofports=1"],
    ),
    "leftovers that block": (
        listed("lingering and blocking"),
        ["devports check 8000", "sudo ss -K -t state time-wait 'sport = :8000'"],
    ),
    "leftovers that block on macOS": (
        listed("lingering and blocking", platform="darwin"),
        ["devports check 8000"],
    ),
    "leftovers that some process serves": (
        listed("still draining"),
        ["devports check 8000"],
    ),
    "leftovers that some process is closing": (
        listed("half closed"),
        ["devports check 8000"],
    ),
    "leftovers that do not block": (listed("lingering"), ["devports check 8000"]),
    "a shadow": (
        listed("shadowed"),
        ["devports check '[::1]:8000'", "devports free '[::1]:8000'"],
    ),
    "unexplained on macOS": (
        listed("unexplained", platform="darwin"),
        ["devports check 8000", DEVPORTS + "check 8000",
         "sudo lsof -nP +c0 -iTCP:8000", "netstat -anv -p tcp"],
    ),
    "unexplained on Windows": (
        listed("unexplained", platform="win32"),
        ["devports check 8000", "netstat -ano | findstr :8000", "netsh http show servicestate",
         "netsh int ipv4 show excludedportrange protocol=tcp"],
    ),
    "forbidden below 1024": (
        listed("forbidden", service="web", endpoint=Endpoint("127.0.0.1", 80)),
        ["devports run web --port 8080", "sudo sysctl -w net.ipv4.ip_unprivileged_port_start=80",
         "sudo setcap cap_net_bind_service=+ep PROGRAM"],
    ),
    "forbidden above 1024": (
        listed("forbidden"),
        ["sysctl net.ipv4.ip_unprivileged_port_start"],
    ),
    "forbidden on Windows": (
        listed("forbidden", platform="win32"),
        ["netsh int ipv4 show excludedportrange protocol=tcp", "net stop winnat",
         "netsh int ipv4 add excludedportrange protocol=tcp startport=8000 numberofports=1",
         "net start winnat"],
    ),
    "no such address": (listed("not local"), ["ip addr"]),
    "no such address on macOS": (
        listed("not local", platform="darwin", endpoint=Endpoint("127.0.0.2", 8000)),
        ["ifconfig", "sudo ifconfig lo0 alias 127.0.0.2"],
    ),
    "no such address on Windows": (listed("not local", platform="win32"), ["ipconfig"]),
}  # fmt: skip


@pytest.mark.parametrize(("found", "expected"), LISTS.values(), ids=LISTS)
def test_the_commands_come_in_order_of_safety(found: list[str], expected: list[str]) -> None:
    assert found == expected
