"""Trees for the tests: paths and texts."""

from __future__ import annotations

from devports.detect.model import DetectedService, File, SkippedService, Tree
from devports.detect.services import detect


def tree(files: dict[str, str], *names: str) -> Tree:
    """Return a folder with these files; of `names` only that they are there."""
    read = tuple(File(path, text) for path, text in files.items())
    return Tree(read, frozenset({*files, *names}))


def services(files: dict[str, str], *names: str) -> tuple[DetectedService, ...]:
    return detect(tree(files, *names)).services


def only(files: dict[str, str], *names: str) -> DetectedService:
    """Return the one service of a folder."""
    (found,) = services(files, *names)
    return found


def left_out(files: dict[str, str], *names: str) -> tuple[SkippedService, ...]:
    return detect(tree(files, *names)).left_out
