"""Of which checkout a process is, and what clones of one repository have in common."""

from __future__ import annotations

import pytest

from devports.core.checkout import (
    Worktree,
    address_of,
    elsewhere_from,
    is_path,
    no_checkout,
    origin_of,
)
from devports.core.holder_kind import OtherCheckout, Place, RunInfo
from devports.core.model import Process, ProcessKey

SHOP = Worktree("/w/shop", "main", "git.example/acme/shop")
FEAT = Worktree("/w/shop-feat", "feat", SHOP.repository)
BLOG = Worktree("/w/blog", "", "/w/blog/.git")
WORKTREES = {tree.root: tree for tree in (SHOP, FEAT, BLOG)}
HERE = Place("/w/shop-feat", "feat")
THERE = Place("/w/shop", "main")


def worktree_of(folder: str) -> Worktree | None:
    """Know of the three, each with one folder `api`."""
    return WORKTREES.get(folder.removesuffix("/api"))


def process(cwd: str = "/") -> Process:
    return Process(ProcessKey(60, 1), 1, 1000, "ann", "python3", cwd=cwd)


def run(project: str, *, left: bool = False) -> RunInfo:
    return RunInfo(ProcessKey(50, 1), "web", project, orphaned=left)


PLACES = [
    pytest.param("/w/shop-feat/api", None, None, id="a process in this checkout"),
    pytest.param("/", None, None, id="a process of which nobody knows where"),
    pytest.param("", None, None, id="a process whose folder cannot be read"),
    pytest.param(
        "/w/shop/api", None, OtherCheckout("sibling", THERE, HERE), id="a process of a sibling"
    ),
    pytest.param(
        "/w/blog", None, OtherCheckout("project", Place("/w/blog"), HERE), id="of another project"
    ),
    pytest.param("/w/shop", run("/w/shop-feat/api"), None, id="a run is where its file is: here"),
    pytest.param(
        "/w/shop-feat",
        run("/w/shop/api"),
        OtherCheckout("sibling", THERE, HERE, run("/w/shop/api")),
        id="and in a sibling",
    ),
    pytest.param(
        "/",
        run("/w/blog"),
        OtherCheckout("project", Place("/w/blog"), HERE, run("/w/blog")),
        id="a run of another project",
    ),
    pytest.param(
        "/",
        run("/srv"),
        OtherCheckout("project", Place("/srv"), HERE, run("/srv")),
        id="a run of another project without git",
    ),
]


@pytest.mark.parametrize(("cwd", "of", "expected"), PLACES)
def test_where_a_holder_is(cwd: str, of: RunInfo | None, expected: OtherCheckout | None) -> None:
    assert elsewhere_from("/w/shop-feat", worktree_of)(process(cwd), of) == expected


WITHOUT_GIT = [
    pytest.param("/srv", None, id="the same folder"),
    pytest.param("/srv/api", None, id="a folder in which its file holds"),
    pytest.param(
        "/srv2",
        OtherCheckout("project", Place("/srv"), Place("/srv2"), run("/srv")),
        id="a folder with a name that begins alike",
    ),
    pytest.param(
        "",
        OtherCheckout("project", Place("/srv"), Place(""), run("/srv")),
        id="a folder that has been removed",
    ),
]


@pytest.mark.parametrize(("home", "expected"), WITHOUT_GIT)
def test_a_run_without_git_is_ours_in_its_own_folder(
    home: str, expected: OtherCheckout | None
) -> None:
    assert elsewhere_from(home, worktree_of)(process(), run("/srv")) == expected


def test_a_run_whose_folder_was_removed_is_nobody_elses() -> None:
    elsewhere = elsewhere_from("/srv2", worktree_of, lambda folder: folder != "/srv")
    assert elsewhere(process(), run("/srv")) is None
    assert elsewhere(process(), run("/srv3")) is not None


def test_a_run_in_the_root_folder_is_ours_everywhere() -> None:
    assert elsewhere_from("/srv", worktree_of)(process(), run("/")) is None


