"""Services in the scripts of package.json, or else in the program of the package. Pure."""

from __future__ import annotations

import json
import posixpath
import re

from devports.core.text import LAST_PORT, decimal
from devports.core.value import Frozen
from devports.detect.command_line import (
    DetectedAddress,
    Line,
    command_text,
    escaped,
    from_program,
    from_start,
    missing,
    port_in,
    read,
    recognise,
    target_of,
)
from devports.detect.model import DetectedService, SkippedService
from devports.detect.servers import CONFIG_FILES, PROGRAM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.detect.command_line import Pairs, Start
    from devports.detect.model import File, Source, Tree
    from devports.detect.servers import Server

    Scripts = dict[str, str]

NAME = "package.json"
PREFERRED_SCRIPTS = "dev develop start:dev dev:start serve start".split()
"""Scripts that start a development server, the most likely first."""
MANAGERS = {
    "pnpm-lock.yaml": "pnpm",
    "yarn.lock": "yarn",
    "bun.lock": "bun",
    "bun.lockb": "bun",
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
}
SEVERAL = "concurrently npm-run-all npm-run-all2 run-p run-s turbo nx lerna wireit".split()
RUNNERS = "node nodemon tsx ts-node ts-node-dev bun deno nest babel-node node-dev".split()
FRAMEWORKS = "express fastify koa hono polka restify @hapi/hapi @nestjs/core socket.io".split()
PROGRAMS = ("server.js", "app.js", "index.js")
"""Usual names of a program that neither a script nor `main` names."""
SUFFIXES = ("", ".js", ".mjs", ".cjs", ".ts", ".mts", "/index.js", "/index.ts")


_VARIABLE = re.compile(
    r"""(?:process\.env|Bun\.env|import\.meta\.env|env)(?:\.PORT\b|\[['"]PORT['"]\])"""
    r"""(?:\s*\)?\s*(?:\|\||\?\?)\s*['"]?(\d{2,5}))?"""
)
_LISTENED = re.compile(r"""\.listen\(\s*(?:\{\s*port\s*:\s*)?['"]?(\d{2,5})\b""")
_CONSTANT = re.compile(r"""\b(?:port|PORT)\s*[:=]\s*['"]?(\d{2,5})\b""")
_LISTENS = re.compile(r"^(?![ \t]*(?://|\*)).*?\.listen\(", re.MULTILINE)

_CONFIGURED = re.compile(
    r"""\b(?:server|devServer)\s*:\s*\{(?:[^{}]|\{[^{}]*\})*?\bport\s*:\s*(\d{2,5})\b"""
)
_ANGULAR = re.compile(r'"serve"[\s\S]{0,600}?"port"\s*:\s*(\d{2,5})\b')


def package_services(tree: Tree) -> Iterator[DetectedService | SkippedService]:
    """Yield what each package.json starts: one service, or one for each `dev:NAME`."""
    for file in tree.called(NAME):
        package = _package(file)
        if package is None:
            yield SkippedService(file.source(), "it is not valid JSON")
        else:
            yield from _Scripts(tree, file, package).services()


def _package(file: File) -> dict[str, object] | None:
    try:
        data = json.loads(file.text)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


