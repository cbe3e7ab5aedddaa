"""Services that compose files publish, and those that a Procfile starts. Pure.

Not a YAML parser: `services: NAME: ports:` is read in its common forms, by indentation. Other forms
(an alias of a list, variables without a default, ranges) are reported as skipped. A Procfile is
read as foreman, honcho and overmind do: `NAME: COMMAND` lines.
"""

from __future__ import annotations

import posixpath
import re
from itertools import takewhile

from devports.core.text import LAST_PORT, decimal
from devports.core.value import Frozen
from devports.detect.command_line import from_program, of_line, read, with_port
from devports.detect.model import ENV_FILES, DetectedService, SkippedService, env_ports, joined
from devports.detect.node import by_script

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from devports.detect.model import File, Source, Tree


COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
"""In the order in which docker compose looks for them; only the first in a folder is read."""
FOR_DEVELOPMENT = ("override", "dev", "development", "local")
"""Words in the names of the files that are read too; of these `docker compose` reads `override`."""
NOT_DEVELOPMENT = frozenset(
    "prod production staging deploy deployment deployments testing ci".split()
)
"""Folders of compose files that are not meant for development."""
PORT_NAMES = {
    80: "http",
    443: "https",
    1025: "smtp",
    1080: "http",
    2525: "smtp",
    5678: "debug",
    8025: "http",
    8080: "http",
    8443: "https",
    9001: "console",
    9229: "debug",
    15672: "management",
}
"""What is usually served on a further port of a container, by its number inside."""

_PROCESS = re.compile(r"([A-Za-z0-9_-]+)[ \t]*:[ \t]*(\S.*)")
PROCFILES = ("Procfile.dev", "Procfile.local", "Procfile")
"""The developer's own first: where a name occurs twice, the first one counts."""

_KEY = re.compile(r"""(?P<quote>["']?)(?P<key>[\w.-]+)(?P=quote)[ \t]*:(?:[ \t]+(?P<rest>\S.*))?""")
_MOUNTS = re.compile(r"""-[ \t]+["']?\./?:""")
"""A volume with the project itself."""
_ANCHOR = re.compile(r":[ \t]+&([\w.-]+)$")
_ALIAS = re.compile(r"\*([\w.-]+)")
_COMMENT = re.compile(r"(?:^|[ \t]+)#.*")
_BLOCK = re.compile(r"[|>][-+0-9]*")
_COMPOSE = re.compile(r"(?:docker-)?compose(?:[.-]([\w.-]+))?\.ya?ml")
_VARIABLE = re.compile(r"\$\{(\w+)(?::?[-?]([^}]*))?\}|\$(\w+)")
_DOCKERFILE = re.compile(r"(?:.*/)?(?:(?:dev|prod)\w*\.)?Dockerfile(?:[.-](?:dev|prod|local)\w*)?")
"""The usual names: others build something beside the program of their folder."""
_SHORT = re.compile(
    r"(?:(?:[\d.]+|\[[\da-fA-F:]+\]|localhost):)?(\d{1,5}):(\d{1,5})(?:/(tcp|udp))?"
)
_INSIDE_ONLY = re.compile(r"\d{1,5}(?:-\d{1,5})?(?:/(?:tcp|udp))?")


_OWN_NAME = {
    "package.json": r'(?:^|\{)\s*"name"\s*:\s*"(?:[^"/]*/)?([^"/]+)"',
    "pyproject.toml": r"""^name\s*=\s*["']([^"']+)["']""",
    "go.mod": r"^module\s+(?:\S*/)?([\w.-]+)",
    "pom.xml": r"^(?: {4}|\t| {2})<artifactId>([\w.-]+)<",
}
MOST_ROWS = 4000
"""Far more than a compose file has; it limits the work that a hostile one can cause."""


class Row(Frozen):
    """A line that is not empty: its number, its indentation, its text without comments."""

    number: int
    indent: int
    text: str


class Published(Frozen):
    """A port on this machine, and the port `inside` the container."""

    port: int
    inside: int
    number: int