def test_who_is_in_no_checkout_has_no_siblings() -> None:
    found = elsewhere_from("/srv", worktree_of)(process("/w/shop"), None)
    assert found == OtherCheckout("project", THERE, Place("/srv"))


def test_each_folder_is_read_once_for_all_who_are_judged() -> None:
    read: list[str] = []

    def reading(folder: str) -> Worktree | None:
        read.append(folder)
        return worktree_of(folder)

    elsewhere = elsewhere_from("/w/shop-feat", reading)
    for cwd in ("/w/shop", "/w/shop-feat", "/w/shop", "/w/blog"):
        elsewhere(process(cwd), None)
    assert read == ["/w/shop-feat", "/w/shop", "/w/blog"]


def test_without_a_reader_nothing_is_elsewhere() -> None:
    assert no_checkout(process("/w/shop"), None) is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    ("elsewhere", "guarded"),
    [
        pytest.param(OtherCheckout("sibling", THERE, HERE), True, id="a sibling's process"),
        pytest.param(
            OtherCheckout("sibling", THERE, HERE, run("/w/shop")), True, id="a sibling's run"
        ),
        pytest.param(
            OtherCheckout("sibling", THERE, HERE, run("/w/shop", left=True)),
            True,
            id="what a sibling's run left",
        ),
        pytest.param(OtherCheckout("project", THERE, HERE), False, id="another project's process"),
        pytest.param(OtherCheckout("project", THERE, HERE, run("/x")), True, id="its live run"),
        pytest.param(
            OtherCheckout("project", THERE, HERE, run("/x", left=True)),
            False,
            id="what its run left",
        ),
    ],
)
def test_whom_yes_does_not_cover(elsewhere: OtherCheckout, guarded: bool) -> None:
    assert elsewhere.is_guarded is guarded


CONFIGS = [
    pytest.param("", "", id="an empty file"),
    pytest.param('[remote "origin"]\n\turl = ../shop\n', "../shop", id="as git writes it"),
    pytest.param('[remote "fork"]\nurl = x\n[core]\nurl = y\n', "", id="of another remote"),
    pytest.param('[remote "origin"] url=x', "x", id="on one line"),
    pytest.param('[ remote  "origin" ]\nURL = "a # b" ; c', "a # b", id="in quotes"),
    pytest.param('[remote "origin"]\nurl = a # b', "a", id="with a comment"),
    pytest.param('[remote "origin"]\nurl = "c:\\\\w"', "c:\\w", id="with escapes"),
    pytest.param('[remote "origin"]\npushurl = p\nurl = a\nurl = b', "a", id="the first of two"),
    pytest.param('[remote "origin"\nurl = a', "", id="a section that is not closed"),
]


@pytest.mark.parametrize(("config", "url"), CONFIGS)
def test_the_origin_in_a_configuration(config: str, url: str) -> None:
    assert origin_of(config) == url


@pytest.mark.parametrize(
    "url",
    [
        "git@git.example:acme/shop.git",
        "git.example:acme/shop",
        "https://git.example/acme/shop",
        "https://ann:s3cr3t@GIT.example:8443/acme/shop.git/",
        "ssh://git@git.example:22/acme/shop.git",
        "git://git.example/acme/shop",
    ],
)
def test_all_ways_to_one_repository_are_one(url: str) -> None:
    assert not is_path(url)
    assert address_of(url) == SHOP.repository


@pytest.mark.parametrize("url", ["ssh://[::1]/a", "ssh://git@[::1]:22/a.git"])
def test_the_address_of_a_host_without_a_name(url: str) -> None:
    assert address_of(url) == "[::1]/a"


@pytest.mark.parametrize("url", ["/srv/shop.git", "../shop", "shop", "file:///srv/shop", "./a:b"])
def test_a_folder_is_a_path(url: str) -> None:
    assert is_path(url)
