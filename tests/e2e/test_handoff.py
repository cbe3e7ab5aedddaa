"""How the port gets to the server: real programs, and rivals that want it all the time."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from devports import exitcodes
from tests.harness import handoffs, node, tables
from tests.harness.actors import argv_of
from tests.harness.capabilities import NEEDS_FORK, NEEDS_NODE, NEEDS_PROC, NEEDS_PTY
from tests.harness.handoffs import WAYS, WORDS
from tests.harness.servers import PYTHON
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from tests.conftest import Zoo
    from tests.e2e.conftest import OnTerminal
    from tests.harness.command import Command, Running
    from tests.harness.project import Project

pytestmark = [NEEDS_FORK, NEEDS_PROC]

STARTS = 20
SOME = 5
"""Starts of a server that gets its port in the same way as another one."""
KINDS = [pytest.param(kind, id=f"{way.rung}: {kind}") for kind, way in WAYS.items()]


def declare(project: Project, port: int, kind: str, **settings: object) -> None:
    """Make the service `web` of this kind, or skip the test."""
    way = WAYS[kind]
    if way.missing:
        pytest.skip(f"this machine has {way.missing}")
    handoffs.write(project, port)
    try:
        handoffs.link_modules(project, way.needs)
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


@pytest.mark.parametrize(
    ("kind", "handoff", "said"),
    [
        pytest.param("uvicorn", "auto", True, id="it says the socket's name"),
        pytest.param("uvicorn", "hook", False, id="it binds by itself and says its own address"),
        pytest.param("hypercorn", "auto", False, id="it says its address with a socket too"),
    ],
)
def test_where_a_server_is_reached_is_said_once(
    kind: str, handoff: str, port: int, project: Project, devports: Command, *, said: bool
) -> None:
    declare(project, port, kind, handoff=handoff)
    running = devports.start("run", "web")
    ready(running)
    url = f"http://127.0.0.1:{port}"
    ours = f"devports: serving {url}/ (press Ctrl-C to stop)"
    eventually(lambda: any(url in line for line in running.lines), what="an address to click")
    stop(running, port)
    assert (ours in running.lines) is said
    assert sum(url in line for line in running.lines) == 1


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
    pytest.param("uvicorn", STARTS, id="a socket that the server makes listen"),
    pytest.param("daphne", SOME, id="a socket that listens already"),
    pytest.param("gunicorn", SOME, id="a socket that gunicorn shares before it listens again"),
    pytest.param("hypercorn", SOME, id="a socket that hypercorn shares before it listens again"),
    pytest.param("http.server", STARTS, id="the bind of a Python server"),
    pytest.param("aiohttp", SOME, id="the bind of an asyncio server"),
    pytest.param("node", SOME, id="the bind of a Node server", marks=NEEDS_NODE),
    pytest.param(
        "node on every address", STARTS, id="a bind to more than was declared", marks=NEEDS_NODE
    ),
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


@pytest.mark.parametrize(("kind", "starts"), RIVALRY)
def test_a_rival_never_gets_a_port_that_is_handed_over(
    *, kind: str, starts: int, port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    declare(project, port, kind)
    tries = [rivalled(port, zoo, devports) for _ in range(starts)]
    assert min(tries) > 0, f"the rival did try: {tries}"


@pytest.mark.parametrize(("kind", "starts"), RIVALRY)
def test_nor_where_a_time_wait_is_left_on_it(
    *, kind: str, starts: int, port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    declare(project, port, kind)
    for _ in range(starts // 5):
        zoo("time_wait_maker", port).gone()
        assert "TIME_WAIT" in tables.states(port)
        assert rivalled(port, zoo, devports) > 0


def test_without_a_hand_over_each_loss_is_noticed_and_named(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    """The rival takes what is only held beside the server's own bind, and keeps it."""
    go = f"{project.folder}/go"
    waits = f'while [ ! -e {go!r} ]; do sleep 0.05; done; exec "$@"'
    words = ["sh", "-c", waits, "sh", *argv_of("listener", port, "--stay")]
    project.service("web", port, words, handoff="plain", attempts=2)
    rival = zoo("rival", port, "--reuse", "--hold", -1, "--wait")
    running = devports.start("run", "web")
    running.says("devports: starting")
    rival.tell()
    assert rival.line().startswith("hit")
    with open(go, "w", encoding="ascii"):  # the server's own bind comes after the rival's
        pass
    running.says(f"`web` lost 127.0.0.1:{port} to another process")
    assert running.ends() in {exitcodes.TAKEN_AGAIN, exitcodes.HELD}, running.err
    assert not running.said_ready
    assert str(rival.pid) in running.err


