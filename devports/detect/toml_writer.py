"""The text of a new devports.toml: the services, their sources, and common further keys. Pure."""

from __future__ import annotations

import json

from devports.core.text import portable
from devports.detect.command_line import escaped
from devports.detect.model import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devports.detect.model import DetectedService

HEAD = """\
# Services and their ports. Start one with `devports run NAME`.
# Check this file: `devports validate`. All keys: `devports schema config`.
"""
MORE = """\

# More keys of a service, for example:
#
# ready = { http = "/healthz" }      # ready when this path responds
# depends_on = ["db"]                # start after `db` is ready
# env_file = ".env"
#
# Own ports for every git worktree and clone:
#
# [defaults]
# port_per = "worktree"
"""
NO_SERVER = """
# No server was found. Uncomment a service and replace its command with your own.
# devports searched for:
"""
EXAMPLE = """
# Example (no server was found). Replace the command with your own.
[services.backend]
command = "python3 -m http.server {port} --bind {host}"
port = 8000

# More services, for example:
#
# [services.api]
# command = "uvicorn main:app --reload --host {host} --port {port}"
# port = 8001
#
# [services.web]
# command = "npm run dev -- --host {host} --port {port} --strictPort"
# port = 5173
#
# A watched port (no command): devports never starts it.
#
# [services.db]
# port = 5432
"""


def document(services: Sequence[DetectedService], *, example: bool = False) -> str:
    """Return the file for these services.

    A service without a port is written as a comment, so that the rest is valid. So is the example
    where there is no service; `example`: it is a service, which runs.
    """
    if not services and example:
        return HEAD + EXAMPLE
    if not services:
        lines = EXAMPLE.split("\n", 2)[2].splitlines()
        shown = (line if not line or line[0] == "#" else f"# {line}" for line in lines)
        return HEAD + NO_SERVER + searched("#   ") + "\n\n" + "\n".join(shown) + "\n"
    whole = sorted(services, key=lambda service: not service.port)
    return HEAD + "".join("\n" + "\n".join(block(service)) + "\n" for service in whole) + MORE


SEARCHED = (
    "scripts of package.json (dev, start, serve), Nx targets",
    "Python: FastAPI, Flask, Django, Streamlit, Gradio and others",
    "Go, .NET, Java (Spring Boot, Quarkus), PHP, Ruby, Elixir",
    "Procfile, compose files, .vscode/launch.json and tasks.json",
    "Makefile, justfile, Taskfile.yml, composer.json, deno.json (named, not added)",
)
"""What `init` looks for."""


def searched(indent: str) -> str:
    return "\n".join(f"{indent}{each}" for each in SEARCHED)


def block(service: DetectedService) -> list[str]:
    said = [f"# {one_line(str(source))}" for source in service.sources]
    said += [f"# {one_line(note)}" for note in service.notes]
    if service.port:
        return [*said, *keys(service)]
    missing = f"# `{service.name}`: no port found. Set `port` and uncomment."
    return [*said, missing, *(f"# {line}" for line in keys(service))]


def keys(service: DetectedService) -> Iterator[str]:
    """Yield the table of one service."""
    watched = "" if service.command else "    # no command: devports never starts it"
    yield f"[services.{service.name}]{watched}"
    if service.command:
        yield f"command = {text(service.command)}"
    if service.shell:
        yield "shell = true"
    if service.folder and service.command:
        yield f"cwd = {text(escaped(service.folder))}"
    yield f"port = {service.port or ''}".rstrip()
    if service.host:
        yield f"host = {text(service.host)}"
    if service.ports:
        yield f"ports = {table(service.ports)}"
    if service.env:
        yield f"env = {table(service.env)}"


def table(pairs: Sequence[tuple[str, str | int]]) -> str:
    """Return an inline table of TOML; the names are bare keys or quoted."""
    shown = (f"{name if _bare(name) else text(name)} = {_value(value)}" for name, value in pairs)
    return "{ " + ", ".join(shown) + " }"


def _value(value: str | int) -> str:
    return str(value) if isinstance(value, int) else text(value)


def _bare(name: str) -> bool:
    return name.isascii() and name.replace("-", "").replace("_", "").isalnum()


def text(value: str) -> str:
    """Return a basic string of TOML, whose escapes are those of JSON (toml.io, String).

    A lone surrogate, an undecodable byte of a file name, cannot be written in TOML.
    """
    return json.dumps(portable(value), ensure_ascii=False).replace("\x7f", "\\u007f")
