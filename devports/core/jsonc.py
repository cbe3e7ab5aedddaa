"""JSON with comments and trailing commas: where every value stands, and how to change it. Pure.

The files of VS Code are edited by hand. To change one value and keep every other byte, a writer has
to know offsets; no reader for Python that was tried keeps comments. Stricter than VS Code, which
accepts missing commas and braces: only an unambiguous text may be edited. The grammar is that of
https://github.com/microsoft/node-jsonc-parser.

Functions that change a text take one that `parse` accepts, and return another one that it accepts.
Indentation, line ends and trailing commas follow the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from devports.core.value import Frozen

Kind = Literal["object", "array", "scalar"]
Step: TypeAlias = str | int
Path: TypeAlias = tuple[Step, ...]

DEEPEST = 100
"""Nested brackets at most; VS Code's own files have about ten."""

BOM = "\ufeff"
COMMENT = r"//[^\r\n]*|/\*(?:[^*]|\*(?!/))*\*/"
TRIVIA = re.compile(rf"(?:[ \t\r\n]+|{COMMENT})*")
STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
SCALAR = re.compile(
    r"true\b|false\b|null\b|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])", re.ASCII
)
LINE_END = re.compile(r"\r\n|\n|\r")


class JsoncError(ValueError):
    """The text is not valid. `line` and `column` count from 1."""

    def __init__(self, reason: str, text: str, offset: int) -> None:
        self.reason = reason
        self.line, self.column = place(text, offset)
        super().__init__(f"{reason} in line {self.line}, column {self.column}")


class Node(Frozen):
    """A value and its position.

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
    """Return the value of the text; None if it has only blanks and comments.

    The last results are cached: between two edits a merge parses one text many times.

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
            raise self.error("a comment that is not closed", end)
        return end

    def value(self, at: int, depth: int) -> Node:
        if depth > DEEPEST:
            raise self.error(f"nested more than {DEEPEST} levels deep", at)
        first = self.text[at : at + 1]
        if first in ("{", "["):
            return self.container(at, depth, is_object=first == "{")
        match = STRING.match(self.text, at) or SCALAR.match(self.text, at)
        if match is None:
            raise self.error("a value was expected", at)
        try:
            value = json.loads(match[0])
        except ValueError:  # Python's limit, see sys.set_int_max_str_digits
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
    """Return the value without positions, as json.loads would."""
    if node is None or node.kind == "scalar":
        return node and node.value
    if node.kind == "array":
        return [plain(item.node) for item in node.items]
    return {item.key: plain(item.node) for item in node.items}


def find(node: Node | None, path: Path) -> Node | None:
    """Return the node at `path`; None if there is none. Of equal keys the last counts."""
    for step in path:
        if node is None:
            return None
        number = index_of(node, step)
        node = None if number is None else node.items[number].node
    return node


def index_of(node: Node, step: Step) -> int | None:
    """Return the index of the item for a key or a position; None if there is no such item."""
    if isinstance(step, int):
        return step if node.kind == "array" and 0 <= step < len(node.items) else None
    found = [i for i, item in enumerate(node.items) if item.key == step]
    return found[-1] if node.kind == "object" and found else None


def inside(value: object, *keys: str) -> Any:
    """Return the value at nested keys; None where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def same(one: object, other: object) -> bool:
    """Return whether two plain values are equal as JSON: 1 is not true, key order is ignored."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other


WIDEST = 110
"""Columns of a line; an object or array that does not fit is written on several lines."""
FORMER_WIDEST = 72
"""The same in earlier versions, which counted neither the indentation nor the name."""

_INLINE = r"/\*(?:[^*\r\n]|\*(?!/))*\*/"
_FIRST_INDENT = re.compile(
    rf"[\[{{][ \t]*(?://[^\r\n]*|{_INLINE}[ \t]*)?(?:\r\n|\n|\r)([ \t]+)(?=[^ \t\r\n])"
)
_BLANKS = re.compile(r"[ \t]*")
_REST_OF_LINE = re.compile(rf"(?:[ \t]*{_INLINE})*(?:[ \t]*//[^\r\n]*)?[ \t]*(?=[\r\n]|\Z)")
"""Comments and blanks up to the end of the line."""
_COMMENT = re.compile(COMMENT)
_TO_LINE_END = re.compile(r"[ \t]*(\r\n|\n|\r)")


class Style(Frozen):
    """The layout of a text: one step of indentation, and the line end."""

    unit: str = "    "
    eol: str = "\n"


def style_of(text: str) -> Style:
    """Return the layout of a text; by default that of VS Code's own files."""
    end = LINE_END.search(text)
    eol = end[0] if end else Style.eol
    first = _FIRST_INDENT.search(text)
    if first is None:
        return Style(eol=eol)
    outer = _indent_at(text, first.start())
    return Style(first[1].removeprefix(outer) or Style.unit, eol)


