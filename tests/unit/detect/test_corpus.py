"""Small projects of every kind, in `corpus.txt`: what is found, what is skipped, nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devports.config.load import read_text
from devports.core.value import Frozen
from devports.detect.services import detect
from devports.detect.toml_writer import document
from tests.unit.detect.making import tree

if TYPE_CHECKING:
    from devports.detect.model import DetectedService

TEXT = Path(__file__).with_name("corpus.txt").read_text(encoding="utf-8")


class Project(Frozen):
    """A project of the corpus: its files, and the lines of what is expected."""

    name: str
    files: dict[str, str]
    services: tuple[str, ...]
    skipped: tuple[str, ...]


def project(text: str) -> Project:
    name, _, body = text.partition("\n")
    files: dict[str, str] = {}
    marked: dict[str, list[str]] = {">>> ": [], "??? ": []}
    path = ""
    for line in body.splitlines():
        if line.startswith("--- "):
            path = line[4:]
            files[path] = ""
        elif line[:4] in marked:
            marked[line[:4]].append(line[4:])
        elif line or path:
            files[path] += f"{line}\n"
    return Project(name, files, tuple(marked[">>> "]), tuple(marked["??? "]))


PROJECTS = [project(text) for text in TEXT.split("=== ")[1:]]


def line_of(service: DetectedService) -> str:
    """Return a service in the form of the corpus."""
    more = {
        "cwd": service.folder if service.command else "",
        "env": ",".join(name for name, _ in service.env),
        "host": service.host,
        "ports": ",".join(f"{name}:{port}" for name, port in service.ports),
    }
    parts = [service.name, str(service.port), service.command or "-"]
    return " | ".join([*parts, *(f"{key}={value}" for key, value in more.items() if value)])


@pytest.mark.parametrize("project", PROJECTS, ids=lambda each: each.name)
def test_a_small_project(project: Project) -> None:
    found = detect(tree(project.files))
    skipped = (f"{left.source.path} | {left.why}" for left in found.left_out)
    assert sorted(map(line_of, found.services)) == sorted(project.services)
    assert sorted(skipped) == sorted(project.skipped)
    if any(service.port for service in found.services):
        read_text(document(found.services), "/srv/x/devports.toml", "devports.toml")


def test_there_are_enough_of_them() -> None:
    assert len(PROJECTS) >= 60
    assert sum(len(each.services) for each in PROJECTS) >= 70
