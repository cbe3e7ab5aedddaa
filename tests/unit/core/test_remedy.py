"""What can be done by hand: for every verdict on every system, and never the wrong process."""

from __future__ import annotations

import shlex
from itertools import product
from typing import TYPE_CHECKING

import pytest

from devports.core.diagnosis import (
    Forbidden,
    Free,
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
from devports.core.remedy import Remedy, remedies
from devports.core.standing import Run, Viewer

if TYPE_CHECKING:
    from devports.core.diagnosis import Verdict
    from devports.core.model import Platform

ME, OTHER = 1000, 1001
HERE = Endpoint("127.0.0.1", 8000)
LISTEN = Socket(HERE, None, "LISTEN", inode=7)
BOUND = Socket(HERE, None, "BOUND", inode=7)
GONE = Socket(HERE, Endpoint("127.0.0.1", 50000), "TIME_WAIT", expires=42.5)
DRAIN = Socket(HERE, Endpoint("127.0.0.1", 50001), "ESTABLISHED", inode=8)
VIEWER = Viewer(ME, ME, (ProcessKey(50, 1),))
ROOT = Viewer(0, ME)

PLATFORMS: tuple[Platform, ...] = ("linux", "darwin", "win32")
KNOWN: dict[Platform, set[str]] = {
    "linux": set("devports sudo kill ss sysctl setcap ip systemctl docker podman".split()),
    "darwin": set("devports sudo kill lsof netstat ifconfig launchctl docker podman".split()),
    "win32": set("devports taskkill netstat netsh net ipconfig docker podman".split()),
}


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
    "shadowed": Shadowed((Socket(Endpoint("::1", 8000), None, "LISTEN"),)),
    "unexplained": Unexplained(),
    "forbidden": Forbidden(),
    "not local": NotLocal(),
}
ONLY_ON = {"a systemd service": "linux", "the Windows kernel": "win32"}
EVERY = [
    pytest.param(verdict, holding, platform, viewer, id=f"{v} on {platform} by {h} as {w}")
    for (v, verdict), (h, holding), platform, (w, viewer) in product(
        VERDICTS.items(),
        HOLDINGS.items(),
        PLATFORMS,
        {"me": VIEWER, "root": ROOT, "nobody": None}.items(),
    )
    if (isinstance(verdict, Held) or h in ("a plain process", "nobody that can be seen"))
    and ONLY_ON.get(h, platform) == platform
]
EVERY_CASE = pytest.mark.parametrize(("verdict", "holding", "platform", "viewer"), EVERY)


def commands(found: tuple[Remedy, ...]) -> list[str]:
    return [remedy.command for remedy in found if remedy.command]


def signalled(command: str) -> set[int]:
    words = shlex.split(command)
    if not {"kill", "taskkill"} & set(words):
        return set()
    return {int(word) for word in words if word.isdecimal()}


@EVERY_CASE
def test_everything_but_free_has_an_answer_that_runs_on_its_system(
    verdict: Verdict, holding: Holding, platform: Platform, viewer: Viewer | None
) -> None:
    found = remedies(verdict, HERE, holding, platform, "backend", viewer=viewer)
    assert found
    for remedy in found:
        assert remedy.title.isprintable()
        words = shlex.split(remedy.command)
        assert not words or words[0] in KNOWN[platform], remedy.command
        assert not words or words[0] != "sudo" or (words[1] in KNOWN[platform])
        assert remedy.needs_root or "sudo" not in words
        assert "sudo" not in words or viewer is not ROOT


@EVERY_CASE
def test_nothing_is_ended_the_hard_way_first_or_against_the_law(
    verdict: Verdict, holding: Holding, platform: Platform, viewer: Viewer | None
) -> None:
    lines = commands(remedies(verdict, HERE, holding, platform, viewer=viewer))
    hard = [at for at, line in enumerate(lines) if "KILL" in line or "/F" in line]
    asked = [at for at, line in enumerate(lines) if signalled(line) and at not in hard]
    assert not any("-9" in line for line in lines)
    assert hard in ([], [len(lines) - 1])
    assert len(asked) == len(hard)
    allowed = {60, 61} if isinstance(verdict, Held) and viewer else set()
    assert all(signalled(line) <= allowed for line in lines)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("who", ["a systemd service", "a container", "a podman container",
                                 "the editor", "the shell that devports runs in",
                                 "the first process", "AirPlay"])  # fmt: skip
