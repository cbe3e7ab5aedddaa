"""Bring what is ours in one list of a file up to date, and nothing else. Pure.

Everything else stays as it is, byte for byte. Ours is set key by key, so that comments and further
keys inside it live. What a person made under a name of ours stays, and is told of. So do copies of
ours. The second time nothing is left to do.
"""

from __future__ import annotations

from devports.core.jsonc import find, parse, plain, same
from devports.core.value import Frozen
from devports.errors import DevportsError
from devports.vscode import jsonc_edit
from devports.vscode.tasks import NAMING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from devports.core.jsonc import Path
    from devports.vscode.tasks import GeneratedEntry, Json, Role


class Note(Frozen):
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


class Merged(Frozen):
    """A text after the merge, and what ours were called before and are called now."""

    text: str
    renamed: dict[str, str]
    notes: tuple[Note, ...] = ()


class EntryKind(Frozen):
    """What tells the entries of one list apart.

    Attributes:
        file: as messages call it.
        key: of the list.
        role: which of ours an entry of the file is; None for one that is not ours.
        former: names that the entry of a role may have had: they tell it from its copies.
        taken: what a person is told where a name of ours is another entry's.
    """

    file: str
    key: str
    role: Callable[[Json], Role | None]
    former: Callable[[Role], Sequence[str]]
    taken: Callable[[str], Note]

    def name(self, entry: Json) -> str:
        """Return what a person calls an entry; empty where it has no name."""
        return str(entry.get(NAMING[self.key], ""))


def entries_of(text: str, *keys: str) -> list[tuple[Path, Json]]:
    """Return the objects in lists of a text, each with its path; none where there is no list.

    Raises:
        JsoncError: the text cannot be read.
    """
    root = parse(text)
    found: list[tuple[Path, Json]] = []
    for key in keys:
        entries = plain(find(root, (key,)))
        numbered = enumerate(entries if isinstance(entries, list) else ())
        found += [((key, number), each) for number, each in numbered if isinstance(each, dict)]
    return found


def merge(text: str, kind: EntryKind, wanted: Sequence[GeneratedEntry]) -> Merged:
    """Bring the entries of one list up to date; none is removed.

    Raises:
        JsoncError: the text cannot be read.
        DevportsError: `editor-file-shape`: it does not have the list where it should.
    """
    text = _with_list(text, kind, needed=bool(wanted))
    renamed: dict[str, str] = {}
    notes: list[Note] = []
    fresh: list[object] = []
    entries = dict(entries_of(text, kind.key))
    present = chosen(text, kind, {piece.role: piece.name for piece in wanted})
    ours = {present.get(piece.role) for piece in wanted}
    others = {kind.name(each) for path, each in entries.items() if path not in ours}
    for piece in wanted:
        path = present.get(piece.role)
        old = "" if path is None else kind.name(entries[path])
        taken = piece.name in others and piece.name != old
        notes += [kind.taken(piece.name)] if taken else []
        if path is None:
            fresh += [] if taken else [piece.body]
            continue
        if old != piece.name and not taken:
            renamed[old] = piece.name
        body = piece.body | {NAMING[kind.key]: old} if taken else piece.body
        text = update(text, path, body)
    text = jsonc_edit.append(text, (kind.key,), *fresh) if fresh else text
    return Merged(text, renamed, tuple(notes))


def chosen(text: str, kind: EntryKind, wanted: Mapping[Role, str]) -> dict[Role, Path]:
    """Return where the one entry of each role is; the others of that role are copies.

    It is the one with the wanted name, or else with a former one, or else the first.
    """
    found: dict[Role, dict[str, Path]] = {}
    for path, entry in entries_of(text, kind.key):
        if (role := kind.role(entry)) is not None:
            found.setdefault(role, {}).setdefault(kind.name(entry), path)
    result: dict[Role, Path] = {}
    for role, paths in found.items():
        known = (wanted.get(role, ""), *kind.former(role))
        first = next(iter(paths.values()))
        result[role] = next((paths[name] for name in known if name in paths), first)
    return result


def without(text: str, paths: Iterable[Path]) -> str:
    """Remove entries of one list."""
    for path in sorted(paths, reverse=True):
        text = jsonc_edit.drop(text, path)
    return text


def _with_list(text: str, kind: EntryKind, *, needed: bool) -> str:
    root = parse(text)
    if root is None or root.kind != "object":
        raise _misshapen(kind, "it is not an object")
    entries = find(root, (kind.key,))
    if entries is None:
        return jsonc_edit.put(text, (kind.key,), []) if needed else text
    if entries.kind != "array":
        raise _misshapen(kind, f"`{kind.key}` is not a list")
    return text


def _misshapen(kind: EntryKind, why: str) -> DevportsError:
    return DevportsError("editor-file-shape", f"`{kind.file}` is not what VS Code reads: {why}")


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
            text = jsonc_edit.put(text, (*path, key), value)
    return text


def rename_references(
    text: str, lists: Sequence[str], keys: Sequence[str], renamed: Mapping[str, str]
) -> str:
    """Let what names an entry of ours by its old name name it by its new one.

    Args:
        text: of the file.
        lists: keys of the lists whose entries name others.
        keys: where in an entry a name, or a list of names, stands.
        renamed: old to new.
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
    return jsonc_edit.put(text, path, renamed[value])
