"""The commands of every remedy, whole lists in the order in which they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports.core.diagnosis import (
    Forbidden,
    Held,
    HeldByClient,
    Lingering,
    NotLocal,
    Shadowed,
    Unexplained,
)
from devports.core.model import (
    Endpoint,
    Hidden,
    Holder,
    Holding,
    Process,
    ProcessKey,
    Socket,
)
from devports.core.remedy import remedies
from devports.core.standing import Viewer

if TYPE_CHECKING:
    from devports.core.diagnosis import Verdict
    from devports.core.model import Platform

ME, OTHER = 1000, 1001
HERE = Endpoint("127.0.0.1", 8000)
LISTEN = Socket(HERE, None, "LISTEN", inode=7)
BOUND = Socket(HERE, None, "BOUND", inode=7)
GONE = Socket(HERE, Endpoint("127.0.0.1", 50000), "TIME_WAIT", expires=42.5)
DRAIN = Socket(HERE, Endpoint("127.0.0.1", 50001), "ESTABLISHED", inode=8)
DEVPORTS = 'sudo "$(command -v devports)" '
VIEWER = Viewer(ME, ME, (ProcessKey(50, 1),))
ROOT = Viewer(0, ME, VIEWER.line)


def process(pid: int, name: str = "python3", uid: int = ME, **facts: object) -> Process:
    plain = Process(ProcessKey(pid, 1), 40, uid, "lana", name, (name, "server.py"), "/srv")
    return plain.but(**facts)


def held_by(*holders: Process, hidden: tuple[Hidden, ...] = ()) -> Holding:
    return Holding(tuple(Holder(holder, (7,)) for holder in holders), hidden)


HOLDINGS = {
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
    "a hidden process": held_by(hidden=(Hidden(LISTEN, "root"),)),
    "a hidden service": held_by(hidden=(Hidden(LISTEN, "root", "fake db.service"),)),
    "a hidden container": held_by(hidden=(Hidden(LISTEN, "root", "docker-" + "ab" * 32),)),
    "nobody that can be seen": Holding(),
}
VERDICTS: dict[str, Verdict] = {
    "held": Held((LISTEN,)),
    "bound": Held((BOUND,)),
    "a client's": HeldByClient((DRAIN,)),
    "lingering": Lingering((GONE,), blocking=False),
    "lingering and blocking": Lingering((GONE,), blocking=True),
    "still draining": Lingering((DRAIN,), blocking=True),
    "half closed": Lingering((DRAIN.but(state="FIN_WAIT2"),), blocking=True),
    "shadowed": Shadowed((Socket(Endpoint("::1", 8000), None, "LISTEN"),)),
    "unexplained": Unexplained(),
    "forbidden": Forbidden(),
    "not local": NotLocal(),
}


# What a person reads: the whole list, in order.


def listed(
    verdict: str, who: str = "nobody that can be seen", platform: Platform = "linux", **more: object
) -> list[str]:
    facts: dict[str, object] = {"endpoint": HERE, "viewer": VIEWER, **more}
    found = remedies(VERDICTS[verdict], holding=HOLDINGS[who], platform=platform, **facts)  # type: ignore[arg-type]
    return [remedy.command for remedy in found if remedy.command]


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
        ["netstat -ano -p TCP"],
    ),
    "a hidden service, its name quoted": (
        listed("held", "a hidden service"),
        [DEVPORTS + "free 8000", "sudo systemctl stop 'fake db.service'",
         DEVPORTS + "check 8000", "sudo ss -tanp 'sport = :8000'"],
    ),
    "a hidden container": (
        listed("held", "a hidden container"),
        [DEVPORTS + "free 8000", "sudo docker stop abababababab",
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
        ["devports check 8000", "netstat -ano -p TCP",
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
        ["devports check 8000", "netstat -ano -p TCP", "netsh http show servicestate",
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
