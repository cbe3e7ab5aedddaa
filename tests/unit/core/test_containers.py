"""Containers behind a port: forwarders, groups, and what can be told of a hidden one."""

from __future__ import annotations

import pytest

from devports.core.classify import classify_holder
from devports.core.containers import (
    container_of,
    engine_of,
    engine_of_process,
    forwarded,
    is_monitor,
    monitored_container,
)
from devports.core.holder_kind import Container, CurrentUser, OrdinaryProcess
from devports.core.model import Endpoint, HiddenSocket, Process, ProcessKey, Socket

ID = "0123456789abcdef" * 4
LISTEN = Socket(Endpoint("0.0.0.0", 8000), None, "LISTEN", inode=7)
PROXY = (
    "/usr/bin/docker-proxy",
    "-proto",
    "tcp",
    "-host-ip",
    "0.0.0.0",
    "-host-port",
    "8000",
    "-container-ip",
    "172.17.0.2",
    "-container-port",
    "80",
)
ME = CurrentUser(1000, 1000)


def test_podmans_monitor_is_a_forwarder_that_names_its_container() -> None:
    found = classify_holder(process("conmon", *CONMON), ME, None)
    assert found == Container("podman", identity=ID)


def process(name: str, *argv: str, exe: str = "", uid: int = 0, cgroup: str = "") -> Process:
    return Process(ProcessKey(60, 1), 1, uid, "root", name, argv, exe=exe, cgroup=cgroup)


FORWARDERS = [
    pytest.param(process("docker-proxy", *PROXY), "docker", id="docker's proxy"),
    pytest.param(process("dockerd"), "docker", id="an engine that listens itself"),
    pytest.param(
        process("rootlesskit-doc", exe="/usr/bin/rootlesskit-docker-proxy"),
        "docker",
        id="rootless docker's, its name cut",
    ),
    pytest.param(
        process("exe", "containers-rootlessport", exe="/usr/bin/podman"),
        "podman",
        id="podman as its own port forwarder",
    ),
    pytest.param(process("pasta.avx2", exe="/usr/bin/passt.avx2"), "podman", id="pasta"),
    pytest.param(
        process("gvproxy", exe="/opt/podman/bin/gvproxy"), "podman", id="podman's machine on macOS"
    ),
    pytest.param(
        process(
            "com.docker.backend", exe="/Applications/Docker.app/Contents/MacOS/com.docker.backend"
        ),
        "docker",
        id="Docker Desktop on macOS",
    ),
    pytest.param(
        process(
            "com.docker.backend.exe",
            exe="C:\\Program Files\\Docker\\Docker\\com.docker.backend.exe",
        ),
        "docker",
        id="Docker Desktop on Windows",
    ),
    pytest.param(
        process("com.docker.backend.exe"),
        "docker",
        id="Docker Desktop on Windows, its path unreadable",
    ),
    pytest.param(
        process(
            "OrbStack Helper", exe="/Applications/OrbStack.app/Contents/Frameworks/Helper.app/x"
        ),
        "docker",
        id="OrbStack",
    ),
    pytest.param(
        process("ssh", "ssh: /Users/l/.colima/_lima/colima/ssh.sock [mux]", exe="/usr/bin/ssh"),
        "docker",
        id="the ssh of colima",
    ),
    pytest.param(
        process("ssh", "ssh", "-N", "-L", "8000:db:5432", "host", exe="/usr/bin/ssh"),
        "",
        id="somebody's own ssh",
    ),
    pytest.param(
        process("node", "node", "/srv/docker-proxy/server.js"),
        "",
        id="a server in a folder that is called so",
    ),
    pytest.param(process("node", "node", "docker-proxy"), "", id="a word that is called so"),
]


@pytest.mark.parametrize(("forwarder", "engine"), FORWARDERS)
def test_a_forwarder_is_told_by_what_was_executed(forwarder: Process, engine: str) -> None:
    assert engine_of_process(forwarder) == engine


