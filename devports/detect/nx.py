"""Servers of an Nx workspace: targets of project.json, and those that plugins derive. Pure.

`nx serve NAME` passes further options to the server that the target starts.
"""

from __future__ import annotations

import posixpath
import re

from devports.core.jsonc import inside
from devports.core.text import LAST_PORT
from devports.core.value import Frozen
from devports.detect.command_line import command_text, recognise
from devports.detect.model import DetectedService
from devports.detect.node import (
    DEVELOPMENT,
    DIRECT,
    NAME,
    configured_in,
    manager_of,
    port_in_code,
    table_of,
)
from devports.detect.servers import NODE, PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.detect.model import File, Source, Tree
    from devports.detect.servers import Server

WORKSPACE = "nx.json"
PROJECT = "project.json"
TARGETS = ("serve", "dev", "start")
"""The usual names of the target that starts a server, the most likely first."""
NODE_PORT = 3000
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
    packages = [table_of(file) for file in tree.called(NAME) if file.folder == folder]
    return any(inside(data, "scripts", name) for data in packages for name in DEVELOPMENT)


def _names(file: File) -> tuple[str, ...]:
    return (_name(file), posixpath.basename(file.folder))


def _name(file: File) -> str:
    name = inside(table_of(file), "name")
    return name if isinstance(name, str) else posixpath.basename(file.folder)


class Target(Frozen):
    """A target of a project, with the line that shows it."""

    tree: Tree
    file: File
    name: str
    source: Source

    def service(self, server: Server | None, port: int, *adds: str) -> DetectedService:
        """Return its service; `server`: that it starts, None: one of Nx's own executors."""
        lead = DIRECT[manager_of(self.tree, self.file.folder, {})]
        words = (*lead, "nx", self.name, _name(self.file), *(server.adds if server else adds))
        return DetectedService(
            names=(),
            kind=server.kind if server else "nx",
            sources=(self.source,),
            target=f"nx {self.name} {self.file.folder}",
            command=command_text(words),
            port=port or (server.port if server else OWN_PORT),
            stated=bool(port),
            written=True,
        )


def _targeted(tree: Tree, file: File) -> DetectedService | None:
    """Return the service of a target in a project.json."""
    for name in TARGETS:
        entry = inside(table_of(file), "targets", name)
        executor = inside(entry, "executor")
        target = Target(tree, file, name, file.source(f'"{name}"'))
        if isinstance(executor, str) and _EXECUTOR.fullmatch(executor):
            port = inside(entry, "options", "port")
            stated = isinstance(port, int) and 0 < port <= LAST_PORT
            return target.service(None, port if stated else 0, *ADDS)
        if isinstance(executor, str) and _PROGRAM.fullmatch(executor):
            return _program(target)
        command = inside(entry, "command") or inside(entry, "options", "command")
        start = recognise(command.split()) if isinstance(command, str) else None
        if start:
            return target.service(start.server, start.address.port)
    return None


def _derived(tree: Tree, workspace: File, file: File) -> DetectedService | None:
    """Return the service of a target that a plugin derives from a configuration file."""
    plugins = inside(table_of(workspace), "plugins")
    for plugin in plugins if isinstance(plugins, list) else ():
        name = inside(plugin, "plugin") or plugin
        known = PLUGINS.get(name.removesuffix("/plugin")) if isinstance(name, str) else None
        for config in tree.files if known else ():
            wanted, target, beside = known or ("", "", "")
            there = not beside or posixpath.join(file.folder, beside) in tree.names
            if config.folder == file.folder and config.name.rpartition(".")[0] == wanted and there:
                options = inside(plugin, "options")
                own = inside(options, "devTargetName") or inside(options, "serveTargetName")
                server = next(s for s in NODE if s.kind == wanted.removesuffix(".config"))
                asked = configured_in(config)
                source = asked.source if asked else config.source()
                target = own if isinstance(own, str) else target
                return Target(tree, file, target, source).service(
                    server, asked.port if asked else 0
                )
    return None


def _program(target: Target) -> DetectedService | None:
    """Return the service of the project's own program, if its code shows a port."""
    code = (
        each for each in target.tree.files if each.path.startswith(f"{target.file.folder}/src/")
    )
    asked = next((found for each in code if (found := port_in_code(each)) and found.variable), None)
    if asked is None:
        return None
    made = target.service(None, asked.port or NODE_PORT)
    env, sources = ((asked.variable, PORT),), (target.source, asked.source)
    return made.replace(kind="node", stated=bool(asked.port), env=env, sources=sources)
