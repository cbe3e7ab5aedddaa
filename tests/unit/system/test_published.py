"""What docker and podman print, read; and whatever else they print."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devports.core import containers
from devports.core.containers import Published, docker_ports

ID, OTHER = "ab" * 32, "cd" * 32
PORTS = "443/tcp, 0.0.0.0:8000->80/tcp, [::]:8000->80/tcp"
ROW = f"{ID}\tshop-db-1\tpostgres:16\t{PORTS}\n"


def docker(text: str, port: int = 8000) -> tuple[Published, ...]:
    return containers.docker(text.encode(), port)


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        pytest.param(PORTS, {8000}, id="a published and an exposed one"),
        pytest.param(":::8000->80/tcp", {8000}, id="IPv6 as docker 20 writes it"),
        pytest.param("0.0.0.0:8000-8002->80-82/tcp", {8000, 8001, 8002}, id="a range"),
        pytest.param("0.0.0.0:8000->80/udp", set(), id="UDP"),
        pytest.param("8000/tcp", set(), id="exposed inside only"),
        pytest.param("127.0.0.1:9000->8000/tcp", {9000}, id="the port inside is not the host's"),
        pytest.param("0.0.0.0:x->80/tcp", set(), id="no number"),
        pytest.param("0.0.0.0:8000-99999999999->1/tcp", set(), id="a number beyond every port"),
        pytest.param("", set(), id="none"),
    ],
)
def test_the_hosts_ports_are_read_off_a_row(text: str, ports: set[int]) -> None:
    assert docker_ports(text) == ports


def test_docker_names_the_container() -> None:
    assert docker(ROW) == (Published("docker", "shop-db-1", "postgres:16", ID),)


@pytest.mark.parametrize("names", ["web/db,shop-db-1", "shop-db-1,web/db"])
def test_the_names_that_links_gave_a_container_are_not_its_own(names: str) -> None:
    assert docker(ROW.replace("shop-db-1", names)) == docker(ROW)


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        pytest.param(b"60\n", 60, id="a time of its own"),
        pytest.param(b"0\n", 0, id="no time at all"),
        pytest.param(b"<nil>\n", 10, id="none, as docker writes it"),
        pytest.param(b"<no value>\n", 10, id="an engine that has no such fact"),
        pytest.param(b"", 10, id="no answer"),
        pytest.param(b"\xff\x00", 10, id="anything"),
        pytest.param(b"-1\n", 3600, id="that is not closed, as docker writes it"),
        pytest.param(b"4294967295\n", 3600, id="that is not closed, as podman writes it"),
        pytest.param(b"9" * 5000, 3600, id="a number that Python does not read"),
    ],
)
def test_the_time_that_a_container_has_to_end_is_read_and_bounded(
    answer: bytes, seconds: int
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


FOUND = (Published("podman", "web", "nginx:1", ID),)
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
    pytest.param([row(), row(Id=OTHER, Names=["b"])],
                 (*FOUND, Published("podman", "b", "nginx:1", OTHER)), id="a pod"),
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
