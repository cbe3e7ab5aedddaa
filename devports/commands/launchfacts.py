"""What the doctor wants to know of the commands of services. Nothing is started."""

from __future__ import annotations

import os

from devports.checks.facts import Command, Launch
from devports.commands.debugging import debugged, program_of
from devports.commands.filefacts import fault_of
from devports.core.handoff import ladder
from devports.core.placeholder import argv_of, fill, values_for
from devports.core.program import base_name
from devports.core.shells import SHELLS
from devports.core.shelltext import hides_exit_code
from devports.core.takers import mark
from devports.detect.words import read, recognise
from devports.errors import DevportsError
from devports.system import environments, programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devports.checks.facts import Declared, Fault
    from devports.core.service import Config, Service

CONFIGS = {
    "vite": "vite.config",
    "vitepress": "vite.config",
    "react-router": "vite.config",
    "webpack": "webpack.config",
    "streamlit": ".streamlit/config",
}
"""Files in which a server may be told its port, or to stay on it, without the ending."""
ENDINGS = ("ts", "js", "mts", "mjs", "cts", "cjs", "toml")
MAX_SETTINGS = 64 * 1024
RUNNERS = ("npm", "pnpm", "yarn", "bun")


def command_facts(service: Service, config: Config) -> Command:
    """Return what is to be judged of a service that has a command."""
    values = values_for(service, config) | {"fd": "3"}
    folder, words = fill(service.cwd, values), argv_of(service, values)
    word = words[0]
    exists = os.path.isdir(folder)
    path = programs.path_of(service.env)
    trouble = programs.trouble(word, folder, path) if exists else ""
    bare = not os.path.dirname(word)
    near = programs.near(word, (folder, config.root)) if bare and trouble == "missing" else ""
    needed = environments.needed_by(word, folder, startable=not trouble) if exists else None
    return Command(
        service,
        word,
        folder,
        exists,
        trouble,
        path if bare else "",
        near,
        environment=needed,
        launch=launch(words, folder),
        undebugged="" if trouble else undebugged(service, config),
    )


def refusals(
    config: Config, commands: Sequence[Command], ports: Sequence[Declared]
) -> Iterator[Fault]:
    """Yield why `devports run` would refuse a service for what its command is, as it says it."""
    found = {command.service.name for command in commands if not command.trouble}
    for declared in ports:
        service = declared.service
        if service.command and declared.findings and not declared.name:
            try:
                _ladder(declared, config)
                if service.vscode.debug and service.name in found:
                    debugged(service, config)
            except DevportsError as error:
                yield fault_of(error, config.path, service.name)


def _ladder(declared: Declared, config: Config) -> None:
    service = declared.service
    values = values_for(service, config) | {"fd": mark(0)}
    own = {name: fill(text, values) for name, text in service.env}
    endpoints = tuple(finding.endpoint for finding in declared.findings)
    ladder(service, argv_of(service, values), {**os.environ, **own}, endpoints)


def undebugged(service: Service, config: Config) -> str:
    """Return the Python that is to debug a service and has no debugpy; empty if none is known."""
    own = dict(service.env)
    if service.vscode.debug != "debugpy" or "PYTHONPATH" in (own | dict(os.environ)):
        return ""
    try:
        words = debugged(service, config).command
    except DevportsError:
        return ""
    python = program_of(service, words[0], config)
    return python if environments.lacks(python, "debugpy") else ""


def launch(words: Sequence[str], folder: str) -> Launch:
    """Return what a command says of the known server that it starts, if it starts one."""
    inner, hides = within_shell(words)
    inner = through_script(inner, folder)
    start = recognise(inner) if inner else None
    if start is None:
        return Launch(hides=hides)
    kind, told = start.server.kind, start.told
    return Launch(kind, told.port, told.host, start.rest, settings(kind, folder), hides)


def within_shell(words: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Return the words that a shell's text starts, and how that hides their exit code."""
    at = next((i for i, word in enumerate(words) if word in ("-c", "-lc")), 0)
    if not at or base_name(words[0]) not in SHELLS or at + 1 == len(words):
        return tuple(words), ""
    text = words[at + 1]
    end = hides_exit_code(text)
    line = read(text.rstrip().removesuffix(end))
    hides = "" if "pipefail" in words else end
    return line.words if line else (), hides


def through_script(words: tuple[str, ...], folder: str) -> tuple[str, ...]:
    """Return what a script of package.json starts in place of `npm run NAME`."""
    if not words or words[0] not in RUNNERS:
        return words
    rest = words[2:] if words[1:2] == ("run",) else words[1:]
    scripts = environments.package(folder).get("scripts")
    text = scripts.get(rest[0]) if rest and isinstance(scripts, dict) else None
    line = read(text) if isinstance(text, str) else None
    more = rest[2:] if rest[1:2] == ("--",) else rest[1:]
    return (*line.words, *more) if line else words


def settings(kind: str, folder: str) -> str:
    """Return the text of a server's configuration file, as far as it could matter."""
    name = CONFIGS.get(kind)
    names = [f"{name}.{ending}" for ending in ENDINGS]
    return next((text for each in names if name and (text := _text(folder, each))), "")


def _text(folder: str, name: str) -> str:
    try:
        with open(os.path.join(folder, name), "rb") as file:
            return file.read(MAX_SETTINGS).decode("utf-8", "replace")
    except OSError:
        return ""
