"""Services in the scripts of package.json, or else in the program of the package. Pure."""

from __future__ import annotations

import json
import posixpath
import re
from itertools import pairwise

from devports.core.value import Frozen
from devports.detect.command_line import (
    DetectedAddress,
    Line,
    command_text,
    escaped,
    from_program,
    from_start,
    missing,
    past_launchers,
    port_in,
    recognise,
    target_of,
)
from devports.detect.model import DetectedService, SkippedService, env_ports, joined, upwards
from devports.detect.scripts import Program, Scripts, Unclear
from devports.detect.servers import CONFIG_FILES, NODE, PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.detect.command_line import Pairs, Start
    from devports.detect.model import File, Source, Tree
    from devports.detect.servers import Server

NAME = "package.json"
DEVELOPMENT = "dev develop start:dev dev:start start:development".split()
PREFERRED_SCRIPTS = (*DEVELOPMENT, "serve", "start")
"""Scripts that start a development server, the most likely first."""
SIMILAR = frozenset("dev develop start serve server".split())
"""Parts of the names of other scripts that may start one: `docs:dev`, `start-server`."""
OTHERWISE = frozenset("test e2e ci build preview prod production".split())
"""Parts of the names of scripts whose servers are not for development."""
MANAGERS = {
    "pnpm-lock.yaml": "pnpm",
    "yarn.lock": "yarn",
    "bun.lock": "bun",
    "bun.lockb": "bun",
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
}
DIRECT = {"npm": ("npx",), "pnpm": ("pnpm", "exec"), "yarn": ("yarn",), "bun": ("bunx",)}
"""How a program of node_modules is started without a script."""
RUNNERS = "node nodemon tsx ts-node ts-node-dev tsnd bun deno nest babel-node node-dev".split()
FRAMEWORKS = "express fastify koa hono polka restify @hapi/hapi @nestjs/core socket.io".split()
PROGRAMS = ("server.js", "app.js", "index.js")
"""Usual names of a program that neither a script nor `main` names."""
UNKNOWN = "is not a known server"
SUFFIXES = ("", ".js", ".mjs", ".cjs", ".ts", ".mts", "/index.js", "/index.ts")


VARIABLES = "PORT APP_PORT API_PORT SERVER_PORT HTTP_PORT BACKEND_PORT WEB_PORT".split()
"""Variables that tell a program its own port; `DB_PORT` is that of another one."""
_NAMED = "|".join(VARIABLES)
_VARIABLE = re.compile(
    rf"""(?:\b\w*(?i:env)\w*(?:\.(?P<dot>{_NAMED})\b|\[['"](?P<index>{_NAMED})['"]\])"""
    rf"""|\bget(?:OrThrow)?(?:<\w+>)?\(\s*['"](?P<got>{_NAMED})['"])"""
    r"""(?:(?:\s*,\s*10\b)?\s*\)?(?:\s*(?:\|\||\?\?)\s*[a-zA-Z_][\w.]*){0,3}"""
    r"""\s*(?:\|\||\?\?|,)\s*['"]?(?P<port>(?!10\b)\d{2,5}))?"""
)
_LISTENED = re.compile(r"""\.listen\(\s*(?:\{\s*port\s*:\s*)?['"]?(\d{2,5})\b""")
_CONSTANT = re.compile(r"""\b(?:port|PORT)\s*[:=]\s*['"]?(\d{4,5})\b""")
_LISTENS = re.compile(r"^(?![ \t]*(?://|\*)).*?\.listen\(", re.MULTILINE)

_CONFIGURED = re.compile(
    r"""\b(?:server|devServer)\s*:\s*\{(?:[^{}]|\{[^{}]*\})*?\bport\s*:"""
    r"""(?:[^\n{}]{0,99}?\.(\w*PORT\w*)\b)?[^\n{}]{0,99}?\b(?!10\b)(\d{2,5})\b"""
)
_ANGULAR = re.compile(r'"serve"()[\s\S]{0,600}?"port"\s*:\s*(\d{2,5})\b')
ENV_OF_MODE = (".env.development", ".env.local", ".env")
"""The env files of Vite for development, the strongest first (vite.dev, Env Variables)."""


