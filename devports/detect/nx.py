"""Servers of an Nx workspace: targets of project.json, and those that plugins derive. Pure.

`nx serve NAME` passes further options to the server that the target starts.
"""

from __future__ import annotations

import json
import posixpath
import re

from devports.core.jsonc import inside
from devports.core.text import LAST_PORT
from devports.detect.command_line import command_text, recognise
from devports.detect.model import DetectedService
from devports.detect.node import DEVELOPMENT, DIRECT, NAME, configured_in, manager_of, port_in_code
from devports.detect.servers import NODE, PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.detect.model import File, Source, Tree

WORKSPACE = "nx.json"
PROJECT = "project.json"
TARGETS = ("serve", "dev", "start")
"""The usual names of the target that starts a server, the most likely first."""
OWN_PORT = 4200
"""The default of Nx's own executors (nx.dev, each executor's schema)."""
ADDS = ("--host", "{host}", "--port", PORT)
_EXECUTOR = re.compile(
    r"@(?:nx|nrwl|angular|angular-devkit)/[\w-]+:(?:\w+-)*(?:dev-server|server|serve)"
)
_PROGRAM = re.compile(r"@(?:nx|nrwl)/(?:js|node):(?:node|execute)")
PLUGINS = {
    "@nx/vite": ("vite.config", "serve", "index.html"),
    "@nx/rsbuild": ("rsbuild.config", "dev", ""),
    "@nx/rspack": ("rspack.config", "serve", ""),
    "@nx/webpack": ("webpack.config", "serve", ""),
    "@nx/next": ("next.config", "dev", ""),
    "@nx/nuxt": ("nuxt.config", "serve", ""),
}
"""The configuration file for which a plugin derives a target, its usual name, and a file that a
project with a server has too."""


def nx_services(tree: Tree) -> Iterator[DetectedService]:
    """Yield a service for each project of Nx workspaces with a target that serves."""
    for workspace in tree.called(WORKSPACE):
        for file in tree.called(PROJECT):
            inside_it = tree.nearest(file.folder, WORKSPACE) == workspace.path
            if inside_it and not _has_script(tree, file.folder):
                found = (_targeted(tree, file), _derived(tree, workspace, file))
                for made in filter(None, (next(filter(None, found), None),)):
                    yield made.replace(folder=workspace.folder, names=_names(file))


def _has_script(tree: Tree, folder: str) -> bool:
    """Return whether the package of a project starts its server itself."""
    packages = [_data(file) for file in tree.called(NAME) if file.folder == folder]
    return any(inside(data, "scripts", name) for data in packages for name in DEVELOPMENT)


def _names(file: File) -> tuple[str, ...]:
    return (_name(file), posixpath.basename(file.folder))


def _name(file: File) -> str:
    name = inside(_data(file), "name")
    return name if isinstance(name, str) else posixpath.basename(file.folder)


def _data(file: File) -> object:
    try:
        return json.loads(file.text)
    except (ValueError, RecursionError):
        return None


def _targeted(tree: Tree, file: File) -> DetectedService | None:
    """Return the service of a target in a project.json."""
    for target in TARGETS:
        entry = inside(_data(file), "targets", target)
        executor = inside(entry, "executor")
        source = file.source(f'"{target}"')
        if isinstance(executor, str) and _EXECUTOR.fullmatch(executor):
            port = inside(entry, "options", "port")
            stated = isinstance(port, int) and 0 < port <= LAST_PORT
            return _made(tree, file, target, "nx", port if stated else 0, OWN_PORT, ADDS, source)
        if isinstance(executor, str) and _PROGRAM.fullmatch(executor):
            return _program(tree, file, target, source)
        command = inside(entry, "command") or inside(entry, "options", "command")
        start = recognise(command.split()) if isinstance(command, str) else None
        if start:
            server = start.server
            port = start.address.port
            return _made(tree, file, target, server.kind, port, server.port, server.adds, source)
    return None


def _derived(tree: Tree, workspace: File, file: File) -> DetectedService | None:
    """Return the service of a target that a plugin derives from a configuration file."""
    plugins = inside(_data(workspace), "plugins")
    for plugin in plugins if isinstance(plugins, list) else ():
        name = inside(plugin, "plugin") or plugin
        known = PLUGINS.get(name.removesuffix("/plugin")) if isinstance(name, str) else None
        for config in tree.files if known else ():
            wanted, target, beside = known or ("", "", "")
            there = not beside or posixpath.join(file.folder, beside) in tree.names
            if config.folder == file.folder and config.name.rpartition(".")[0] == wanted and there:
                for option in ("serveTargetName", "devTargetName"):
                    own = inside(plugin, "options", option)
                    target = own if isinstance(own, str) else target
                kind = wanted.removesuffix(".config")
                server = next(server for server in NODE if server.kind == kind)
                asked = configured_in(config)
                port = asked.port if asked else 0
                source = asked.source if asked else config.source()
                return _made(tree, file, target, kind, port, server.port, server.adds, source)
    return None


def _program(tree: Tree, file: File, target: str, source: Source) -> DetectedService | None:
    """Return the service of the project's own program, if its code shows a port."""
    inner = f"{file.folder}/src/"
    found = (port_in_code(each) for each in tree.files if each.path.startswith(inner))
    asked = next((each for each in found if each and each.variable), None)
    if asked is None:
        return None
    made = _made(tree, file, target, "node", asked.port, 3000, (), source)
    return made.replace(env=((asked.variable, PORT),), sources=(source, asked.source))


def _made(  # noqa: PLR0917  # the parts of one command
    tree: Tree,
    file: File,
    target: str,
    kind: str,
    port: int,
    default: int,
    adds: tuple[str, ...],
    source: Source,
) -> DetectedService:
    lead = DIRECT[manager_of(tree, file.folder, {})]
    return DetectedService(
        names=(),
        kind=kind,
        sources=(source,),
        target=f"nx {target} {file.folder}",
        command=command_text((*lead, "nx", target, _name(file), *adds)),
        port=port or default,
        stated=bool(port),
        written=True,
    )
