"""What is around a holder, in words."""

from __future__ import annotations

import pytest

from devports.core.checkout import Worktree
from devports.core.holder_kind import OrdinaryProcess, OtherCheckout, Place
from devports.core.stop_plan import PortClients, UntouchedProcess
from devports.ui.processes import clients_words, project_words, spared_words, whereabouts
from tests.unit.ui import samples as s

OURS = Worktree("/home/ann/shop", "main", "/home/ann/shop/.git")
LINKED = Worktree("/home/ann/shop-fix", "fix/login", OURS.repository)
BLOG = Worktree("/home/ann/blog", "", "/home/ann/blog/.git")
CLIENT = UntouchedProcess(s.PYTHON, "client")


@pytest.mark.parametrize(
    ("theirs", "ours", "text"),
    [
        pytest.param(None, OURS, "", id="no project"),
        pytest.param(OURS, OURS, "`shop` on branch `main`, this project", id="ours"),
        pytest.param(
            LINKED,
            OURS,
            "`shop-fix` on branch `fix/login`, another checkout of this repository",
            id="a worktree of ours",
        ),
        pytest.param(BLOG, OURS, "`blog`, another project", id="another"),
        pytest.param(BLOG, None, "`blog`", id="where we have none"),
        pytest.param(BLOG.but(root="/"), None, "`/`", id="a checkout of the whole disk"),
        pytest.param(
            BLOG.but(branch="\x1b[31m"), None, "`blog` on branch `\\x1b[31m`", id="a hostile branch"
        ),
    ],
)
def test_project(theirs: Worktree | None, ours: Worktree | None, text: str):
    assert project_words(theirs, ours) == text


THERE, HERE = Place("/home/ann/shop", "main"), Place("/srv/shop-fix", "fix/login")


@pytest.mark.parametrize(
    ("standing", "row"),
    [
        pytest.param(
            OtherCheckout("sibling", THERE, HERE),
            ("checkout", "~/shop, branch `main`; you are in /srv/shop-fix, branch `fix/login`"),
            id="another checkout",
        ),
        pytest.param(
            OtherCheckout("project", Place("/srv/\x1b"), Place("/home/ann")),
            ("project", "/srv/\\x1b; you are in ~"),
            id="another project, without git and with a hostile name",
        ),
        pytest.param(
            OtherCheckout("project", THERE, Place("")),
            ("project", "~/shop, branch `main`"),
            id="where the current folder has been removed",
        ),
        pytest.param(OrdinaryProcess(), ("", ""), id="ours"),
    ],
)
def test_where_it_is_and_where_you_are(
    standing: OtherCheckout | OrdinaryProcess, row: tuple[str, str]
):
    assert whereabouts(standing, s.ANN) == row


@pytest.mark.parametrize(
    ("around", "text"),
    [
        pytest.param(PortClients(3), "3 connected; not signalled", id="all elsewhere"),
        pytest.param(
            PortClients(2, (CLIENT,)),
            "2 connected, here `python` (pid 77); not signalled",
            id="one of them here",
        ),
        pytest.param(
            PortClients(6, (CLIENT,) * 6),
            "6 connected, here `python` (pid 77), `python` (pid 77), `python` (pid 77),"
            " `python` (pid 77) and 2 more; not signalled",
            id="more than are named",
        ),
        pytest.param(
            PortClients(1, (UntouchedProcess(s.NODE, "outgoing"),)),
            "1 connected; not signalled",
            id="who uses the number is no client",
        ),
    ],
)
def test_clients(around: PortClients, text: str):
    assert clients_words(around) == text


def test_spared():
    assert spared_words((CLIENT, UntouchedProcess(s.NODE, "outgoing"))) == (
        "left alone: `python` (pid 77), a client of the port",
        "left alone: `node` (pid 4242), its own connection uses the number",
    )
    assert len(spared_words((CLIENT,) * 9)) == 5
    assert spared_words((CLIENT,) * 9)[-1] == "left alone: 5 more like these"
