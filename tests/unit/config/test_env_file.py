from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devports.config.load import Env, parse_env


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        pytest.param("", {}, id="nothing"),
        pytest.param("A=1\nB=2", {"A": "1", "B": "2"}, id="two lines"),
        pytest.param("\n  # A=1\n\t\nB=2\n", {"B": "2"}, id="blank lines and comments"),
        pytest.param("export A=1\n export\tB=2", {"A": "1", "B": "2"}, id="export"),
        pytest.param("A = 1 2 \n", {"A": "1 2"}, id="blanks around a value"),
        pytest.param("A=\nB=", {"A": "", "B": ""}, id="empty values"),
        pytest.param("A=1 # c\nB=1#2\nC=1\t#x #y", {"A": "1", "B": "1#2", "C": "1"}, id="comments"),
        pytest.param("A= # c", {"A": ""}, id="only a comment for a value"),
        pytest.param("A='a \"b\" $x # \\n' # c", {"A": 'a "b" $x # \\n'}, id="single quotes"),
        pytest.param(r'A="a\n\t\r\"\\\$ \x # b"', {"A": 'a\n\t\r"\\$ \\x # b'}, id="double quotes"),
        pytest.param(
            "A='1\n2'\nB=\"3\n\n4\"\nC=5", {"A": "1\n2", "B": "3\n\n4", "C": "5"}, id="keys"
        ),
        pytest.param("A=$(rm -rf x) `y` $B", {"A": "$(rm -rf x) `y` $B"}, id="nothing is run"),
        pytest.param('A=it\'s\nB=a"b"', {"A": "it's", "B": 'a"b"'}, id="quotes inside a value"),
        pytest.param("A=1\nB=2\nA=3", {"A": "3", "B": "2"}, id="the later value counts"),
        pytest.param("\ufeffA=1\r\nB=2\r\n", {"A": "1", "B": "2"}, id="a file from Windows"),
        pytest.param("A==\nB=a=b", {"A": "=", "B": "a=b"}, id="more signs of equality"),
        pytest.param("npm_config.x-y=1", {"npm_config.x-y": "1"}, id="dots and dashes in a name"),
    ],
)
def test_values(text: str, pairs: dict[str, str]):
    assert parse_env(text) == Env(tuple(pairs.items()))


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        pytest.param("A=1\nB\n", 2, "no `=`: each line is NAME=value", id="no value"),
        pytest.param("export A", 1, "no `=`: each line is NAME=value", id="export alone"),
        pytest.param("=1", 1, "no name", id="no name"),
        pytest.param("A B=1", 1, "no name of a variable before", id="a blank in the name"),
        pytest.param("1A=1", 1, "no name of a variable before", id="a name that starts with 1"),
        pytest.param("X='\n\n'\nA='b", 4, "a quote that is not closed", id="an open quote"),
        pytest.param('A="b" c', 1, "or text after the closing one", id="text after a quote"),
        pytest.param("A='x\0'", 1, "a NUL character", id="a NUL"),
    ],
)
def test_problems(text: str, line: int, reason: str):
    (problem,) = parse_env(text).problems
    assert problem.startswith(f"line {line}: ")
    assert reason in problem


def test_all_problems_are_found():
    problems = parse_env("A\nB=1\nC\n").problems
    assert problems == tuple(f"line {n}: no `=`: each line is NAME=value" for n in (1, 3))


@given(
    st.dictionaries(st.from_regex(r"\A[A-Z_]{1,5}\Z"), st.text().filter(lambda t: "\0" not in t))
)
def test_quoted_values_come_back(pairs: dict[str, str]):
    signs = str.maketrans({"\\": "\\\\", '"': '\\"', "\r": "\\r"})
    text = "\n".join(f'{name}="{value.translate(signs)}"' for name, value in pairs.items())
    assert dict(parse_env(text).pairs) == pairs


@given(st.text(alphabet="A='\"\\#\n $\0e", max_size=40))
def test_whatever_the_text_is_each_line_is_read_or_a_problem(text: str):
    env = parse_env(text)
    lines = [int(problem.split()[1].rstrip(":")) for problem in env.problems]
    assert all(1 <= line <= text.count("\n") + 1 for line in lines)
    assert all("\0" not in value for _, value in env.pairs)
