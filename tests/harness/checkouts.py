"""Real repositories: git itself makes what devports reads. Nothing of the machine's git is used."""

from __future__ import annotations

import os
import subprocess

IDENTITY = ("-c", "user.name=t", "-c", "user.email=t@example.org")
LOCAL = ("-c", "protocol.file.allow=always")
"""A submodule may come from a folder; git refuses that since 2.38.1."""


def git(folder: object, *words: object) -> str:
    """Run git in a folder and return what it says."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *IDENTITY, *LOCAL, *map(str, words)],
        cwd=str(folder),
        env=clean,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def repository(folder: object) -> None:
    """Make a repository of a folder, with all that is in it committed on `main`."""
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "--allow-empty", "-m", "first")


def linked(folder: object, other: object, branch: str) -> None:
    """Make a linked worktree of a repository, on a branch of its own."""
    git(folder, "worktree", "add", "-q", "-b", branch, other)


def cloned(folder: object, other: object, branch: str) -> None:
    """Make a clone, on a branch of its own."""
    git(folder, "clone", "-q", folder, other)
    git(other, "switch", "-q", "-c", branch)
