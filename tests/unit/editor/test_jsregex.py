"""Regular expressions are those of JavaScript. tests/integration/test_node_oracles.py asks node."""

from __future__ import annotations

import pytest

from devports.vscode.lint import flaw

GOOD = [
    pytest.param("", id="nothing"),
    pytest.param("^devports: error: ([^:]+): (.*)$", id="ours"),
    pytest.param(r"(?<file>[\w.]+)\((?<line>\d+),(?<column>\d+)\)", id="named groups"),
    pytest.param(r"(?:a|b)(?=c)(?!d)(?<=e)(?<!f)", id="groups of every kind"),
    pytest.param("(?i:a)(?-s:b)", id="modifiers of newer engines"),
    pytest.param("a{2}b{2,}c{2,3}d*?e+?f??", id="quantifiers"),
    pytest.param("a{9,10}b{009,9}c{0,0}", id="bounds in order"),
    pytest.param("a{b}{}{,3}x{1", id="braces that are characters"),
    pytest.param("]}", id="brackets that are characters"),
    pytest.param(r"[]", id="an empty class"),
    pytest.param(r"[^]", id="any character"),
    pytest.param(r"[\]a-z\d-x[(*]", id="a class"),
    pytest.param("[a-]", id="a dash at the end"),
    pytest.param("(?=a)*", id="a lookahead may be repeated"),
    pytest.param(r"\bword\B", id="borders"),
    pytest.param(r"[\x41-\x5a]", id="a range of escapes"),
]


@pytest.mark.parametrize("pattern", GOOD)
def test_good(pattern: str) -> None:
    assert flaw(pattern) == ""


BROKEN = [
    pytest.param("(a", "a group is not closed", id="an open group"),
    pytest.param("a)", "a `)` closes nothing", id="a closing bracket too many"),
    pytest.param("[a", "a `[` is not closed", id="an open class"),
    pytest.param("*a", "`*` has nothing to repeat", id="a quantifier at the begin"),
    pytest.param("a|+", "`+` has nothing to repeat", id="a quantifier in an alternative"),
    pytest.param("(?)", "`(?` begins no kind of group", id="a group that asks"),
    pytest.param("(?P<x>a)", "`(?` begins no kind of group", id="a named group of Python"),
    pytest.param("a**", "`*` has nothing to repeat", id="two quantifiers"),
    pytest.param("^*", "`*` has nothing to repeat", id="a repeated begin"),
    pytest.param("(?<=a)*", "`*` has nothing to repeat", id="a repeated lookbehind"),
    pytest.param("a{3,2}", "`{3,2}` is out of order", id="more than most"),
    pytest.param(
        f"a{{{'9' * 5000},1}}", f"`{{{'9' * 5000},1}}` is out of order", id="5000 digits and one"
    ),
    pytest.param("[z-a]", "the range `z-a` is out of order", id="a range backwards"),
    pytest.param(r"[?-\b]", r"the range `?-\b` is out of order", id="a backspace in a class"),
    pytest.param(r"[\x42-\u0041]", r"the range `\x42-\u0041` is out of order", id="escapes"),
    pytest.param(r"[\]-\[]", r"the range `\]-\[` is out of order", id="brackets backwards"),
    pytest.param("a\\", "it ends with a backslash", id="a lone backslash"),
    pytest.param("[\\", "a `[` is not closed", id="a lone backslash in a class"),
]


@pytest.mark.parametrize(("pattern", "why"), BROKEN)
def test_broken(pattern: str, why: str) -> None:
    assert flaw(pattern) == why
