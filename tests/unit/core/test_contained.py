"""Containers in the place of their forwarders."""

from __future__ import annotations

import pytest

from devports.core.containers import engine_not_asked, with_containers, with_forwarders
from devports.core.holder_kind import Container, CurrentUser, SupervisedService
from devports.core.model import (
    Endpoint,
    HiddenSocket,
    Holder,
    HolderSearch,
    Process,
    ProcessKey,
    Socket,
)
from devports.core.stop_plan import targets

ME, ROOT = CurrentUser(1000, 1000), CurrentUser(0, 0)
FOUR = Socket(Endpoint("0.0.0.0", 8000), None, "LISTEN", inode=4, uid=0)
SIX = Socket(Endpoint("::", 8000), None, "LISTEN", inode=6, uid=0)
NEXT = Socket(Endpoint("0.0.0.0", 9000), None, "LISTEN", inode=9, uid=0)
ENDS = {4: FOUR.local, 6: SIX.local, 9: NEXT.local}


def process(pid: int, name: str, *argv: str, uid: int = 0, cgroup: str = "") -> Process:
    words = (name, *argv)
    return Process(ProcessKey(pid, 1), 1, uid, "root", name, words, cgroup=cgroup)


def proxy(pid: int, port: int = 8000, address: str = "0.0.0.0") -> Process:
    return process(pid, "docker-proxy", "-host-ip", address, "-host-port", str(port))


def says(container: Container, end: Endpoint) -> Container:
    """Answer as an engine that has one container for each port, and knows none by its id."""
    if container.engine_answer == "inside":
        return container
    return container.replace(engine_answer="one", name=f"c{end.port}", identity=f"{end.port}")


def named(*holders: Holder, viewer: CurrentUser = ROOT) -> list[tuple[str, list[int]]]:
    plan = targets(holders, viewer, lambda _: None)
    found = with_containers(plan, ENDS, viewer, says)
    return [
        (
            target.kind.name if isinstance(target.kind, Container) else "",
            [inode for member in target.members for inode in member.inodes],
        )
        for target in found
    ]


def test_the_forwarders_of_one_container_are_one_target() -> None:
    assert named(Holder(proxy(50), (4,)), Holder(proxy(51), (6,))) == [("c8000", [4, 6])]


def test_one_forwarder_of_two_containers_is_two_targets() -> None:
    backend = process(50, "com.docker.backend")
    assert named(Holder(backend, (4, 9))) == [("c8000", [4]), ("c9000", [9])]


def test_a_server_beside_a_forwarder_stays_what_it_is() -> None:
    assert named(Holder(process(60, "node"), (9,)), Holder(proxy(50), (4,))) == [
        ("", [9]),
        ("c8000", [4]),
    ]


INSIDE = process(50, "node", cgroup=f"/system.slice/docker-{'ab' * 32}.scope")


def test_who_runs_inside_a_container_that_the_engine_does_not_know_stays_so() -> None:
    assert named(Holder(INSIDE, (4,))) == [("abababababab", [4])]


def test_all_processes_inside_a_known_container_are_one_target() -> None:
    def knows(container: Container, _: Endpoint) -> Container:
        return container.replace(name="web", confirmed=True)

    both = [Holder(INSIDE, (4,)), Holder(INSIDE.replace(key=ProcessKey(51, 1)), (6,))]
    (target,) = with_containers(targets(both, ROOT, lambda _: None), ENDS, ROOT, knows)
    assert isinstance(target.kind, Container)
    assert target.kind.can_stop
    assert [member.process.pid for member in target.members] == [50, 51]


RESTARTED = [
    pytest.param(("docker swarm", "web"), ROOT, "docker service scale web=0", id="swarm"),
    pytest.param(("docker swarm", "a b"), ROOT, "docker service scale 'a b=0'", id="any name"),
    pytest.param(("systemd", "web.service"), ROOT, "sudo systemctl stop web.service", id="root's"),
    pytest.param(
        ("systemd", "web.service"), ME, "systemctl --user stop web.service", id="a user's"
    ),
]


