"""The services that `devports init` detects in a project: with unique names and ports. Pure.

A detector takes a `Tree`, the files that were read, and yields what it found with the line that
shows it. To add one: write the function in the module it belongs to and name it in `DETECTORS`; a
server that is known by its name needs only a row in `servers`.

A port that a file names is a fact, a server's default is a guess, and a container's cannot be
changed here: so ports are assigned in the order container, named, default.
"""

from __future__ import annotations

import json
import posixpath
import re
from itertools import chain, count

from devports.core.jsonc import JsoncError, inside, parse, plain
from devports.core.text import LAST_PORT
from devports.core.value import Frozen
from devports.detect import languages
from devports.detect.command_line import Line, command_text, of_line, read
from devports.detect.compose import (
    PROCFILES,
    compose_services,
    is_compose,
    procfile_services,
)
from devports.detect.model import (
    ENV_FILES,
    DetectedService,
    SkippedService,
    Source,
    env_ports,
    joined,
    upwards,
)
from devports.detect.node import by_script, package_services
from devports.detect.nx import nx_services
from devports.detect.python import (
    ASGI,
    WSGI,
    application_services,
    django_services,
    interpreter,
    library_services,
)
from devports.detect.servers import NODE, PYTHON, SERVERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from devports.detect.model import File, Tree

    Entry = dict[str, object]


MOST_SERVICES = 50
"""A folder with more contains several projects; `init` is meant for each of them."""
LONGEST_NAME = 64

FRAMEWORKS = frozenset(map(str.lower, ASGI | WSGI))
"""Kinds of a program, of which a command names the server only."""
_FAMILIES = {
    **dict.fromkeys((*(server.kind for server in PYTHON), *FRAMEWORKS), "python"),
    **dict.fromkeys((*(server.kind for server in NODE), "node"), "node"),
    **dict.fromkeys(("rails", "puma", "rackup"), "ruby"),
}
"""The kinds of servers that may start one program."""
TOO_MANY = "too many services: run devports init in the folder of each project"
_BY_NODE = frozenset("npm npx yarn pnpm bun node".split())
_VARIABLES = {server.kind: server.variable for server in SERVERS}


class MergeResult(Frozen):
    """The services to write, and what was skipped with the reason."""

    services: tuple[DetectedService, ...] = ()
    left_out: tuple[SkippedService, ...] = ()


def merge_services(tree: Tree, finds: Iterable[DetectedService | SkippedService]) -> MergeResult:
    """Return the services of everything that was detected.

    Args:
        tree: for `.env` files.
        finds: from the detectors, the most reliable first.
    """
    every = list(finds)
    merged, less = merge_same(find for find in every if isinstance(find, DetectedService))
    kept, other_ways = split_alternatives(merged[:MOST_SERVICES])
    named = with_names([with_env_port(tree, each, kept) for each in kept])
    services, displaced = with_ports(named)
    skipped = [find for find in every if isinstance(find, SkippedService)]
    further = [SkippedService(each.sources[0], TOO_MANY) for each in merged[MOST_SERVICES:]]
    unknown = languages.unknown_projects(tree, merged), languages.unknown_targets(tree, merged)
    left = (*skipped, *less, *other_ways, *displaced, *further, *chain(*unknown))
    return MergeResult(tuple(services), tuple(dict.fromkeys(left)))


def merge_same(
    finds: Iterable[DetectedService],
) -> tuple[list[DetectedService], list[SkippedService]]:
    """Merge the detections of each service, and return the other ways to start one.

    What the project itself writes for development counts more than a command that is only usual;
    else the first one decides. Only what agrees with the command is a source of it.
    """
    merged: dict[tuple[str, str], DetectedService] = {}
    left: list[SkippedService] = []
    for find in finds:
        known = merged.get(find.key, find)
        best, other = (find, known) if _is_better(find, known) else (known, find)
        merged[find.key] = best if best is other else _merge_two(best, other)
        if not _agree(best, other):
            left.append(_other_way(other, best))
    return list(merged.values()), left


def _is_better(find: DetectedService, known: DetectedService) -> bool:
    developing = known.production and not find.production
    return developing or (find.written and not find.production and not known.written)


