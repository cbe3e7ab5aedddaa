"""Real servers and the way in which each is to get its port."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.harness import node
from tests.harness.servers import PYTHON, UVICORN, write_apps

if TYPE_CHECKING:
    from tests.harness.project import Project

WORDS = {
    "fd": "passing it the bound socket (",
    "hook": "holding the port until the server binds it",
    "plain": "holding the port until the server listens",
}
"""What a run says of the way, in the line that says it starts."""
ON = "--host {host} --port {port}"
IN_A_SHELL = f"{UVICORN} asgi_app:app {ON}"
MANAGE = """
import sys
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path
settings.configure(DEBUG=True, ROOT_URLCONF=__name__, SECRET_KEY="x", ALLOWED_HOSTS=["*"])
urlpatterns = [path("", lambda _: HttpResponse("django"))]
execute_from_command_line(sys.argv)
"""
AIOHTTP = """
import sys
from aiohttp import web
async def index(request):
    return web.Response(text="aiohttp")
app = web.Application()
app.add_routes([web.get("/", index)])
web.run_app(app, host=sys.argv[1], port=int(sys.argv[2]))
"""
BY_NUMBER = """
import http.server, socket, sys
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler, False)
server.socket.close()
server.socket = socket.socket(fileno=int(sys.argv[1]))
server.socket.listen(5)
server.serve_forever()
"""
PAGE = "<!doctype html><p>page</p>"
PACKAGE = '{"scripts": {"dev": "vite --host 127.0.0.1", "app": "node every.cjs"}}'
EVERY = """
const server = require("http").createServer((_, answer) => answer.end("node"));
server.listen(Number(process.env.PORT));
console.log("port", server.address().port);
"""
FASTAPI = """
from fastapi import FastAPI
app = FastAPI()
@app.get("/")
def root(): return {"said": "hello"}
"""
EXPRESS = """
const app = require("express")();
app.get("/", (request, response) => response.send("hello"));
app.listen(Number(process.env.PORT), "127.0.0.1");
"""
WEBPACK = """
module.exports = { mode: "development", entry: "./entry.js", devServer: { static: "." } };
"""
PAGE_OF_NEXT = "export default function Page() { return <p>hello</p>; }\n"
LAYOUT = """
export default function Layout({ children }) { return <html><body>{children}</body></html>; }
"""
NGINX = """
daemon off; worker_processes 2; pid nginx.pid; error_log stderr;
events { worker_connections 64; }
http { access_log off; server { listen 127.0.0.1:PORT; location / { return 200 "hello"; } } }
"""
FILES = {
    "fastapi_app.py": FASTAPI,
    "streamlit_app.py": "import streamlit\nstreamlit.write('hello')\n",
    "express_app.cjs": EXPRESS,
    "webpack.config.js": WEBPACK,
    "entry.js": "console.log('hello')\n",
    "app/page.js": PAGE_OF_NEXT,
    "app/layout.js": LAYOUT,
    "nginx.conf": NGINX,
    "manage.py": MANAGE,
    "aiohttp_app.py": AIOHTTP,
    "by_number.py": BY_NUMBER,
    "index.html": PAGE,
    "package.json": PACKAGE,
    "every.cjs": EVERY,
}


VARIABLE = "DEVPORTS_TEST_FRAMEWORKS"
FRAMEWORKS = os.environ.get(VARIABLE, "")
"""A `node_modules` with what is too large to be installed for every run of the tests:
`npm install express@4 webpack webpack-cli webpack-dev-server next@15 react react-dom`."""
FROM_NPM = ("express", "webpack", "next")


@dataclass(frozen=True)
class Way:
    """A command, the rung by which it is to get its port, and what has to be installed."""

    command: str
    rung: str
    needs: str = ""

    @property
    def missing(self) -> str:
        """What is not here, empty if it can run."""
        if self.needs in ("node", "npm", "sh", "php", "uv", "nginx"):
            return "" if shutil.which(self.needs) else f"no {self.needs}"
        if self.needs in FROM_NPM:
            there = os.path.isdir(os.path.join(FRAMEWORKS, self.needs))
            return "" if there else f"no {self.needs} in the folder that {VARIABLE} names"
        found = not self.needs or importlib.util.find_spec(self.needs) is not None
        return "" if found else f"no {self.needs}"


WAYS = {
    "uvicorn": Way(f"{UVICORN} asgi_app:app {ON}", "fd", "uvicorn"),
    "uvicorn --reload": Way(f"{UVICORN} asgi_app:app --reload {ON}", "fd", "uvicorn"),
    "uvicorn --workers 2": Way(f"{UVICORN} asgi_app:app --workers 2 {ON}", "fd", "uvicorn"),
    "uvicorn in a shell": Way(f"sh -c {shlex.quote(IN_A_SHELL)}", "fd", "uvicorn"),
    "gunicorn": Way(
        f"{PYTHON} -m gunicorn -w 2 -b {{host}}:{{port}} wsgi_app:app", "fd", "gunicorn"
    ),
    "hypercorn": Way(f"{PYTHON} -m hypercorn -b {{host}}:{{port}} asgi_app:app", "fd", "hypercorn"),
    "daphne": Way(f"{PYTHON} -m daphne -b {{host}} -p {{port}} asgi_app:app", "fd", "daphne"),
    "a program told the number": Way(f"{PYTHON} by_number.py {{fd}}", "fd"),
    "flask run": Way(f"{PYTHON} -m flask --app flask_app run {ON}", "hook", "flask"),
    "flask --debug": Way(f"{PYTHON} -m flask --app flask_app --debug run {ON}", "hook", "flask"),
    "django": Way(f"{PYTHON} manage.py runserver {{host}}:{{port}}", "hook", "django"),
    "http.server": Way(f"{PYTHON} -m http.server {{port}} --bind {{host}}", "hook"),
    "http.server on every address": Way(f"{PYTHON} -m http.server {{port}}", "hook"),
    "waitress": Way(
        f"{PYTHON} -m waitress --listen {{host}}:{{port}} wsgi_app:app", "hook", "waitress"
    ),
    "aiohttp": Way(f"{PYTHON} aiohttp_app.py {{host}} {{port}}", "hook", "aiohttp"),
    "node": Way("node server.cjs {host} {port}", "hook", "node"),
    "node on every address": Way("node every.cjs", "hook", "node"),
    "node --watch": Way("node --watch every.cjs", "hook", "node"),
    "node behind npm": Way("npm run --silent app", "hook", "npm"),
    "nodemon": Way("npx --no-install nodemon every.cjs", "hook", "npm"),
    "vite behind npm": Way("npm run --silent dev -- --port {port}", "hook", "npm"),
    "fastapi dev": Way(f"{PYTHON} -m fastapi dev fastapi_app.py {ON}", "hook", "fastapi_cli"),
    "streamlit": Way(
        f"{PYTHON} -m streamlit run streamlit_app.py --server.headless true"
        " --server.port {port} --server.address {host}",
        "hook",
        "streamlit",
    ),
    "uv run": Way(f"uv run {PYTHON} -m uvicorn asgi_app:app {ON}", "fd", "uv"),
    "express": Way("node express_app.cjs", "hook", "express"),
    "webpack-dev-server": Way(
        "npx --no-install webpack serve --port {port} --host {host}", "hook", "webpack"
    ),
    "next dev": Way("npx --no-install next dev -p {port} -H {host}", "hook", "next"),
    "php -S": Way("php -S {host}:{port}", "plain", "php"),
    "nginx": Way("nginx -p . -c nginx.conf", "plain", "nginx"),
    "python that ignores us": Way(f"{PYTHON} -I -m http.server {{port}} --bind {{host}}", "plain"),
    "an unknown program": Way("./server {port}", "plain", "sh"),
}
"""How each kind is started; the placeholders are devports' own."""


def write(project: Project, port: int) -> None:
    """Put everything into the project that the commands need, but packages from npm."""
    write_apps(project.folder)
    os.makedirs(os.path.join(project.folder, "app"), exist_ok=True)
    for name, text in FILES.items():
        with open(os.path.join(project.folder, name), "w", encoding="utf-8") as file:
            file.write(text.replace("PORT;", f"{port};") if name == "nginx.conf" else text)
    script = os.path.join(project.folder, "server")
    with open(script, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nexec {PYTHON} -m http.server "$1" --bind 127.0.0.1\n')
    os.chmod(script, 0o755)


def link_modules(project: Project, needs: str) -> None:
    """Put the packages from npm into the project, if its command needs any.

    Raises:
        node.MissingError: they cannot be had here.
    """
    if needs == "npm" or needs in FROM_NPM:
        folder = node.modules() if needs == "npm" else FRAMEWORKS
        os.symlink(folder, os.path.join(project.folder, "node_modules"))


def answer(port: int) -> int:
    """Return the status with which the server answers on 127.0.0.1."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as reply:
        return int(reply.status)
