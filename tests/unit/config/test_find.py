from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports.config.load import find, find_below, line_of_service
from tests.harness.capabilities import NEEDS_UIDS

if TYPE_CHECKING:
    from pathlib import Path

WEB = "[services.web]\nport = 8000\n"


def write(path: Path, text: str | bytes = WEB) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(0o644)
    return path


def test_a_config_is_found_in_the_folder_and_above(project: Path):
    path = write(project / "devports.toml")
    assert find(str(project)) == find(str(project / "src" / "deep")) == str(path)


def test_the_nearest_config_counts(project: Path):
    write(project / "devports.toml")
    nearest = write(project / "src" / "devports.toml")
    assert find(str(project / "src" / "deep")) == str(nearest)


def test_the_search_ends_at_the_repository_root(project: Path):
    write(project / "devports.toml")
    (project / "src" / ".git").write_text("gitdir: elsewhere")  # a worktree's
    assert find(str(project / "src" / "deep")) is None


def test_the_search_ends_at_the_home_folder(project: Path, monkeypatch: pytest.MonkeyPatch):
    write(project / "devports.toml")
    monkeypatch.setenv("HOME", str(project / "src") + "/")
    assert find(str(project / "src" / "deep")) is None
    at_home = write(project / "src" / "devports.toml")
    assert find(str(project / "src" / "deep")) == str(at_home)


@NEEDS_UIDS
def test_the_search_never_enters_a_folder_above_that_everybody_can_write(project: Path):
    path = write(project / "src" / "devports.toml")
    (project / "src").chmod(0o1777)
    assert find(str(project / "src" / "deep")) is None
    assert find(str(project / "src")) == str(path)


def test_the_search_ends_at_the_top(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HOME", raising=False)
    assert find("/") is None


def test_a_folder_above_that_cannot_be_asked_is_not_entered():
    assert find("/nonexistent/a/b") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("[tool.devports.services.web]\nport = 1", True, id="our table"),
        pytest.param('[tool]\n"devports" = {}', True, id="our table written otherwise"),
        pytest.param("[tool.devports]\nx = = 1", True, id="our table, broken"),
        pytest.param("[project]\nname = 'x'", False, id="no word of us"),
        pytest.param("[project]\ndependencies = ['devports-cli']", False, id="a dependency on us"),
        pytest.param("[project]\ndependencies = ['devports-cli'", False, id="a broken other file"),
        pytest.param("tool = 'devports'", False, id="no tables at all"),
        pytest.param(b"\xff", False, id="no text"),
        pytest.param("#" * 300_000, False, id="a huge file"),
    ],
)
def test_a_pyproject_counts_if_it_has_our_table(project: Path, text: str | bytes, found: bool):
    path = write(project / "pyproject.toml", text)
    assert find(str(project / "src")) == (str(path) if found else None)


def test_our_own_file_comes_before_a_pyproject(project: Path):
    write(project / "pyproject.toml", "[tool.devports.services.web]\nport = 1")
    own = write(project / "devports.toml")
    assert find(str(project)) == str(own)


def test_files_below_are_found_near_ones_first_but_not_in_another_repository(project: Path):
    for folder in ("src/deep", "web", "vendored/app"):
        (project / folder).mkdir(parents=True, exist_ok=True)
        write(project / folder / "devports.toml")
    (project / "vendored" / ".git").mkdir()
    assert find_below(str(project)) == ("web/devports.toml", "src/deep/devports.toml")
    deep = [f"{'a/' * depth}devports.toml" for depth in (4, 5)]
    (project / "a/a/a/a/a").mkdir(parents=True)
    for name in deep:
        write(project / name)
    names = ["web/devports.toml", "web/other.toml", *deep]
    assert find_below(str(project), names) == ("web/devports.toml", deep[0])
    assert deep[1] not in find_below(str(project))


def test_the_line_of_a_service_is_found_in_either_file(project: Path):
    own = write(project / "devports.toml", f"# a comment\n{WEB}")
    shared = write(project / "pyproject.toml", WEB.replace("[", "[tool.devports."))
    assert line_of_service(str(own), "web") == 2
    assert line_of_service(str(shared), "web") == 1
    assert line_of_service(str(own), "api") == 0
    assert line_of_service(str(project / "missing.toml"), "web") == 0
