"""Bring what is ours in a file up to date, and leave everything else as it is, byte for byte. Pure.

Ours is set key by key, so that comments and further keys inside it live. What a person made under
a name of ours stays, and is told of. The second time nothing is left to do.
"""

from __future__ import annotations

from devports.core.jsonc import LINE_END, find, parse, plain, same
from devports.core.value import Value
from devports.editor import edits
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from devports.core.jsonc import Path
    from devports.editor.template import Json


class Note(Value):
    """Something that a person has to decide.

    Attributes:
        code: kebab-case, the same in text, JSON, docs and tests.
        message: one line, names in backticks, no period.
        snippet: JSON to paste, empty if there is none.
    """

    code: str
    message: str
    hints: tuple[str, ...] = ()
    snippet: str = ""


class Piece(Value):
    """One entry of ours in a list: how it is recognised, its name, and what it should be."""

    role: object
    name: str
    body: Json


class Merged(Value):
    """A text after the merge, and what came of names: old to new, None for one that went."""

    text: str
    renamed: dict[str, str | None]
    notes: tuple[Note, ...] = ()


class Kind(Value):
    """What tells the entries of one list apart.

    Attributes:
        file: as messages call it.
        key: of the list.
        naming: the key that holds an entry's name.
        noun: what a person calls an entry.
        role: which of ours an entry of the file is; None for one that is not ours.
        advice: how a name can be had that is taken.
    """

    file: str
    key: str
    naming: str
    noun: str
    role: Callable[[Json], object | None]
    advice: str


def started_from(text: str, skeleton: str) -> str:
    """Return `text`; the skeleton behind its comments where it holds nothing yet.

    Raises:
        JsoncError: the text is neither.
    """
    if parse(text) is not None:
        return text
    end = LINE_END.search(text)
    fresh = LINE_END.sub(end[0], skeleton) if end else skeleton
    gap = (
        "" if not text.strip("\ufeff") or text.endswith(("\n", "\r")) else edits.style_of(text).eol
    )
    return text + gap + fresh


def emptied(text: str, *keys: str) -> str:
    """Return a template's text without the entries of its lists: comments and version stay."""
    for key in keys:
        while find(parse(text), (key, 0)) is not None:
            text = edits.drop(text, (key, 0))
    return text


def merge(text: str, kind: Kind, wanted: tuple[Piece, ...]) -> Merged:
    """Bring the entries of one list up to date.

    Raises:
        JsoncError: the text cannot be read.
        DevportsError: `editor-file-shape`: it does not have the list where it should.
    """
    text = _with_list(text, kind, needed=bool(wanted))
    text, renamed = _without_others(text, kind, {piece.role for piece in wanted})
    notes: list[Note] = []
    fresh: list[object] = []
    entries = _entries(text, kind)
    present, others = _present(entries, kind), _others(entries, kind)
    for piece in wanted:
        number, taken = present.get(piece.role), piece.name in others
        notes += [_conflict(kind, piece)] if taken else []
        if number is None:
            fresh += [] if taken else [piece.body]
            continue
        old = _name(entries[number], kind)
        if old != piece.name and not taken:
            renamed[old] = piece.name
        body = piece.body | {kind.naming: old} if taken else piece.body
        text = update(text, (kind.key, number), body)
    text = edits.append(text, (kind.key,), *fresh) if fresh else text
    return Merged(text, renamed, tuple(notes))


def _without_others(text: str, kind: Kind, roles: set[object]) -> tuple[str, dict[str, str | None]]:
    """Remove those of ours that nobody wants any more."""
    gone: dict[str, str | None] = {}
    for number, entry in reversed(list(enumerate(_entries(text, kind)))):
        role = kind.role(entry)
        if role is not None and role not in roles:
            gone[_name(entry, kind)] = None
            text = edits.drop(text, (kind.key, number))
    return text, gone


def _with_list(text: str, kind: Kind, *, needed: bool) -> str:
    root = parse(text)
    if root is None or root.kind != "object":
        raise _misshapen(kind, "it is not an object")
    entries = find(root, (kind.key,))
    if entries is None:
        return edits.put(text, (kind.key,), []) if needed else text
    if entries.kind != "array":
        raise _misshapen(kind, f"`{kind.key}` is not a list")
    return text


def _misshapen(kind: Kind, why: str) -> DevportsError:
    return DevportsError("editor-file-shape", f"`{kind.file}` is not what VS Code reads: {why}")


def _entries(text: str, kind: Kind) -> list[Any]:
    return plain(find(parse(text), (kind.key,))) or []


def _name(entry: object, kind: Kind) -> str:
    return str(entry.get(kind.naming, "")) if isinstance(entry, dict) else ""


def _present(entries: Sequence[Any], kind: Kind) -> dict[object, int]:
    """Return where each of ours is. Of copies the first is ours, the others are a person's."""
    found: dict[object, int] = {}
    for number, entry in enumerate(entries):
        role = kind.role(entry)
        if role is not None:
            found.setdefault(role, number)
    return found


def _others(entries: Sequence[Any], kind: Kind) -> set[str]:
    """Return the names of the entries that are not ours."""
    return {_name(entry, kind) for entry in entries if kind.role(entry) is None}


def _conflict(kind: Kind, piece: Piece) -> Note:
    return Note(
        "label-taken",
        f"`{kind.file}` has a {kind.noun} `{piece.name}` that is not from devports: it stays",
        hints=(f"rename or remove it, or {kind.advice}",),
    )


def update(text: str, path: Path, wanted: Mapping[str, object]) -> str:
    """Set the keys that differ, those of objects inside one by one; further keys stay."""
    for key, value in wanted.items():
        here = find(parse(text), (*path, key))
        if here is not None and same(plain(here), value):
            continue
        if here is not None and here.kind == "object" and isinstance(value, dict) and value:
            text = update(text, (*path, key), value)
        else:
            text = edits.put(text, (*path, key), value)
    return text


def rename_references(
    text: str, lists: tuple[str, ...], keys: tuple[str, ...], renamed: Mapping[str, str | None]
) -> str:
    """Let what names an entry of ours name it by its new name; a name that went goes.

    Args:
        text: of the file.
        lists: keys of the lists whose entries name others.
        keys: where in an entry a name, or a list of names, stands.
        renamed: old to new, None for one that went.
    """
    for key in lists:
        count = len(plain(find(parse(text), (key,))) or ())
        for number in range(count):
            for where in keys:
                text = _rename_one(text, (key, number, where), renamed)
    return text


def _rename_one(text: str, path: Path, renamed: Mapping[str, str | None]) -> str:
    node = find(parse(text), path)
    value = plain(node)
    if isinstance(value, list):
        for number in reversed(range(len(value))):
            text = _rename_one(text, (*path, number), renamed)
        return text
    if not isinstance(value, str) or value not in renamed:
        return text
    new = renamed[value]
    return edits.drop(text, path) if new is None else edits.put(text, path, new)
