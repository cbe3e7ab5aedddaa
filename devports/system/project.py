"""What a project is, read from its folder within bounds: its texts, and the git checkout around it.

Nothing of it is run, not even git: it would read the configuration of a folder that may be a
stranger's. Links are not followed: a project may link to a home folder, or to itself. What others
have written (node_modules, virtual environments, build folders) is not looked at.
"""

from __future__ import annotations

import os
import stat
from itertools import islice

from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devports.core.checkout import Worktree


MAX_BYTES = 128 * 1024
"""Of one file. A file of services is a page or two; only generated code is longer."""

NOT_OURS = frozenset(
    "node_modules bower_components site-packages __pycache__ dist build out target vendor"
    " coverage htmlcov".split()
)
EDITOR = ".vscode"
ENVIRONMENT = "pyvenv.cfg"
"""In every virtual environment (PEP 405)."""
NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
READING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)  # a FIFO must not stop us


class Bounds(Frozen):
    """How much is looked at: folders below each other, names seen, files read."""

    depth: int = 5
    names: int = 20_000
    files: int = 500


BOUNDS = Bounds()


class TreeScan(Frozen):
    """What a folder holds.

    Attributes:
        texts: path from the folder, with `/`, and text of every file that was wanted; near first.
        names: paths of every file that was seen.
        whole: False where a bound was met, so that there may be more.
    """

    texts: tuple[tuple[str, str], ...] = ()
    names: frozenset[str] = frozenset()
    whole: bool = True


def scan(root: str, wanted: Callable[[str], bool], bounds: Bounds = BOUNDS) -> TreeScan:
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
    return TreeScan(tuple(texts), frozenset(names), whole and not full)


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
    """Return the text of a file that is not too long; what is not UTF-8 is replaced."""
    raw = _read(path, MAX_BYTES + 1, NOFOLLOW)
    if raw is None or len(raw) > MAX_BYTES:
        return None
    return raw.decode("utf-8", "replace").replace("\r\n", "\n")


def _read(path: str, most: int, flags: int = 0) -> bytes | None:
    """Return the first bytes of a file; None where it is not a regular one or not for us."""
    try:
        with open(os.open(path, READING | flags), "rb") as file:
            return file.read(most) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
    except (OSError, ValueError):  # a text with a zero byte names no file
        return None


MAX_FILE = 4096
MAX_CONFIG = 64 * 1024
MAX_DEPTH = 64
MAX_ORIGINS = 4
"""Clones of clones that are followed to where the first one came from."""
COMMIT = 8
"""Digits by which a person knows a commit."""


def worktree_of(folder: str) -> Worktree | None:
    """Return the checkout around `folder`; None where there is none or it cannot be read.

    A submodule is a part of the checkout around it. A `.git` that leads nowhere is the end of the
    search, as for git: its repository may be out of reach, as in a container.
    """
    best = None
    for root in _upwards(folder):
        link = os.path.join(root, ".git")
        git = _git_folder(link)
        best = (root, git) if git else best
        if os.path.lexists(link) and not (git and _is_submodule(link, git)):
            break
    return _worktree(*best) if best else None


def _upwards(folder: str) -> Iterator[str]:
    """Yield a folder and all above it; none where it is not known."""
    folder = folder and os.path.realpath(folder)
    for _ in range(MAX_DEPTH if folder else 0):
        yield folder
        if folder == os.path.dirname(folder):
            return
        folder = os.path.dirname(folder)


def _worktree(root: str, git: str) -> Worktree:
    from devports.core.checkout import Worktree

    return Worktree(root, _branch(_line(os.path.join(git, "HEAD"))), _repository(_common(git)))


def _git_folder(path: str) -> str:
    if os.path.isdir(path):
        return path
    link = _line(path).removeprefix("gitdir: ")
    found = os.path.normpath(os.path.join(os.path.dirname(path), link))
    return found if link and os.path.isdir(found) else ""


def _is_submodule(link: str, git: str) -> bool:
    """Say whether it is one: git keeps them in `modules` of the repository around (gitmodules(5)).

    A linked worktree has a `commondir`, wherever its repository is.
    """
    inside = f"{os.sep}modules{os.sep}" in git
    return inside and not os.path.isdir(link) and not _line(os.path.join(git, "commondir"))


def _common(git: str) -> str:
    """Return the git folder that all worktrees of one clone share."""
    return os.path.realpath(os.path.join(git, _line(os.path.join(git, "commondir"))))


def _repository(common: str, origins: int = MAX_ORIGINS) -> str:
    """Return what a clone shares with its siblings: where its origin comes from, or itself."""
    from devports.core.checkout import address_of, is_path, origin_of

    url = origin_of(_beginning(os.path.join(common, "config"), MAX_CONFIG))
    if not url or not origins:
        return common
    if not (os.path.isabs(url) or is_path(url)):
        return address_of(url)
    folder = os.path.realpath(os.path.join(os.path.dirname(common), url.removeprefix("file://")))
    bare = folder if os.path.isfile(os.path.join(folder, "HEAD")) else ""
    git = _git_folder(os.path.join(folder, ".git")) or bare
    return _repository(_common(git), origins - 1) if git else folder


def _branch(head: str) -> str:
    name = head.removeprefix("ref: ")
    return head[:COMMIT] if name == head else name.removeprefix("refs/heads/")


def _line(path: str) -> str:
    """Return the first line of a small regular file; empty where there is none."""
    return _beginning(path, MAX_FILE).partition("\n")[0]


def _beginning(path: str, limit: int) -> str:
    """Return the first bytes of a regular file; empty where there is none."""
    return (_read(path, limit) or b"").decode("utf-8", "surrogateescape")