def package_services(tree: Tree) -> Iterator[DetectedService | SkippedService]:
    """Yield what each package.json starts: one service, or one for each `dev:NAME`."""
    for file in tree.called(NAME):
        package = table_of(file)
        if package is None:
            yield SkippedService(file.source(), "it is not valid JSON")
        else:
            yield from _Package(tree, file, package).services()


def by_script(
    tree: Tree, folder: str, line: Line, source: Source, names: tuple[str, ...]
) -> DetectedService | None:
    """Return the service that a command starts through a script of package.json: `npm start`."""
    files = (file for file in tree.called(NAME) if file.folder == folder)
    for file in files if line.words[0] in MANAGERS.values() else ():
        package = _Package(tree, file, table_of(file) or {})
        called = package.follow.called(line)
        for program in package.follow.programs(called)[:1] if called else ():
            made = package.service(called, program, several=False)
            if isinstance(made, DetectedService):
                return made.replace(names=(*names, *made.names), sources=(source, *made.sources))
    return None


def table_of(file: File) -> dict[str, object] | None:
    """Return the table in a JSON file; None if it has none."""
    try:
        data = json.loads(file.text)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


class _Package:
    """One package.json, with its files."""

    def __init__(self, tree: Tree, file: File, package: dict[str, object]) -> None:
        self.tree, self.file, self.package = tree, file, package
        scripts, main = package.get("scripts"), package.get("main")
        every = scripts.items() if isinstance(scripts, dict) else ()
        self.scripts = {name: text for name, text in every if isinstance(text, str)}
        self.follow = Scripts(self.scripts)
        self.main = main if isinstance(main, str) else ""
        self.manager = manager_of(tree, file.folder, package)
        self.names = names_of(file.folder, package)

    def services(self) -> Iterator[DetectedService | SkippedService]:
        """Yield what the best script starts, or each of several, and what was skipped.

        What serves what was built before is the last choice, and none beside a script of the name
        of a development server.
        """
        unclear: list[SkippedService] = []
        built: list[DetectedService] = []
        for name in self.candidates():
            found, skipped = self.started_by(name)
            if any(each.production for each in found):
                built = built or found
                unclear.append(SkippedService(self.source(name), "it serves what was built before"))
            elif found:
                yield from found
                yield from skipped
                yield from unclear if name not in DEVELOPMENT else ()
                return
            else:
                unclear += skipped
        if made := self.unscripted():
            yield made
        elif built and not any(each in self.scripts for each in DEVELOPMENT):
            yield from built
            unclear = [each for each in unclear if each.source not in built[0].sources]
        yield from unclear

    def candidates(self) -> Iterator[str]:
        """Yield the scripts that may start a server, the most likely first."""
        yield from (name for name in PREFERRED_SCRIPTS if name in self.scripts)
        parts = {name: {*re.split(r"[:_-]", name)} for name in self.scripts}
        others = [name for name in self.scripts if name not in PREFERRED_SCRIPTS]
        yield from (name for name in others if SIMILAR & parts[name])
        for name in (name for name in others if not (SIMILAR | OTHERWISE) & parts[name]):
            programs = self.follow.programs(name)
            if any(isinstance(each, Program) and recognise(each.line.words) for each in programs):
                yield name

    def started_by(self, name: str) -> tuple[list[DetectedService], list[SkippedService]]:
        """Return the services that a script starts, and what was skipped.

        Watchers and the like beside a server are no loss; of another script nothing is skipped.
        """
        programs = self.follow.programs(name)
        made = [(each, self.service(name, each, several=len(programs) > 1)) for each in programs]
        found = [service for _, service in made if isinstance(service, DetectedService)]
        if not found and any(isinstance(each, Unclear) for each in programs):
            found = list(self.parts(name))
        skipped = [
            SkippedService(self.source(getattr(each, "script", "") or name), why)
            for each, why in made
            if isinstance(why, str) and not (found and why.endswith(UNKNOWN))
        ]
        return found, list(dict.fromkeys(skipped)) if name in PREFERRED_SCRIPTS else []

    def parts(self, name: str) -> Iterator[DetectedService]:
        """Yield the services of `dev:api`, `dev:web` where `dev` is not understood."""
        for other in (other for other in self.scripts if other.startswith(f"{name}:")):
            label = other.partition(":")[2]
            programs = (each for each in self.follow.programs(other) if isinstance(each, Program))
            for each in programs:
                made = self.service(other, each.replace(name=label), several=True)
                yield from (made,) if isinstance(made, DetectedService) else ()

    def service(
        self, name: str, program: Program | Unclear, *, several: bool
    ) -> DetectedService | str:
        """Return the service of a program that a script starts, or why it is none."""
        if isinstance(program, Unclear):
            return program.why
        names = (program.name, *self.names) if several else self.names
        if start := recognise(program.line.words):
            return self.known(name, tuple(filter(None, names)), program, start)
        return self.program(name, tuple(filter(None, names)), program)

    def known(
        self, name: str, names: tuple[str, ...], program: Program, start: Start
    ) -> DetectedService | str:
        """Return the service of a known server, with the port that is written somewhere."""
        folder = joined(self.file.folder, program.folder)
        node = start.server in NODE
        if folder != self.file.folder and node and posixpath.join(folder, NAME) in self.tree.names:
            return "it starts a server of another package"
        variable = dict(program.line.env).get(start.server.variable, "")
        port = start.address.port or port_in(variable)
        asked = None if port else self.configured(start.server, start.rest)
        port = asked.port if asked else port
        told = start.replace(address=DetectedAddress(port, start.address.host))
        line = Line((), env=program.line.env)
        made = from_start(told, self.source(program.script or name), names=names, line=line)
        fixed = bool(start.address.port and not start.server.last_wins)
        fixed = fixed or bool(variable and start.server.env)
        if program.script and (node or folder == self.file.folder):
            return self.by_its_script(made, program, start, asked, fixed=fixed)
        made = self.in_package_folder(made, asked, made.env, "")
        lead = DIRECT[self.manager] if node and not start.lead else ()
        words = (*start.call, *start.rest)
        return made.replace(
            target=" ".join(words) if node else made.target,
            command=command_text((*lead, *start.words())),
            shell=False,
            folder=folder,
        )

    def by_its_script(
        self,
        made: DetectedService,
        program: Program,
        start: Start,
        asked: PortInCode | None,
        *,
        fixed: bool,
    ) -> DetectedService:
        """Return the service of a known server, started by the script with the address appended.

        `fixed`: an address that is appended would not count.
        """
        note = "The port is fixed in the script; keep both equal." if fixed else ""
        preferred = program.script in PREFERRED_SCRIPTS or start.server not in NODE
        adds = () if fixed else to_add(start.server, program.line.words)
        return self.in_package_folder(made, asked, start.server.env, note).replace(
            target=target_of(start) if preferred else f"script {program.script}",
            command=self.command(program.script, adds),
            shell=False,
        )

    def program(self, name: str, names: tuple[str, ...], program: Program) -> DetectedService | str:
        """Return the service of the user's own program, or why it is none."""
        line = program.line
        own = line.replace(words=own_program(line.words))
        if own.words[0] not in RUNNERS:
            return f"`{' '.join(_call(own.words))}` {UNKNOWN}"
        asked = self.port_of(own)
        files = self.files(own)
        told = asked and (asked.is_own or asked.source.path in [file.path for file in files])
        shown = told or self.uses(*FRAMEWORKS) or any(map(listens_in, files))
        if not shown:
            return "not recognized as a server"
        source = self.source(program.script or name)
        made = self.with_port_in_code(from_program(line, source, names=names), asked)
        if not program.script:
            return made.replace(target=f"script {name} {' '.join(line.words)}")
        target, command = f"script {program.script}", self.command(program.script, ())
        made = made.replace(target=target, command=command, shell=False)
        if "PORT" not in dict(line.env):
            return made
        notes = ("The port is fixed in the script; keep both equal.",)
        return made.replace(env=(), takes_port=False, notes=notes)

    def with_port_in_code(self, made: DetectedService, asked: PortInCode | None) -> DetectedService:
        """Return a service with the port in its program's code; without one it gets PORT."""
        fixed = asked is not None and not asked.variable
        note = "The port is fixed in the program." if fixed else ""
        variable = asked.variable if asked and asked.variable else "PORT"
        return self.in_package_folder(made, asked, ((variable, PORT),), note).replace(
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
        return next((asked for asked in found if asked.variable), found[0] if found else None)

    def configured(self, server: Server, rest: tuple[str, ...]) -> PortInCode | None:
        """Return the port in the configuration file of a server, which an option may name."""
        named = next((b for a, b in pairwise(rest) if a in ("-c", "--config")), "")
        path = joined(self.file.folder, named)
        wanted = CONFIG_FILES.get(server.kind, "")
        files = [file for file in self.tree.files if named and file.path == path]
        files += [
            file
            for file in self.tree.files
            if file.folder == self.file.folder and file.name.rpartition(".")[0] == wanted
        ]
        asked = next(filter(None, map(configured_in, files)), None)
        return self.loaded(asked) if asked and asked.variable else asked

    def loaded(self, asked: PortInCode) -> PortInCode:
        """Return the port that an env file gives to a variable of a configuration file."""
        for folder in upwards(self.file.folder):
            for file in self.tree.called(*ENV_OF_MODE):
                if file.folder == folder and asked.variable in (ports := env_ports(file)):
                    port, source = ports[asked.variable]
                    return PortInCode(source, port)
        return asked

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
                yield joined(self.file.folder, word + suffix)

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


def own_program(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return a command without its wrappers; `node`, which starts a file, is none of them."""
    last = past_launchers(words)
    at = next((i for i, word in enumerate(words[: last + 1]) if word in RUNNERS), last)
    return words[at:] or words


def _call(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return a program and its sub-command: `vite build`."""
    return words[:2] if words[1:] and words[1].isalpha() else words[:1]


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
    """A port in a program: the default of a `variable`, or fixed if that is empty.

    `is_own`: it is the program's own one; a constant may be that of something else, a database.
    """

    source: Source
    port: int
    variable: str = ""
    is_own: bool = True


def port_in_code(file: File) -> PortInCode | None:
    """Return the port in a JavaScript program; the variable counts first, a constant last."""
    if match := _VARIABLE.search(file.text):
        variable = next(filter(None, match.group("dot", "index", "got")))
        return _found(file, match, match["port"], variable)
    if match := _LISTENED.search(file.text):
        return _found(file, match, match[1])
    match = _CONSTANT.search(file.text)
    return _found(file, match, match[1]).replace(is_own=False) if match else None


def listens_in(file: File) -> Source | None:
    """Return the line on which a JavaScript program listens; one in a comment does not count."""
    match = _LISTENS.search(file.text)
    return file.at(match.end()) if match else None


def configured_in(file: File) -> PortInCode | None:
    """Return the port in a server's configuration file: `server: { port: 3000 }`."""
    match = (_ANGULAR if file.name == "angular.json" else _CONFIGURED).search(file.text)
    asked = _found(file, match, match[2], match[1] or "") if match else None
    return asked if asked and asked.port else None


def _found(file: File, match: re.Match[str], number: str | None, variable: str = "") -> PortInCode:
    at = match.start() if number is None else match.string.index(number, match.start())
    return PortInCode(file.at(at), port_in(number or ""), variable)
