"""Which commands want a shell and get none, and what they are told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devports.core.service import Service
from devports.core.shell_syntax import instead_of, unshelled


def of(command: str | tuple[str, ...], *, shell: bool = False) -> tuple[str, str] | None:
    found = unshelled(Service("web", 8000, command=command, shell=shell))
    return None if found is None else (found.word, found.hint)


WANTS = [
    pytest.param("cd web && serve", "cd", 'write `cwd = "web"`', id="another folder"),
    pytest.param("cd 'my web' && serve", "cd", 'write `cwd = "my web"`', id="in quotes"),
    pytest.param("cd", "cd", "set `shell = true`", id="a folder that is not said"),
    pytest.param("A_1=s3cret serve", "A_1=...", 'write `env = { A_1 = "..." }`', id="a variable"),
    pytest.param("export A=1; serve", "export", "set `shell = true`", id="an exported one"),
    pytest.param(". .venv/bin/activate && serve", ".", "set `shell = true`", id="a sourced file"),
    pytest.param("exec serve", "exec", "remove `exec`", id="nothing to replace"),
    pytest.param(("cd", "web"), "cd", 'write `cwd = "web"`', id="a list that begins so"),
    pytest.param("serve {port} | cat", "|", "set `shell = true`", id="a pipe"),
    pytest.param("build && serve", "&&", "set `shell = true`", id="one after the other"),
    pytest.param("build; serve", ";", "set `shell = true`", id="a semicolon that is no word"),
    pytest.param("serve 2>&1", "2>&1", "set `shell = true`", id="one stream into the other"),
    pytest.param("serve >log", ">log", "set `shell = true`", id="into a file"),
    pytest.param("serve &> log", "&>", "set `shell = true`", id="both into a file"),
    pytest.param("serve &", "&", "remove `&`", id="in the background"),
]


@pytest.mark.parametrize(("command", "word", "hint"), WANTS)
def test_what_only_a_shell_knows(command: str | tuple[str, ...], word: str, hint: str) -> None:
    found = of(command)
    assert found is not None
    assert (found[0], hint in found[1]) == (word, True)


WANTS_NONE = [
    pytest.param("", id="nothing"),
    pytest.param("uvicorn main:app --port {port}", id="a program and its words"),
    pytest.param("serve '|' \"&&\" \\; a=b", id="operators that are quoted, an assignment behind"),
    pytest.param("awk '{ print > 1 }' $(a | b)", id="inside of one word"),
    pytest.param("./1=2 --x", id="a name that is none"),
    pytest.param(("serve", "|", "cat"), id="a list is meant word by word"),
    pytest.param("=", id="a sign alone"),
]


@pytest.mark.parametrize("command", WANTS_NONE)
def test_what_needs_no_shell(command: str | tuple[str, ...]) -> None:
    assert of(command) is None


def test_a_shell_that_runs_knows_all_of_it() -> None:
    assert of("cd web && A=1 serve | cat", shell=True) is None


def test_a_secret_is_not_repeated() -> None:
    assert "s3cret" not in instead_of(("TOKEN=s3cret", "serve"))


@given(st.text(alphabet="ab '\"`()|&;<>=\\\n"))
def test_whatever_the_text_it_ends(text: str) -> None:
    found = of(text)
    assert found is None or found[0]
