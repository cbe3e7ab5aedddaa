"""From finds to services that can live together."""

from __future__ import annotations

import pytest

from devports.detect.model import DetectedService, Source
from devports.detect.services import merge_services, valid_name, with_names, with_ports
from tests.unit.detect.making import only, services, tree

WHY = (Source("x", 1, "y"),)
FLASK = "app = Flask(__name__)"


def found(name: str, port: int, **more: object) -> DetectedService:
    return DetectedService((name,), "x", WHY, target=name, command="run", port=port).replace(**more)


@pytest.mark.parametrize(
    ("text", "port"),
    [
        pytest.param("A=1\nPORT=5001\n", 5001, id="a number"),
        pytest.param("export PORT = '5001' # ours", 5001, id="exported, in quotes"),
        pytest.param("PORT=5001x\n", 5000, id="more than a number"),
        pytest.param("PORT=0\nDB_PORT=1\n#PORT=2", 5000, id="no port of its own"),
    ],
)
def test_the_port_of_an_env_file(text: str, port: int) -> None:
    service = only({"app.py": FLASK, ".env": text})
    assert service.port == port
    assert (service.sources[-1].text == f"PORT={port}") is (port != 5000)


def test_the_line_of_an_env_file_is_the_reason() -> None:
    service = only({"app.py": FLASK, ".env": "A=1\nPORT=5001\n"})
    assert str(service.sources[-1]) == ".env, line 2: PORT=5001"


def test_no_other_line_of_an_env_file_is_shown() -> None:
    service = only({"app.py": FLASK, ".env": "SECRET=x\nPORT=5001"})
    assert "SECRET" not in str(service)


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"app.py": FLASK, "x/.env": "PORT=1"}, id="in another folder"),
        pytest.param({"app.py": FLASK + "\napp.run(port=5000)", ".env": "PORT=1"}, id="stated"),
        pytest.param({"app.py": FLASK, "b.py": FLASK, ".env": "PORT=1"}, id="for two"),
    ],
)
def test_a_port_that_may_be_another_s(files: dict[str, str]) -> None:
    assert services(files)[0].port == 5000


def test_a_watched_port_is_not_changed_by_an_env_file() -> None:
    files = {"compose.yaml": "services:\n  db:\n    ports: ['5432:1']", ".env": "PORT=1"}
    assert only(files).port == 5432


NAMES = [
    (["a", "a", "a"], ["a", "a-2", "a-3"]),
    (["a", "A"], ["a", "A-2"]),
    (["b c!d"], ["b-c-d"]),
    (["_", "-"], ["service", "service-2"]),
    (["x" * 90, "x" * 90], ["x" * 64, "x" * 60 + "-2"]),
    (["é"], ["service"]),
]


@pytest.mark.parametrize(("wanted", "given"), NAMES)
def test_every_service_has_a_valid_name_of_its_own(wanted: list[str], given: list[str]) -> None:
    assert [each.name for each in with_names([found(name, 1) for name in wanted])] == given


def test_another_name_comes_before_a_number() -> None:
    both = [found("api", 1), found("api", 2, names=("api", "", "shop-api"))]
    assert [each.name for each in with_names(both)] == ["api", "shop-api"]
    assert valid_name("") == ""


PORTS = [
    pytest.param([found("a", 1), found("b", 1)], [1, 2], id="two defaults"),
    pytest.param([found("a", 1), found("b", 1, stated=True)], [2, 1], id="a file says one"),
    pytest.param(
        [found("a", 1, stated=True), found("b", 1, takes_port=False)], [2, 1], id="one is fixed"
    ),
    pytest.param([found("a", 1), found("b", 1, command="")], [2, 1], id="one is a container's"),
    pytest.param(
        [found("a", 1), found("b", 3, command="", ports=(("x", 1), ("y", 2)))],
        [4, 3],
        id="further ports count too",
    ),
    pytest.param(
        [found("a", 1, takes_port=False), found("b", 1, takes_port=False)],
        [1, 0],
        id="two that cannot be told: the second is left to the person",
    ),
    pytest.param(
        [found("a", 1, command=""), found("b", 1, command="")], [1], id="two containers on one port"
    ),
    pytest.param([found("a", 0), found("b", 0)], [0, 0], id="unknown ones"),
    pytest.param([found("a", 65535), found("b", 65535)], [65535, 0], id="no port is left"),
]


@pytest.mark.parametrize(("finds", "ports"), PORTS)
def test_no_two_services_have_one_port(finds: list[DetectedService], ports: list[int]) -> None:
    assert [each.port for each in with_ports(finds)[0]] == ports


def test_further_ports_that_are_taken_are_left_out() -> None:
    first = found("a", 1, command="", ports=(("x", 2),))
    second = found("b", 3, command="", ports=(("y", 2), ("z", 3), ("w", 4)))
    assert with_ports([first, second])[0][1].ports == (("w", 4),)


def test_there_is_a_bound() -> None:
    many = [found(f"s{number}", 1, folder=str(number)) for number in range(60)]
    assert len(merge_services(tree({}), many).services) == 50
