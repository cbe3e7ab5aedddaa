"""What the detectors read and return. Pure."""

from __future__ import annotations

import posixpath
import re

from devports.core.text import LAST_PORT, decimal
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONGEST = 100
"""Characters kept of a source line."""

ENV_FILES = (
    ".env",
    ".env.local",
    ".env.development",
    ".env.example",
    ".env.sample",
    ".env.template",
    ".env.dist",
    "env.example",
)
"""Where variables of a project have their values: docker compose reads the first."""
_PORT_OF_ENV = re.compile(
    r"""[ \t]*(?:export[ \t]+)?(\w*PORT\w*)[ \t]*=[ \t]*["']?(\d{1,5})["']?[ \t]*(?:#.*)?"""
)


class File(Frozen):
    """A file that was read; `path` is relative to the scanned folder, with `/`."""

    path: str
    text: str

    @property
    def folder(self) -> str:
        """The folder it is in; empty for the scanned folder."""
        return posixpath.dirname(self.path)

    @property
    def name(self) -> str:
        return posixpath.basename(self.path)

    def source(self, needle: str = "", what: str = "") -> Source:
        """Return the first line that contains `needle` as a source.

        Args:
            needle: the text to find; if it is not found, the file as a whole is the source.
            what: the text to show instead of the line.
        """
        at = self.text.find(needle) if needle else -1
        return self.at(at, what) if at >= 0 else self.line(0, what)

    def at(self, offset: int, what: str = "") -> Source:
        """Return the line of an offset as a source."""
        return self.line(self.text.count("\n", 0, offset) + 1, what)

    def line(self, number: int, what: str = "") -> Source:
        """Return a line, from 1, as a source."""
        lines = self.text.splitlines()
        shown = lines[number - 1] if 0 < number <= len(lines) else ""
        return Source(self.path, number, one_line(what or shown))


class Tree(Frozen):
    """A folder as far as it was read.

    Attributes:
        files: the files that were read, in a stable order.
        names: paths of all files that were seen, read or not.
    """

    files: tuple[File, ...] = ()
    names: frozenset[str] = frozenset()

    def called(self, *names: str) -> Iterator[File]:
        """Yield the files of these names in any folder, in the order of the names."""
        return (file for name in names for file in self.files if file.name == name)

    def nearest(self, folder: str, *names: str) -> str:
        """Return the path of the first of `names` that is in `folder` or above; empty if none."""
        for place in upwards(folder):
            for name in names:
                if (path := posixpath.join(place, name)) in self.names:
                    return path
        return ""


def env_ports(file: File) -> dict[str, tuple[int, Source]]:
    """Return the ports that an env file sets, with their lines. No other line of it is used."""
    found: dict[str, tuple[int, Source]] = {}
    for number, line in enumerate(file.text.splitlines(), 1):
        match = _PORT_OF_ENV.fullmatch(line)
        if match and (port := decimal(match[2], LAST_PORT)):
            found.setdefault(match[1], (port, file.line(number, f"{match[1]}={port}")))
    return found


class Source(Frozen):
    """Why something was detected: a line of a file, from 1, or the file as a whole (0)."""

    path: str
    line: int
    text: str = ""

    def __str__(self) -> str:
        where = f"{self.path}, line {self.line}" if self.line else self.path
        return f"{where}: {self.text}" if self.text else where


class DetectedService(Frozen):
    """A service that the files define or imply.

    Attributes:
        names: possible names, the best first; made valid and unique later.
        kind: the server by its usual name: `vite`, `uvicorn`.
        sources: why it was detected, the best first.
        target: what it serves, without the server's name: two detections with one folder and one
            target are one service.
        command: the command that starts it, with placeholders; empty: a watched service.
        folder: where the command runs.
        port: 0 if no file names it.
        stated: a file names the port; else it is the server's default.
        takes_port: the port can be given to it; otherwise the port is fixed in its program.
        host: if a file names another than 127.0.0.1.
        built: a container built from this project, so another way to start a service of it.
        contexts: the folders whose program that container may be, the likeliest first.
        written: the project itself contains this command; else it is the usual one of a framework.
        production: a way to start it in production, not on a developer's machine.
        ports: further ports by name.
        notes: sentences for the file, above the service.
    """

    names: tuple[str, ...]
    kind: str
    sources: tuple[Source, ...]
    target: str = ""
    command: str = ""
    shell: bool = False
    folder: str = ""
    port: int = 0
    stated: bool = False
    takes_port: bool = True
    host: str = ""
    env: tuple[tuple[str, str], ...] = ()
    built: bool = False
    contexts: tuple[str, ...] = ()
    written: bool = False
    production: bool = False
    ports: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.names[0]

    @property
    def key(self) -> tuple[str, str]:
        """The identity: detections with the same one are the same service."""
        return self.folder, self.target


class SkippedService(Frozen):
    """What looks like a service and was not added, with the reason."""

    source: Source
    why: str


def one_line(text: str) -> str:
    """Return `text` for a comment: printable, on one line, cut to `LONGEST`."""
    seen = "".join(char if char.isprintable() else " " for char in text[: 4 * LONGEST])
    seen = " ".join(seen.split())
    return seen if len(seen) <= LONGEST else seen[: LONGEST - 3] + "..."


def joined(folder: str, path: str) -> str:
    """Return a path from a folder; empty for the scanned folder."""
    found = posixpath.normpath(posixpath.join(folder, path))
    return "" if found == "." else found


def upwards(folder: str) -> Iterator[str]:
    """Yield `folder` and the folders above it, up to the scanned folder."""
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""


def first_in_folders(files: Iterable[File]) -> Iterator[File]:
    """Yield the first of these files in each folder."""
    seen: set[str] = set()
    for file in files:
        if file.folder not in seen:
            seen.add(file.folder)
            yield file