def test_a_protected_process_is_in_no_command(who: str, platform: Platform) -> None:
    found = remedies(VERDICTS["held"], HERE, HOLDINGS[who], platform, viewer=VIEWER)
    assert not any(signalled(line) for line in commands(found))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_free_port_needs_no_remedy(platform: Platform) -> None:
    assert remedies(Free(), HERE, Holding(), platform, viewer=VIEWER) == ()


# What a person reads: the whole list, in order.


def listed(
    verdict: str, who: str = "nobody that can be seen", platform: Platform = "linux", **more: object
) -> list[str]:
    facts: dict[str, object] = {"endpoint": HERE, "viewer": VIEWER, **more}
    found = remedies(VERDICTS[verdict], holding=HOLDINGS[who], platform=platform, **facts)  # type: ignore[arg-type]
    return commands(found)


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
        ["sudo devports free 8000", "sudo kill -TERM 60", "sudo kill -KILL 60"],
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
        ["docker ps --filter publish=8000", "docker stop NAME"],
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
        ["sudo devports free 8000", "sudo devports check 8000", "sudo ss -tanp 'sport = :8000'"],
    ),
    "a hidden process on macOS": (
        listed("bound", "a hidden process", "darwin"),
        ["devports wait 8000 --for free", "sudo devports free 8000", "sudo devports check 8000",
         "sudo lsof -nP +c0 -iTCP:8000"],
    ),
    "a hidden process on Windows": (
        listed("held", "a hidden process", "win32"),
        ["netstat -ano -p TCP"],
    ),
    "a hidden service, its name quoted": (
        listed("held", "a hidden service"),
        ["sudo devports free 8000", "sudo systemctl stop 'fake db.service'",
         "sudo devports check 8000", "sudo ss -tanp 'sport = :8000'"],
    ),
    "a hidden container": (
        listed("held", "a hidden container"),
        ["sudo devports free 8000", "sudo docker stop abababababab",
         "sudo devports check 8000", "sudo ss -tanp 'sport = :8000'"],
    ),
    "http.sys": (
        listed("held", "the Windows kernel", "win32"),
        ["netsh http show servicestate"],
    ),
    "a client": (
        listed("a client's"),
        ["devports wait 8000 --for free", "ss -tanp 'sport = :8000'",
         "sudo sysctl -w net.ipv4.ip_local_reserved_ports=8000"],
    ),
    "a client on macOS, of a service": (
        listed("a client's", platform="darwin", service="backend",
               endpoint=Endpoint("127.0.0.1", 50051)),
        ["devports wait backend --for free", "lsof -nP -iTCP:50051",
         "devports run backend --port 8051"],
    ),
    "a client on Windows": (
        listed("a client's", platform="win32"),
        ["devports wait 8000 --for free", "netstat -ano -p TCP",
         "netsh int ipv4 add excludedportrange protocol=tcp startport=8000 numberofports=1"],
    ),
    "leftovers that block": (
        listed("lingering and blocking"),
        ["devports wait 8000 --for free", "sudo ss -K -t state time-wait 'sport = :8000'"],
    ),
    "leftovers that block on macOS": (
        listed("lingering and blocking", platform="darwin"),
        ["devports wait 8000 --for free"],
    ),
    "leftovers that some process serves": (
        listed("still draining"),
        ["devports wait 8000 --for free"],
    ),
    "leftovers that do not block": (listed("lingering"), ["devports wait 8000 --for free"]),
    "a shadow": (
        listed("shadowed"),
        ["devports check '[::1]:8000'", "devports free '[::1]:8000'"],
    ),
    "unexplained on macOS": (
        listed("unexplained", platform="darwin"),
        ["devports wait 8000 --for free", "sudo devports check 8000",
         "sudo lsof -nP +c0 -iTCP:8000", "netstat -anv -p tcp"],
    ),
    "unexplained on Windows": (
        listed("unexplained", platform="win32"),
        ["devports wait 8000 --for free", "netstat -ano -p TCP", "netsh http show servicestate",
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


def titles(verdict: Verdict, who: str, platform: Platform = "linux", port: int = 8000) -> str:
    where = Endpoint("127.0.0.1", port)
    found = remedies(verdict, where, HOLDINGS[who], platform, viewer=VIEWER)
    return "\n".join(remedy.title for remedy in found)


@pytest.mark.parametrize(("port", "known"), [(5000, True), (7000, True), (8000, False)])
def test_airplay_is_named_on_its_ports_only(port: int, known: bool) -> None:
    said = titles(VERDICTS["held"], "AirPlay", "darwin", port)
    assert ("AirPlay Receiver" in said) == known
    assert f"for example {port + 1}" in said


def test_inside_the_holder_another_terminal_is_the_way() -> None:
    said = titles(VERDICTS["held"], "the shell that devports runs in")
    assert "from another terminal" in said


def test_a_forwarded_port_is_closed_in_the_editor() -> None:
    assert "Ports panel" in titles(VERDICTS["held"], "the editor")


def test_how_long_leftovers_last_is_said() -> None:
    assert "wait 43 s" in titles(VERDICTS["lingering and blocking"], "nobody that can be seen")
    assert "clients are gone" in titles(VERDICTS["still draining"], "nobody that can be seen")


@pytest.mark.parametrize(
    ("address", "url"),
    [
        pytest.param("127.0.0.1", "http://127.0.0.1:8000", id="IPv4"),
        pytest.param("0.0.0.0", "http://127.0.0.1:8000", id="every IPv4 address"),
        pytest.param("::1", "http://[::1]:8000", id="IPv6"),
        pytest.param("::", "http://[::1]:8000", id="every address"),
    ],
)
def test_a_shadowed_server_is_reached_by_its_address(address: str, url: str) -> None:
    found = remedies(VERDICTS["shadowed"], Endpoint(address, 8000), Holding(), "linux")
    assert url in found[0].title


@pytest.mark.parametrize(
    ("port", "suggested"),
    [
        pytest.param(8000, 8001, id="the next one"),
        pytest.param(443, 8443, id="not a privileged one"),
        pytest.param(50051, 8051, id="not one for outgoing connections"),
        pytest.param(65535, 8535, id="not one beyond the last"),
    ],
)
def test_another_port_is_one_that_can_be_used(port: int, suggested: int) -> None:
    said = titles(Unexplained(), "nobody that can be seen", port=port)
    assert f"for example {suggested}" in said


def test_a_family_is_ended_at_its_top_and_by_force_with_its_members() -> None:
    top = process(60, argv=("python3", "uvicorn", "--reload"))
    child = process(61, argv=("python3", "-c", "from multiprocessing.spawn import spawn_main"))
    holding = Holding((Holder(child, (7,), (top,)),))
    found = remedies(VERDICTS["held"], HERE, holding, "linux", viewer=VIEWER)
    assert commands(found)[1:] == ["kill -TERM 60", "kill -KILL 60 61"]


def test_a_live_devports_run_is_what_gets_ended() -> None:
    run = process(59, "devports")
    holding = Holding((Holder(process(60), (7,), (run,)),))
    found = remedies(
        VERDICTS["held"], HERE, holding, "linux", viewer=VIEWER,
        run_of=lambda p: Run(p.key, "backend", "/srv") if p.pid == 59 else None,
    )  # fmt: skip
    assert "kill -TERM 59" in commands(found)


def test_a_service_whose_name_begins_with_a_dash_is_no_option() -> None:
    hidden = Hidden(LISTEN, "root", "-H.service")
    found = remedies(VERDICTS["held"], HERE, held_by(hidden=(hidden,)), "linux", viewer=VIEWER)
    assert "sudo systemctl stop -- -H.service" in commands(found)
    shown = process(60, cgroup="/system.slice/-H.service")
    found = remedies(VERDICTS["held"], HERE, held_by(shown), "linux", viewer=VIEWER)
    assert commands(found) == ["sudo systemctl stop -- -H.service"]


def test_a_podman_container_that_is_hidden_is_stopped_by_podman() -> None:
    hidden = Hidden(LISTEN, "root", f"libpod-{'cd' * 32}.scope")
    found = remedies(VERDICTS["held"], HERE, held_by(hidden=(hidden,)), "linux", viewer=VIEWER)
    assert "sudo podman stop cdcdcdcdcdcd" in commands(found)