def _agree(best: DetectedService, other: DetectedService) -> bool:
    """Return whether both start a service in one way; one may name the framework of a server."""
    same = best.kind == other.kind or bool({best.kind, other.kind} & FRAMEWORKS)
    return same and best.production == other.production


def _other_way(find: DetectedService, *others: DetectedService) -> SkippedService:
    how = ", in a container" if not find.command else ""
    how = ", as a production server" if find.production else how
    which = "one of the services" if others[1:] else f"`{others[0].name}`"
    return SkippedService(find.sources[0], f"another way to start {which}{how}")


def _merge_two(best: DetectedService, other: DetectedService) -> DetectedService:
    """Return `best` with the port and the sources of another detection of the same service."""
    if not _agree(best, other):
        return best
    sources = tuple(dict.fromkeys((*best.sources, *other.sources)))
    if other.stated and not best.stated and best.takes_port:
        best = best.replace(port=other.port, stated=True)
    notes = tuple(dict.fromkeys((*best.notes, *other.notes)))
    return best.replace(sources=sources, notes=notes)


def split_alternatives(
    finds: Sequence[DetectedService],
) -> tuple[list[DetectedService], list[SkippedService]]:
    """Split off the services that start another one of the project in another way.

    That is a production server in the folder of a development server, or a container that is built
    from the folder of a server or has its name, or that is built from this project and publishes
    its port.
    """
    working = [find for find in finds if find.command and not find.production]
    kept, left = [], []
    for find in finds:
        likely = [(_likeness(find, other), other) for other in working]
        best = max((likeness for likeness, _ in likely), default=0)
        if best:
            left.append(
                _other_way(find, *(other for likeness, other in likely if likeness == best))
            )
        else:
            kept.append(find)
    return kept, left


def _likeness(find: DetectedService, other: DetectedService) -> int:
    """Return how likely `find` starts the service `other` in another way; 0: it does not."""
    if find.command:
        same = find.target == other.target and find.folder in upwards(other.folder)
        together = find.folder == other.folder and server_family(find) == server_family(other)
        program = find.folder == other.folder and find.kind == "program"
        return int(find.production and (same or together or program))
    signs = (
        bool({*find.contexts} & {*upwards(other.folder)}),
        find.built and find.port == other.port,
        find.name == other.name,
        find.contexts[:1] == (other.folder,),
    )
    return sum(sign << at for at, sign in enumerate(signs))


def server_family(find: DetectedService) -> str:
    """Return the kind of a server, the same for kinds that may start one program."""
    by_node = find.command.split(" ", 1)[0] in _BY_NODE
    kind = "node" if by_node and find.kind == "program" else find.kind
    return _FAMILIES.get(kind, kind)


def with_env_port(
    tree: Tree, find: DetectedService, every: Sequence[DetectedService]
) -> DetectedService:
    """Return the service with the port of the env file beside it, if only it can use that."""
    alone = sum(bool(each.command) and each.folder == find.folder for each in every) == 1
    if find.stated or not find.command or not find.takes_port:
        return find
    told = (name for name, _ in find.env if name.endswith("PORT"))
    names = dict.fromkeys(filter(None, (_VARIABLES.get(find.kind), *told, "PORT")))
    for file in tree.called(*ENV_FILES, ".flaskenv"):
        ports = env_ports(file) if file.folder == find.folder else {}
        for name in (name for name in names if name in ports and (name != "PORT" or alone)):
            port, source = ports[name]
            return find.replace(port=port, stated=True, sources=(*find.sources, source))
    return find


def with_names(finds: Sequence[DetectedService]) -> list[DetectedService]:
    """Give each service a valid, unique name: the first of its names that is not taken."""
    taken: set[str] = set()
    named = []
    for find in finds:
        name = next(name for name in _names(find) if name.lower() not in taken)
        taken.add(name.lower())
        named.append(find.replace(names=(name,)))
    return named


def _names(find: DetectedService) -> Iterator[str]:
    valid = [*filter(None, map(valid_name, find.names)), "service"]
    yield from valid[:-1] or valid
    yield from map(f"{valid[0][: LONGEST_NAME - 4]}-{{}}".format, count(2))