class Container(Frozen):
    """A service of compose files.

    Attributes:
        ports: what it publishes, with the lines.
        built: from a file of the project.
        contexts: the folders whose program may be in it, by its build or its image.
    """

    name: str
    ports: tuple[tuple[Published, tuple[Source, ...]], ...] = ()
    built: bool = False
    contexts: tuple[str, ...] = ()


def is_compose(name: str) -> bool:
    """Return whether a file name is that of a compose file, for whatever it is meant."""
    return bool(_COMPOSE.fullmatch(name))


def compose_services(tree: Tree) -> Iterator[DetectedService | SkippedService]:
    """Yield the services whose ports the compose files of each folder publish."""
    folders: dict[str, list[File]] = {}
    for file in tree.files:
        if is_compose(file.name):
            folders.setdefault(file.folder, []).append(file)
    for folder, files in folders.items():
        if NOT_DEVELOPMENT & {*folder.split("/")}:
            for file in files:
                yield SkippedService(file.source(), "in a folder that is not for development")
            continue
        read = [*_base(files), *(file for file in files if _purpose(file) in FOR_DEVELOPMENT)]
        yield from _services(tree, folder, read)
        for file in files:
            if _purpose(file) and file not in read:
                yield SkippedService(file.source(), "docker compose reads it only if it is named")


def _purpose(file: File) -> str:
    """Return the word in the name of a compose file: `prod`; empty for the usual name."""
    match = _COMPOSE.fullmatch(file.name)
    return ((match and match[1]) or "").lower()


def _base(files: Sequence[File]) -> list[File]:
    """Return the file that docker compose reads if it is told none."""
    usual = [file for file in files if file.name in COMPOSE_FILES]
    return sorted(usual, key=lambda file: COMPOSE_FILES.index(file.name))[:1]


def _services(
    tree: Tree, folder: str, files: Sequence[File]
) -> Iterator[DetectedService | SkippedService]:
    """Yield the containers of several files, of which a later one adds to an earlier one."""
    variables, projects = _variables(tree, folder), _projects(tree)
    containers: dict[str, Container] = {}
    for file in files:
        for each in _containers(file, variables, projects):
            if isinstance(each, SkippedService):
                yield each
            else:
                known = containers.get(each.name, Container(each.name))
                containers[each.name] = _both(known, each)
    yield from (_watched(each) for each in containers.values() if each.ports)


def _both(known: Container, more: Container) -> Container:
    taken = {published.port for published, _ in known.ports}
    ports = (*known.ports, *(each for each in more.ports if each[0].port not in taken))
    contexts = known.contexts or more.contexts
    return Container(known.name, ports, known.built or more.built, contexts)


def _variables(tree: Tree, folder: str) -> dict[str, tuple[str, Source]]:
    """Return the ports in the env files of a folder, with their lines."""
    found: dict[str, tuple[str, Source]] = {}
    for file in (file for file in tree.called(*ENV_FILES) if file.folder == folder):
        for name, (port, source) in env_ports(file).items():
            found.setdefault(name, (str(port), source))
    return found


def _containers(
    file: File, variables: dict[str, tuple[str, Source]], projects: Mapping[str, str]
) -> Iterator[Container | SkippedService]:
    rows = rows_of(file.text)
    top = next((i for i, row in enumerate(rows) if not row.indent and _key(row) == "services"), -1)
    if top < 0 or any(row.text.startswith("\t") for row in rows):
        yield SkippedService(file.source(), "no `services:` that could be read")
        return
    anchors = _anchors(rows)
    for name, _, body in _pairs(_deeper(rows[top + 1 :], rows[top].indent)):
        keys = _keys(body, anchors)
        published: list[tuple[Published, tuple[Source, ...]]] = []
        for entry in entries(*keys["ports"]) if "ports" in keys else ():
            values = {name: value for name, (value, _) in variables.items()}
            port = published_by(entry, values)
            if port is None:
                why = f"this port of `{name}` could not be read"
                yield SkippedService(file.line(entry[0].number), why)
            elif port.port:
                used = (m[1] or m[3] for row in entry for m in _VARIABLE.finditer(row.text))
                more = dict.fromkeys(variables[each][1] for each in used if each in variables)
                published.append((port, (file.line(port.number), *more)))
        contexts = _contexts(file.folder, *keys["build"]) if "build" in keys else ()
        image = _image(_bare(_rest(keys["image"][0]))) if "image" in keys else ""
        contexts = (projects[image],) if image in projects else contexts
        if contexts and any(_MOUNTS.match(row.text) for row in keys.get("volumes", ((), ()))[1]):
            contexts += (file.folder,)
        built = "build" in keys or projects.get(image) == ""
        yield Container(name, tuple(published), built, contexts)


