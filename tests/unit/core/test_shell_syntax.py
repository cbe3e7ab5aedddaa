"""Which texts keep a server's exit code from whoever starts them."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devports.core.shell_syntax import hides_exit_code, raw_words, split

HIDDEN = [
    pytest.param("serve | tee log", "| tee log", id="a pipe ends as its last command does"),
    pytest.param("cd web && serve 2>&1 | cat", "| cat", id="what goes before changes nothing"),
    pytest.param("serve |& tee log", "|& tee log", id="a pipe for both streams"),
    pytest.param("serve 'a\\' | cat", "| cat", id="a backslash in single quotes is a letter"),
    pytest.param("serve || true", "|| true", id="no failure is one"),
    pytest.param("serve || :", "|| :", id="the same in short"),
    pytest.param("serve; exit 0", "; exit 0", id="an end that is always good"),
    pytest.param("serve; read -p 'Enter'", "; read -p 'Enter'", id="a window that stays open"),
    pytest.param("serve\necho done", "echo done", id="a second line"),
    pytest.param("serve &", "&", id="in the background"),
]


@pytest.mark.parametrize(("text", "end"), HIDDEN)
def test_what_hides_an_exit_code(text: str, end: str) -> None:
    assert hides_exit_code(text) == end


SEEN = [
    pytest.param("serve", id="one command"),
    pytest.param("", id="nothing"),
    pytest.param("set -o pipefail; serve | tee log", id="a shell that was told to mind"),
    pytest.param("cat .port | xargs serve; exit $?", id="an end that passes it on"),
    pytest.param("cd web; serve", id="the server comes last"),
    pytest.param("serve && notify", id="what follows only success"),
    pytest.param("serve || exit 1", id="a failure that stays one"),
    pytest.param("serve 2>&1", id="a redirection"),
    pytest.param("serve &> log", id="another redirection"),
    pytest.param("serve '|' \"| tee\" \\| x", id="a pipe that is none"),
    pytest.param("serve $(cat 'a)' | head -1)", id="a pipe that makes a word"),
    pytest.param('serve "a \\" | b"', id="a quote inside quotes"),
    pytest.param("serve `cat a | head`", id="the same by the old way"),
    pytest.param('serve $(cat "a)" | head)', id="a bracket in quotes in brackets"),
    pytest.param("serve 'open", id="a quote that is not closed"),
]


@pytest.mark.parametrize("text", SEEN)
def test_what_hides_none(text: str) -> None:
    assert hides_exit_code(text) == ""


def test_a_text_of_brackets_is_read_to_its_end() -> None:
    assert hides_exit_code("(" * 5000) == ""
    assert hides_exit_code("serve " + "(" * 5000 + ")" * 5000 + " | tee log") == "| tee log"


@given(st.text(alphabet="ab '\"`()|&;\\>\n"))
def test_whatever_the_text_it_ends(text: str) -> None:
    assert len(hides_exit_code(text)) <= len(text) + 1


WORDS = st.text("ab=/ \t\n\r'\"\\|$", max_size=20)


@given(WORDS)
def test_a_text_is_split_as_shlex_does_at_first_and_again(text: str) -> None:
    try:
        expected = tuple(shlex.split(text))
    except ValueError:
        with pytest.raises(ValueError, match="No"):
            split(text)
    else:
        assert split(text) == split(text) == expected


@given(st.text("ab=/ \t\n", max_size=20))
def test_without_quotes_the_raw_words_are_the_words(text: str) -> None:
    assert raw_words(text) == split(text)
