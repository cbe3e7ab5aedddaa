"""Containers behind a port: forwarders, groups, and what can be told of a hidden one."""

from __future__ import annotations

import pytest

from devports.core.classify import standing
from devports.core.containers import container_of, engine_of, engine_of_process, forwarded
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
    assert standing(server, ME, None) == Container("docker", "0123456789ab", said="inside")


def test_inside_the_same_container_it_is_an_ordinary_process() -> None:
    inside = f"/docker/{ID}"
    server = process("node", "node", "a.js", uid=1000, cgroup=inside)
    assert standing(server, ME.but(cgroup=inside), None) == OrdinaryProcess()


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
