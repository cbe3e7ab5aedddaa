"""The project that a real VS Code opens: its path has a blank and a letter beyond ASCII."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass

from tests.harness import node
from tests.harness.command import installed
from tests.harness.project import Project

SERVER = """\
import http.server, os, signal, sys, threading, time

class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/crash":
            os._exit(3)
        super().do_GET()

slow = float(sys.argv[2])
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
def end(*_):
    threading.Thread(target=lambda: (time.sleep(slow), server.shutdown())).start()
signal.signal(signal.SIGTERM, end)
server.serve_forever()
"""
APP = """\
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

def wsgi(environ, start):
    start("200 OK", [])
    return [b"hello"]
"""
NODE = """\
const server = require('http').createServer((asked, answer) => {
  console.log(asked.method, asked.url);
  answer.end('hello');
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => console.log('listening'));
"""
SHOW = "require('http').createServer().listen(0, '127.0.0.1');\n"
TASKS = """\
{
    // Written by hand. Ask Ann before you change anything.
    "version": "2.0.0",
    "tasks": [
        { "label": "build", "type": "shell", "command": "true", "problemMatcher": [] }, // quick
        { "label": "blind", "command": "sleep 9", "isBackground": true, "problemMatcher": [] },
    ],
}
"""
LAUNCH = """\
{
    "version": "0.2.0",
    // what we debug
    "configurations": [
        {
            "name": "show", "type": "node", "request": "launch", // quick
            "program": "${workspaceFolder}/show.js",
        },
        {
            "name": "waits for Run Backend", "type": "node", "request": "launch",
            "program": "${workspaceFolder}/show.js", "preLaunchTask": "Run Backend",
        },
        {
            "name": "needs Run All", "type": "node", "request": "launch",
            "program": "${workspaceFolder}/show.js", "preLaunchTask": "Run All",
        },
    ],
}
"""
WAITS = "waits for Run Backend"
"""The configuration of a person's that waits for a background task of ours."""
WAITS_FOR_ALL = "needs Run All"
SUPERVISORD = """\
[supervisord]
logfile=%(here)s/log
pidfile=%(here)s/pid
[unix_http_server]
file=%(here)s/socket
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://%(here)s/socket
[program:shop]
command=python3 server.py {port} 0
directory={folder}
autorestart=true
"""
PROGRAMS = ("uvicorn", "gunicorn", "supervisord", "python3")
NAMES = ("backend", "reload", "forks", "web", "slow", "api", "debugger", "py", "debugpy")
BELOW = "services/my web"


@dataclass
class Workspace:
    folder: str
    ports: dict[str, int]

    @property
    def breakpoint(self) -> str:
        """The line of the server in Python at which a debugger is to stop, with its file."""
        return (
            f"{self.folder}/server.py:{SERVER.splitlines().index('        super().do_GET()') + 1}"
        )

    def url(self, name: str, path: str = "") -> str:
        return f"http://127.0.0.1:{self.ports[name]}/{path}"

    def read(self, name: str) -> str:
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return file.read()


def make(above: str, first: int) -> Workspace:
    """Make the project in `above`, its ports from `first` on; `devports vscode` has been run."""
    folder = os.path.join(above, "Bücher shop")
    os.makedirs(os.path.join(folder, ".vscode"))
    space = Workspace(folder, {name: first + number for number, name in enumerate(NAMES)})
    for name, text in {
        "server.py": SERVER,
        "app.py": APP,
        "api.js": NODE,
        "show.js": SHOW,
        "index.html": "hello\n",
        "package.json": '{"scripts": {"dev": "vite"}}\n',
        ".vscode/tasks.json": TASKS,
        ".vscode/launch.json": LAUNCH,
    }.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    _environment(folder)
    _services(space)
    _write_tasks(folder)
    return space


def make_below(above: str, space: Workspace) -> Workspace:
    """Make a folder whose configuration is below it, one service of which needs the other."""
    folder = os.path.join(above, "mono repo")
    place = os.path.join(folder, BELOW)
    os.makedirs(place)
    os.makedirs(os.path.join(folder, ".vscode"))
    for name, text in (
        (f"{BELOW}/server.py", SERVER), ("show.js", SHOW), (".vscode/launch.json", LAUNCH),
    ):  # fmt: skip
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    _environment(folder)
    _near(folder, place)
    project = Project(place)
    project.service("backend", space.ports["backend"], "near server.py {port} 0")
    project.service(
        "frontend", space.ports["web"], "python3 server.py {port} 0", depends_on=["backend"]
    )
    _write_tasks(folder, "--below")
    return Workspace(folder, space.ports)


def _near(root: str, place: str) -> None:
    """Give a folder below an environment whose Python comes before a program of the root."""
    near = os.path.join(place, ".venv", "bin")
    os.makedirs(near)
    os.symlink(sys.executable, os.path.join(near, "near"))
    with open(os.path.join(root, ".venv", "bin", "near"), "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nexit 9\n")
        os.fchmod(file.fileno(), 0o755)


def _write_tasks(folder: str, *options: str) -> None:
    words = [*installed(), "vscode", *options]
    done = subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True)
    print(done.stderr, end="", flush=True)


def supervisord(space: Workspace, name: str) -> str:
    """Write what makes supervisord run a server on the port of a service; return its file."""
    folder = os.path.join(os.path.dirname(space.folder), f"supervised {name}")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "supervisord.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(SUPERVISORD.format(port=space.ports[name], folder=space.folder))
    return path


def several_folders(space: Workspace, above: str) -> str:
    """Make a workspace of two folders, the project and an empty one; return its file."""
    os.makedirs(os.path.join(above, "other"), exist_ok=True)
    path = os.path.join(above, "both.code-workspace")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"folders": [{"path": "other"}, {"path": space.folder}]}, file)
    return path


def _environment(folder: str) -> None:
    """Give the project a .venv that is on nobody's PATH, and vite where node is there."""
    os.makedirs(os.path.join(folder, ".venv", "bin"))
    beside = os.path.dirname(sys.executable)
    for name, path in [
        ("devports", installed()[0]),
        *((n, os.path.join(beside, n)) for n in PROGRAMS),
    ]:
        os.symlink(path, os.path.join(folder, ".venv", "bin", name))
    try:
        os.symlink(node.modules(), os.path.join(folder, "node_modules"))
    except node.MissingError as missing:
        print(f"without vite: {missing}")


def _services(space: Workspace) -> None:
    project, at = Project(space.folder), space.ports
    quick, where = "python3 server.py {port} 0", "--host {host} --port {port}"
    project.service("backend", at["backend"], quick, vscode={"prelaunch": ["show"], "build": True})
    project.service("reload", at["reload"], f"uvicorn app:app --reload {where}")
    project.service("forks", at["forks"], "gunicorn app:wsgi --workers 2 --bind {host}:{port}")
    project.service("web", at["web"], f"npm run dev -- {where} --strictPort")
    project.service("slow", at["slow"], "python3 server.py {port} 2")
    project.service(
        "api", at["api"], "node api.js {port}",
        ports={"debug": at["debugger"]}, vscode={"debug": "node"},
    )  # fmt: skip
    project.service(
        "py", at["py"], [sys.executable, "server.py", "{port}", "0"],
        ports={"debug": at["debugpy"]}, vscode={"debug": "debugpy"},
    )  # fmt: skip
