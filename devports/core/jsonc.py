"""Read JSON with comments and trailing commas, and know where everything stands. Pure.

The files of VS Code are edited by hand. To change one value and leave every other byte alone, a
writer has to know offsets; no reader for Python that was tried keeps comments. Stricter than VS
Code itself, which reads files with missing commas and braces: what cannot be read for certain must
not be edited. The grammar is that of https://github.com/microsoft/node-jsonc-parser.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache

from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, TypeAlias

    Kind = Literal["object", "array", "scalar"]
    Step: TypeAlias = str | int
    Path: TypeAlias = tuple[Step, ...]

DEEPEST = 100
"""Brackets inside each other; VS Code's own files have about ten."""

BOM = "\ufeff"
COMMENT = r"//[^\r\n]*|/\*(?:[^*]|\*(?!/))*\*/"
TRIVIA = re.compile(rf"(?:[ \t\r\n]+|{COMMENT})*")
STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
SCALAR = re.compile(
    r"true\b|false\b|null\b|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])", re.ASCII
)
LINE_END = re.compile(r"\r\n|\n|\r")


class JsoncError(ValueError):
    """The text is not what we understand. `line` and `column` count from 1."""

    def __init__(self, reason: str, text: str, offset: int) -> None:
        self.reason = reason
        self.line, self.column = place(text, offset)
        super().__init__(f"{reason} in line {self.line}, column {self.column}")


class Node(Frozen):
    """A value and where it stands.

    Attributes:
        start, end: offsets in the text.
        value: of a scalar.
        items: of an array or an object, in the order of the text, duplicate keys included.
    """

    kind: Kind
    start: int
    end: int
    value: object = None
    items: tuple[Item, ...] = ()


class Item(Frozen):
    """An element of an array, or a member of an object: then it starts with its key."""

    start: int
    node: Node
    key: str = ""


def place(text: str, offset: int) -> tuple[int, int]:
    """Return line and column of an offset, from 1, as VS Code counts them."""
    ends = [match.end() for match in LINE_END.finditer(text, 0, offset)]
    if ends and text[offset - 1 : offset + 1] == "\r\n":  # between the two: still the line before
        ends.pop()
    begin = ends[-1] if ends else len(BOM) if text.startswith(BOM) else 0
    return len(ends) + 1, max(0, offset - begin) + 1


@lru_cache(maxsize=4)
def parse(text: str) -> Node | None:
    """Return what the text says; None if there is nothing but blanks and comments.

    The last ones are remembered: between two edits a merge asks many questions of one text.

    Raises:
        JsoncError: it is not JSON with comments.
    """
    return _Reader(text).document()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text

    def document(self) -> Node | None:
        at = self.skip(len(BOM) if self.text.startswith(BOM) else 0)
        if at == len(self.text):
            return None
        node = self.value(at, 0)
        end = self.skip(node.end)
        if end < len(self.text):
            raise self.error("text after the end of the document", end)
        return node

    def error(self, reason: str, at: int) -> JsoncError:
        reason = "the file ends too early" if at >= len(self.text) else reason
        return JsoncError(reason, self.text, at)

    def skip(self, at: int) -> int:
        """Return where the blanks and comments at `at` end."""
        match = TRIVIA.match(self.text, at)
        end = match.end() if match else at
        if self.text.startswith("/*", end):
            raise self.error("a comment without an end", end)
        return end

    def value(self, at: int, depth: int) -> Node:
        if depth > DEEPEST:
            raise self.error(f"more than {DEEPEST} brackets inside each other", at)
        first = self.text[at : at + 1]
        if first in ("{", "["):
            return self.container(at, depth, is_object=first == "{")
        match = STRING.match(self.text, at) or SCALAR.match(self.text, at)
        if match is None:
            raise self.error("a value was expected", at)
        try:
            value = json.loads(match[0])
        except ValueError:  # Python's bound, see sys.set_int_max_str_digits
            raise self.error("a number with too many digits", at) from None
        return Node("scalar", at, match.end(), value)

    def container(self, at: int, depth: int, *, is_object: bool) -> Node:
        start, close, items = at, "}" if is_object else "]", list[Item]()
        at = self.skip(at + 1)
        while self.text[at : at + 1] != close:
            item = self.member(at, depth) if is_object else Item(at, self.value(at, depth + 1))
            items.append(item)
            at = self.skip(item.node.end)
            if self.text[at : at + 1] == ",":
                at = self.skip(at + 1)
            elif self.text[at : at + 1] != close:
                raise self.error(f"a comma or `{close}` was expected", at)
        return Node("object" if is_object else "array", start, at + 1, items=tuple(items))

    def member(self, at: int, depth: int) -> Item:
        key = STRING.match(self.text, at)
        if key is None:
            raise self.error("a name in double quotes was expected", at)
        colon = self.skip(key.end())
        if self.text[colon : colon + 1] != ":":
            raise self.error("a colon was expected", colon)
        return Item(at, self.value(self.skip(colon + 1), depth + 1), json.loads(key[0]))


def plain(node: Node | None) -> Any:
    """Return the value without its places, as json.loads would."""
    if node is None or node.kind == "scalar":
        return node and node.value
    if node.kind == "array":
        return [plain(item.node) for item in node.items]
    return {item.key: plain(item.node) for item in node.items}


def find(node: Node | None, path: Path) -> Node | None:
    """Return what stands at `path`; None if nothing does. Of equal keys the last counts."""
    for step in path:
        if node is None:
            return None
        number = index_of(node, step)
        node = None if number is None else node.items[number].node
    return node


def index_of(node: Node, step: Step) -> int | None:
    """Return which of its items a key or a position means; None if there is no such item."""
    if isinstance(step, int):
        return step if node.kind == "array" and 0 <= step < len(node.items) else None
    found = [i for i, item in enumerate(node.items) if item.key == step]
    return found[-1] if node.kind == "object" and found else None


def same(one: object, other: object) -> bool:
    """Say whether two plain values are equal as JSON: 1 is not true, key order does not count."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other
