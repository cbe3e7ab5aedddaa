"""Python's own command line, taken apart."""

from __future__ import annotations

import pytest

from devports.core.command_line import is_python, split_options

LINES = [
    pytest.param("", "", "", "", id="nothing"),
    pytest.param("app.py -I", "", "", "app.py -I", id="a file and its words"),
    pytest.param("-uE app.py", "uE", "-uE", "app.py", id="letters together"),
    pytest.param("-W error -Xdev -u a", "u", "-W error -Xdev -u", "a", id="values of options"),
    pytest.param("-uW error a", "u", "-uW error", "a", id="a value behind letters"),
    pytest.param("--check-hash-based-pycs never a", "", "--check-hash-based-pycs never", "a",
                 id="a long option with a value"),
    pytest.param("--help-all", "", "--help-all", "", id="a long option without one"),
    pytest.param("-u -m app -I", "u", "-u", "-m app -I", id="a module and its words"),
    pytest.param("-Im app", "I", "-I", "-m app", id="a module behind letters"),
    pytest.param("-mapp x", "", "", "-m app x", id="a module in the same word"),
    pytest.param("-m", "", "", "-m", id="a module that is not named"),
    pytest.param("-c pass -I", "", "", "-c pass -I", id="a text"),
    pytest.param("-u - -I", "u", "-u", "- -I", id="standard input"),
    pytest.param("-u -- -app.py", "u", "-u", "-app.py", id="a file behind the end of the options"),
    pytest.param("-W", "", "-W", "", id="a value that is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "flags", "own", "run"), LINES)
def test_options_end_where_python_lets_them_end(line: str, flags: str, own: str, run: str) -> None:
    found = split_options(tuple(line.split()))
    assert found == (frozenset(flags), tuple(own.split()), tuple(run.split()))


@pytest.mark.parametrize(
    ("name", "yes"),
    [
        ("python", True),
        ("python3", True),
        ("python3.12", True),
        ("python3.13t", True),
        ("pypy3", True),
        ("pythonic", False),
        ("pip", False),
        ("node", False),
    ],
)
def test_a_python_is_known_by_its_name(name: str, *, yes: bool) -> None:
    assert is_python(name) is yes
