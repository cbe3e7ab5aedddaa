"""Services that compose files publish, and those that a Procfile starts. Pure.

Not a YAML parser: `services: NAME: ports:` is read in its common forms, by indentation. Other forms
(anchors, variables without a default, ranges) are reported as skipped. A Procfile is read as
foreman, honcho and overmind do: `NAME: COMMAND` lines.
"""

from __future__ import annotations

import re
from itertools import takewhile

from devports.core.text import LAST_PORT, decimal
from devports.core.value import Frozen
from devports.detect.command_line import from_program, of_line, read, with_port
from devports.detect.model import DetectedService, SkippedService, first_in_folders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from devports.detect.model import File, Source, Tree


COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
"""In the order in which docker compose looks for them; only the first in a folder is read."""

_PROCESS = re.compile(r"([A-Za-z0-9_-]+)[ \t]*:[ \t]*(\S.*)")
PROCFILES = ("Procfile.dev", "Procfile.local", "Procfile")
"""The developer's own first: where a name occurs twice, the first one counts."""

_KEY = re.compile(r"""(?P<quote>["']?)(?P<key>[\w.-]+)(?P=quote)[ \t]*:(?:[ \t]+(?P<rest>\S.*))?""")
_COMMENT = re.compile(r"(?:^|[ \t]+)#.*")
_BLOCK = re.compile(r"[|>][-+0-9]*")
_VARIABLE = re.compile(r"\$\{\w+:?-([^}]*)\}")
_SHORT = re.compile(
    r"(?:(?:[\d.]+|\[[\da-fA-F:]+\]|localhost):)?(\d{1,5}):(\d{1,5})(?:/(tcp|udp))?"
)
_INSIDE_ONLY = re.compile(r"\d{1,5}(?:-\d{1,5})?(?:/(?:tcp|udp))?")


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


def compose_services(tree: Tree) -> Iterator[DetectedService | SkippedService]:
    """Yield the services whose ports a compose file publishes."""
    for file in first_in_folders(tree.called(*COMPOSE_FILES)):
        yield from _services(file)


def _services(file: File) -> Iterator[DetectedService | SkippedService]:
    rows = rows_of(file.text)
    top = next((i for i, row in enumerate(rows) if not row.indent and _key(row) == "services"), -1)
    if top < 0 or any(row.text.startswith("\t") for row in rows):
        yield SkippedService(file.source(), "no `services:` that could be read")
        return
    for name, _, body in _pairs(_deeper(rows[top + 1 :], rows[top].indent)):
        keys = {key: (row, inner) for key, row, inner in _pairs(body)}
        if "ports" in keys:
            yield from _service(file, name, entries(*keys["ports"]), built="build" in keys)


def _service(
    file: File, name: str, ports: Iterable[Sequence[Row]], *, built: bool
) -> Iterator[DetectedService | SkippedService]:
    published: list[Published] = []
    for entry in ports:
        port = published_by(entry)
        if port is None:
            why = f"this port of `{name}` could not be read"
            yield SkippedService(file.line(entry[0].number), why)
        elif port.port:
            published.append(port)
    if published:
        first, *further = published
        yield DetectedService(
            names=(name,),
            kind="container",
            sources=(file.line(first.number),),
            target=f"container {name}",
            port=first.port,
            stated=True,
            built=built,
            ports=tuple({f"port-{port.inside}": port.port for port in further}.items()),
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
    match = _KEY.fullmatch(row.text)
    rest = (match["rest"] or "") if match else ""
    if rest:
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


def published_by(entry: Sequence[Row]) -> Published | None:
    """Return what one entry publishes; port 0: no fixed port; None: not readable."""
    texts = [_VARIABLE.sub(r"\1", row.text) for row in entry]
    matches = [_KEY.fullmatch(text) for text in texts]
    if all(matches) and texts != [""]:
        pairs = {match["key"]: _bare(match["rest"] or "") for match in matches if match}
        return _long(pairs, entry[0].number)
    return _short(_bare(texts[0]), entry[0].number) if len(texts) == 1 else None


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
                yield _process(file, file.line(number), match[1], match[2])


def _process(
    file: File, source: Source, name: str, command: str
) -> DetectedService | SkippedService:
    line = read(command)
    if line is None:
        return SkippedService(source, "not a single simple command")
    made = of_line(line, source, names=(name,), folder=file.folder)
    if made is None and (name == "web" or with_port(line.words)[0] != line.words):
        made = from_program(line, source, names=(name,), folder=file.folder)
    if made is None:
        return SkippedService(source, "no known server and no $PORT")
    return made.replace(production=made.production or file.name == "Procfile")
