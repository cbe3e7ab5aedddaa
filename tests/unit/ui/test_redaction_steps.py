"""The patterns of the redaction, matched by a plain backtracking matcher that counts its steps.

A command line is a stranger's: a text of twice the length may cost twice the steps, and no more.
"""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from devports.ui import redaction

if TYPE_CHECKING:
    from collections.abc import Iterator

PARSER: Any = re._parser  # type: ignore[attr-defined]  # the tree of a pattern has no public name
PATTERNS = {name: it for name, it in vars(redaction).items() if isinstance(it, re.Pattern)}
FRAGMENTS = [
    *("a", "-", " ", "'", '"', "\\", "=", "x=", "A", "aB", "1", "a.b", "?sig=", "x@", ":", "://"),
    *(
        "://a:b",
        "://a:8000/",
        "sk-",
        "-sk-a",
        "eyJabcde.",
        "SG.",
        "AIza",
        "xoxb-",
        "npm_",
        "webhook",
    ),
    *("hooks.slack.com/", ".json", "./", "[::", "8-", "Authorization: ", "a   "),
]
LENGTH, MOST = 80, 2.3
WHOLE = ("_ASSIGNMENT", "_HEADER", "_FLAG", "_SCRIPT_FLAG", "_PORTS", "_FILE")
"""These are compared with a whole word, from its beginning only; the others are searched for."""


class Matcher:
    """Where a pattern matches, as the engine of `re` finds it; `steps` counts what it looks at."""

    def __init__(self, pattern: re.Pattern[str], text: str) -> None:
        self.tree, self.text, self.steps = PARSER.parse(pattern.pattern, pattern.flags), text, 0

    def search(self) -> None:
        """Find every match, as `finditer` does."""
        at = 0
        while at <= len(self.text):
            end = next(self.run(list(self.tree), at), None)
            at = at + 1 if end is None else max(end, at + 1)

    def run(self, ops: list[Any], at: int) -> Iterator[int]:
        self.steps += 1
        if not ops:
            yield at
            return
        (op, of), rest = ops[0], ops[1:]
        match str(op):
            case "MAX_REPEAT":
                yield from self.repeat(of, rest, at)
            case "SUBPATTERN":
                yield from self.run([*of[3], *rest], at)
            case "BRANCH":
                for each in of[1]:
                    yield from self.run([*each, *rest], at)
            case "ASSERT" | "ASSERT_NOT":
                start = at if of[0] > 0 else at - 1
                found = start >= 0 and next(self.run(list(of[1]), start), None) is not None
                if found == (str(op) == "ASSERT"):
                    yield from self.run(rest, at)
            case "AT":
                if at == (0 if "BEGINNING" in str(of) else len(self.text)):
                    yield from self.run(rest, at)
            case _:
                if at < len(self.text) and self.accepts(op, of, self.text[at]):
                    yield from self.run(rest, at + 1)

    def repeat(self, of: Any, rest: list[Any], at: int) -> Iterator[int]:
        least, most, body = of
        ends = [at]
        while len(ends) <= most:
            end = next(self.run(list(body), ends[-1]), None)
            if end is None or end == ends[-1]:
                break
            ends.append(end)
        for end in reversed(ends[least:]):
            yield from self.run(rest, end)

    def accepts(self, op: Any, of: Any, char: str) -> bool:
        match str(op):
            case "LITERAL":
                return ord(char) == int(of)
            case "NOT_LITERAL":
                return ord(char) != int(of)
            case "ANY":
                return True
            case "RANGE":
                return int(of[0]) <= ord(char) <= int(of[1])
            case "CATEGORY":
                kind = {"WORD": r"\w", "SPACE": r"\s", "DIGIT": r"\d"}[str(of).rpartition("_")[2]]
                return (re.match(kind, char) is None) == ("NOT" in str(of))
            case "IN":
                inverted = str(of[0][0]) == "NEGATE"
                parts = of[1:] if inverted else of
                return inverted != any(self.accepts(kind, part, char) for kind, part in parts)
            case _:
                raise AssertionError(op)


def steps(name: str, pattern: re.Pattern[str], text: str) -> int:
    matcher = Matcher(pattern, text)
    if name in WHOLE:
        any(end == len(text) for end in matcher.run(list(matcher.tree), 0))
    else:
        matcher.search()
    return matcher.steps


@pytest.mark.parametrize("name", PATTERNS)
def test_twice_the_text_costs_twice_the_steps(name: str) -> None:
    for lead, part in product(("", "://a:", '"'), FRAGMENTS):
        texts = (lead + part * (LENGTH * n // len(part)) for n in (1, 2))
        once, twice = (steps(name, PATTERNS[name], text) for text in texts)
        assert twice <= MOST * once, (lead, part, once, twice)


@pytest.mark.parametrize(
    ("pattern", "part"),
    [pytest.param(r"://a:\S*@", "://a:b", id="a run"), pytest.param("(a|a)*b", "a", id="a loop")],
)
def test_a_pattern_that_grows_faster_is_found(pattern: str, part: str) -> None:
    once, twice = (steps("", re.compile(pattern), part * n) for n in (9, 18))
    assert twice > MOST * once


@pytest.mark.parametrize("name", PATTERNS)
def test_the_counting_matcher_finds_what_re_finds(name: str) -> None:
    for part in FRAGMENTS:
        text = f"x {part}{part}1@h=z"
        matcher = Matcher(PATTERNS[name], text)
        ends = [next(matcher.run(list(matcher.tree), at), None) for at in range(len(text) + 1)]
        found = [PATTERNS[name].match(text, at) for at in range(len(text) + 1)]
        assert ends == [it and it.end() for it in found]
