"""What the detectors read and what they find. Values only: nothing here opens a file."""

from __future__ import annotations

import posixpath

from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONGEST = 100
"""Characters that are kept of a line that says why."""


class File(Frozen):
    """One file that was read; `path` from the folder that is looked at, with `/` between."""

    path: str
    text: str

    @property
    def folder(self) -> str:
        """The folder it is in; empty for the one that is looked at."""
        return posixpath.dirname(self.path)

    @property
    def name(self) -> str:
        return posixpath.basename(self.path)

    def source(self, needle: str = "", what: str = "") -> Source:
        """Return the first line that has `needle` in it as the reason for something.

        Args:
            needle: what to look for; the file as a whole is the reason if it is not there.
            what: what to show instead of the line itself.
        """
        at = self.text.find(needle) if needle else -1
        line = self.text.count("\n", 0, at) + 1 if at >= 0 else 0
        return self.line(line, what)

    def line(self, number: int, what: str = "") -> Source:
        """Return a line, from 1, as the reason for something."""
        lines = self.text.splitlines()
        shown = lines[number - 1] if 0 < number <= len(lines) else ""
        return Source(self.path, number, one_line(what or shown))


class Tree(Frozen):
    """A folder as far as it was read.

    Attributes:
        files: what was read, in a stable order.
        names: paths of all files that were seen, read or not.
    """

    files: tuple[File, ...] = ()
    names: frozenset[str] = frozenset()

    def called(self, *names: str) -> Iterator[File]:
        """Yield the files of these names, wherever they are, in the order of the names."""
        return (file for name in names for file in self.files if file.name == name)

    def nearest(self, folder: str, *names: str) -> str:
        """Return the path of the first of `names` that is in `folder` or above; empty if none."""
        for place in upwards(folder):
            for name in names:
                if (path := posixpath.join(place, name)) in self.names:
                    return path
        return ""


class Source(Frozen):
    """Why something was found: a line of a file, from 1, or the file as a whole (0)."""

    path: str
    line: int
    text: str = ""

    def __str__(self) -> str:
        where = f"{self.path}, line {self.line}" if self.line else self.path
        return f"{where}: {self.text}" if self.text else where


class DetectedService(Frozen):
    """A service that the files speak of.

    Attributes:
        names: what it may be called, the best first; made valid and unique later.
        kind: the server as people call it: `vite`, `uvicorn`.
        sources: what says so, the best first.
        target: what it serves, without the server's name: two finds of one folder and one target
            are one service.
        command: what starts it, with placeholders; empty: somebody else starts it.
        folder: where the command runs.
        port: 0 if no file names it.
        stated: a file names the port; else it is the server's default.
        takes_port: it can be told its port; otherwise the port is written in its program.
        host: where a file wants another than 127.0.0.1.
        built: a container that is built from this project, so another way to start what is here.
        production: started so on a server, not on a developer's machine.
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
    production: bool = False
    ports: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.names[0]

    @property
    def key(self) -> tuple[str, str]:
        """What makes two finds the same service."""
        return self.folder, self.target


class SkippedService(Frozen):
    """What looks like a service and was not understood, or need not be one."""

    source: Source
    why: str


def one_line(text: str) -> str:
    """Return `text` so that it can stand in a comment: visible, on one line, not too long."""
    seen = "".join(char if char.isprintable() else " " for char in text[: 4 * LONGEST])
    seen = " ".join(seen.split())
    return seen if len(seen) <= LONGEST else seen[: LONGEST - 3] + "..."


def upwards(folder: str) -> Iterator[str]:
    """Yield `folder` and the folders above it, the one that is looked at last."""
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
