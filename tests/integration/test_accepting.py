"""Who of the processes with a listening socket waits for connections on it, by real ones."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from devports.system import linux
from tests.harness import actors
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PROC
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.actors import Actor

pytestmark = [NEEDS_FORK, NEEDS_PROC]

WAITER = """\
import os, select, signal, socket, sys, threading
signal.alarm(60)
how, server = sys.argv[2], socket.create_server(("127.0.0.1", int(sys.argv[1])))
epoll, poll, life = select.epoll(), select.poll(), os.fdopen(0, "rb")
if how.endswith("epoll"):
    epoll.register(server, select.EPOLLIN)
poll.register(server, select.POLLIN)
wait = {
    "accept": server.accept,
    "epoll": epoll.poll,
    "another epoll": epoll.poll,
    "select": lambda: select.select([server], [], []),
    "poll": poll.poll,
    "a lock": threading.Event().wait,
}[how]
if how == "another epoll":
    epoll.unregister(server)
threading.Thread(target=wait, daemon=True).start()
print("ready", os.getpid(), flush=True)
life.read()
"""


@pytest.fixture
def start(port: int) -> Iterator[list[Actor]]:
    started: list[Actor] = []
    yield started
    for actor in started:
        actor.end()


@pytest.mark.parametrize(
    ("how", "accepts"),
    [
        pytest.param("accept", True, id="in accept(2)"),
        pytest.param("epoll", True, id="in its epoll set"),
        pytest.param("another epoll", False, id="in an epoll set without it"),
        pytest.param("select", None, id="in select(2): perhaps"),
        pytest.param("poll", None, id="in poll(2): perhaps"),
        pytest.param("a lock", False, id="it waits for something else"),
    ],
)
def test_who_accepts(how: str, accepts: bool | None, port: int, start: list[Actor]):
    actor = actors.start("waiter", [sys.executable, "-c", WAITER, str(port), how])
    start.append(actor)
    (socket,) = linux.listening_on({port}).sockets
    found = {actor.pid: accepts}
    eventually(lambda: linux.accepting([actor.pid, 1], {socket.inode}) == found)
    assert linux.accepting([actor.pid], {socket.inode + 1}) == {}
    assert linux.accepting([], {socket.inode}) == {}


def test_who_has_gone_is_not_named(port: int):
    assert linux.accepting([2**22 + 1], {7}) == {}