def written(
    value: object, style: Style, indent: str = "", name: str = "", former: int | None = None
) -> str:
    """Return a value behind its name as text whose further lines are indented.

    What fits on one line is on one. `former`: the width of earlier versions.
    """
    line = _on_one_line(value)
    fits = len(line) <= former if former else len(indent + name + line) < WIDEST  # and a comma
    if fits or not isinstance(value, dict | list):
        return name + line
    deeper = indent + style.unit
    if isinstance(value, dict):
        rows = [written(v, style, deeper, f"{_name(k)}: ", former) for k, v in value.items()]
    else:
        rows = [written(each, style, deeper, former=former) for each in value]
    inner = f",{style.eol}{deeper}".join(rows)
    start, end = "{}" if isinstance(value, dict) else "[]"
    return f"{name}{start}{style.eol}{deeper}{inner}{style.eol}{indent}{end}"


def _on_one_line(value: object) -> str:
    if isinstance(value, dict) and value:
        return "{ " + ", ".join(f"{_name(k)}: {_on_one_line(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_on_one_line, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _name(key: str) -> str:
    return json.dumps(key, ensure_ascii=False)


def put(text: str, path: Path, value: object) -> str:
    """Return the text with the value at `path`, whose last step may be a new key.

    Raises:
        KeyError: a container in `path` does not exist.
    """
    *above, last = path
    container = _container(text, tuple(above))
    number = index_of(container, last)
    if number is not None:
        node = container.items[number].node
        name = f"{_name(last)}: " if isinstance(last, str) else ""
        new = written(value, style_of(text), _indent_at(text, node.start), name)
        return text[: node.start] + new[len(name) :] + text[node.end :]
    if not isinstance(last, str) or container.kind != "object":
        raise KeyError(path)
    return _insert(text, container, (value,), f"{_name(last)}: ")


def append(text: str, path: Path, *values: object) -> str:
    """Return the text with values added to the end of the array at `path`, in one edit.

    Raises:
        KeyError: there is no array.
    """
    array = _container(text, path)
    if array.kind != "array":
        raise KeyError(path)
    return _insert(text, array, values, "") if values else text


def _container(text: str, path: Path) -> Node:
    node = find(parse(text), path)
    if node is None or node.kind == "scalar":
        raise KeyError(path)
    return node


def _insert(text: str, container: Node, values: Sequence[object], name: str) -> str:
    if not container.items:
        return _insert_first(text, container, values, name)
    style, first, last = style_of(text), container.items[0].start, container.items[-1].node.end
    spread = LINE_END.search(text, container.start, first) is not None
    indent = _indent_at(text, first)
    gap = style.eol + indent if spread else " "
    new = ",".join(gap + written(value, style, indent, name) for value in values)
    comma = _comma_after(text, last)
    if comma is None:
        at = _line_rest(text, last) if spread else last
        return text[:last] + "," + text[last:at] + new + text[at:]
    at = _line_rest(text, comma + 1) if spread else comma + 1
    return text[:at] + new + "," + text[at:]


def _insert_first(text: str, container: Node, values: Sequence[object], name: str) -> str:
    """Insert into brackets that are empty or contain comments only, which stay in front."""
    style, outer = style_of(text), _indent_at(text, container.start)
    indent = outer + style.unit
    at = _last_comment(text, container.start + 1, container.end - 1)
    gap = style.eol + indent
    new = ",".join(gap + written(value, style, indent, name) for value in values)
    return text[:at] + new + style.eol + outer + text[container.end - 1 :]


def _last_comment(text: str, start: int, end: int) -> int:
    """Return the end of the last comment between two offsets; `start` if there is none."""
    at = last = start
    while at < end:
        if text[at] == "/":
            comment = _COMMENT.match(text, at)
            at = last = comment.end() if comment else end
        else:
            at += 1
    return last


def drop(text: str, path: Path) -> str:
    """Return the text without the item at `path`. Comments around it stay, inside it they do not.

    Raises:
        KeyError: there is no such item.
    """
    *above, last = path
    container = _container(text, tuple(above))
    number = index_of(container, last)
    if number is None:
        raise KeyError(path)
    if len(container.items) == 1 and _only_blanks_around(text, container):
        return text[: container.start + 1] + text[container.end - 1 :]
    item = container.items[number]
    start, end = item.start, item.node.end
    comma = _comma_after(text, end)
    if comma is None and number > 0:  # the previous item becomes the last one: no comma
        before = _comma_after(text, container.items[number - 1].node.end)
        assert before is not None  # noqa: S101  # two items have a comma between them
        text = text[:before] + text[before + 1 :]
        start, end = start - 1, end - 1
    elif comma is not None and not text[end:comma].strip():
        end = comma + 1
    elif comma is not None:  # a comment before the comma stays
        text = text[:comma] + text[comma + 1 :]
    return _cut(text, start, end)


def _only_blanks_around(text: str, container: Node) -> bool:
    """Return whether brackets contain only their one item: no comment that would have to stay."""
    item = container.items[0]
    around = text[container.start + 1 : item.start] + text[item.node.end : container.end - 1]
    return not around.replace(",", "").strip()


def _cut(text: str, start: int, end: int) -> str:
    """Cut a range, with lines that would become empty and blanks that would be doubled."""
    begin = _line_start(text, start)
    alone = not text[begin:start].strip(" \t")
    rest = _TO_LINE_END.match(text, end)
    if alone and rest and begin:  # with the line end before it, which came with it
        before = begin - (2 if text[begin - 2 : begin] == "\r\n" else 1)
        return text[:before] + text[rest.start(1) :]
    if alone and begin:  # a comment behind it takes its place
        return text[:start] + text[end:].lstrip(" \t")
    return text[:start].rstrip(" \t") + text[end:]


def _comma_after(text: str, at: int) -> int | None:
    """Return the offset of the comma behind an item; None if it has none."""
    match = TRIVIA.match(text, at)
    end = match.end() if match else at
    return end if text[end : end + 1] == "," else None


def _line_rest(text: str, at: int) -> int:
    """Return the end of the line after `at`, if only comments and blanks follow."""
    match = _REST_OF_LINE.match(text, at)
    return match.end() if match else at


def _line_start(text: str, at: int) -> int:
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


def _indent_at(text: str, at: int) -> str:
    match = _BLANKS.match(text, _line_start(text, at))
    return match[0] if match else ""


def entries_of(text: str, *keys: str) -> list[tuple[Path, dict[str, Any]]]:
    """Return the objects in lists of a text, each with its path; none where there is no list.

    Raises:
        JsoncError: the text cannot be read.
    """
    root = parse(text)
    found: list[tuple[Path, dict[str, Any]]] = []
    for key in keys:
        entries = plain(find(root, (key,)))
        numbered = enumerate(entries if isinstance(entries, list) else ())
        found += [((key, number), each) for number, each in numbered if isinstance(each, dict)]
    return found


def updated(now: Mapping[str, Any], wanted: Mapping[str, Any], former: Any = None) -> Any:
    """Return an object with the wanted keys set, recursively; other keys stay, behind them.

    `former`: values to remove where nothing is wanted: by key, a tuple of values or a mapping.
    """
    before = former if isinstance(former, dict) else {}
    new = {
        key: updated(now[key], value, before.get(key))
        if value and isinstance(value, dict) and isinstance(now.get(key), dict)
        else value
        for key, value in wanted.items()
    }
    for key, value in now.items():
        if key in wanted or _is_former(value, before.get(key)):
            continue
        nested = isinstance(value, dict) and isinstance(before.get(key), dict)
        new[key] = updated(value, {}, before[key]) if nested else value
    return new


def _is_former(value: object, former: object) -> bool:
    """Return whether a value is one of the former ones, or an object of nothing else."""
    if isinstance(former, dict) and isinstance(value, dict):
        return bool(value) and all(_is_former(v, former.get(key)) for key, v in value.items())
    return isinstance(former, tuple) and any(same(value, each) for each in former)


def update(text: str, path: Path, new: Mapping[str, Any]) -> str:
    """Return the text with `new` as the object at `path`, by as few changes as possible.

    An object that has the layout of `written`, so without comments, is written as a whole.
    """
    node = find(parse(text), path)
    now = plain(node)
    if node is None or same(now, new):
        return text
    if _has_own_layout(text, node):
        return put(text, path, new)
    for key in [key for key in now if key not in new]:
        while find(parse(text), (*path, key)) is not None:  # a key may occur twice
            text = drop(text, (*path, key))
    for key, value in new.items():
        old = now.get(key)
        if key in now and isinstance(old, dict) and isinstance(value, dict) and value:
            text = update(text, (*path, key), value)
        elif key not in now or not same(old, value):
            text = put(text, (*path, key), value)
    return text


def _has_own_layout(text: str, node: Node) -> bool:
    value, style, indent = plain(node), style_of(text), _indent_at(text, node.start)
    return text[node.start : node.end] in (
        written(value, style, indent, former=width) for width in (None, FORMER_WIDEST)
    )


def rename_references(
    text: str, lists: Sequence[str], keys: Sequence[str], renamed: Mapping[str, str]
) -> str:
    """Return the text with references to renamed entries updated.

    `lists`: keys of the lists whose entries refer to others. `keys`: of an entry, with a name or a
    list of names. `renamed`: old to new.
    """
    for path, _ in entries_of(text, *lists):
        for key in keys:
            text = _rename_one(text, (*path, key), renamed)
    return text


def _rename_one(text: str, path: Path, renamed: Mapping[str, str]) -> str:
    value = plain(find(parse(text), path))
    if isinstance(value, list):
        for number in range(len(value)):
            text = _rename_one(text, (*path, number), renamed)
        return text
    if not isinstance(value, str) or value not in renamed:
        return text
    return put(text, path, renamed[value])


def without(text: str, paths: Iterable[Path]) -> str:
    """Return the text without these entries of one list."""
    for path in sorted(paths, reverse=True):
        text = drop(text, path)
    return text
