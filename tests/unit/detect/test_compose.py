"""Published ports of compose files."""

from __future__ import annotations

import pytest

from tests.unit.detect.making import left_out, only, services

PORTS = [
    pytest.param('    ports:\n      - "5432:5432"', 5432, id="in quotes"),
    pytest.param("    ports:\n      - 5432:5433", 5432, id="without quotes"),
    pytest.param("    ports:\n    - 5432:5433", 5432, id="a list no deeper than its key"),
    pytest.param("    ports:\n      - '127.0.0.1:5432:80/tcp'", 5432, id="with an address"),
    pytest.param("    ports:\n      - '[::1]:5432:80'", 5432, id="with an IPv6 address"),
    pytest.param('    ports: ["5432:80", "1:1"]', 5432, id="in brackets"),
    pytest.param("    ports:   # ours\n      - 5432:80 # db", 5432, id="with comments"),
    pytest.param("    ports:\n      - ${DB_PORT:-5432}:80", 5432, id="a variable with a default"),
    pytest.param(
        "    ports:\n      - target: 80\n        published: '5432'", 5432, id="the long form"
    ),
    pytest.param(
        "    ports:\n      - target: 80\n        published: 5432\n      - 7:7",
        5432,
        id="both forms",
    ),
    pytest.param(
        "    image: x\n\n    ports:\n\n      - 5432:5432\n    x: y", 5432, id="among others"
    ),
]


@pytest.mark.parametrize(("body", "port"), PORTS)
def test_a_published_port_is_watched(body: str, port: int) -> None:
    found = only({"compose.yaml": f"version: '3'\nservices:\n  db:\n{body}\n"})
    assert (found.name, found.port, found.command) == ("db", port, "")


def test_the_line_of_the_port_is_the_reason() -> None:
    found = only({"x/docker-compose.yml": 'services:\n  db:\n    ports:\n      - "5432:5432"\n'})
    assert str(found.sources[0]) == 'x/docker-compose.yml, line 4: - "5432:5432"'


def test_further_ports_have_names() -> None:
    found = only({"compose.yml": "services:\n  m:\n    ports: [1025:1025, 8026:8025, 1025:1]\n"})
    assert (found.port, found.ports) == (1025, (("http", 8026),))


NOTHING = [
    pytest.param("    ports:\n      - '80'", id="only inside"),
    pytest.param("    ports:\n      - 53:53/udp", id="UDP"),
    pytest.param("    ports:\n      - target: 80\n        mode: host", id="the long form, inside"),
    pytest.param(
        "    ports:\n      - target: 53\n        published: 53\n        protocol: udp",
        id="long UDP",
    ),
    pytest.param("    image: x", id="no ports"),
    pytest.param("    ports: []", id="an empty list"),
    pytest.param("    ports:", id="nothing behind it"),
    pytest.param(
        "    command: |\n      ports:\n        - 1:1\n\n      x\n    image: >-\n      y",
        id="a text",
    ),
]


@pytest.mark.parametrize("body", NOTHING)
def test_nothing_on_a_port_that_is_known(body: str) -> None:
    files = {"compose.yaml": f"services:\n  db:\n{body}\n"}
    assert services(files) == ()
    assert left_out(files) == ()


UNREAD = [
    pytest.param("    ports:\n      - 8000-8010:8000-8010", id="a range"),
    pytest.param("    ports:\n      - ${PORT}:80", id="a variable without a default"),
    pytest.param("    ports: *common", id="an alias"),
    pytest.param("    ports:\n      - 70000:80", id="no port"),
    pytest.param("    ports:\n      - published: 80-90\n        target: 80", id="a long range"),
    pytest.param(
        f"    ports:\n      - published: {'9' * 5000}\n        target: 80", id="5000 digits"
    ),
    pytest.param("    ports:\n      - mode: host", id="a table of something else"),
    pytest.param("    ports:\n      - 1:1\n        x", id="more than it should be"),
    pytest.param("    ports:\n      x: y", id="no list"),
]


@pytest.mark.parametrize("body", UNREAD)
def test_what_could_not_be_read_is_said(body: str) -> None:
    files = {"compose.yaml": f"services:\n  db:\n{body}\n"}
    assert services(files) == ()
    (left,) = left_out(files)
    assert left.why == "this port of `db` could not be read"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("db:\n  image: x\n", id="no services"),
        pytest.param("services:\n\tdb:\n", id="tabs"),
        pytest.param("", id="nothing"),
    ],
)
def test_a_file_that_could_not_be_read_is_said(text: str) -> None:
    (left,) = left_out({"compose.yaml": text})
    assert left.why == "no `services:` that could be read"


def test_services_end_where_the_next_table_begins() -> None:
    text = "---\nservices:\n  a:\n    ports: ['1:1']\nvolumes:\n  b:\n    ports: ['2:2']\n"
    assert only({"compose.yaml": text}).name == "a"


def test_one_file_of_a_folder_counts() -> None:
    text = "services:\n  db:\n    ports: ['1:1']\n"
    other = text.replace("db", "old")
    assert only({"compose.yaml": text, "docker-compose.yml": other}).name == "db"


def test_a_container_of_what_is_here_is_left_out() -> None:
    text = "services:\n  api:\n    build: .\n    ports: ['8000:80']\n"
    files = {"compose.yaml": text, "main.py": "app = FastAPI()"}
    assert only(files).kind == "fastapi"
    (left,) = left_out(files)
    assert left.why == "another way to start `backend`, in a container"


def test_a_container_from_elsewhere_keeps_its_port() -> None:
    text = "services:\n  other:\n    image: x\n    ports: ['8000:80']\n"
    backend, other = services({"compose.yaml": text, "main.py": "app = FastAPI()"})
    assert (backend.port, other.port) == (8001, 8000)
    assert backend.notes == ("Port 8000 is already used by `other`.",)


def test_a_hostile_file_ends_soon() -> None:
    text = "services:\n" + "  a:\n" * 100_000
    assert services({"compose.yaml": text}) == ()
