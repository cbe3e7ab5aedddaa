"""How the port gets to the server: real programs, and rivals that want it all the time."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import handoffs, node, tables
from tests.harness.capabilities import NEEDS_FORK, NEEDS_NODE, NEEDS_PROC
from tests.harness.handoffs import WAYS, WORDS
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from tests.conftest import Zoo
    from tests.harness.command import Command, Running
    from tests.harness.project import Project

pytestmark = [NEEDS_FORK, NEEDS_PROC]

STARTS = 20
KINDS = [pytest.param(kind, id=f"{way.rung}: {kind}") for kind, way in WAYS.items()]


def declare(project: Project, port: int, kind: str, **settings: object) -> None:
    """Make the service `web` of this kind, or skip the test."""
    way = WAYS[kind]
    if way.missing:
        pytest.skip(f"this machine has {way.missing}")
    handoffs.write(project)
    if way.needs == "npm":
        try:
            handoffs.link_modules(project)
        except node.MissingError as reason:
            pytest.skip(str(reason))
    project.service("web", port, way.command, **settings)


def ready(running: Running) -> None:
    eventually(lambda: running.said_ready or running.ended, 60)
    assert running.process.poll() is None, running.out + running.err


def stop(running: Running, port: int, number: int = signal.SIGTERM) -> None:
    running.send(number)
    running.ends()
    eventually(lambda: not tables.holding_pids(port), what="nobody holds the port")
    assert tables.bindable(port)


@pytest.mark.parametrize("kind", KINDS)
def test_the_port_gets_to_the_server_and_back(
    kind: str, port: int, project: Project, devports: Command
) -> None:
    declare(project, port, kind)
    running = devports.start("run", "web")
    ready(running)
    first = next(line for line in running.lines if line.startswith("devports: starting"))
    assert WORDS[WAYS[kind].rung] in first
    assert eventually(lambda: handoffs.answer(port)) == 200
    eventually(lambda: running.pid not in tables.holding_pids(port), what="our copy is closed")
    assert running.err.count("devports: starting") == 1
    stop(running, port)


@pytest.mark.parametrize("kind", ["uvicorn", "daphne", "http.server", "node"])
def test_a_server_that_has_served_can_start_again_at_once(
    kind: str, port: int, project: Project, devports: Command
) -> None:
    """Connections that it closed first leave a TIME_WAIT, which must not stand in its own way."""
    declare(project, port, kind)
    for _ in range(2):
        running = devports.start("run", "web")
        ready(running)
        for _ in range(3):
            assert handoffs.answer(port) == 200
        assert "TIME_WAIT" not in running.err
        stop(running, port, signal.SIGINT)


RIVALRY = [
    pytest.param("uvicorn", id="a socket that the server makes listen"),
    pytest.param("daphne", id="a socket that listens already"),
    pytest.param("http.server", id="the bind of a Python server"),
    pytest.param("aiohttp", id="the bind of an asyncio server"),
    pytest.param("node", id="the bind of a Node server", marks=NEEDS_NODE),
    pytest.param("node on every address", id="a bind to more than was declared", marks=NEEDS_NODE),
]


def rivalled(port: int, zoo: Zoo, devports: Command) -> int:
    """Start once with a rival that wants the port from the first word on; return its tries."""
    rival = zoo("rival", port, "--reuse", "--hold", -1, "--wait")
    running = devports.start("run", "web")
    running.says("devports: starting")
    rival.tell()
    ready(running)
    assert running.pid not in tables.listening_pids(port)
    words = rival.rest().split()
    assert words[-2:] == ["hits", "0"], f"{words}\n{running.err}"
    assert running.err.count("devports: starting") == 1, running.err
    running.send(signal.SIGTERM)
    running.ends()
    eventually(lambda: tables.bindable(port))
    return int(words[-3])


@pytest.mark.parametrize("kind", RIVALRY)
def test_a_rival_never_gets_a_port_that_is_handed_over(
    kind: str, port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    declare(project, port, kind)
    tries = [rivalled(port, zoo, devports) for _ in range(STARTS)]
    assert min(tries) > 0, f"the rival did try: {tries}"


@pytest.mark.parametrize("kind", RIVALRY)
def test_nor_where_a_time_wait_is_left_on_it(
    kind: str, port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    declare(project, port, kind)
    for _ in range(STARTS // 5):
        zoo("time_wait_maker", port).gone()
        assert "TIME_WAIT" in tables.states(port)
        assert rivalled(port, zoo, devports) > 0


def test_without_a_hand_over_each_loss_is_noticed_and_named(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    """The rival takes what is only held beside the server's own bind, and keeps it."""
    declare(project, port, "an unknown program", attempts=2)
    rival = zoo("rival", port, "--reuse", "--hold", -1, "--wait")
    running = devports.start("run", "web")
    running.says("devports: starting")
    rival.tell()
    assert rival.line().startswith("hit")
    running.says("`web` did not get 127.0.0.1")
    assert running.ends() in {exitcodes.TAKEN_AGAIN, exitcodes.HELD}, running.err
    assert not running.said_ready
    assert str(rival.pid) in running.err
