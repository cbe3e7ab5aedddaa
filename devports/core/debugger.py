"""A service's command, changed so that it runs under a debugger that an editor attaches to. Pure.

The debugger listens on 127.0.0.1 whatever the service's own host is: whoever reaches a debugger
runs code as you. Its port is the further port `debug` of the service, freed and held like the
first one. Options: `python -m debugpy --help`, https://nodejs.org/api/cli.html#--inspecthostport
"""

from __future__ import annotations

from devports.core.program import base_name
from devports.core.pythonline import is_python, split_options
from devports.core.service import DEBUGGER_PORT
from devports.core.value import Value

ADDRESS = f"127.0.0.1:{{ports.{DEBUGGER_PORT}}}"
RUNNERS = ("uv", "poetry", "pdm", "pipenv", "hatch", "rye")
"""`uv run python ...` starts the project's own Python."""
MODULES = ("uvicorn", "gunicorn", "hypercorn", "daphne", "flask", "fastapi", "granian")
"""Commands that `python -m NAME` starts as well."""
NODES = ("node", "nodemon", "tsx")
PACKAGE_RUNNERS = ("npm", "npx", "pnpm", "yarn")
"""They are programs of node themselves, and start others: each would want the port."""


class Script(Value):
    """A file that an interpreter runs: what its first line names, and where it is."""

    interpreter: tuple[str, ...]
    path: str


def under_debugger(
    words: tuple[str, ...], debugger: str, script: Script | None = None
) -> tuple[str, ...] | None:
    """Return the words of a command with the debugger in it; None if that cannot be done.

    Args:
        words: of the command, with placeholders.
        debugger: `debugpy` or `node`.
        script: what the first word is, if it is a script.
    """
    return _node(words, script) if debugger == "node" else _python(words, script)


def _python(words: tuple[str, ...], script: Script | None) -> tuple[str, ...] | None:
    debugpy = ("-Xfrozen_modules=off", "-m", "debugpy", "--listen", ADDRESS)
    first = base_name(words[0])
    if is_python(first):
        _, own, run = split_options(words[1:])
        return (words[0], *own, *debugpy, *run) if run else None
    if first in RUNNERS and words[1:2] == ("run",) and words[2:]:
        inner = words[2:]
        if inner[0] in MODULES:
            return (*words[:2], "python", *debugpy, "-m", *inner)
        rest = _python(inner, None)
        return (*words[:2], *rest) if rest else None
    if script is not None and is_python(base_name(script.interpreter[0])):
        return (*script.interpreter, *debugpy, script.path, *words[1:])
    return None


def _node(words: tuple[str, ...], script: Script | None) -> tuple[str, ...] | None:
    inspect = f"--inspect={ADDRESS}"
    if base_name(words[0]) in NODES:
        return (words[0], inspect, *words[1:])
    if base_name(words[0]) in PACKAGE_RUNNERS or script is None:
        return None
    if base_name(script.interpreter[0]) == "node":
        return (*script.interpreter, inspect, script.path, *words[1:])
    return None
