"""The git checkout around a folder; git itself makes the ones that are read here."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from devports.core.checkout import Worktree
from devports.system.project import checkouts_of, worktree_of
from tests.harness import checkouts
from tests.harness.capabilities import NEEDS_FIFO, NEEDS_GIT
from tests.harness.checkouts import cloned, git, linked

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    (root / "backend" / "api").mkdir(parents=True)
    checkouts.repository(root)
    return root


def found_at(folder: Path) -> Worktree:
    found = worktree_of(str(folder))
    assert found is not None
    return found


@NEEDS_GIT
@pytest.mark.parametrize("below", ["", "backend", "backend/api"])
def test_a_folder_of_a_checkout(repository: Path, below: str):
    found = worktree_of(str(repository / below))
    git_folder = os.path.realpath(repository / ".git")
    expected = Worktree(str(repository / below).rstrip("/"), "main", git_folder)
    assert found == expected.replace(root=str(repository))


@NEEDS_GIT
def test_a_branch_with_a_slash(repository: Path):
    git(repository, "switch", "-q", "-c", "fix/login")
    found = worktree_of(str(repository))
    assert found is not None
    assert found.branch == "fix/login"


@NEEDS_GIT
def test_a_commit_without_a_branch_is_named_by_its_first_digits(repository: Path):
    git(repository, "switch", "-q", "--detach")
    found = worktree_of(str(repository))
    assert found is not None
    assert found.branch == git(repository, "rev-parse", "HEAD")[:8]


@NEEDS_GIT
def test_a_linked_worktree_shares_its_repository(repository: Path):
    other = repository.parent / "shop-feature"
    linked(repository, other, "feature")
    main, found = worktree_of(str(repository)), worktree_of(str(other))
    assert main is not None
    assert found == Worktree(str(other), "feature", main.repository)


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


@NEEDS_GIT
def test_a_git_file_that_leads_nowhere_is_not_part_of_what_is_around(repository: Path):
    """A worktree mounted without its repository, inside another one: git knows nothing either."""
    (repository / "backend" / ".git").write_text("gitdir: /nowhere\n")
    assert worktree_of(str(repository / "backend" / "api")) is None


@NEEDS_GIT
@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
def test_a_link_to_a_checkout_is_that_checkout(repository: Path):
    os.symlink(repository, repository.parent / "link")
    assert found_at(repository.parent / "link" / "backend") == found_at(repository)


@NEEDS_GIT
def test_a_worktree_inside_a_checkout_is_itself(repository: Path):
    inside = repository / ".claude" / "worktrees" / "x"
    linked(repository, inside, "x")
    (inside / "packages").mkdir()
    found = found_at(inside / "packages")
    assert (found.root, found.branch) == (str(inside), "x")
    assert found.repository == found_at(repository).repository


@NEEDS_GIT
def test_a_submodule_is_a_part_of_the_checkout_around_it(repository: Path):
    library = repository.parent / "library"
    library.mkdir()
    checkouts.repository(library)
    git(repository, "submodule", "add", "-q", library, "lib")
    git(repository, "commit", "-q", "-m", "with a submodule")
    other = repository.parent / "shop-feature"
    linked(repository, other, "feature")
    git(other, "submodule", "update", "-q", "--init")
    for root in (repository, other):
        assert found_at(root / "lib") == found_at(root)
    assert found_at(library).repository != found_at(repository).repository


@NEEDS_GIT
def test_a_submodule_that_nothing_is_around_is_itself(repository: Path):
    git_folder = repository.parent / "modules" / "shop"
    git_folder.parent.mkdir()
    git(repository, "init", "-q", "--separate-git-dir", git_folder)
    assert found_at(repository).root == str(repository)


@NEEDS_GIT
def test_a_folder_that_was_removed_is_in_no_checkout(repository: Path):
    assert worktree_of(str(repository / "gone")) is None
    assert worktree_of(f"{repository} (deleted)") is None


@NEEDS_GIT
def test_the_other_checkouts_are_those_that_git_lists(repository: Path):
    one, two = repository.parent / "one", repository.parent / "two"
    linked(repository, one, "one")
    linked(repository, two, "two")
    shutil.rmtree(two)
    assert checkouts_of(str(repository)) == (str(one),)
    assert checkouts_of(str(one)) == (str(repository),)
    assert checkouts_of(str(repository.parent)) == ()


@NEEDS_GIT
def test_two_worktrees_of_a_bare_repository_are_siblings(repository: Path):
    bare = repository.parent / "shop.git"
    git(repository, "clone", "-q", "--bare", repository, bare)
    git(bare, "remote", "remove", "origin")
    one, two = repository.parent / "one", repository.parent / "two"
    linked(bare, one, "one")
    linked(bare, two, "two")
    assert found_at(one).repository == found_at(two).repository == str(bare)


@NEEDS_GIT
@pytest.mark.parametrize(
    "url",
    [
        "git@git.example:acme/shop.git",
        "https://git.example/acme/shop",
        "ssh://git.example/acme/shop",
    ],
)
def test_clones_of_one_server_are_siblings_however_they_name_it(repository: Path, url: str):
    git(repository, "remote", "add", "origin", url)
    assert found_at(repository).repository == "git.example/acme/shop"


@NEEDS_GIT
@pytest.mark.parametrize("origin", ["", "https://git.example/acme/shop"])
def test_a_clone_of_a_clone_and_its_worktree_are_siblings(repository: Path, origin: str):
    if origin:
        git(repository, "remote", "add", "origin", origin)
    folders = [repository.parent / name for name in ("clone", "again", "linked")]
    cloned(repository, folders[0], "clone")
    cloned(folders[0], folders[1], "again")
    linked(folders[1], folders[2], "linked")
    wanted = origin.removeprefix("https://") or str(repository / ".git")
    assert [found_at(each).repository for each in (repository, *folders)] == [wanted] * 4
    assert [found_at(each).branch for each in folders] == ["clone", "again", "linked"]


@NEEDS_GIT
def test_clones_of_a_repository_that_has_gone_are_siblings(repository: Path):
    one, two = repository.parent / "one", repository.parent / "two"
    cloned(repository, one, "one")
    cloned(repository, two, "two")
    repository.rename(repository.parent / "elsewhere")
    assert found_at(one).repository == found_at(two).repository == str(repository)


@NEEDS_GIT
def test_clones_of_each_other_end_somewhere(repository: Path):
    other = repository.parent / "other"
    cloned(repository, other, "other")
    git(repository, "remote", "add", "origin", f"file://{other}")
    assert found_at(repository).repository.endswith(".git")


@NEEDS_GIT
def test_a_copy_without_an_origin_is_a_stranger(repository: Path):
    other = repository.parent / "copy"
    shutil.copytree(repository, other)
    assert found_at(other).repository != found_at(repository).repository
