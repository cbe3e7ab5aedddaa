"""`ready`: what else than owning its port a service has to do until "ready" is said."""

from __future__ import annotations

import signal
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PROC
from tests.harness.waiting import eventually, never

if TYPE_CHECKING:
    from tests.conftest import Zoo
    from tests.harness.command import Command
    from tests.harness.project import Project

pytestmark = [NEEDS_FORK, NEEDS_PROC]


def test_a_server_that_never_listens_is_not_ready_in_time(
    port: int, project: Project, devports: Command
) -> None:
    project.service("web", port, ["sleep", "60"], ready={"timeout": 1}, attempts=1)
    done = devports("run", "web")
    assert done.code == exitcodes.NOT_READY, done


WARM_WHEN_VISITED = """\
import socket, sys, threading
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
server.accept()
print("\\033[32mwarm\\033[0m", end="", flush=True)
print("ed \\033[1mup\\033[0m", flush=True)
threading.Event().wait()
"""


def test_ready_may_wait_for_a_text_of_the_server(
    port: int, project: Project, devports: Command
) -> None:
    words = [sys.executable, "-c", WARM_WHEN_VISITED, str(port)]
    project.service("web", port, words, ready={"log": "warmed up"})
    running = devports.start("run", "web")
    eventually(lambda: "listening" in running.out)
    never(lambda: running.said_ready, 0.5)
    assert tables.connectable(port)
    eventually(lambda: running.said_ready)


CLOSES_FIRST = """\
import socket, sys, threading
reserved = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
guest = reserved.accept()[0]
guest.close()
print("warmed up", flush=True)
threading.Event().wait()
"""


def test_a_visitor_before_it_is_ready_leaves_nothing_in_the_next_ones_way(
    port: int, project: Project, devports: Command
) -> None:
    words = [sys.executable, "-c", CLOSES_FIRST, str(port)]
    project.service("web", port, words, ready={"log": "warmed up"}, handoff="hook")
    running = devports.start("run", "web")
    eventually(lambda: "listening" in running.out)
    never(lambda: running.said_ready, 0.5)
    with socket.create_connection(("127.0.0.1", port)) as visitor:
        assert visitor.recv(1) == b"", "the server closes first, so the TIME_WAIT is on its side"
    eventually(lambda: running.said_ready)
    running.send(signal.SIGTERM)
    running.ends()
    assert "TIME_WAIT" in tables.states(port)
    assert tables.bindable(port)


def test_a_server_that_never_says_the_text_is_not_ready_in_time(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "listener", port, ready={"log": "warmed up", "timeout": 5})
    done = devports("run", "web")
    assert done.code == exitcodes.NOT_READY, done
    assert 'its output did not contain "warmed up"' in done.err


@pytest.mark.parametrize(("owner", "timeout"), [("any", 20), ("tree", 2)])
def test_somebody_outside_may_serve_where_any_owner_will_do(
    *, owner: str, timeout: int, port: int, project: Project, devports: Command, zoo: Zoo
) -> None:
    wanted = {"owner": owner, "timeout": timeout}
    project.service("web", port, ["sleep", "60"], ready=wanted, handoff="plain", attempts=1)
    running = devports.start("run", "web")
    running.says("starting `web`")
    zoo("listener", port)
    eventually(lambda: running.said_ready or running.ended, 30)
    assert bool(running.said_ready) == (owner == "any"), running.err
