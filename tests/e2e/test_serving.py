"""What is watched after ready: does any process still accept connections?"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from devports import exitcodes
from tests.e2e.test_events import events
from tests.harness import guard, tables
from tests.harness.actors import Identity
from tests.harness.capabilities import NEEDS_FORK, NEEDS_NODE, NEEDS_PROC
from tests.harness.servers import ASGI, BROKEN, COMMANDS, PYTHON
from tests.harness.waiting import NeverHappenedError, eventually, never

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Zoo
    from tests.e2e.conftest import OnTerminal
    from tests.harness.command import Command, Running
    from tests.harness.project import Project

pytestmark = [NEEDS_FORK, NEEDS_PROC]

DIES = ASGI.replace("async def app", "import os\nasync def app").replace(
    '    if scope["type"] == "http":', '    if scope.get("path") == "/die":\n        os._exit(3)\n'
    '    if scope["type"] == "http":'
)  # fmt: skip
BLOCKED = """\
import os, time
def app(environ, start_response):
    while environ["PATH_INFO"] == "/slow" and not os.path.exists("go on"):
        time.sleep(0.05)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"wsgi"]
"""
ONE_WORKER = f"{PYTHON} -m gunicorn -w 1 --bind {{host}}:{{port}} blocked:app"
RELOADER = """\
import os, select, signal, socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
again = signal.signal(signal.SIGUSR1, lambda *_: None)
while True:
    if not os.fork():
        while True:
            if sys.argv[2] == "select":
                select.select([server], [], [])
            server.accept()[0].close()
    os.wait()
    signal.pause()
"""
"""A reloader of our own, whose workers wait by accept(2) or select(2); SIGUSR1 starts the next."""
SHUTTER = """\
from signal import SIGUSR1, pthread_sigmask, sigwait, SIG_BLOCK
import socket, sys
wanted = [SIGUSR1]
pthread_sigmask(SIG_BLOCK, wanted)
while True:
    with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
        sigwait(wanted)
    sigwait(wanted)
