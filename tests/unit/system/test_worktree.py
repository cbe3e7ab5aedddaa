"""The git checkout around a folder; git itself makes the ones that are read here."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from devports.system.project import Worktree, worktree_of
from tests.harness.capabilities import NEEDS_FIFO

if TYPE_CHECKING:
    from pathlib import Path

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    clean = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *identity, *words],
        cwd=folder,
        env=clean,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    (root / "backend" / "api").mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    git(root, "commit", "-q", "--allow-empty", "-m", "first")
    return root


@needs_git
@pytest.mark.parametrize("below", ["", "backend", "backend/api"])
def test_a_folder_of_a_checkout(repository: Path, below: str):
    found = worktree_of(str(repository / below))
    git_folder = os.path.realpath(repository / ".git")
    expected = Worktree(str(repository / below).rstrip("/"), "main", git_folder)
    assert found == expected.but(root=str(repository))


@needs_git
def test_a_branch_with_a_slash(repository: Path):
    git(repository, "switch", "-q", "-c", "fix/login")
    found = worktree_of(str(repository))
    assert found is not None
    assert found.branch == "fix/login"


@needs_git
def test_a_commit_without_a_branch_is_named_by_its_first_digits(repository: Path):
    git(repository, "switch", "-q", "--detach")
    found = worktree_of(str(repository))
    assert found is not None
    assert found.branch == git(repository, "rev-parse", "HEAD")[:8]


@needs_git
def test_a_linked_worktree_shares_its_repository(repository: Path):
    other = repository.parent / "shop-feature"
    git(repository, "worktree", "add", "-q", "-b", "feature", str(other))
    main, linked = worktree_of(str(repository)), worktree_of(str(other))
    assert main is not None
    assert linked == Worktree(str(other), "feature", main.repository)


@pytest.mark.parametrize("text", ["", "gitdir: \n", "gitdir: /nowhere\n", "nonsense", "\xff\0"])
def test_a_git_file_that_leads_nowhere_is_none(tmp_path: Path, text: str):
    (tmp_path / ".git").write_text(text, encoding="latin-1")
    found = worktree_of(str(tmp_path))
    assert found is None or found.root != str(tmp_path)


@NEEDS_FIFO
def test_a_fifo_in_place_of_a_head_does_not_stop_us(tmp_path: Path):
    (tmp_path / ".git").mkdir()
    os.mkfifo(tmp_path / ".git" / "HEAD")
    found = worktree_of(str(tmp_path))
    assert found is not None
    assert found.branch == ""


@pytest.mark.parametrize("folder", ["", "/", "/nowhere/at/all"])
def test_no_checkout(folder: str):
    assert worktree_of(folder) is None