# -- a server that binds again while it runs


def closed(running: Running, port: int) -> None:
    """Let the server give its port up."""
    ready(running)
    (server,) = tables.listening_pids(port)
    psutil.Process(server).send_signal(signal.SIGUSR1)
    running.says("closed")


def binds_again(devports_pid: int, port: int) -> None:
    tree = psutil.Process(devports_pid).children(recursive=True)
    tree[0].send_signal(signal.SIGUSR2)


def test_a_server_that_binds_again_gets_its_port_back_from_whoever_took_it(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    project.zoo("web", "rebinder", port)
    running = devports.start("run", "web", "--yes")
    closed(running, port)
    thief = zoo("listener", port)
    binds_again(running.pid, port)
    running.says("again")
    eventually(lambda: tables.listening_pids(port) and not thief.alive)
    eventually(lambda: running.pid not in tables.holding_pids(port), what="our copy is closed")
    assert tables.connectable(port)
    stop(running, port)


def test_without_consent_its_bind_fails_as_ever_and_the_other_lives(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    project.zoo("web", "rebinder", port)
    running = devports.start("run", "web")
    closed(running, port)
    other = zoo("listener", port)
    binds_again(running.pid, port)
    assert running.ends() == 1
    assert "Address already in use" in running.err
    assert other.alive


@NEEDS_PTY
@pytest.mark.parametrize(
    ("key", "ended", "then"),
    [
        pytest.param("y", True, "again", id="yes"),
        pytest.param("\x1b[B\r", True, "again", id="yes, by arrow"),
        pytest.param("n", False, "Address already in use", id="no"),
        pytest.param("\x1b[A\r", False, "Address already in use", id="no, by up and Enter"),
        pytest.param("\x03", False, "`web` exited with code", id="Ctrl-C"),
    ],
)
def test_on_a_terminal_a_person_is_asked_while_the_server_waits(
    *,
    key: str,
    ended: bool,
    then: str,
    port: int,
    zoo: Zoo,
    project: Project,
    on_terminal: OnTerminal,
) -> None:
    project.zoo("web", "rebinder", port)
    terminal = on_terminal("run", "web")
    terminal.expect("is ready on")
    tree = psutil.Process(terminal.pid).children(recursive=True)
    tree[0].send_signal(signal.SIGUSR1)
    terminal.expect("closed")
    other = zoo("listener", port)
    tree[0].send_signal(signal.SIGUSR2)
    terminal.answer(key)
    terminal.expect(then)
    assert other.alive is not ended
    terminal.signal(signal.SIGTERM)
    terminal.exit_code()


# -- what is no success


def test_a_handed_socket_on_which_nobody_accepts_is_not_ready(
    port: int, project: Project, devports: Command
) -> None:
    """Its connections are queued by the kernel, so it can be connected to all the same."""
    words = argv_of("rebinder", port, "--stay", "--fd", "{fd}")
    project.service("web", port, words, ready={"timeout": 2}, attempts=1)
    running = devports.start("run", "web")
    eventually(lambda: tables.connectable(port))
    assert running.ends() == exitcodes.NOT_READY
    assert not running.said_ready
    assert "accepts no connection" in running.err
    assert tables.bindable(port)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        pytest.param(
            "npm run dev", "`npm` does not pass file descriptors to its children", id="a launcher"
        ),
        pytest.param(
            "uvicorn a:b --port 1",
            "its command binds 127.0.0.1:1, not 127.0.0.1:",
            id="another port",
        ),
        pytest.param(
            "node x.js", "`node` is not known to accept an inherited socket", id="an unknown one"
        ),
    ],
)
def test_a_socket_that_is_asked_for_and_cannot_be_handed_over_is_refused(
    command: str, why: str, port: int, project: Project, devports: Command
) -> None:
    project.service("web", port, command, handoff="fd")
    done = devports("run", "web")
    assert done.code == exitcodes.USAGE, done
    assert "handoff-unavailable" in done.err or why in done.err
    assert why in done.err


def test_a_server_that_does_not_take_the_socket_is_started_another_way(
    port: int, project: Project, devports: Command
) -> None:
    """Its name says uvicorn, and its bind is its own: our hold must not keep it out for ever."""
    script = f"{project.folder}/uvicorn"
    with open(script, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nexec {PYTHON} -m http.server "$4" --bind "$2"\n')
    os.chmod(script, 0o755)
    project.service("web", port, "./uvicorn --host {host} --port {port}")
    running = devports.start("run", "web")
    ready(running)
    assert "exited without using the socket, possibly because devports held the port" in running.err
    stop(running, port)
