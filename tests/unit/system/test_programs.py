"""Whether a command could be started, by its file alone."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from devports.system.programs import near, trouble
from tests.harness.capabilities import NEEDS_UIDS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = NEEDS_UIDS  # where files have modes


def write(path: Path, text: str = "#!/bin/sh\n", mode: int = 0o755) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "bin" / "serve")
    write(tmp_path / "bin" / "text", mode=0o644)
    write(tmp_path / "bin" / "broken", "#!/no/such/python -u\n")
    write(tmp_path / "bin" / "env", f"#!/usr/bin/env {sys.executable}\n")
    write(tmp_path / "run.sh")
    (tmp_path / "bin" / "folder").mkdir()
    return tmp_path


WORDS = [
    pytest.param("serve", "", id="on PATH"),
    pytest.param("text", "not-executable", id="on PATH, not executable"),
    pytest.param("broken", "interpreter-missing", id="a script without its interpreter"),
    pytest.param("env", "", id="a script with an interpreter"),
    pytest.param("folder", "missing", id="a folder is no program"),
    pytest.param("nothing", "missing", id="nowhere"),
    pytest.param("./run.sh", "", id="a path from its folder"),
    pytest.param("bin/text", "not-executable", id="a path, not executable"),
    pytest.param("./serve", "missing", id="a path is not looked up on PATH"),
    pytest.param(sys.executable, "", id="a full path to a program that is no script"),
]


@pytest.mark.parametrize(("word", "expected"), WORDS)
def test_what_would_keep_it_from_starting(word: str, expected: str, folder: Path) -> None:
    assert trouble(word, str(folder), f"{folder}/nowhere{os.pathsep}{folder}/bin") == expected


def test_a_later_folder_of_path_counts_where_an_earlier_one_cannot_be_executed(
    folder: Path,
) -> None:
    write(folder / "late" / "text")
    assert trouble("text", str(folder), f"bin{os.pathsep}late") == ""


@pytest.mark.parametrize("place", [".venv/bin", "node_modules/.bin"])
def test_the_projects_own_programs_are_found(place: str, folder: Path) -> None:
    write(folder / place / "vite")
    assert near("vite", (str(folder), "/")) == f"{place}/vite"
    assert near("vite", (f"{folder}/bin", str(folder))) == f"{folder}/{place}/vite"
    assert near("next", (str(folder),)) == ""
