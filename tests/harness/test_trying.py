"""What the pages are tried with: a page that says something else must be noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness import pages
from tests.harness.capabilities import NEEDS_PTY
from tests.harness.pages import anchor_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = NEEDS_PTY


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        pytest.param("a\nb\n", "a\nb\n", id="the same lines"),
        pytest.param("a  b\n", "a     b\n", id="columns that are as wide as what is in them"),
        pytest.param("it has pid 1\n", "it has pid 4242\n", id="another pid"),
        pytest.param("ready, 0.1 s\n", "ready, 12 s\n", id="another time"),
        pytest.param("a\n...\nb\n", "a\nx\ny\nb\n", id="lines that are left out"),
        pytest.param("a\n...\nb\n", "a\nb\n", id="nothing that is left out"),
        pytest.param("in ...: no\n", "in /home/ann: no\n", id="words that are left out"),
    ],
)
def test_accepted(expected: str, actual: str):
    from tests.harness.trying import compare

    compare(expected, actual, "a page")


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        pytest.param("a\nb\n", "a\n", id="a line too few"),
        pytest.param("a\n", "a\nb\n", id="a line too many"),
        pytest.param("a\nb\n", "b\na\n", id="another order"),
        pytest.param("is free\n", "is held\n", id="another word"),
        pytest.param("a.b\n", "axb\n", id="a dot that is a dot"),
        pytest.param("a\n...\nb\n", "a\nx\n", id="no line behind those that are left out"),
    ],
)
def test_refused(expected: str, actual: str):
    from tests.harness.trying import compare

    with pytest.raises(AssertionError, match="a page shows"):
        compare(expected, actual, "a page")


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        pytest.param("What `data` holds", "what-data-holds", id="code"),
        pytest.param('"free", and then it fails', "free-and-then-it-fails", id="quotes, a comma"),
        pytest.param("Exit codes: [all](x.md)", "exit-codes-all", id="a link"),
    ],
)  # fmt: skip
def test_a_heading_is_called_as_github_calls_it(heading: str, name: str):
    assert anchor_of(heading) == name


def test_notes_belong_to_the_block_below_them_only(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("<!-- try: exit 1 | given x y -->\n```sh\na\n```\n\n```sh\nb\n```\n")
    noted, bare = pages.read(str(page)).blocks
    assert noted.tries == (("exit", "1"), ("given", "x y"))
    assert bare.tries == ()
