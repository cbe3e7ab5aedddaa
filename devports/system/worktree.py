"""The git checkout that a folder belongs to, read from its files.

Runs no git: it would read the configuration of a folder that may be a stranger's. The layout is
gitrepository-layout(5): `.git` is a folder, or in a linked worktree or a submodule a file that
names one.
"""

from __future__ import annotations

import os
import stat

from devports.core.checkout import Worktree, address_of, is_path, origin_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FILE = 4096
MAX_CONFIG = 64 * 1024
MAX_DEPTH = 64
MAX_ORIGINS = 4
"""Clones of clones that are followed to where the first one came from."""
COMMIT = 8
"""Digits by which a person knows a commit."""
NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # none on Windows; a FIFO must not stop us elsewhere


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
    url = origin_of(_text(os.path.join(common, "config"), MAX_CONFIG))
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
    return _text(path, MAX_FILE).partition("\n")[0]


def _text(path: str, limit: int) -> str:
    """Return the first bytes of a regular file; empty where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return ""
            return file.read(limit).decode("utf-8", "surrogateescape")
    except (OSError, ValueError):  # a text with a zero byte names no file
        return ""