class _Scripts:
    """The scripts of one package.json, with its files."""

    def __init__(self, tree: Tree, file: File, package: dict[str, object]) -> None:
        self.tree, self.file, self.package = tree, file, package
        scripts, main = package.get("scripts"), package.get("main")
        every = scripts.items() if isinstance(scripts, dict) else ()
        self.scripts: Scripts = {name: text for name, text in every if isinstance(text, str)}
        self.main = main if isinstance(main, str) else ""
        self.manager = manager_of(tree, file.folder, package)
        self.names = names_of(file.folder, package)

    def services(self) -> Iterator[DetectedService | SkippedService]:
        """Yield the best script that starts a server, or each of several, and what was skipped."""
        unclear: list[SkippedService] = []
        for name in (name for name in PREFERRED_SCRIPTS if name in self.scripts):
            made = self.service(name, self.names)
            if isinstance(made, SkippedService):
                unclear.append(made)
            elif found := [made] if made else list(self.parts(name)):
                yield from found
                return
            elif self.line(name) is None:
                why = "it starts several programs"
                unclear.append(SkippedService(self.source(name), why))
        if made := self.unscripted():
            yield made
        yield from unclear

    def parts(self, name: str) -> Iterator[DetectedService]:
        """Yield the services of `dev:api`, `dev:web` where `dev` starts several programs."""
        for other in self.scripts:
            if other.startswith(f"{name}:"):
                made = self.service(other, (other.partition(":")[2], *self.names))
                if isinstance(made, DetectedService):
                    yield made

    def line(self, name: str) -> Line | None:
        """Return the command of a script; None if it starts several programs."""
        line = read(self.scripts[name])
        return None if line is None or line.words[0] in SEVERAL else line

    def service(self, name: str, names: tuple[str, ...]) -> DetectedService | SkippedService | None:
        """Return the service of one script; None for several programs, or another script."""
        line = self.line(name)
        if line is None:
            return None
        if start := recognise(line.words):
            return self.known(name, names, line, start)
        # The other script is a candidate of its own.
        by_manager = line.words[0] in ("npm", "yarn", "pnpm", "bun")
        if by_manager and any(word in self.scripts for word in line.words[1:]):
            return None
        return self.program(name, names, line)

    def known(self, name: str, names: tuple[str, ...], line: Line, start: Start) -> DetectedService:
        """Return the service of a known server: the script, with the address appended."""
        server, address = start.server, start.address
        variable = dict(line.env).get("PORT") if server.env else None
        fixed = bool(address.port and not server.last_wins) or variable is not None
        port = address.port or port_in(variable or "")
        asked = None if port else self.configured(server)
        address = DetectedAddress(asked.port if asked else port, address.host)
        made = from_start(start.replace(address=address), self.source(name), names=names)
        note = "The port is fixed in the script; keep both equal."
        return self.in_package_folder(made, asked, server.env, note if fixed else "").replace(
            target=target_of(start) if name in PREFERRED_SCRIPTS else f"script {name}",
            command=self.command(name, () if fixed else to_add(server, line.words)),
            shell=False,
        )

    def program(
        self, name: str, names: tuple[str, ...], line: Line
    ) -> DetectedService | SkippedService | None:
        """Return the service of the user's own program, if it seems to be a server."""
        if line.words[0] not in RUNNERS:
            return None
        asked = self.port_of(line)
        shown = asked or self.uses(*FRAMEWORKS) or any(map(listens_in, self.files(line)))
        if not shown:
            return SkippedService(self.source(name), "not recognized as a server")
        made = self.with_port_in_code(from_program(line, self.source(name), names=names), asked)
        return made.replace(target=f"script {name}", command=self.command(name, ()), shell=False)

    def with_port_in_code(self, made: DetectedService, asked: PortInCode | None) -> DetectedService:
        """Return a service with the port in its program's code; without one it gets PORT."""
        fixed = asked is not None and not asked.by_variable
        note = "The port is fixed in the program." if fixed else ""
        return self.in_package_folder(made, asked, PROGRAM.env, note).replace(
            kind="node",
            port=made.port or (asked.port or 3000 if asked else 0),
            stated=made.stated or bool(asked and asked.port),
        )

    def in_package_folder(
        self, made: DetectedService, asked: PortInCode | None, env: Pairs, fixed: str
    ) -> DetectedService:
        """Return a service in the folder of its package; `fixed`: why its port cannot be set."""
        sources = (*made.sources, *((asked.source,) if asked else ()))
        return made.replace(
            folder=self.file.folder,
            sources=tuple(dict.fromkeys(sources)),
            env=() if fixed else env,
            takes_port=not fixed,
            notes=(fixed,) if fixed else (),
        )

    def unscripted(self) -> DetectedService | None:
        """Return the service that no script starts: `main`, or a file of a usual name."""
        for file in self.files(Line(("node", *filter(None, (self.main,)), *PROGRAMS))):
            listens = listens_in(file)
            if listens and file.name.endswith((".js", ".mjs", ".cjs")):
                line = Line(("node", file.path.removeprefix(f"{self.file.folder}/")))
                return self.with_port_in_code(
                    from_program(line, listens, names=self.names), port_in_code(file)
                )
        return None

    def port_of(self, line: Line) -> PortInCode | None:
        """Return the port in the program that is started, else in another one of its package."""
        first = self.files(line)
        rest = [file for file in self.tree.files if self.has(file) and file not in first]
        rest.sort(key=lambda file: file.path.count("/"))
        found = [asked for file in (*first, *rest) if (asked := port_in_code(file))]
        return next((asked for asked in found if asked.by_variable), found[0] if found else None)

    def configured(self, server: Server) -> PortInCode | None:
        """Return the port in the configuration file of a server."""
        wanted = CONFIG_FILES.get(server.kind, "")
        files = (file for file in self.tree.files if file.folder == self.file.folder)
        found = (configured_in(file) for file in files if file.name.rpartition(".")[0] == wanted)
        return next((asked for asked in found if asked), None)

    def has(self, file: File) -> bool:
        own = file.folder == self.file.folder or file.path.startswith(f"{self.file.folder}/")
        deep = own or not self.file.folder
        return deep and file.name.endswith((".js", ".mjs", ".cjs", ".ts", ".mts", "www"))

    def files(self, line: Line) -> list[File]:
        """Return the files that may be the program, as far as they were read."""
        files = [file for file in self.tree.files if self.has(file)]
        return [file for path in self.entries(line) for file in files if file.path == path]

    def entries(self, line: Line) -> Iterator[str]:
        """Yield possible paths of the program."""
        words = [word for word in line.words[1:] if not word.startswith("-")]
        for word in (*words, self.main or "index.js", "src/main.ts"):
            for suffix in SUFFIXES:
                yield posixpath.normpath(posixpath.join(self.file.folder, word + suffix))

    def uses(self, *names: str) -> bool:
        tables = [self.package.get(key) for key in ("dependencies", "devDependencies")]
        return any(name in table for table in tables if isinstance(table, dict) for name in names)

    def source(self, name: str) -> Source:
        quoted = json.dumps(name)
        return self.file.source(f"{quoted}:", f"{quoted}: {json.dumps(self.scripts[name])}")

    def command(self, name: str, adds: tuple[str, ...]) -> str:
        """Return the command that runs the script; only npm needs a `--` before further words."""
        mark = ("--",) if adds and self.manager == "npm" else ()
        return command_text((self.manager, "run", escaped(name), *mark, *adds))