"""
"""It stops listening at a SIGUSR1, and begins again at the next one."""
DRAINS = """\
from signal import SIGINT, pause, pthread_sigmask, sigwait, SIG_BLOCK
import socket, sys
wanted = [SIGINT]
pthread_sigmask(SIG_BLOCK, wanted)
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    sigwait(wanted)
print("draining", flush=True)
pause()
"""
"""It stops listening at a Ctrl-C, and lives on as one whose connections are not done."""


def write(project: Project, name: str, text: str) -> None:
    with open(os.path.join(project.folder, name), "w", encoding="utf-8") as file:
        file.write(text)


def get(port: int, path: str) -> None:
    """Ask, and do not care for the answer: there may be none."""
    request = f"GET {path} HTTP/1.0\r\nHost: here\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(request)
        sock.settimeout(10)
        while sock.recv(4096):
            pass


def own_command(running: Running) -> list[str]:
    """Return what devports has said after it said that the server is ready."""
    lines = [line for line in running.lines if line.startswith("devports: ")]
    ready = next(number for number, line in enumerate(lines) if " is ready on " in line)
    return [line for line in lines[ready + 1 :] if " (press Ctrl-C to stop)" not in line]


def said(running: Running, *texts: str) -> bool:
    """Say whether devports has said one line with each of these texts, in order, and no other."""
    lines = own_command(running)
    return len(lines) == len(texts) and all(map(str.__contains__, lines, texts))


def shown(devports: Command) -> str:
    """Return the state of the one service."""
    (service,) = devports("status", "--json").json()["data"]["services"]
    return str(service["endpoints"][0]["state"])


@pytest.fixture
def start(project: Project, devports: Command) -> Iterator[Callable[[], Running]]:
    """Start the service `web` and wait until it is ready; it is ended after the test."""
    started: list[Running] = []

    def begin() -> Running:
        started.append(devports.start("run", "web", "--events", "events.jsonl"))
        eventually(lambda: started[0].said_ready, 30)
        return started[0]

    yield begin
    for running in started:
        running.send(signal.SIGTERM)
        running.ends()


def server_of(running: Running) -> Identity:
    (found,) = psutil.Process(running.pid).children()
    return Identity.of(found.pid)


def worker_of(running: Running) -> Identity:
    """Return the worker of our own reloader, once devports waits for its exit."""
    (found,) = psutil.Process(server_of(running).pid).children()
    eventually(lambda: found.pid in pinned_by(running.pid))
    identity = Identity.of(found.pid)
    guard.know(identity.pid, identity.started)
    return identity


def pinned_by(pid: int) -> set[int]:
    """Return the processes of which a process has a descriptor (pidfd_open(2), its fdinfo)."""
    infos = []
    for name in os.listdir(f"/proc/{pid}/fdinfo"):
        with (
            contextlib.suppress(OSError),
            open(f"/proc/{pid}/fdinfo/{name}", encoding="ascii") as info,
        ):
            infos += [line.split() for line in info if line.startswith("Pid:")]
    return {int(number) for _, number in infos}


def test_a_worker_that_died_under_uvicorns_reloader_is_said_once_until_a_file_is_saved(
    port: int, project: Project, devports: Command, start: Callable[[], Running]
) -> None:
    project.apps()
    write(project, "asgi_app.py", DIES)
    project.service("web", port, COMMANDS["uvicorn --reload"])
    running = start()
    get(port, "/")
    get(port, "/die")
    eventually(lambda: said(running, "exited and no process accepts on 127.0.0.1:"))
    assert shown(devports) == "stalled"
    assert "  stalled  " in devports("status").out
    waited = devports("wait", "web", "--timeout", "0.3")
    assert waited.code == exitcodes.NOT_READY, waited
    assert "is stalled" in waited.err
    never(lambda: len(own_command(running)) > 1, 3)
    write(project, "asgi_app.py", DIES + "# saved\n")
    eventually(lambda: said(running, "is stalled", "accepts connections on 127.0.0.1:"), 20)
    assert shown(devports) == "serving"
    assert devports("wait", "web", "--timeout", "5").code == exitcodes.OK
    get(port, "/")
    kinds = [event["event"] for event in events(project)]
    assert kinds == ["started", "ready", "stalled", "accepting"]


def save_until_noticed(project: Project, running: Running, text: str) -> bool:
    """Save the app as often as its reloader needs, which notes first what is there."""
    for _ in range(20):
        write(project, "asgi_app.py", text)
        with contextlib.suppress(NeverHappenedError):
            return eventually(lambda: "detected changes" in running.err, 1)
    raise AssertionError(running.err)


def test_a_save_that_breaks_the_import_is_said_too(
    port: int, project: Project, start: Callable[[], Running]
) -> None:
    project.apps()
    project.service("web", port, COMMANDS["uvicorn --reload"])
    running = start()
    get(port, "/")
    save_until_noticed(project, running, BROKEN)
    eventually(lambda: said(running, "is stalled"), 20)
    write(project, "asgi_app.py", "import time\ntime.sleep(3)\n" + BROKEN)
    eventually(lambda: running.err.count("ModuleNotFoundError") == 2, 20)
    assert said(running, "is stalled"), "a worker that imports accepts nothing"
    write(project, "asgi_app.py", ASGI)
    eventually(lambda: said(running, "is stalled", "accepts connections"), 20)


@pytest.mark.parametrize("call", ["accept", "select"])
def test_a_worker_is_missed_by_its_exit_and_back_when_the_next_one_accepts(
    call: str, port: int, project: Project, devports: Command, start: Callable[[], Running]
) -> None:
    project.service("web", port, [sys.executable, "-c", RELOADER, str(port), call])
    running = start()
    worker = worker_of(running)
    worker.send(signal.SIGKILL)
    eventually(lambda: said(running, f"(pid {worker.pid}) exited and no process accepts"))
    assert shown(devports) == "stalled"
    server_of(running).send(signal.SIGUSR1)
    eventually(lambda: said(running, "is stalled", "accepts connections"))
    assert shown(devports) == "serving"


def test_a_worker_that_gunicorn_replaces_is_no_news(
    port: int, project: Project, devports: Command, start: Callable[[], Running]
) -> None:
    project.apps()
    project.service("web", port, COMMANDS["gunicorn -w 2"])
    running = start()
    (master,) = psutil.Process(running.pid).children()
    workers = eventually(lambda: [w for w in master.children() if len(master.children()) == 2])
    Identity.of(workers[0].pid).send(signal.SIGKILL)
    eventually(lambda: running.err.count("Booting worker") == 3)
    never(lambda: own_command(running), 3)
    assert shown(devports) == "serving"


@NEEDS_NODE
def test_files_saved_under_node_watch_are_no_news(
    port: int, project: Project, devports: Command, start: Callable[[], Running]
) -> None:
    project.apps()
    project.service("web", port, "node --watch server.cjs {host} {port}")
    running = start()
    for number in (1, 2):
        before = tables.listening_pids(port)
        path = os.path.join(project.folder, "server.cjs")
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"// saved {number}\n")
        eventually(lambda then=before: tables.listening_pids(port) - then, 20)  # type: ignore[misc]
    never(lambda: own_command(running), 3)
    assert shown(devports) == "serving"


def test_connections_that_wait_behind_a_slow_request_are_said_once(
    port: int, project: Project, devports: Command, start: Callable[[], Running]
) -> None:
    write(project, "blocked.py", BLOCKED)
    project.service("web", port, ONE_WORKER)
    running = start()
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(b"GET /slow HTTP/1.0\r\n\r\n")
        never(lambda: own_command(running), 5)  # nobody else waits
        others = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        for other in others:
            other.sendall(b"GET / HTTP/1.0\r\n\r\n")
        line = f"devports: 3 connections wait on 127.0.0.1:{port} for 4 s; the server is busy"
        eventually(lambda: said(running, line))
        assert shown(devports) == "serving", "it may be busy"
        never(lambda: len(own_command(running)) > 1, 3)
        write(project, "go on", "")
        assert slow.recv(100).startswith(b"HTTP/1.0 200")
        for other in others:
            other.recv(100)
            other.close()
    eventually(lambda: said(running, line, "accepts connections"))
    assert [event["event"] for event in events(project)[2:]] == ["queued", "accepting"]


def test_a_server_that_listens_no_more_is_said_and_that_it_does_again(
    port: int, project: Project, devports: Command, start: Callable[[], Running]
) -> None:
    project.service("web", port, [sys.executable, "-c", SHUTTER, str(port)])
    running = start()
    server_of(running).send(signal.SIGUSR1)
    eventually(
        lambda: said(running, f"none of its processes has listened on 127.0.0.1:{port} for ")
    )
    assert devports("wait", "web", "--timeout", "0.3").code == exitcodes.NOT_READY
    server_of(running).send(signal.SIGUSR1)
    eventually(lambda: said(running, "is stalled", "accepts connections"))
    assert devports("wait", "web", "--timeout", "5").code == exitcodes.OK


def test_one_who_stops_listening_at_a_ctrl_c_has_not_stalled(
    port: int, project: Project, on_terminal: OnTerminal
) -> None:
    project.service("web", port, [sys.executable, "-c", DRAINS, str(port)])
    terminal = on_terminal("run", "web")
    terminal.expect("is ready on")
    terminal.ctrl_c()
    terminal.expect("draining")
    never(lambda: terminal.drain() and "stalled" in terminal.screen(), 6.5)
    terminal.signal(signal.SIGTERM)
    assert terminal.exit_code() >= 128


def test_somebody_who_comes_to_listen_beside_it_is_said_once(
    port: int, project: Project, zoo: Zoo, start: Callable[[], Running]
) -> None:
    project.zoo("web", "reuseport_twin", port, handoff="plain")
    running = start()
    twin = zoo("reuseport_twin", port)
    eventually(lambda: said(running, f"(pid {twin.pid}) listens on 127.0.0.1:{port} too"))
    never(lambda: len(own_command(running)) > 1, 4)
    assert events(project)[-1]["process"]["pid"] == twin.pid


def test_a_state_is_a_key_of_its_own_in_the_record(
    port: int, project: Project, devports: Command, start: Callable[[], Running]
) -> None:
    """An older version drops a record whose state it does not know, and takes us for strangers."""
    project.service("web", port, [sys.executable, "-c", RELOADER, str(port), "accept"])
    running = start()
    worker_of(running).send(signal.SIGKILL)
    eventually(lambda: said(running, "is stalled"))
    folder = os.path.join(devports.env["XDG_STATE_HOME"], "devports")
    (name,) = [name for name in os.listdir(folder) if name.endswith(".json")]
    with open(os.path.join(folder, name), encoding="ascii") as file:
        record = json.load(file)
    assert (record["version"], record["state"], record["stalled"]) == (2, "serving", True)
