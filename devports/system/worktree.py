"""The git checkout that a folder belongs to, read from its files.

Runs no git: it would read the configuration of a folder that may be a stranger's. The layout is
gitrepository-layout(5): `.git` is a folder, or in a linked worktree a file that names one.
"""

from __future__ import annotations

import os
import stat

from devports.core.value import Value

MAX_FILE = 4096
MAX_DEPTH = 64
COMMIT = 8
"""Digits by which a person knows a commit."""
NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # none on Windows; a FIFO must not stop us elsewhere


class Worktree(Value):
    """`root`: its top folder. `branch`: what is checked out, or a short commit; empty if unknown.

    `repository` is shared by all worktrees of one clone.
    """

    root: str
    branch: str
    repository: str


def worktree_of(folder: str) -> Worktree | None:
    """Return the checkout around `folder`; None where there is none or it cannot be read."""
    for _ in range(MAX_DEPTH):
        if not folder:
            return None
        if (git := _git_folder(os.path.join(folder, ".git"))) is not None:
            return Worktree(folder, _branch(_line(os.path.join(git, "HEAD"))), _shared(git))
        above = os.path.dirname(folder)
        folder = above if above != folder else ""
    return None


def _git_folder(path: str) -> str | None:
    if os.path.isdir(path):
        return path
    link = _line(path).removeprefix("gitdir: ")
    found = os.path.normpath(os.path.join(os.path.dirname(path), link))
    return found if link and os.path.isdir(found) else None


def _shared(git: str) -> str:
    common = _line(os.path.join(git, "commondir"))
    return os.path.realpath(os.path.join(git, common))


def _branch(head: str) -> str:
    name = head.removeprefix("ref: ")
    return head[:COMMIT] if name == head else name.removeprefix("refs/heads/")


def _line(path: str) -> str:
    """Return the first line of a small regular file; empty where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return ""
            return file.read(MAX_FILE).decode("utf-8", "surrogateescape").partition("\n")[0]
    except OSError:
        return ""