GROUPS = [
    pytest.param(f"/system.slice/docker-{ID}.scope", ("docker", ID), id="docker, by systemd"),
    pytest.param(f"/docker/{ID}", ("docker", ID), id="docker, without systemd"),
    pytest.param(f"/machine.slice/libpod-{ID}.scope", ("podman", ID), id="podman"),
    pytest.param(
        f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope/container",
        ("podman", ID),
        id="rootless podman, a group deeper",
    ),
    pytest.param(f"/libpod_parent/libpod-{ID}", ("podman", ID), id="podman, without systemd"),
    pytest.param(
        f"/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope",
        ("kubernetes", ID),
        id="a pod",
    ),
    pytest.param(f"/machine.slice/libpod-conmon-{ID}.scope", None, id="podman's monitor"),
    pytest.param("/system.slice/docker.service", None, id="the engine itself"),
    pytest.param("/system.slice/docker-web.scope", None, id="no id"),
    pytest.param(f"/{ID}", None, id="an id of nobody"),
    pytest.param("", None, id="unknown"),
]


@pytest.mark.parametrize(("cgroup", "expected"), GROUPS)
def test_a_container_is_told_by_its_control_group(
    cgroup: str, expected: tuple[str, str] | None
) -> None:
    assert container_of(cgroup) == expected


def test_a_server_in_a_container_on_the_hosts_network_is_the_containers() -> None:
    inside = f"/system.slice/docker-{ID}.scope"
    server = process("node", "node", "a.js", uid=1000, cgroup=inside)
    assert classify_holder(server, ME, None) == inside_of("docker", "0123456789ab")


def test_inside_the_same_container_it_is_an_ordinary_process() -> None:
    inside = f"/docker/{ID}"
    server = process("node", "node", "a.js", uid=1000, cgroup=inside)
    assert classify_holder(server, ME.replace(cgroup=inside), None) == OrdinaryProcess()


def inside_of(engine: str, name: str, identity: str = ID) -> Container:
    return Container(engine, name, identity=identity, engine_answer="inside")


CONMON = (
    "/usr/bin/conmon",
    "--api-version",
    "1",
    "-c",
    ID,
    "-u",
    ID,
    "-n",
    "web",
    "--full-attach",
    "--conmon-pidfile",
    "/run/x/conmon.pid",
)
SHIM = ("/usr/bin/containerd-shim-runc-v2", "-namespace", "moby", "-id", ID, "-address", "/run/a")
MONITORS = [
    pytest.param(process("conmon", *CONMON), ("podman", ID, "web"), id="podman's"),
    pytest.param(process("python3", *CONMON), ("podman", ID, "web"), id="known by its first word"),
    pytest.param(
        process("conmon", "conmon", f"--cid={ID}", "--name=web"),
        ("podman", ID, "web"),
        id="its long options",
    ),
    pytest.param(
        process("conmon", "conmon", "-c", ID, "-n", "--all"),
        ("podman", ID, ""),
        id="a name that would be an option",
    ),
    pytest.param(
        process("conmon", exe="/usr/bin/conmon"),
        ("podman", "", ""),
        id="one whose words cannot be read",
    ),
    pytest.param(
        process("containerd-shim", *SHIM),
        ("docker", ID, ""),
        id="containerd's for docker, its name cut",
    ),
    pytest.param(
        process("containerd-shim", "containerd-shim", "--id", "x" * 64),
        ("nerdctl", "", ""),
        id="an id that is none",
    ),
    pytest.param(
        process("x", "containerd-shim-kata-v2", "-namespace", "default", "-id", ID),
        ("nerdctl", ID, ""),
        id="containerd's for nerdctl",
    ),
    pytest.param(
        process("containerd-shim", *SHIM[:2], "k8s.io", *SHIM[3:]),
        ("kubernetes", "", ""),
        id="containerd's for a pod, whose id is no container's",
    ),
]


@pytest.mark.parametrize(("monitor", "container"), MONITORS)
def test_a_monitor_has_its_container_in_its_words(
    monitor: Process, container: tuple[str, str, str]
) -> None:
    assert is_monitor(monitor)
    assert monitored_container(monitor) == container


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(process("node", "node", "conmon"), id="a word that is called so"),
        pytest.param(process("sh", "sh", "/opt/conmon/run"), id="a folder that is called so"),
        pytest.param(process("conmonitor"), id="a longer name"),
        pytest.param(process("containerd"), id="the engine"),
    ],
)
def test_others_are_no_monitors(other: Process) -> None:
    assert not is_monitor(other)


def above(*argv: str, pid: int = 50, uid: int = 0) -> Process:
    return process(argv[0].rpartition("/")[2], *argv, uid=uid).replace(key=ProcessKey(pid, 1))


