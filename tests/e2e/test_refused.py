"""A server that ends by another port than its own: it is started once, and that port is named."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness.capabilities import NEEDS_FORK, NEEDS_NODE, NEEDS_PROC
from tests.harness.servers import PYTHON
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from tests.conftest import Zoo
    from tests.harness.command import Command
    from tests.harness.project import Project

pytestmark = [NEEDS_FORK, NEEDS_PROC]


def needs(module: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(module) is None
    return pytest.mark.skipif(missing, reason=f"{module} is not installed here")


METRICS_FIRST = """
import signal, socket, sys
print("START", flush=True)
host, own, metrics = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for port in (metrics, own):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    sock.listen()
signal.pause()
"""
OWN_FIRST = """
console.log('START');
const [host, own, metrics, later] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const net = require('net');
net.createServer().listen(own, host, () => {
  setTimeout(() => net.createServer().listen(metrics, host), later);
});
"""
AS_A_MODULE = """
import { createServer } from 'node:http';
console.log('START');
createServer().listen(Number(process.argv[4]), process.argv[2]);
"""
LIFESPAN = """
import socket
print("START", flush=True)
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        try:
            socket.create_server(("127.0.0.1", METRICS))
        except OSError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
        else:
            await send({"type": "lifespan.startup.complete"})
"""


def write(project: Project, metrics: int) -> None:
    files = {
        "metrics_first.py": METRICS_FIRST,
        "own_first.cjs": OWN_FIRST,
        "module.mjs": AS_A_MODULE,
        "lifespan.py": LIFESPAN.replace("METRICS", str(metrics)),
    }
    for name, text in files.items():
        with open(os.path.join(project.folder, name), "w", encoding="ascii") as file:
            file.write(text)


UVICORN = f"{PYTHON} -m uvicorn lifespan:app --host {{host}} --port {{port}}"
ON = "{host} {port}"
NAME = os.path.basename(sys.executable)
CASES = [
    pytest.param(
        f"{PYTHON} metrics_first.py {ON} {{metrics}}", 1, id="Python, before it binds its own"
    ),
    pytest.param(
        f"node own_first.cjs {ON} {{metrics}} 0",
        1,
        id="Node, right after it has bound its own",
        marks=NEEDS_NODE,
    ),
    pytest.param(
        f"node own_first.cjs {ON} {{metrics}} 900",
        1,
        id="Node, soon after it was ready",
        marks=NEEDS_NODE,
    ),
    pytest.param(
        f"node module.mjs {ON} {{metrics}}", 1, id="a Node module (ESM)", marks=NEEDS_NODE
    ),
    pytest.param(
        f"{PYTHON} -m debugpy --listen 127.0.0.1:{{metrics}} -m uvicorn lifespan:app"
        f" --host {{host}} --port {{port}}",
        1,
        id="debugpy",
        marks=[needs("debugpy"), needs("uvicorn")],
    ),
    pytest.param(UVICORN, 3, id="what starts with uvicorn's app", marks=needs("uvicorn")),
]


@pytest.mark.parametrize(("command", "code"), CASES)
def test_the_port_by_which_it_ended_is_named_and_it_is_started_once(
    *, command: str, code: int, port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    metrics = port + 1
    write(project, metrics)
    holder = zoo("listener", metrics)
    project.service("web", port, command.replace("{metrics}", str(metrics)))
    done = devports("run", "web", "--events", "events")
    assert done.code == code, done
    assert done.err.count("devports: starting") == 1, done
    assert done.text.count("START") <= 1, "what the app does at its start is done once"
    (said,) = [line for line in done.err.splitlines() if f"bind of 127.0.0.1:{metrics}" in line]
    assert said == (
        f"devports: `web` exited with code {code} after its bind of 127.0.0.1:{metrics} was refused"
        f" (address in use): `{NAME}` (pid {holder.pid}) uses it; run `devports check {metrics}`,"
        f" or declare {metrics} in `ports` to let devports free it too"
    )
    assert "did not get" not in done.err
    assert "released" not in done.err
    with open(os.path.join(project.folder, "events"), encoding="ascii") as file:
        events = [json.loads(line) for line in file]
    (refused,) = [event for event in events if event["event"] == "bind-refused"]
    assert refused["process"]["pid"] == holder.pid
    assert (refused["error"], refused["exit_code"]) == ("EADDRINUSE", code)


@needs("uvicorn")
def test_below_a_reloader_that_lives_it_is_named_at_once(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    metrics = port + 1
    write(project, metrics)
    holder = zoo("listener", metrics)
    project.service("web", port, f"{UVICORN} --reload", ready={"timeout": 8})
    running = devports.start("run", "web")
    said = running.says(f"bind of 127.0.0.1:{metrics} by `web` was refused (address in use)")
    assert f"(pid {holder.pid}) uses it" in said
    assert not running.ended, "the reloader waits for a mended file"
    assert running.ends() == exitcodes.NOT_READY
    assert running.err.count("was refused") == 1
    assert running.err.count("devports: starting") == 1
    assert "one of its processes has bound the port but is not listening" in running.err


@NEEDS_NODE
def test_a_debugger_s_port_of_the_command_is_a_fact_beside_the_end(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    """Node's inspector binds where no hook is asked."""
    debugger = port + 1
    holder = zoo("listener", debugger)
    project.service("web", port, f"node --inspect={debugger} -e process.exit(7)")
    done = devports("run", "web")
    assert done.code == 7, done
    assert (
        f"devports: 127.0.0.1:{debugger}, which the command of `web` names, is in use by"
        f" `{NAME}` (pid {holder.pid})"
    ) in done.err.splitlines()


@pytest.mark.parametrize(
    ("handoff", "told"),
    [
        pytest.param("auto", True, id="the way that is chosen"),
        pytest.param("plain", True, id="beside our hold"),
        pytest.param("none", False, id="without anything of ours in it"),
    ],
)
def test_hooks_tell_in_every_way_but_none(
    handoff: str, port: int, zoo: Zoo, project: Project, devports: Command, *, told: bool
) -> None:
    metrics = port + 1
    write(project, metrics)
    zoo("listener", metrics)
    command = f"{PYTHON} metrics_first.py {ON} {metrics}"
    project.service("web", port, command, handoff=handoff)
    done = devports("run", "web")
    assert done.code == 1
    assert ("was refused" in done.err) is told
    assert done.err.count("devports: starting") == 1


def test_a_port_that_it_can_do_without_is_not_spoken_of(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    """Its reload socket hops; it serves, and nothing about that is wrong."""
    hops = METRICS_FIRST.replace("    sock.bind((host, port))", "    hop(sock, host, port)")
    hop = "def hop(sock, host, port):\n    try: sock.bind((host, port))\n"
    hop += "    except OSError: sock.bind((host, 0))\n"
    with open(os.path.join(project.folder, "hops.py"), "w", encoding="ascii") as file:
        file.write(hop + hops)
    zoo("listener", port + 1)
    project.service("web", port, f"{PYTHON} hops.py {ON} {port + 1}")
    running = devports.start("run", "web")
    eventually(lambda: running.said_ready or running.ended, 60)
    assert running.said_ready, running.err
    assert "refused" not in running.err
