"""The rules about what a command says of its server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports.detect.servers import SERVERS
from devports.doctor.facts import Command, Launch
from devports.doctor.project_rules import STAYS, STAYS_IF_TOLD
from devports.doctor.setup_rules import examine
from tests.unit.doctor.samples import WEB, codes, facts, started

if TYPE_CHECKING:
    from devports.doctor.facts import Facts
    from tests.unit.doctor.samples import Codes

MOVES = [("server-moves", "note")]
STAYING = [
    pytest.param(started(kind="vite"), MOVES, id="vite moves although it is told a port"),
    pytest.param(started(kind="vite", words=("--strictPort",)), [], id="vite that was told to"),
    pytest.param(started(kind="vite", settings="strictPort: true"), [], id="by its own file"),
    pytest.param(started(kind="jupyter", port=8000), MOVES, id="jupyter retries"),
    pytest.param(
        started(kind="jupyter", words=("--port-retries=0",)), [], id="jupyter that does not"
    ),
    pytest.param(started(kind="next"), MOVES, id="Next.js without a port"),
    pytest.param(started(kind="next", port=8000), [], id="Next.js with its port"),
    pytest.param(
        started(WEB.replace(env=(("PORT", "{port}"),)), kind="next"), [], id="told by a variable"
    ),
    pytest.param(
        started(kind="webpack", settings="devServer: { port: 8000 }"), [], id="told by its file"
    ),
    pytest.param(started(kind="uvicorn"), [], id="a server that never moves"),
    pytest.param(started(), [], id="a program that is not known"),
    pytest.param(
        started(WEB.replace(handoff="plain"), kind="vite"),
        [("server-moves", "warning")],
        id="vite that nobody holds to its port",
    ),
]


@pytest.mark.parametrize(("looked", "expected"), STAYING)
def test_servers_that_move_silently(looked: Facts, expected: Codes) -> None:
    assert codes(looked) == expected


def test_the_option_to_add_is_named_and_npm_wants_it_behind_two_dashes() -> None:
    command = Command(WEB, "npm", "/srv", launch=Launch("vite"))
    (by_npm,) = examine(facts(commands=(command,)))
    (by_name,) = examine(started(kind="next"))
    assert by_npm.remedies[0].title == "add `-- --strictPort` to its command"
    assert by_name.remedies[0].title == "add `--port {port}` to its command"


@pytest.mark.parametrize("kind", [*STAYS, *STAYS_IF_TOLD])
def test_the_option_is_the_one_that_init_writes(kind: str) -> None:
    (server,) = [each for each in SERVERS if each.kind == kind]
    flag = STAYS[kind][0] if kind in STAYS else STAYS_IF_TOLD[kind]
    assert flag in " ".join(server.adds)


PORTS = [
    pytest.param(started(port=3000), [("command-other-port", "error")], id="another number"),
    pytest.param(started(port=8000), [], id="the declared one"),
    pytest.param(started(), [], id="none"),
    pytest.param(started(WEB.replace(ports=(("hmr", 3000),)), port=3000), [], id="a further one"),
]


@pytest.mark.parametrize(("looked", "expected"), PORTS)
def test_a_command_that_names_a_port(looked: Facts, expected: Codes) -> None:
    assert codes(looked) == expected


UNNAMED = [("command-without-port", "warning")]
NAMELESS = [
    pytest.param(started(kind="flask", default=5000), UNNAMED, id="another default, and no PORT"),
    pytest.param(started(kind="uvicorn", default=8000), [], id="the default is the declared port"),
    pytest.param(started(kind="puma"), [], id="a server that reads PORT"),
    pytest.param(
        started(WEB.replace(env=(("FLASK_RUN_PORT", "{port}"),)), kind="flask", default=5000),
        [],
        id="a variable of its own tells it",
    ),
    pytest.param(
        started(kind="flask", port=3000, default=5000),
        [("command-other-port", "error")],
        id="its command names another one",
    ),
    pytest.param(
        started(kind="vite", default=5173), UNNAMED, id="nothing holds it to a port it never wants"
    ),
]


@pytest.mark.parametrize(("looked", "expected"), NAMELESS)
def test_a_command_that_never_names_its_port(looked: Facts, expected: Codes) -> None:
    assert codes(looked) == expected


@pytest.mark.parametrize(
    ("naming", "advice"),
    [
        ("flask run --port {port}", "write `flask run --port {port}`"),
        ("", "write `{port}` in the command"),
    ],
    ids=["it is known how", "it is not known how"],
)
def test_what_to_write_for_a_port_that_is_not_named(naming: str, advice: str) -> None:
    (problem,) = examine(started(kind="flask", default=5000, naming=naming))
    assert problem.remedies[0].title == advice
    assert problem.why == "flask does not read PORT: it listens on port 5000"


ADDRESSES = [
    pytest.param(
        started(host="0.0.0.0"), [("command-other-address", "warning")], id="all, not one"
    ),
    pytest.param(started(WEB.replace(host="0.0.0.0"), host="0.0.0.0"), [], id="all, as declared"),
    pytest.param(started(WEB.replace(host=""), host="::"), [], id="all, where none is declared"),
    pytest.param(started(), [], id="none"),
]


@pytest.mark.parametrize(("looked", "expected"), ADDRESSES)
def test_a_command_that_names_an_address(looked: Facts, expected: Codes) -> None:
    assert codes(looked) == expected


def test_a_shell_that_ends_well_whatever_happens() -> None:
    (problem,) = examine(started(hides="| tee log"))
    assert (problem.code, problem.severity) == ("exit-code-hidden", "warning")
    assert problem.what == "the command of `web` ends in `| tee log`"