SERVER = process("node", "node", "a.js", uid=1000, cgroup="/")
NPM = process("npm", "npm", "run", "dev", uid=1000).replace(key=ProcessKey(55, 1))
INNER = above("conmon", "-c", "cd" * 32, "-n", "inner", pid=54)
INSIDE = [
    pytest.param((above(*CONMON),), inside_of("podman", "web"), id="podman"),
    pytest.param((NPM, above(*CONMON)), inside_of("podman", "web"), id="with a runner in between"),
    pytest.param((above(*SHIM),), inside_of("docker", "0123456789ab"), id="docker"),
    pytest.param(
        (above("conmon"),), inside_of("podman", "", ""), id="a container that is not known"
    ),
    pytest.param(
        (INNER, above(*CONMON)), inside_of("podman", "inner", "cd" * 32), id="the inner one of two"
    ),
]


@pytest.mark.parametrize(("line", "expected"), INSIDE)
def test_a_server_below_a_monitor_is_the_containers(
    line: tuple[Process, ...], expected: Container
) -> None:
    assert classify_holder(SERVER, ME, None, line) == expected


def test_below_the_monitor_of_devports_itself_it_is_an_ordinary_process() -> None:
    own = above(*CONMON)
    me = ME.replace(ancestor_keys=(ProcessKey(70, 1), own.key))
    assert classify_holder(SERVER, me, None, (own,)) == OrdinaryProcess()
    assert classify_holder(SERVER, me, None, (INNER, own)) == inside_of(
        "podman", "inner", "cd" * 32
    )


def test_below_another_monitor_of_the_same_container_it_is_one_too() -> None:
    """Each ``podman exec`` has a conmon of its own; on cgroup v1 a user's has no group."""
    me = ME.replace(ancestor_keys=(ProcessKey(70, 1),), containers=(ID,))
    assert classify_holder(SERVER, me, None, (above(*CONMON),)) == OrdinaryProcess()
    assert classify_holder(SERVER, me, None, (above("conmon"),)) == inside_of("podman", "", "")


def test_another_monitor_of_the_container_of_devports_takes_nothing_away() -> None:
    """Each ``podman exec`` has a conmon of its own, for the same container."""
    inside = f"/machine.slice/libpod-{ID}.scope"
    server = SERVER.replace(cgroup=inside)
    assert (
        classify_holder(server, ME.replace(cgroup=inside), None, (above(*CONMON),))
        == OrdinaryProcess()
    )


HIDDEN = [
    pytest.param(
        HiddenSocket(LISTEN, "root", "docker.service", (process("docker-proxy", *PROXY),)),
        "docker",
        id="a proxy whose words name the port",
    ),
    pytest.param(
        HiddenSocket(LISTEN, "root", "docker.service"),
        "docker",
        id="only the engine's service is known",
    ),
    pytest.param(
        HiddenSocket(LISTEN, "root", "", (process("docker-proxy", *PROXY),)),
        "docker",
        id="only the proxy is known",
    ),
    pytest.param(
        HiddenSocket(LISTEN, "root", "shop.service", (process("docker-proxy", *PROXY),)),
        "docker",
        id="a proxy that some service started",
    ),
    pytest.param(
        HiddenSocket(LISTEN, "lana", "x.scope", (process("rootlessport"),)),
        "podman",
        id="the only process of its group forwards",
    ),
    pytest.param(
        HiddenSocket(LISTEN, "lana", "x.scope", (process("rootlessport"), process("node"))),
        "",
        id="another process of its group does not",
    ),
    pytest.param(HiddenSocket(LISTEN, "root", "shop.service"), "", id="a service like any other"),
    pytest.param(HiddenSocket(LISTEN, "root"), "", id="nothing is known"),
]


@pytest.mark.parametrize(("hidden", "engine"), HIDDEN)
def test_the_engine_behind_a_hidden_holder(hidden: HiddenSocket, engine: str) -> None:
    assert engine_of(hidden, 8000) == engine


@pytest.mark.parametrize(
    ("argv", "ports"),
    [
        pytest.param(PROXY, {8000}, id="a proxy"),
        pytest.param(("node", *PROXY[1:]), set(), id="the words of a proxy on another program"),
        pytest.param(("docker-proxy", "-host-port"), set(), id="no number"),
        pytest.param(("docker-proxy", "-host-port", "x"), set(), id="no number, but a word"),
        pytest.param(
            ("docker-proxy", "-host-port", "9" * 5000), set(), id="no number Python reads"
        ),
        pytest.param((), set(), id="no words"),
    ],
)
def test_the_port_is_read_off_the_words_of_a_proxy(argv: tuple[str, ...], ports: set[int]) -> None:
    assert forwarded(argv) == ports
