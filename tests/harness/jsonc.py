"""A reader of JSON with comments that shares nothing with ours, and a writer of untidy ones."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import strategies as st


def read(text: str) -> Any:
    """Return the data: comments and trailing commas are taken out, then json reads it."""
    kept = [piece for piece, is_comment in pieces(text.removeprefix("\ufeff")) if not is_comment]
    tidy: list[str] = []
    for piece in kept:
        if piece in ("]", "}"):
            while tidy and not tidy[-1].strip():
                tidy.pop()
            if tidy and tidy[-1] == ",":
                tidy.pop()
        tidy.append(piece)
    return json.loads("".join(tidy))


def comments(text: str) -> list[str]:
    """Return the comments, in order."""
    return [piece for piece, is_comment in pieces(text) if is_comment]


def pieces(text: str) -> list[tuple[str, bool]]:
    """Split into strings, comments and single characters; say which of them are comments."""
    found, at = [], 0
    while at < len(text):
        end = at + 1
        if text[at] == '"':
            while text[end] != '"':
                end += 2 if text[end] == "\\" else 1
            end += 1
        elif text.startswith("//", at):
            while end < len(text) and text[end] not in "\r\n":
                end += 1
        elif text.startswith("/*", at):
            end = text.index("*/", at + 2) + 2
        found.append((text[at:end], text[at : at + 2] in ("//", "/*")))
        at = end
    return found


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.text('ab"\\/*,]}é🚀 \t', max_size=6),
)
KEYS = st.text('abc"/* ', max_size=3)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)
ENTRIES = st.dictionaries(KEYS, VALUES, max_size=4)
DOCUMENTS = st.fixed_dictionaries({"tasks": st.lists(ENTRIES, max_size=4)}).flatmap(
    lambda fixed: st.dictionaries(KEYS, VALUES, max_size=3).map(lambda more: more | fixed)
)


class Untidy:
    """Writes data with comments, trailing commas and odd blanks, as a number decides."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.eol = self.random.choice(["\n", "\r\n"])
        self.quiet = self.random.random() < 0.3
        self.escaped = self.random.random() < 0.5

    def gap(self) -> str:
        if self.quiet or self.random.random() < 0.4:
            return ""
        return "".join(self.random.choice([self.blank, self.line, self.block])() for _ in "ab")

    def blank(self) -> str:
        return self.random.choice(["", " ", "\t", self.eol, self.eol + "  ", self.eol + "\t\t"])

    def line(self) -> str:
        return f"//{self.noise('abc*/]}[:, é')}{self.eol}"

    def block(self) -> str:
        return f"/*{self.noise('abc,]}[: *é')}*/"

    def noise(self, letters: str) -> str:
        return "".join(self.random.choices(letters, k=self.random.randrange(6)))

    def write(self, value: Any) -> str:
        if isinstance(value, dict):
            rows = [
                f"{json.dumps(k)}{self.gap()}:{self.gap()}{self.write(v)}" for k, v in value.items()
            ]
            return "{" + self.joined(rows) + "}"
        if isinstance(value, list):
            return "[" + self.joined([self.write(each) for each in value]) + "]"
        return json.dumps(value, ensure_ascii=self.escaped)

    def joined(self, rows: list[str]) -> str:
        if not rows:
            return self.gap()
        body = ",".join(f"{self.gap()}{row}{self.gap()}" for row in rows)
        return body + self.random.choice(["", ","]) + self.gap()

    def document(self, data: Any) -> str:
        bom = self.random.choice(["", "", "\ufeff"])
        return f"{bom}{self.gap()}{self.write(data)}{self.gap()}"


def untidy() -> st.SearchStrategy[tuple[Any, str]]:
    """Return data, and a text that says it with comments, trailing commas and odd blanks."""
    return st.tuples(DOCUMENTS, st.integers(0, 2**32)).map(
        lambda pair: (pair[0], Untidy(pair[1]).document(pair[0]))
    )
