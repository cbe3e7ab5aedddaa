"""What docker and podman print, read; and whatever else they print."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devports.core import containers
from devports.core.containers import Published, answered, behind, detailed, docker_addresses
from devports.core.holder_kind import Container
from devports.core.model import Endpoint

ID, OTHER = "ab" * 32, "cd" * 32
PORTS = "443/tcp, 0.0.0.0:8000->80/tcp, [::]:8000->80/tcp"
ROW = f"{ID}\tshop-db-1\tpostgres:16\t{PORTS}\n"


def docker(text: str, port: int = 8000) -> tuple[Published, ...]:
    return containers.docker(text.encode(), port)


ANY4, ANY6 = "0.0.0.0", "::"


@pytest.mark.parametrize(
    ("text", "port", "addresses"),
    [
        pytest.param(PORTS, 8000, (ANY4, ANY6), id="a published and an exposed one"),
        pytest.param(":::8000->80/tcp", 8000, (ANY6,), id="IPv6 as docker 20 writes it"),
        pytest.param("[::1]:8000->80/tcp", 8000, ("::1",), id="IPv6 in brackets"),
        pytest.param("0.0.0.0:8000-8002->80-82/tcp", 8002, (ANY4,), id="a range"),
        pytest.param("0.0.0.0:8000-8002->80-82/tcp", 8003, (), id="beyond a range"),
        pytest.param("0.0.0.0:8000->80/udp", 8000, (), id="UDP"),
        pytest.param("8000/tcp", 8000, (), id="exposed inside only"),
        pytest.param("127.0.0.1:9000->8000/tcp", 8000, (), id="the port inside is not the host's"),
        pytest.param("127.0.0.1:9000->8000/tcp", 9000, ("127.0.0.1",), id="one address"),
        pytest.param("0.0.0.0:x->80/tcp", 80, (), id="no number"),
        pytest.param("0.0.0.0:8000-99999999999->1/tcp", 8000, (), id="beyond every port"),
        pytest.param("", 8000, (), id="none"),
    ],
)
def test_the_hosts_addresses_are_read_off_a_row(
    text: str, port: int, addresses: tuple[str, ...]
) -> None:
    assert docker_addresses(text, port) == addresses


def test_docker_names_the_container() -> None:
    assert docker(ROW) == (Published("docker", "shop-db-1", "postgres:16", ID, (ANY4, ANY6)),)


@pytest.mark.parametrize("names", ["web/db,shop-db-1", "shop-db-1,web/db"])
def test_the_names_that_links_gave_a_container_are_not_its_own(names: str) -> None:
    assert docker(ROW.replace("shop-db-1", names)) == docker(ROW)


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        pytest.param("60\n", 60, id="a time of its own"),
        pytest.param("0\n", 0, id="no time at all"),
        pytest.param("<nil>\n", 10, id="none, as docker writes it"),
        pytest.param("<no value>\n", 10, id="an engine that has no such fact"),
        pytest.param("", 10, id="no answer"),
        pytest.param("\u0663", 10, id="anything"),
        pytest.param("-1\n", 3600, id="that is not closed, as docker writes it"),
        pytest.param("4294967295\n", 3600, id="that is not closed, as podman writes it"),
        pytest.param("9" * 5000, 3600, id="a number that Python does not read"),
    ],
)
def test_the_time_that_a_container_has_to_end_is_read_and_bounded(
    answer: str, seconds: int
) -> None:
    assert containers.stop_timeout(answer) == seconds


def test_a_row_that_does_not_publish_the_port_is_none_whatever_the_filter_let_through() -> None:
    assert docker(ROW, 80) == ()
    assert docker(ROW.replace("0.0.0.0:8000->80/tcp, [::]:8000->80", "0.0.0.0:90->8000")) == ()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("Cannot connect to the Docker daemon\n", id="a complaint"),
        pytest.param(ROW.replace("\t", "  "), id="no tabs"),
        pytest.param(ROW.replace(ID, "-f"), id="an id that would be an option"),
        pytest.param(ROW.replace(ID, ID[:12]), id="a cut id"),
        pytest.param(ROW.replace("shop-db-1", "-f"), id="a name that would be an option"),
    ],
)
def test_what_is_not_a_row_names_nobody(text: str) -> None:
    assert docker(text) == ()


def row(**facts: Any) -> dict[str, Any]:
    ports = [
        {"host_ip": "", "container_port": 80, "host_port": 8000, "range": 1, "protocol": "tcp"}
    ]
    return {"Id": ID, "Image": "nginx:1", "Names": ["web"], "Ports": ports, **facts}


def mapped(**facts: Any) -> dict[str, Any]:
    return row(Ports=[{**row()["Ports"][0], **facts}])


FOUND = (Published("podman", "web", "nginx:1", ID, ("",)),)
POD = "12" * 32
PODMAN = [
    pytest.param([row()], FOUND, id="published"),
    pytest.param([mapped(host_port=7999, range=2)], FOUND, id="in a range"),
    pytest.param([mapped(host_port=7999)], (), id="another port"),
    pytest.param([mapped(protocol="udp")], (), id="UDP"),
    pytest.param([mapped(host_port=True)], (), id="a port that is no number"),
    pytest.param([row(Ports=None)], (), id="nothing published"),
    pytest.param([row(Names="web")], FOUND, id="one name, as podman 1 writes it"),
    pytest.param([row(Names=[])], (), id="no name"),
    pytest.param([row(Id="--all")], (), id="an id that would be an option"),
    pytest.param([row(Names=["--all"])], (), id="a name that would be an option"),
    pytest.param([row(Pod=POD), row(Id=OTHER, Names=["b"], Pod="--all", Image=None)],
                 (FOUND[0].replace(pod=POD), Published("podman", "b", "", OTHER, ("",))),
                 id="a pod, and a pod without an id"),
    pytest.param([], (), id="no container"),
    pytest.param([3, None, "x"], (), id="no rows"),
    pytest.param({"Id": ID}, None, id="not a list"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "expected"), PODMAN)
def test_podman_names_the_container(data: Any, expected: tuple[Published, ...] | None) -> None:
    assert containers.podman(json.dumps(data).encode(), 8000) == expected


def test_what_podman_says_without_json_is_no_answer() -> None:
    assert containers.podman(b"Error: no such thing", 8000) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(ID),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Id", "Image", "Names", "Ports", "host_port", "range", "protocol"]),
            inner,
        )
    ),
)


@given(JSON, st.integers(1, 65535))
def test_whatever_podman_says_nobody_is_made_up(data: Any, port: int) -> None:
    raw = json.dumps(data).encode()
    found = containers.podman(raw, port)
    assert found is None or all(one.identity == ID for one in found)


@given(st.binary(max_size=200) | st.text("ab0123\t:->,/tcp\n", max_size=300).map(str.encode))
def test_whatever_docker_says_nobody_is_made_up(raw: bytes) -> None:
    assert all(len(one.identity) == 64 for one in containers.docker(raw, 8000))


def web(name: str, *addresses: str, pod: str = "") -> Published:
    return Published("podman", name, "", name, addresses, pod)


HERE = Endpoint("127.0.0.1", 8000)
A, B, WIDE = web("a", "127.0.0.1"), web("b", "::1", "127.0.0.2"), web("w", "")
BEHIND = [
    pytest.param([A, B], HERE, "", (A,), id="the one that publishes the address"),
    pytest.param([A, B], HERE.replace(address="::ffff:127.0.0.2"), "", (B,), id="in any writing"),
    pytest.param([A, WIDE], HERE, "", (A,), id="the address before every address"),
    pytest.param([B, WIDE], HERE, "", (WIDE,), id="every address"),
    pytest.param([A, B], HERE.replace(address="0.0.0.0"), "", (A, B), id="a socket on all of them"),
    pytest.param([A, B], HERE.replace(address="10.0.0.1"), "", (), id="an address of none"),
    pytest.param([A, B], HERE, "b", (B,), id="the one of its monitor"),
    pytest.param([A, B], HERE, "x", (A,), id="a monitor of a container that publishes nothing"),
]


@pytest.mark.parametrize(("found", "end", "identity", "expected"), BEHIND)
def test_the_container_behind_a_socket_is_told_by_its_address(
    found: list[Published], end: Endpoint, identity: str, expected: tuple[Published, ...]
) -> None:
    assert behind(found, end, identity) == expected


PODMAN_ONE = Container("podman")
ANSWERS = [
    pytest.param([], PODMAN_ONE.replace(engine_answer="none"), id="none"),
    pytest.param([A], PODMAN_ONE.replace(engine_answer="one", name="a", identity="a"), id="one"),
    pytest.param(
        [web("i", "", pod=POD), web("b", "", pod=POD)],
        Container("podman", "121212121212", identity=POD, engine_answer="pod"),
        id="all of one pod",
    ),
    pytest.param(
        [web("i", "", pod=POD), B],
        PODMAN_ONE.replace(engine_answer="several", names=(("i", ""), ("b", "::1, 127.0.0.2"))),
        id="a pod and another one",
    ),
]


@pytest.mark.parametrize(("found", "expected"), ANSWERS)
def test_what_is_behind_a_socket_is_the_answer(found: list[Published], expected: Container) -> None:
    assert answered(PODMAN_ONE, found) == expected


INSIDE = Container("docker", "abababababab", identity=ID, engine_answer="inside")
KNOWN = INSIDE.replace(name="web", image="nginx", stop_timeout=60, confirmed=True)
ONE = Container("docker", "web", engine_answer="one")
POD_OF_TWO = Container("podman", "p", engine_answer="pod")
DETAILED = [
    pytest.param(INSIDE, ["60\t/web\tnginx\t\t"], KNOWN, id="inside: the engine knows it"),
    pytest.param(INSIDE, [], INSIDE, id="inside: it does not"),
    pytest.param(INSIDE, ["10\t--all\tnginx\t\t"], INSIDE, id="inside: no name"),
    pytest.param(
        INSIDE,
        ["60\tweb\tnginx\tshop_web\t"],
        KNOWN.replace(supervisor=("docker swarm", "shop_web")),
        id="inside: of a swarm",
    ),
    pytest.param(
        ONE,
        ["10\tweb\tnginx\t<no value>\tweb.service"],
        ONE.replace(supervisor=("systemd", "web.service")),
        id="published: of a unit",
    ),
    pytest.param(ONE, ["10\tweb\tnginx\t-x\t"], ONE, id="a label that would be an option"),
    pytest.param(
        POD_OF_TWO,
        ["10\ta\tx\t\t", "70\tb\tx\t\t"],
        POD_OF_TWO.replace(stop_timeout=70),
        id="a pod: the longest time of its containers",
    ),
]


@pytest.mark.parametrize(("container", "lines", "expected"), DETAILED)
def test_the_details_are_read_off_what_inspect_prints(
    container: Container, lines: list[str], expected: Container
) -> None:
    assert detailed(container, lines) == expected
