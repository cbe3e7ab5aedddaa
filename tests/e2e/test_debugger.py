"""`devports run --debug`: the server runs under a debugger that an editor can attach to."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import sys
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.capabilities import NEEDS_FORK, NEEDS_NODE
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.command import Command
    from tests.harness.project import Project

NEEDS_DEBUGPY = pytest.mark.skipif(
    importlib.util.find_spec("debugpy") is None, reason="debugpy is not installed here"
)
pytestmark = NEEDS_FORK
APP = """\
async def app(scope, receive, send):
    if scope["type"] == "http":
        answer = b"hello"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": answer})
"""
LINE = 3


class Adapter:
    """A client of the Debug Adapter Protocol, as small as it can be.

    https://microsoft.github.io/debug-adapter-protocol/specification
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._file = self._socket.makefile("rb")
        self._number = 0

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def send(self, command: str, **arguments: object) -> None:
        self._number += 1
        message = {"seq": self._number, "type": "request", "command": command}
        body = json.dumps(message | {"arguments": arguments}).encode()
        self._socket.sendall(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def until(self, **wanted: object) -> dict[str, Any]:
        """Read messages up to the first that has these values, and return it."""
        while True:
            message = self._read()
            if all(message.get(key) == value for key, value in wanted.items()):
                return message

    def _read(self) -> dict[str, Any]:
        length = 0
        while (line := self._file.readline().strip()) or not length:
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        message = json.loads(self._file.read(length))
        assert isinstance(message, dict)
        return message

    def attach(self, path: str, line: int) -> None:
        """Attach, and set one breakpoint."""
        self.send("initialize", adapterID="test", clientID="test")
        self.until(type="response", command="initialize", success=True)
        self.send("attach", justMyCode=False)
        self.until(type="event", event="initialized")
        self.send("setBreakpoints", source={"path": path}, breakpoints=[{"line": line}])
        answer = self.until(type="response", command="setBreakpoints", success=True)
        assert answer["body"]["breakpoints"][0]["verified"], answer
        self.send("configurationDone")
        self.until(type="response", command="attach", success=True)


def get(port: int) -> socket.socket:
    """Ask for a page, and do not wait for it."""
    client = socket.create_connection(("127.0.0.1", port), timeout=20)
    client.sendall(b"GET / HTTP/1.0\r\n\r\n")
    return client


@pytest.fixture
def adapter(port: int) -> Iterator[list[Adapter]]:
    made: list[Adapter] = []
    yield made
    for each in made:
        each.close()


@NEEDS_DEBUGPY
def test_a_debugger_attaches_and_stops_at_a_breakpoint(
    project: Project, devports: Command, port: int, adapter: list[Adapter]
) -> None:
    path = os.path.join(project.folder, "app.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(APP)
    uvicorn = os.path.join(os.path.dirname(sys.executable), "uvicorn")
    project.service(
        "web", port, [uvicorn, "app:app", "--host", "{host}", "--port", "{port}"],
        ports={"debug": port + 1}, vscode={"debug": "debugpy"},
    )  # fmt: skip
    running = devports.start("run", "web", "--debug")
    running.says("` is ready on ", 60)
    adapter.append(Adapter(port + 1))
    adapter[0].attach(path, LINE)
    with get(port) as client:
        stopped = adapter[0].until(type="event", event="stopped")
        assert stopped["body"]["reason"] == "breakpoint"
        adapter[0].send("continue", threadId=stopped["body"]["threadId"])
        assert b"hello" in client.makefile("rb").read()
    running.process.terminate()
    running.process.wait(20)
    adapter[0].until(type="event", event="terminated")
    adapter[0].close()  # as VS Code does then: until its client goes, debugpy keeps its port
    eventually(lambda: not tables.states(port) - {"TIME_WAIT"}, 10, what="the port")
    eventually(lambda: "LISTEN" not in tables.states(port + 1), 10, what="the debugger's port")


@NEEDS_NODE
def test_node_listens_for_a_debugger_on_the_declared_port(
    project: Project, devports: Command, port: int
) -> None:
    with open(os.path.join(project.folder, "api.js"), "w", encoding="utf-8") as file:
        file.write("require('http').createServer().listen(process.argv[2], '127.0.0.1');\n")
    project.service(
        "api", port, "node api.js {port}",
        ports={"debug": port + 1}, vscode={"debug": "node"},
    )  # fmt: skip
    running = devports.start("run", "api", "--debug")
    running.says("` is ready on ", 60)
    assert "LISTEN" in tables.states(port + 1)
    with urlopen(f"http://127.0.0.1:{port + 1}/json/version", timeout=20) as answer:
        assert "Protocol-Version" in json.load(answer)
    running.process.terminate()
    running.process.wait(20)
    eventually(lambda: not tables.states(port + 1) - {"TIME_WAIT"}, 10)


REFUSED = [
    pytest.param({}, "declares no debugger", id="none is declared"),
    pytest.param({"command": "npm run dev"}, "`npm` starts several programs", id="npm"),
    pytest.param(
        {"command": "node x", "shell": True},
        "with `shell = true` devports cannot add the debugger",
        id="sh",
    ),
]


@pytest.mark.parametrize(("keys", "words"), REFUSED)
def test_what_cannot_be_debugged_is_refused(
    project: Project, devports: Command, port: int, keys: dict[str, object], words: str
) -> None:
    debug = {"ports": {"debug": port + 1}, "vscode": {"debug": "node"}} if keys else {}
    project.service("web", port, **({"command": "node x"} | keys | debug))  # type: ignore[arg-type]
    done = devports("run", "web", "--debug")
    assert done.code == exitcodes.USAGE
    assert words in done.err
