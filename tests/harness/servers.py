"""Real servers: their apps, their command lines, and a start that waits for the right event."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from tests.harness import guard, tables
from tests.harness.actors import Identity
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping

ASGI = """
import asyncio
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while scope["path"] == "/stream":
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await asyncio.sleep(0.1)
        await send({"type": "http.response.body", "body": b"asgi"})
    elif scope["type"] == "lifespan":
        for word in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{word}.complete"})
"""
BROKEN = "import a_module_that_nobody_has\n"
WSGI = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"wsgi"]
"""
FLASK = """
from flask import Flask
app = Flask(__name__)
@app.get("/")
def index():
    return "flask"
"""
NODE = """
const http = require("http");
const [host, port] = [process.argv[2], Number(process.argv[3])];
http.createServer((_, answer) => answer.end("node")).listen(port, host);
"""
APPS = {
    "asgi_app.py": ASGI,
    "broken_app.py": BROKEN,
    "wsgi_app.py": WSGI,
    "flask_app.py": FLASK,
    "server.cjs": NODE,
}
PYTHON = shlex.quote(sys.executable)
UVICORN = f"{PYTHON} -m uvicorn"
COMMANDS = {
    "uvicorn": UVICORN + " asgi_app:app --host {host} --port {port}",
    "uvicorn --reload": UVICORN + " asgi_app:app --reload --host {host} --port {port}",
    "uvicorn --workers 2": UVICORN + " asgi_app:app --workers 2 --host {host} --port {port}",
    "uvicorn --reload, broken": UVICORN + " broken_app:app --reload --host {host} --port {port}",
    "gunicorn -w 2": f"{PYTHON} -m gunicorn -w 2 --bind {{host}}:{{port}} wsgi_app:app",
    "flask run": f"{PYTHON} -m flask --app flask_app run --host {{host}} --port {{port}}",
    "flask --debug": (
        f"{PYTHON} -m flask --app flask_app --debug run --host {{host}} --port {{port}}"
    ),
    "http.server": f"{PYTHON} -m http.server {{port}} --bind {{host}}",
    "node http": "node server.cjs {host} {port}",
}
"""How each kind is started; the placeholders are devports' own, so a config takes them as is."""
BOUND_ONLY = frozenset({"uvicorn --reload, broken"})


def write_apps(folder: str) -> None:
    for name, text in APPS.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)


def environment() -> Mapping[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}


@dataclass
class RealServer:
    """A real server that holds a port, as the leader of a session of its own."""

    kind: str
    port: int
    process: subprocess.Popen[bytes]
    family: frozenset[Identity] = frozenset()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def pids(self) -> set[int]:
        """Every process that has the socket."""
        return tables.holding_pids(self.port)

    def know_family(self) -> None:
        """Note who belongs to it now: a worker may lose its parent and wipe its environment."""
        for pid in _kin(self.pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                self.family |= {Identity.of(pid)}
        for identity in self.family:
            guard.know(identity.pid, identity.started)

    def end(self) -> None:
        """Kill what is left of the family: the leader, and everybody who had the socket."""
        self.know_family()
        for identity in self.family:
            identity.send(signal.SIGKILL)
        self.process.wait(5)


def _kin(session: int) -> set[int]:
    """Return the living processes of a session that we made."""
    found = set()
    for pid in psutil.pids():
        with contextlib.suppress(OSError, psutil.Error):
            if os.getsid(pid) == session:
                found.add(pid)
    return found


def start_server(kind: str, port: int, folder: str, *, host: str = "127.0.0.1") -> RealServer:
    """Start a real server and wait until it listens or, with a broken app, until it is bound."""
    write_apps(folder)
    argv = shlex.split(COMMANDS[kind].format(host=host, port=port))
    with open(os.path.join(folder, f"{port}.log"), "wb") as log:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = RealServer(kind, port, process)
    try:
        eventually(lambda: _settled(server), 30, what=f"{kind} on port {port}")
        server.know_family()
    except BaseException:
        server.end()
        raise
    return server


def _settled(server: RealServer) -> bool:
    assert server.process.poll() is None, f"{server.kind} ended with {server.process.returncode}"
    states = tables.states(server.port)
    if server.kind in BOUND_ONLY:
        # Bound first by the supervisor; its one worker has to have failed before it is at rest.
        return "BOUND" in states and _log_tells_of_the_failure(server)
    return "LISTEN" in states and tables.connectable(server.port)


def _log_tells_of_the_failure(server: RealServer) -> bool:
    path = f"/proc/{server.pid}/fd/2"
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as log:
        return "a_module_that_nobody_has" in log.read()
    return True
