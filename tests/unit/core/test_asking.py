"""What a hook may say, and what an environment becomes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devports.core.handoff import HookRequest, ask_of, node_options, python_path, variable
from devports.core.model import Endpoint

TOKEN, PORTS = "0f", {8000}


@pytest.mark.parametrize(
    ("line", "ask"),
    [
        pytest.param(
            b"0f adopt 127.0.0.1 8000\n",
            HookRequest(Endpoint("127.0.0.1", 8000), True),
            id="a socket",
        ),
        pytest.param(
            b"0f bind :: 8000\n", HookRequest(Endpoint("::", 8000), False), id="room to bind"
        ),
        pytest.param(b"00 adopt 127.0.0.1 8000\n", None, id="another token"),
        pytest.param(b"0f eat 127.0.0.1 8000\n", None, id="another word"),
        pytest.param(b"0f adopt 127.0.0.1 8001\n", None, id="a port that is not declared"),
        pytest.param(b"0f adopt 127.0.0.1 port\n", None, id="no port"),
        pytest.param(b"0f bind :: " + b"9" * 5000, None, id="no number that Python reads"),
        pytest.param(b"0f adopt localhost 8000\n", None, id="a name"),
        pytest.param(b"0f adopt ff 8000\n", None, id="digits alone"),
        pytest.param(b"0f adopt 127.0.0.1 8000 more\n", None, id="more words"),
        pytest.param(b"", None, id="nothing"),
        pytest.param(b"\xff\n", None, id="no text"),
    ],
)
def test_a_question_is_understood_or_not_answered(line: bytes, ask: HookRequest | None) -> None:
    assert ask_of(line, TOKEN, PORTS) == ask


@given(st.binary(max_size=300))
def test_whatever_is_said_without_the_token_is_no_question(line: bytes) -> None:
    assert ask_of(line, "a token that nobody guesses", PORTS) is None


def test_the_variable_names_token_ports_and_path() -> None:
    assert variable("0f", [8001, 8000, 8000], "/a b/ask") == "0f 8000,8001 /a b/ask"


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        pytest.param("", "/a/n.cjs", '--require "/a/n.cjs"', id="alone"),
        pytest.param("--max=1", "/n.cjs", '--max=1 --require "/n.cjs"', id="behind the user's"),
        pytest.param("", '/a "b\\c', '--require "/a \\"b\\\\c"', id="quotes and backslashes"),
    ],
)
def test_what_node_loads_first(before: str, path: str, after: str) -> None:
    assert node_options(before, path) == after


@pytest.mark.parametrize(("before", "after"), [("", "/h"), ("/x:/y", "/h:/x:/y")])
def test_where_python_looks_first(before: str, after: str) -> None:
    assert python_path(before, "/h") == after
