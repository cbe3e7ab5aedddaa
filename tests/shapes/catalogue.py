"""The shapes: how each is started, and what may be said of it."""

from __future__ import annotations

from dataclasses import dataclass

FREED, HELD, REFUSED, STILL_HELD, TAKEN_AGAIN = 0, 90, 91, 93, 94
"""Exit codes, by the contract and not by import: these tests are its readers."""


@dataclass(frozen=True)
class Shape:
    """A holder.

    Attributes:
        name: for the table and the test ids.
        words: its command line; `{python}`, `{zoo}`, `{port}`, `{folder}`, `{modules}` and
            `{systemd}` are filled in.
        codes: the exit codes that are honest here. 0 has to be proved by the port itself.
        command: what has to be printed where it is not freed, to be done by hand.
        needs: what the machine must have for it: node, npm, systemd or fuse.
        holders: how many processes have the socket when it has come to rest.
        state: the socket's state at rest.
        clients: whether clients can connect; one that is stopped would accept them as well.
        stream: whether a client waits for an answer that never ends.
        typed: the words are a line typed into a person's shell, on a terminal.
        logged: what it has written when it has come to rest.
    """

    name: str
    words: tuple[str, ...]
    codes: tuple[int, ...] = (FREED,)
    command: str = ""
    needs: str = ""
    holders: int = 1
    state: str = "LISTEN"
    clients: bool = True
    stream: bool = False
    typed: bool = False
    logged: str = ""


def _zoo(name: str, *words: str) -> tuple[str, ...]:
    return ("{python}", "{zoo}/" + name + ".py", "{port}", "--stay", *words)


UVICORN = ("{python}", "-m", "uvicorn", "asgi_app:app", "--host", "127.0.0.1", "--port", "{port}")
NODE = ("server.cjs", "127.0.0.1", "{port}")
LISTENER = "{python} {zoo}/listener.py {port} --stay"
LOOP = f"while :; do {LISTENER}; sleep 0.1; done"
SHAPES = (
    Shape("plain listener", _zoo("listener")),
    Shape("forked listener", _zoo("forked_listener", "--children", "3"), holders=4),
    Shape("`uvicorn`", UVICORN),
    Shape("`uvicorn --reload`", (*UVICORN, "--reload"), holders=2),
    Shape("`uvicorn --workers 2`", (*UVICORN, "--workers", "2"), holders=3),
    Shape(
        "`uvicorn --reload`, broken app",
        ("{python}", "-m", "uvicorn", "broken_app:app", "--port", "{port}", "--reload"),
        state="BOUND",
        clients=False,
        logged="a_module_that_nobody_has",
    ),
    Shape(
        "`gunicorn -w 2`",
        ("{python}", "-m", "gunicorn", "-w", "2", "--bind", "127.0.0.1:{port}", "wsgi_app:app"),
        holders=3,
    ),
    Shape(
        "`flask --debug`",
        ("{python}", "-m", "flask", "--app", "flask_app", "--debug", "run", "--port", "{port}"),
        holders=2,
    ),
    Shape("django `runserver`", ("{python}", "manage.py", "runserver", "127.0.0.1:{port}")),
    Shape("`npm run dev` -> vite", ("npm", "run", "dev", "--", "--port", "{port}"), needs="npm"),
    Shape("nodemon", ("node", "{modules}/nodemon/bin/nodemon.js", *NODE), needs="npm"),
    Shape("`node --watch`", ("node", "--watch", *NODE), needs="node"),
    Shape("TERM-ignorer", _zoo("stubborn")),
    Shape("stopped (SIGSTOP)", _zoo("stopped")),
    Shape("zombie leader, live thread", _zoo("zombie_leader")),
    Shape("paused by a debugger", _zoo("traced")),
    Shape("bound, not listening", _zoo("bound_only"), state="BOUND", clients=False),
    Shape("`uvicorn`, streaming client", UVICORN, stream=True),
    Shape("`uvicorn --reload`, streaming client", (*UVICORN, "--reload"), holders=2, stream=True),
    Shape(
        "in state D, deaf to SIGKILL",
        _zoo("unkillable"),
        codes=(STILL_HELD,),
        command="kill",
        needs="fuse",
    ),
    Shape("shell script in a loop", ("sh", "loop.sh"), codes=(FREED, REFUSED, TAKEN_AGAIN)),
    Shape("plain listener, typed", (LISTENER,), typed=True),
    Shape("plain listener in the background, typed", (f"{LISTENER} &",), typed=True),
    Shape(
        "`npm run dev` -> vite, typed",
        ("npm run dev -- --port {port}",),
        needs="npm",
        typed=True,
    ),
    Shape(
        "shell loop, typed",
        (LOOP,),
        codes=(TAKEN_AGAIN,),
        command="may run it again (loop or command list); press Ctrl-C there",
        typed=True,
    ),
    Shape(
        "shell loop in the background, typed",
        (f"({LOOP}) &",),
        codes=(TAKEN_AGAIN,),
        command="restarts it; stop that first: `kill -TERM ",
        typed=True,
    ),
    Shape(
        "supervisord",
        ("{python}", "-m", "supervisor.supervisord", "-n", "-c", "{folder}/supervisord.conf"),
        codes=(REFUSED,),
        command="supervisorctl",
    ),
    Shape(
        "pm2",
        ("node", "{modules}/pm2/bin/pm2", "start", "server.cjs", "--name", "web", "--", *NODE[1:]),
        codes=(REFUSED,),
        command="pm2 stop",
        needs="npm",
    ),
    Shape(
        "systemd unit",
        ("sh", "-c", "{systemd}"),
        codes=(REFUSED,),
        command="systemctl stop devports-test-",
        needs="systemd",
    ),
    Shape("`devports run`", ("{python}", "-m", "devports", "run", "web")),
)


def files(*, port: int, python: str, zoo: str, unit: str, user: str) -> dict[str, str]:
    """Return the files of a shape's folder beside the apps of the real servers."""
    server = f"{python} {zoo}/listener.py {port} --stay"
    return {
        "loop.sh": LOOP.format(python=python, zoo=zoo, port=port) + "\n",
        "manage.py": DJANGO,
        "package.json": '{"scripts": {"dev": "vite --host 127.0.0.1 --strictPort"}}\n',
        "index.html": "<!doctype html><title>vite</title>\n",
        "devports.toml": f"[services.web]\ncommand = '''{server}'''\nport = {port}\n",
        "supervisord.conf": SUPERVISORD.format(server=server.replace("%", "%%")),
        f"{unit}.target": TARGET.format(unit=unit),
        f"{unit}.service": SERVICE.format(server=server.replace("%", "%%"), user=user),
    }


DJANGO = """
import sys
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path
settings.configure(DEBUG=True, SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__)
urlpatterns = [path("", lambda request: HttpResponse("django"))]
if __name__ == "__main__":
    execute_from_command_line(sys.argv)
"""
SUPERVISORD = """
[unix_http_server]
file=%(here)s/s.sock
[supervisord]
logfile=%(here)s/s.log
pidfile=%(here)s/s.pid
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://%(here)s/s.sock
[program:web]
command={server}
autorestart=true
startsecs=0
"""
TARGET = """
[Unit]
DefaultDependencies=no
Wants={unit}.service
"""
SERVICE = """
[Unit]
DefaultDependencies=no
[Service]
ExecStart={server}
User={user}
Restart=always
RestartSec=1
StandardOutput=null
StandardError=null
"""