def _anchors(rows: Sequence[Row]) -> dict[str, tuple[Row, ...]]:
    """Return the tables that other ones can merge: `x-common: &common`."""
    named = ((at, row, _ANCHOR.search(row.text)) for at, row in enumerate(rows))
    return {match[1]: _below(rows[at + 1 :], row.indent) for at, row, match in named if match}


def _keys(
    body: Sequence[Row], anchors: Mapping[str, Sequence[Row]]
) -> dict[str, tuple[Row, tuple[Row, ...]]]:
    """Return the keys of a service, with those of the tables that it merges: `<<: *common`."""
    own = [row.text for row in body if row.indent == body[0].indent]
    names = _ALIAS.findall(" ".join(text for text in own if text.startswith("<<:")))
    tables = (*(anchors.get(name, ()) for name in names), body)
    return {key: (row, inner) for rows in tables for key, row, inner in _pairs(rows)}


def _image(name: str) -> str:
    """Return the name of an image without its registry and version: `shop`."""
    return re.sub(r"[:@].*", "", name.rpartition("/")[2])


def _projects(tree: Tree) -> dict[str, str]:
    """Return the names of the project, as its own files at the top give them, and of its parts.

    An image of that name is built from that folder, elsewhere.
    """
    files = [*tree.called(*_OWN_NAME)]
    parts = {posixpath.basename(file.folder): file.folder for file in files if file.folder}
    found = (
        match[1]
        for file in files
        if not file.folder and (match := re.search(_OWN_NAME[file.name], file.text, re.MULTILINE))
    )
    return parts | dict.fromkeys(found, "")


def _contexts(folder: str, row: Row, inner: Sequence[Row]) -> tuple[str, ...]:
    """Return the folder of the Dockerfile, if that has a usual name, and the one that is built."""
    pairs = {key: _bare(_rest(each)) for key, each, _ in _pairs(inner)}
    dockerfile = pairs.get("dockerfile", "Dockerfile")
    if not _DOCKERFILE.fullmatch(dockerfile):
        return ()
    context = joined(folder, _bare(_rest(row)) or pairs.get("context", "."))
    return tuple(dict.fromkeys((joined(context, posixpath.dirname(dockerfile)), context)))


def _watched(container: Container) -> DetectedService:
    (first, sources), *further = container.ports
    names: dict[str, int] = {}
    for published, _ in further:
        plain = PORT_NAMES.get(published.inside, "extra")
        numbered = (plain, *map(f"{plain}-{{}}".format, range(2, len(further) + 2)))
        names[next(name for name in numbered if name not in names)] = published.port
    return DetectedService(
        names=(container.name,),
        kind="container",
        sources=sources,
        target=f"container {container.name} {first.port}",
        port=first.port,
        stated=True,
        built=container.built,
        contexts=container.contexts,
        ports=tuple(names.items()),
    )


def rows_of(text: str) -> tuple[Row, ...]:
    """Return the lines that are not empty; texts of several lines (`|`, `>`) are skipped."""
    rows: list[Row] = []
    deeper_than = None
    for number, line in enumerate(text.splitlines()[:MOST_ROWS], 1):
        indent = len(line) - len(line.lstrip(" "))
        if deeper_than is not None and (not line.strip() or indent > deeper_than):
            continue
        shown = _COMMENT.sub("", line).strip(" ")
        deeper_than = indent if _BLOCK.fullmatch(shown.rpartition(": ")[2]) else None
        if shown and shown != "---":
            rows.append(Row(number, indent, shown))
    return tuple(rows)


def _key(row: Row) -> str:
    match = _KEY.fullmatch(row.text)
    return match["key"] if match else ""


