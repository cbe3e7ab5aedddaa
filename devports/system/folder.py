"""Read the texts of a folder, within bounds: what a project is, without running anything of it.

Links are not followed: a project may link to a home folder, or to itself. What others have written
(node_modules, virtual environments, build folders) is not looked at.
"""

from __future__ import annotations

import os
import stat
from itertools import islice

from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BYTES = 128 * 1024
"""Of one file. A file of services is a page or two; only generated code is longer."""

NOT_OURS = frozenset(
    "node_modules bower_components site-packages __pycache__ dist build out target vendor"
    " coverage htmlcov".split()
)
EDITOR = ".vscode"
ENVIRONMENT = "pyvenv.cfg"
"""In every virtual environment (PEP 405)."""
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO must not stop us
    | getattr(os, "O_CLOEXEC", 0)
)


class Bounds(Value):
    """How much is looked at: folders below each other, names seen, files read."""

    depth: int = 5
    names: int = 20_000
    files: int = 500


BOUNDS = Bounds()


class Looked(Value):
    """What a folder holds.

    Attributes:
        texts: path from the folder, with `/`, and text of every file that was wanted; near first.
        names: paths of every file that was seen.
        whole: False where a bound was met, so that there may be more.
    """

    texts: tuple[tuple[str, str], ...] = ()
    names: frozenset[str] = frozenset()
    whole: bool = True


def look(root: str, wanted: Callable[[str], bool], bounds: Bounds = BOUNDS) -> Looked:
    """Return the texts of a folder, the ones that are near its top first.

    Args:
        root: absolute path.
        wanted: says by a file's name whether to read it.
        bounds: how much to look at.
    """
    names: list[str] = []
    texts: list[tuple[str, str]] = []
    todo, whole = [("", 0)], True
    while todo and len(names) < bounds.names:
        folder, depth = todo.pop(0)
        files, folders = _inside(root, folder, bounds.names)
        names += files
        for path in files:
            if len(texts) < bounds.files and wanted(os.path.basename(path)):
                text = _text(os.path.join(root, path))
                texts += [(path, text)] if text is not None else []
        whole = whole and (depth < bounds.depth or not folders)
        todo += [(path, depth + 1) for path in folders if depth < bounds.depth]
    full = len(names) >= bounds.names or len(texts) >= bounds.files
    return Looked(tuple(texts), frozenset(names), whole and not full)


def _inside(root: str, folder: str, most: int) -> tuple[list[str], list[str]]:
    """Return the files of a folder and the folders to go on with, as paths from `root`."""
    files, folders = [], []
    try:
        with os.scandir(os.path.join(root, folder)) as entries:
            for entry in sorted(islice(entries, most), key=lambda entry: entry.name):
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_file(follow_symlinks=False):
                    files.append(path)
                elif entry.is_dir(follow_symlinks=False):
                    mark = f"{path}/{ENVIRONMENT}"
                    if os.path.lexists(os.path.join(root, mark)):
                        files.append(mark)  # that it is there, and nothing of what is in it
                    elif _is_ours(entry.name):
                        folders.append(path)
    except OSError:  # gone, or not for us
        pass
    return files, folders


def _is_ours(name: str) -> bool:
    return name not in NOT_OURS and (not name.startswith(".") or name == EDITOR)


def _text(path: str) -> str | None:
    """Return the text of a regular file that is not too long; what is not UTF-8 is replaced."""
    try:
        with open(os.open(path, _FLAGS), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            raw = file.read(MAX_BYTES + 1)
    except OSError:
        return None
    return None if len(raw) > MAX_BYTES else raw.decode("utf-8", "replace").replace("\r\n", "\n")
