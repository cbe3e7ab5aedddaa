"""Which programs are called `devports` here. Nothing is run: their files and neighbours tell.

The unrelated package `devports` of the package index brings a command and a folder of that name
too, and so does a program for node.
"""

from __future__ import annotations

import os
import sys

import devports
from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Literal

    Kin = Literal["ours", "ours-elsewhere", "foreign", "unknown"]

NAMES = ("devports", "devports.exe", "devports.cmd")
OURS, THEIRS = "devports_cli", "devports"
"""Distributions as their folders of metadata spell them (PyPA: recording installed projects)."""
MOST_FOLDERS = 200
FIRST_LINE = 512
"""Bytes of a first line that are read; Linux itself reads 256 (BINPRM_BUF_SIZE)."""


class Program(Value):
    """A program called `devports`: where, whether it is this one, and its distribution."""

    path: str
    kin: Kin
    what: str = ""


def on_path(environ: Mapping[str, str]) -> tuple[Program, ...]:
    """Return every `devports` on PATH, in its order; two names of one file are one program."""
    folders = [f for f in environ.get("PATH", "").split(os.pathsep) if os.path.isabs(f)]
    found: dict[str, Program] = {}
    for folder in folders[:MOST_FOLDERS]:
        for name in NAMES:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                real = os.path.realpath(path)
                found.setdefault(real, describe(path, real))
    return tuple(found.values())


def describe(path: str, real: str) -> Program:
    """Return what is known of one program. `real` is its path with links resolved."""
    packages = list(_packages(real))
    if _own_packages() in packages:
        return Program(path, "ours", f"devports-cli {devports.__version__}")
    for folder in packages:
        if version := _version(folder, OURS):
            return Program(path, "ours-elsewhere", f"devports-cli {version}")
    for folder in packages:
        if version := _version(folder, THEIRS):
            return Program(path, "foreign", f"devports {version}")
    interpreter = os.path.basename(_first_line(real).rpartition(b"/")[2].split(b" ")[-1]).decode()
    if interpreter.startswith(("node", "bun", "deno")):
        return Program(path, "foreign", f"a program for {interpreter}")
    return Program(path, "unknown")


def neighbour() -> Program | None:
    """Return the unrelated package in our own environment, if it is there."""
    folder = _own_packages()
    version = _version(folder, THEIRS)
    return Program(folder, "foreign", f"devports {version}") if version else None


def _own_packages() -> str:
    """Return the folder in which our distribution is recorded: ours, or an editable install's."""
    beside = os.path.dirname(os.path.dirname(os.path.realpath(devports.__file__)))
    here = (beside, *map(os.path.realpath, sys.path))
    return next((folder for folder in here if _version(folder, OURS)), beside)


def _packages(script: str) -> Iterator[str]:
    """Yield the folders of packages that belong to a script: of its environment or its user."""
    top = os.path.dirname(os.path.dirname(script))
    for place in (os.path.join(top, "lib"), os.path.join(top, "Lib")):
        for name in ("", *_names(place)):
            for kind in ("site-packages", "dist-packages"):
                folder = os.path.join(place, name, kind)
                if os.path.isdir(folder):
                    yield os.path.realpath(folder)


def _version(folder: str, distribution: str) -> str:
    """Return the version of a distribution that is recorded in a folder; empty if it is not."""
    start, end = f"{distribution}-", ".dist-info"
    found = (name for name in _names(folder) if name.startswith(start) and name.endswith(end))
    return next((name[len(start) : -len(end)] for name in found), "")


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _first_line(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(FIRST_LINE).partition(b"\n")[0].strip()
    except OSError:
        return b""
