"""Trees for the tests: paths and texts."""

from __future__ import annotations

from devports.detect.detectors import detect
from devports.detect.found import File, Found, LeftOut, Tree


def tree(files: dict[str, str], *names: str) -> Tree:
    """Return a folder with these files; of `names` only that they are there."""
    read = tuple(File(path, text) for path, text in files.items())
    return Tree(read, frozenset({*files, *names}))


def services(files: dict[str, str], *names: str) -> tuple[Found, ...]:
    return detect(tree(files, *names)).services


def only(files: dict[str, str], *names: str) -> Found:
    """Return the one service of a folder."""
    (found,) = services(files, *names)
    return found


def left_out(files: dict[str, str], *names: str) -> tuple[LeftOut, ...]:
    return detect(tree(files, *names)).left_out