@pytest.mark.parametrize(("supervisor", "viewer", "stop"), RESTARTED)
def test_a_container_that_is_started_again_is_its_supervisors_to_stop(
    supervisor: tuple[str, str], viewer: CurrentUser, stop: str
) -> None:
    def answers(container: Container, _: Endpoint) -> Container:
        return container.replace(engine_answer="one", name="web", supervisor=supervisor)

    forwarder = process(50, "conmon", uid=viewer.uid)
    plan = targets([Holder(forwarder, (4,))], viewer, lambda _: None)
    (target,) = with_containers(plan, ENDS, viewer, answers)
    assert target.kind == SupervisedService(*supervisor, stop)


ASKED = [
    pytest.param("docker-proxy", 0, ME, True, id="root's docker, by whoever may reach it"),
    pytest.param("docker-proxy", 1001, ME, False, id="another user's docker"),
    pytest.param("rootlessport", 1000, ME, True, id="one's own podman"),
    pytest.param("rootlessport", 0, ME, False, id="root's podman"),
    pytest.param("rootlessport", 1000, ROOT, False, id="a user's podman, by root"),
]


@pytest.mark.parametrize(("name", "uid", "viewer", "asked"), ASKED)
def test_only_the_engine_of_the_forwarder_is_asked(
    name: str, uid: int, viewer: CurrentUser, asked: bool
) -> None:
    found = named(Holder(process(50, name, uid=uid), (4,)), viewer=viewer)
    assert found == [("c8000" if asked else "", [4])]


def test_a_forwarder_without_a_socket_in_question_is_not_lost() -> None:
    assert named(Holder(proxy(50), (77,))) == [("c0", [77])]


SHOWN = [
    pytest.param((proxy(50),), [50], id="by its words"),
    pytest.param((process(40, "dockerd"), proxy(50)), [50], id="the one whose words name the port"),
    pytest.param((process(40, "dockerd"), process(41, "containerd")), [40], id="the engine itself"),
    pytest.param(
        (proxy(50, 8000, "::"), proxy(51, 8000, "0.0.0.0")), [51], id="the one of its address"
    ),
    pytest.param((proxy(50, 9000),), [50], id="a proxy of another port, by its service"),
    pytest.param(
        (proxy(50).replace(uid=1001),), [], id="another user, who may call himself anything"
    ),
    pytest.param((process(41, "containerd"),), [], id="nobody who forwards"),
    pytest.param((), [], id="nobody"),
]


@pytest.mark.parametrize(("likely", "expected"), SHOWN)
def test_a_hidden_forwarder_is_a_holder_like_others(
    likely: tuple[Process, ...], expected: list[int]
) -> None:
    hidden = HiddenSocket(FOUR, "root", "docker.service", likely)
    found = with_forwarders(HolderSearch(hidden=(hidden,)))
    assert [holder.process.pid for holder in found.holders] == expected
    assert [holder.inodes for holder in found.holders] == [(4,)] * len(expected)
    assert bool(found.hidden) is not bool(expected)


def test_who_is_likely_and_no_engines_stays_hidden() -> None:
    hidden = HiddenSocket(FOUR, "root", "shop.service", (process(50, "node"),))
    assert with_forwarders(HolderSearch(hidden=(hidden,))).hidden == (hidden,)


def test_unasked_is_no_answer() -> None:
    assert engine_not_asked(Container("docker"), FOUR.local) == Container("docker")


@pytest.mark.parametrize(
    ("container", "stop"),
    [
        pytest.param(Container("docker", "a b"), "docker stop 'a b'", id="docker"),
        pytest.param(Container("kubernetes", "abab"), "crictl stop abab", id="kubernetes"),
        pytest.param(Container("nerdctl", "abab"), "nerdctl stop abab", id="containerd's own"),
        pytest.param(Container("docker"), "", id="nobody knows which"),
        pytest.param(
            Container("podman", "a", engine_answer="pod"), "podman pod stop a", id="a pod"
        ),
    ],
)
def test_the_command_that_stops_a_container(container: Container, stop: str) -> None:
    assert container.stop == stop