def _pairs(rows: Sequence[Row]) -> Iterator[tuple[str, Row, tuple[Row, ...]]]:
    """Yield each key of the table in these rows: its name, its row, the rows below it."""
    if not rows:
        return
    level = rows[0].indent
    for i, row in enumerate(rows):
        if row.indent == level and (key := _key(row)):
            yield key, row, _below(rows[i + 1 :], level)


def _below(rows: Sequence[Row], level: int) -> tuple[Row, ...]:
    """Return the rows that belong to a key; a list may have the indentation of its key."""
    flat = bool(rows) and rows[0].indent == level

    def belongs(row: Row) -> bool:
        return row.indent > level or (flat and row.indent == level and row.text.startswith("-"))

    return tuple(takewhile(belongs, rows))


def _deeper(rows: Sequence[Row], indent: int) -> tuple[Row, ...]:
    return tuple(takewhile(lambda row: row.indent > indent, rows))


def entries(row: Row, inner: Sequence[Row]) -> list[list[Row]]:
    """Return the rows of each entry of `ports:` without the dashes; `[a, b]` has one row each."""
    if rest := _rest(row):
        listed = rest[1:-1].split(",") if rest.startswith("[") and rest.endswith("]") else [rest]
        return [[row.replace(text=text.strip())] for text in listed if text.strip()]
    groups: list[list[Row]] = []
    for each in inner:
        if each.text.startswith("-") and each.indent == inner[0].indent:
            groups.append([each.replace(text=each.text[1:].strip())])
        elif groups:
            groups[-1].append(each)
        else:
            groups.append([each])
    return groups


def published_by(entry: Sequence[Row], variables: Mapping[str, str]) -> Published | None:
    """Return what one entry publishes; port 0: no fixed port; None: not readable."""

    def value(match: re.Match[str]) -> str:
        return variables.get(match[1] or match[3]) or match[2] or match[0]

    texts = [_VARIABLE.sub(value, row.text) for row in entry]
    matches = [_KEY.fullmatch(text) for text in texts]
    if all(matches) and texts != [""]:
        pairs = {match["key"]: _bare(match["rest"] or "") for match in matches if match}
        return _long(pairs, entry[0].number)
    return _short(_bare(texts[0]), entry[0].number) if len(texts) == 1 else None


def _rest(row: Row) -> str:
    match = _KEY.fullmatch(row.text)
    return (match["rest"] or "") if match else ""


def _bare(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text


def _short(text: str, number: int) -> Published | None:
    match = _SHORT.fullmatch(text)
    if not match:
        return Published(0, 0, number) if _INSIDE_ONLY.fullmatch(text) else None
    return _published(match[1], match[2], match[3] or "tcp", number)


def _long(pairs: dict[str, str], number: int) -> Published | None:
    if "published" not in pairs:
        return Published(0, 0, number) if "target" in pairs else None
    target, protocol = pairs.get("target", "0"), pairs.get("protocol", "tcp")
    return _published(pairs["published"], target, protocol, number)


def _published(port: str, inside: str, protocol: str, number: int) -> Published | None:
    if protocol == "udp":  # no conflict with a TCP server
        return Published(0, 0, number)
    outer, inner = decimal(port, LAST_PORT), decimal(inside, LAST_PORT)
    return None if not outer or inner is None else Published(outer, inner, number)


def procfile_services(tree: Tree) -> Iterator[DetectedService | SkippedService]:
    """Yield what each Procfile starts. Worker processes, which have no port, are skipped."""
    for file in tree.called(*PROCFILES):
        for number, text in enumerate(file.text.splitlines(), 1):
            if match := _PROCESS.fullmatch(text.strip()):
                yield _process(tree, file, file.line(number), match[1], match[2])


def _process(
    tree: Tree, file: File, source: Source, name: str, command: str
) -> DetectedService | SkippedService:
    line = read(command)
    if line is None:
        return SkippedService(source, "not a single simple command")
    made = by_script(tree, file.folder, line, source, (name,))
    made = made or of_line(line, source, names=(name,), folder=file.folder)
    if made is None and (name == "web" or with_port(line.words)[0] != line.words):
        made = from_program(line, source, names=(name,), folder=file.folder)
    if made is None:
        return SkippedService(source, "no known server and no $PORT")
    return made.replace(production=made.production or file.name == "Procfile")
