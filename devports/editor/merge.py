"""Bring what is ours in a file up to date, and leave everything else as it is, byte for byte. Pure.

Ours is set key by key, so that comments and further keys inside it live. What a person made under
a name of ours stays, and is told of. So do copies of ours. The second time nothing is left to do.
"""

from __future__ import annotations

from devports.core.jsonc import LINE_END, find, parse, plain, same
from devports.core.value import Value
from devports.editor import edits
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from devports.core.jsonc import Path
    from devports.editor.tasks import Role
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

    role: Role
    name: str
    body: Json


class Merged(Value):
    """A text after the merge, and what ours were called before and are called now."""

    text: str
    renamed: dict[str, str]
    notes: tuple[Note, ...] = ()


class Kind(Value):
    """What tells the entries of one list apart.

    Attributes:
        file: as messages call it.
        key: of the list.
        naming: the key that holds an entry's name.
        role: which of ours an entry of the file is; None for one that is not ours.
        former: names that the entry of a role may have had: they tell it from its copies.
        taken: what a person is told where a name of ours is another entry's.
    """

    file: str
    key: str
    naming: str
    role: Callable[[Json], Role | None]
    former: Callable[[Role], Sequence[str]]
    taken: Callable[[str], Note]


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
    """Bring the entries of one list up to date; none is removed.

    Raises:
        JsoncError: the text cannot be read.
        DevportsError: `editor-file-shape`: it does not have the list where it should.
    """
    text = _with_list(text, kind, needed=bool(wanted))
    renamed: dict[str, str] = {}
    notes: list[Note] = []
    fresh: list[object] = []
    entries = entries_of(text, kind)
    present = chosen(entries, kind, {piece.role: piece.name for piece in wanted})
    ours = {present.get(piece.role) for piece in wanted}
    others = {name_of(each, kind) for number, each in enumerate(entries) if number not in ours}
    for piece in wanted:
        number = present.get(piece.role)
        old = "" if number is None else name_of(entries[number], kind)
        taken = piece.name in others and piece.name != old
        notes += [kind.taken(piece.name)] if taken else []
        if number is None:
            fresh += [] if taken else [piece.body]
            continue
        if old != piece.name and not taken:
            renamed[old] = piece.name
        body = piece.body | {kind.naming: old} if taken else piece.body
        text = update(text, (kind.key, number), body)
    text = edits.append(text, (kind.key,), *fresh) if fresh else text
    return Merged(text, renamed, tuple(notes))


def without(text: str, kind: Kind, numbers: Iterable[int]) -> str:
    """Remove the entries at some places of a list."""
    for number in sorted(numbers, reverse=True):
        text = edits.drop(text, (kind.key, number))
    return text


def chosen(entries: Sequence[Any], kind: Kind, wanted: Mapping[Role, str]) -> dict[Role, int]:
    """Return where the one entry of each role is; the others of that role are copies.

    It is the one with the wanted name, or else with a former one, or else the first.
    """
    found: dict[Role, list[int]] = {}
    for number, entry in enumerate(entries):
        role = kind.role(entry)
        if role is not None:
            found.setdefault(role, []).append(number)
    result: dict[Role, int] = {}
    for role, numbers in found.items():
        names = {name_of(entries[number], kind): number for number in reversed(numbers)}
        known = (wanted.get(role, ""), *kind.former(role))
        result[role] = next((names[name] for name in known if name in names), numbers[0])
    return result


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


def entries_of(text: str, kind: Kind) -> list[Any]:
    """Return the entries of a list; none where there is no list."""
    found = plain(find(parse(text), (kind.key,)))
    return found if isinstance(found, list) else []


def name_of(entry: object, kind: Kind) -> str:
    """Return what a person calls an entry; empty where it has no name."""
    return str(entry.get(kind.naming, "")) if isinstance(entry, dict) else ""


def label_taken(file: str, noun: str, name: str, advice: str) -> Note:
    """Return that an entry of a person's has a name of ours; `advice` is how ours gets another."""
    return Note(
        "label-taken",
        f"`{file}` has a {noun} `{name}` that is not from devports: it stays",
        hints=(f"rename or remove it, or {advice}",),
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
    text: str, lists: tuple[str, ...], keys: tuple[str, ...], renamed: Mapping[str, str]
) -> str:
    """Let what names an entry of ours by its old name name it by its new one.

    Args:
        text: of the file.
        lists: keys of the lists whose entries name others.
        keys: where in an entry a name, or a list of names, stands.
        renamed: old to new.
    """
    for key in lists:
        count = len(plain(find(parse(text), (key,))) or ())
        for number in range(count):
            for where in keys:
                text = _rename_one(text, (key, number, where), renamed)
    return text


def _rename_one(text: str, path: Path, renamed: Mapping[str, str]) -> str:
    value = plain(find(parse(text), path))
    if isinstance(value, list):
        for number in range(len(value)):
            text = _rename_one(text, (*path, number), renamed)
        return text
    if not isinstance(value, str) or value not in renamed:
        return text
    return edits.put(text, path, renamed[value])