def valid_name(text: str) -> str:
    """Return the nearest valid name of a service; empty if nothing is left."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:LONGEST_NAME]


def with_ports(
    finds: Sequence[DetectedService],
) -> tuple[list[DetectedService], list[SkippedService]]:
    """Give each service a unique port; the order of the services stays.

    A container whose port is taken cannot have another one: it is skipped.
    """
    taken: dict[int, str] = {}
    placed: dict[int, DetectedService] = {}
    skipped: list[SkippedService] = []
    for place in sorted(range(len(finds)), key=lambda place: _port_priority(finds[place])):
        find = finds[place]
        if not find.command and find.port in taken:
            why = f"port {find.port} is already used by `{taken[find.port]}`"
            skipped.append(SkippedService(find.sources[0], why))
            continue
        placed[place] = _with_free_port(find, taken)
        for port in (placed[place].port, *dict(placed[place].ports).values()):
            taken.setdefault(port, find.name)
    return [placed[place] for place in sorted(placed)], skipped


def _port_priority(find: DetectedService) -> int:
    if not find.command:
        return 0
    return 1 if not find.takes_port else 2 if find.stated else 3


def _with_free_port(find: DetectedService, taken: dict[int, str]) -> DetectedService:
    """Return the service with a port that is not taken; 0 if its own is fixed."""
    further = tuple((name, port) for name, port in find.ports if port not in taken)
    find = find.replace(ports=tuple((n, p) for n, p in further if p != find.port))
    if not find.port or find.port not in taken:
        return find
    if not find.takes_port:
        return find.replace(port=0)
    port = next((p for p in range(find.port + 1, LAST_PORT + 1) if p not in taken), 0)
    note = f"Port {find.port} is already used by `{taken[find.port]}`."
    return find.replace(port=port, notes=(*find.notes, note))


FOLDER = ".vscode"
_WATCHER = re.compile(r"(?i)watch|tsc\b|build|compile|test|lint|worker|celery|\bqueue")
LISTS = {"launch.json": "configurations", "tasks.json": "tasks"}
_WORKSPACE = re.compile(r"\$\{workspace(?:Folder|Root)\}/?")


def vscode_services(tree: Tree) -> Iterator[DetectedService | SkippedService]:
    """Yield the known servers that launch configurations and tasks start."""
    for file in tree.called(*LISTS):
        if posixpath.basename(file.folder) == FOLDER:
            yield from _entries(tree, file)


def _entries(tree: Tree, file: File) -> Iterator[DetectedService | SkippedService]:
    try:
        entries = inside(plain(parse(file.text)), LISTS[file.name])
    except JsoncError:
        yield SkippedService(file.source(), "it is not valid JSON with comments")
        return
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and (made := _service(tree, file, entry)):
            yield made


def _service(tree: Tree, file: File, entry: Entry) -> DetectedService | SkippedService | None:
    title = _text(entry, "name") or _text(entry, "label") or _text(entry, "script")
    if not title or entry.get("request") == "attach" or "devports" in str(entry.get("command")):
        return None
    line = line_of(entry)
    folder = _folder(posixpath.dirname(file.folder), entry)
    source = file.source(json.dumps(title, ensure_ascii=False), f"`{title}`")
    unknown = SkippedService(source, "no known server") if _may_serve(entry, title) else None
    if line is None or folder is None or any("${" in word for word in line.words):
        return unknown
    near = tuple(filter(None, (posixpath.basename(folder),)))
    if scripted := by_script(tree, folder, line, source, near):
        return scripted.replace(sources=(*scripted.sources[1:], source))
    made = of_line(line, source, names=near, folder=folder)
    if made is None:
        return unknown
    names = ", ".join(variables_of(entry))
    notes = (f"{file.name} sets {names}; add them to `env` if needed.",) if names else ()
    return made.replace(command=_in_its_environment(tree, folder, line, made), notes=notes)


def _may_serve(entry: Entry, title: str) -> bool:
    """Return whether a task in the background seems to be a server, not a watcher."""
    words = f"{title} {_text(entry, 'command')} {_text(entry, 'args')}"
    return entry.get("isBackground") is True and not _WATCHER.search(words)


def line_of(entry: Entry) -> Line | None:
    """Return the command of a launch configuration or a task; None if it cannot be a service."""
    given = entry.get("args")
    args = [word for word in given if isinstance(word, str)] if isinstance(given, list) else []
    if module := _text(entry, "module"):
        return Line((module, *args))
    if program := _text(entry, "program"):
        return Line((_WORKSPACE.sub("", program), *args))
    line = read(_WORKSPACE.sub("", _text(entry, "command")))
    return line.replace(words=(*line.words, *args)) if line else None


def variables_of(entry: Entry) -> tuple[str, ...]:
    """Return the names of its variables. Their values are not copied: they may be secrets."""
    env = entry.get("env") or inside(entry, "options", "env")
    return tuple(env) if isinstance(env, dict) else ()


def _in_its_environment(tree: Tree, folder: str, line: Line, made: DetectedService) -> str:
    """Return a command that finds its Python environment in a shell: VS Code selects its own."""
    if line.words[0] != made.kind and line.words[0] != "manage.py":
        return made.command
    lead = interpreter(tree, folder, line.words[0])
    return " ".join(filter(None, (command_text(lead), made.command)))


def _folder(above: str, entry: Entry) -> str | None:
    """Return the folder in which it runs; None if only VS Code knows it."""
    below = _WORKSPACE.sub("", _text(entry, "cwd") or _text(entry, "options", "cwd"))
    if "${" in below or below.startswith(("/", "~")):
        return None
    folder = joined(above, below)
    return None if folder.startswith("..") else folder


def _text(entry: object, *keys: str) -> str:
    value = inside(entry, *keys)
    return value if isinstance(value, str) else ""


DETECTORS = (
    django_services,
    application_services,
    library_services,
    package_services,
    nx_services,
    procfile_services,
    vscode_services,
    languages.marked_services,
    languages.dotnet_services,
    languages.go_services,
    compose_services,
)
"""The most reliable first: the first detection of a service decides how it is started."""

CODE = (".py", ".js", ".mjs", ".cjs", ".ts", ".mts", ".go")
NOT_CODE = (".d.ts", ".min.js", "_test.go", ".test.ts", ".test.js", ".spec.ts", ".spec.js")
NAMED = (
    frozenset(
        "package.json angular.json project.json nx.json manage.py launch.json tasks.json www"
        " pyproject.toml requirements.txt .flaskenv config.toml".split()
    )
    | {*ENV_FILES, *PROCFILES}
    | languages.NAMED
)


def wanted(name: str) -> int:
    """Return whether a detector reads files of this name: 1 for those that define services."""
    if name in NAMED or is_compose(name) or name.endswith(languages.PROJECT_FILES):
        return 1
    return 2 if name.endswith(CODE) and not name.endswith(NOT_CODE) else 0


OUTSIDE = {
    "a template": "template templates _template _templates skeleton skeletons boilerplate"
    " generators blueprints cookiecutter",
    "an example": "example examples sample samples",
    "a test": "test tests __tests__ e2e fixtures __fixtures__ testdata spec",
}
"""Folders whose servers are not those of the project, by what they contain."""


def outside(path: str) -> tuple[str, str]:
    """Return the folder on a path whose files are not the project's own, and what they are."""
    parts = path.split("/")[:-1]
    for at, part in enumerate(parts, 1):
        for what, names in OUTSIDE.items():
            if part.lower() in names.split() or (what == "a template" and "{{" in part):
                return "/".join(parts[:at]), what
    return "", ""


def detect(tree: Tree) -> MergeResult:
    """Return the services of a project, and what was skipped."""
    own = tree.replace(files=tuple(file for file in tree.files if not outside(file.path)[0]))
    others = tree.replace(files=tuple(file for file in tree.files if outside(file.path)[0]))
    found = merge_services(own, (find for detector in DETECTORS for find in detector(own)))
    less = {
        outside(find.sources[0].path)
        for detector in DETECTORS
        for find in detector(others)
        if isinstance(find, DetectedService)
    }
    skipped = (
        SkippedService(Source(folder, 0), f"{what}, not part of the project")
        for folder, what in sorted(less)
    )
    return found.replace(left_out=(*found.left_out, *skipped))
