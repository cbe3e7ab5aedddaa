"""Services in a Procfile, as foreman, honcho and overmind read it: `NAME: COMMAND` lines."""

from __future__ import annotations

import re

from devports.detect.found import LeftOut
from devports.detect.making import from_program, of_line
from devports.detect.words import read, with_port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.detect.found import File, Found, Source, Tree

_LINE = re.compile(r"([A-Za-z0-9_-]+)[ \t]*:[ \t]*(\S.*)")
FILES = ("Procfile.dev", "Procfile.local", "Procfile")
"""For a developer's machine first: where a name comes twice, the first one counts."""


def procfiles(tree: Tree) -> Iterator[Found | LeftOut]:
    """Yield what each Procfile starts. Worker processes, which have no port, are left out."""
    for name in FILES:
        for file in tree.called(name):
            yield from _lines(file)


def _lines(file: File) -> Iterator[Found | LeftOut]:
    for number, text in enumerate(file.text.splitlines(), 1):
        match = _LINE.fullmatch(text.strip())
        if match:
            yield _service(file, file.line(number), match[1], match[2])


def _service(file: File, source: Source, name: str, command: str) -> Found | LeftOut:
    line = read(command)
    if line is None:
        return LeftOut(source, "it is more than one simple command")
    made = of_line(line, source, names=(name,), folder=file.folder)
    if made is None and (name == "web" or with_port(line.words)[0] != line.words):
        made = from_program(line, source, names=(name,), folder=file.folder)
    if made is None:
        return LeftOut(source, "no server that is known, and no $PORT")
    return made.but(production=made.production or file.name == "Procfile")
