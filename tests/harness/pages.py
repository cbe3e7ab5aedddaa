"""The pages of the documentation, taken apart: blocks with what is noted on them, code, links.

A note stands in a comment of its own line right above a block, where no reader sees it:

    <!-- try: given somebody on 8000 | exit 90 -->
    <!-- not tried: it downloads 820 MB -->

`tests/harness/trying.py` says what can be noted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^( *)```(\S*)")
NOTE = re.compile(r"^ *<!-- *(.*?) *-->$")
SPAN = re.compile(r"(?<!`)(`{1,2})(?!`)(.+?)(?<!`)\1(?!`)")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.*?) *#*$")


@dataclass(frozen=True)
class Block:
    """A fenced block. `tries`: what is noted on it, in order; `untried`: why it cannot be run."""

    page: str
    line: int
    language: str
    text: str
    tries: tuple[tuple[str, str], ...] = ()
    untried: str = ""

    def __str__(self) -> str:
        return f"{self.page}, line {self.line}"

    def noted(self, key: str) -> tuple[str, ...]:
        return tuple(value for name, value in self.tries if name == key)


@dataclass
class Page:
    """One file, as its lines tell it."""

    name: str
    blocks: list[Block] = field(default_factory=list)
    prose: list[tuple[int, str]] = field(default_factory=list)
    """Lines outside blocks, with their numbers."""

    @property
    def spans(self) -> Iterator[tuple[int, str]]:
        """Yield what stands in code within the prose; in a table a bar is written as `\\|`."""
        for number, line in self.prose:
            for found in SPAN.finditer(line):
                yield number, found[2].strip().replace("\\|", "|")

    @property
    def links(self) -> Iterator[tuple[int, str]]:
        for number, line in self.prose:
            for found in LINK.finditer(SPAN.sub("", line)):
                yield number, found[1]

    @property
    def anchors(self) -> set[str]:
        """The names that GitHub gives the headings."""
        found: set[str] = set()
        for _, line in self.prose:
            if heading := HEADING.match(line):
                name, count = anchor_of(heading[1]), 0
                while (unique := f"{name}-{count}" if count else name) in found:
                    count += 1
                found.add(unique)
        return found


def anchor_of(heading: str) -> str:
    """Return the name of a heading: small letters, no punctuation, a hyphen for a blank."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def names() -> list[str]:
    """Return the pages whose blocks are tried, by their paths in the repository."""
    docs = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("**/*.md"))
    return ["README.md", *docs]


def read(name: str) -> Page:
    """Take a page apart."""
    page = Page(name)
    notes: list[str] = []
    lines = iter(enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1))
    for number, line in lines:
        if fence := FENCE.match(line):
            body = _body(lines, fence[1])
            page.blocks.append(_block(name, number, fence[2], body, notes))
            notes = []
        elif note := NOTE.match(line):
            notes.append(note[1])
        elif line.strip():
            notes = []
        if not fence:
            page.prose.append((number, line))
    return page


def _body(lines: Iterator[tuple[int, str]], indent: str) -> str:
    """Return the lines up to the closing fence, without its indentation."""
    found: list[str] = []
    for _, line in lines:
        if line.strip() == "```":
            return "".join(f"{each}\n" for each in found)
        found.append(line.removeprefix(indent))
    raise AssertionError("a block that is not closed")


def _block(name: str, number: int, language: str, body: str, notes: list[str]) -> Block:
    tries = [note.removeprefix("try:") for note in notes if note.startswith("try:")]
    pairs = [one.strip().partition(" ") for note in tries for one in note.split(" | ")]
    untried = [note.removeprefix("not tried:").strip() for note in notes if "not tried:" in note]
    noted = tuple((key, value.strip()) for key, _, value in pairs)
    return Block(name, number, language, body, noted, "".join(untried))
