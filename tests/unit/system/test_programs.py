"""Whether a command could be started, by its file alone."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from devports.system import programs
from devports.system.programs import near, start_problem
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
    pytest.param("folder", "not-executable", id="a folder, as execvp(3) says"),
    pytest.param("nothing", "missing", id="nowhere"),
    pytest.param("./run.sh", "", id="a path from its folder"),
    pytest.param("bin/text", "not-executable", id="a path, not executable"),
    pytest.param("./serve", "missing", id="a path is not looked up on PATH"),
    pytest.param(sys.executable, "", id="a full path to a program that is no script"),
]


@pytest.mark.parametrize(("word", "expected"), WORDS)
def test_what_would_keep_it_from_starting(word: str, expected: str, folder: Path) -> None:
    assert start_problem(word, str(folder), f"{folder}/nowhere{os.pathsep}{folder}/bin") == expected


def test_a_later_folder_of_path_counts_where_an_earlier_one_cannot_be_executed(
    folder: Path,
) -> None:
    write(folder / "late" / "text")
    assert start_problem("text", str(folder), f"bin{os.pathsep}late") == ""


@pytest.mark.parametrize("place", [".venv/bin", "node_modules/.bin"])
def test_the_projects_own_programs_are_found(place: str, folder: Path) -> None:
    write(folder / place / "vite")
    assert near("vite", (str(folder), "/")) == f"{place}/vite"
    assert near("vite", (f"{folder}/bin", str(folder))) == f"{folder}/{place}/vite"
    assert near("next", (str(folder),)) == ""


SCRIPTS = [
    pytest.param("#!/v/bin/python3\n", ("/v/bin/python3",), id="a path"),
    pytest.param("#!/usr/bin/env python3\n", ("python3",), id="by env"),
    pytest.param("#!/usr/bin/env -S A=1 node --x\n", ("node", "--x"), id="by env, with a variable"),
    pytest.param(
        "#!/bin/sh\n'''exec' \"/a b/bin/python3\" \"$0\" \"$@\"\n' '''\n",
        ("/a b/bin/python3",),
        id="a path with a blank, as installers write it",
    ),
    pytest.param("#!/bin/sh\necho\n", ("/bin/sh",), id="a shell script"),
    pytest.param("\x7fELF", (), id="no script"),
    pytest.param("", (), id="nothing"),
    pytest.param("#!\n", (), id="an empty first line"),
    pytest.param("#!/usr/bin/env\n", (), id="env of nothing"),
]


@pytest.mark.parametrize(("text", "words"), SCRIPTS)
def test_the_interpreter_of_a_script(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    path = tmp_path / "script"
    path.write_text(text)
    assert programs.interpreter(str(path)) == words
    assert programs.interpreter(str(tmp_path / "not there")) == ()
    path.chmod(0o755)
    first = next(iter(words), "")
    assert programs.interpreter_of(("script", "--x"), "/", str(tmp_path)) == first
    assert programs.interpreter_of(("./script",), str(tmp_path), "") == first


def test_what_is_not_there_has_no_interpreter(tmp_path: Path) -> None:
    assert programs.interpreter_of((), str(tmp_path), "") == ""
    assert programs.interpreter_of(("no-such-program",), str(tmp_path), "") == ""


def test_the_file_that_a_word_starts(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    assert programs.find_program("tool", "/", str(tmp_path)) == ""
    (tmp_path / "tool").chmod(0o755)
    assert programs.find_program("tool", "/", str(tmp_path)) == str(tmp_path / "tool")