def to_add(server: Server, words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the options to append to the script of a server.

    A host that the script contains is repeated only if the last one wins.
    """
    where = {*server.host_flags, *server.port_flags} if server.last_wins else set()
    return missing(server.adds, [word for word in words if word.partition("=")[0] not in where])


def manager_of(tree: Tree, folder: str, package: dict[str, object]) -> str:
    """Return npm, yarn, pnpm or bun: by `packageManager`, or by the nearest lock file."""
    named = str(package.get("packageManager", "")).partition("@")[0]
    if named in MANAGERS.values():
        return named
    lock = posixpath.basename(tree.nearest(folder, *MANAGERS))
    return MANAGERS.get(lock, "npm")


def names_of(folder: str, package: dict[str, object]) -> tuple[str, ...]:
    """Return names for the service of a package; none in the scanned folder itself."""
    if not folder:
        return ()
    own = str(package.get("name", "")).rpartition("/")[2]
    return tuple(filter(None, (posixpath.basename(folder), own, folder.replace("/", "-"))))


class PortInCode(Frozen):
    """A port in a program: by the variable PORT, with `port` as its default, or fixed."""

    source: Source
    port: int
    by_variable: bool


def port_in_code(file: File) -> PortInCode | None:
    """Return the port in a JavaScript program; the variable counts first.

    A constant may be the port of something else, for example a database: it counts last.
    """
    literals = (_found(file, pattern, by_variable=False) for pattern in (_LISTENED, _CONSTANT))
    return _found(file, _VARIABLE, by_variable=True) or next(filter(None, literals), None)


def listens_in(file: File) -> Source | None:
    """Return the line on which a JavaScript program listens; one in a comment does not count."""
    match = _LISTENS.search(file.text)
    return file.line(file.text.count("\n", 0, match.end()) + 1) if match else None


def configured_in(file: File) -> PortInCode | None:
    """Return the port in a server's configuration file: `server: { port: 3000 }`."""
    pattern = _ANGULAR if file.name == "angular.json" else _CONFIGURED
    asked = _found(file, pattern, by_variable=False)
    return asked if asked and asked.port else None


def _found(file: File, pattern: re.Pattern[str], *, by_variable: bool) -> PortInCode | None:
    match = pattern.search(file.text)
    if not match:
        return None
    at = match.start() if match[1] is None else match.start(1)
    shown = file.line(file.text.count("\n", 0, at) + 1)
    return PortInCode(shown, decimal(match[1] or "", LAST_PORT) or 0, by_variable)
