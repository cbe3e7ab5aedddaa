r"""Whether a text is a regular expression of JavaScript, as VS Code compiles a matcher's. Pure.

Python's own differ too much to be asked: `(?<name>...)` is an error there, and in JavaScript a lone
`{` or `]` is a character (ECMA-262, B.1.2, patterns without the u flag). In doubt there is no
finding: the duplicate names and modifiers that newer engines allow are allowed here.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    After = Literal["nothing", "atom", "quantifier", "assertion"]

DEEPEST = 200
_QUANTIFIER = re.compile(r"[*+?]|\{([0-9]+)(?:,([0-9]*))?\}")
_GROUP = re.compile(r"\((?:\?(?::|=|!|<=|<!|<[A-Za-z_$][\w$]*>|[ims]*(?:-[ims]*)?:))?")
_ASSERTION = re.compile(r"\\[bB]|[\^$]")
_CLASS_ATOM = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|c[A-Za-z]|[\s\S])|[^\]]")
_CONTROLS = {"b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13}


def _size(digits: str) -> tuple[int, str]:
    """Return what orders numbers however long: int() refuses 4300 digits."""
    digits = digits.lstrip("0")
    return len(digits), digits


def flaw(pattern: str) -> str:
    """Return why VS Code could not compile `pattern`; empty if it could."""
    return _Scanner(pattern).scan()


class _Scanner:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.open: list[str] = []
        self.after: After = "nothing"

    def scan(self) -> str:
        while self.at < len(self.pattern):
            if problem := self.step(self.pattern[self.at]):
                return problem
        return "a group is not closed" if self.open else ""

    def step(self, char: str) -> str:
        if char == "(":
            return self.group()
        if char == ")":
            return self.close()
        if char == "[":
            return self.character_class()
        if char == "|":
            return self.take(1, "nothing")
        if found := _QUANTIFIER.match(self.pattern, self.at):
            return self.quantifier(found)
        if found := _ASSERTION.match(self.pattern, self.at):
            return self.take(len(found[0]), "assertion")
        if char == "\\":
            if self.at + 1 == len(self.pattern):
                return "it ends with a backslash"
            return self.take(2, "atom")
        return self.take(1, "atom")

    def take(self, count: int, after: After) -> str:
        self.at += count
        self.after = after
        return ""

    def group(self) -> str:
        found = _GROUP.match(self.pattern, self.at)
        start = found[0] if found else "("
        if start == "(" and self.pattern.startswith("(?", self.at):
            return "`(?` begins no kind of group"
        self.open.append(start)
        return self.take(len(start), "nothing")

    def close(self) -> str:
        if not self.open:
            return "a `)` closes nothing"
        return self.take(1, "assertion" if self.open.pop() in ("(?<=", "(?<!") else "atom")

    def quantifier(self, found: re.Match[str]) -> str:
        if self.after != "atom":
            return f"`{found[0]}` has nothing to repeat"
        if found[2] and _size(found[2]) < _size(found[1]):
            return f"`{found[0]}` is out of order"
        lazy = self.pattern.startswith("?", found.end())
        return self.take(len(found[0]) + lazy, "quantifier")

    def character_class(self) -> str:
        at, atoms = self.at + 1, list[str]()
        at += self.pattern.startswith("^", at)
        while (found := _CLASS_ATOM.match(self.pattern, at)) is not None:
            atoms.append(found[0])
            at = found.end()
        if not self.pattern.startswith("]", at):
            return "a `[` is not closed"
        self.at = at
        return _ranges(atoms) or self.take(1, "atom")


def _ranges(atoms: list[str]) -> str:
    at = 0
    while at + 2 < len(atoms):
        low, dash, high = atoms[at : at + 3]
        if dash != "-":
            at += 1
            continue
        first, last = _code(low), _code(high)
        if first is not None and last is not None and first > last:
            return f"the range `{low}-{high}` is out of order"
        at += 3
    return ""


def _code(atom: str) -> int | None:
    """Return the one character that an atom of a class stands for; None if it may be several."""
    if len(atom) == 1:
        return ord(atom)
    if atom[1] in _CONTROLS:
        return _CONTROLS[atom[1]]
    if atom[1] in "xu" and atom[2:]:
        return int(atom[2:], 16)  # noqa: FURB166  # JavaScript: \x41 has no 0 before it
    return ord(atom[1]) if not atom[1].isalnum() else None
