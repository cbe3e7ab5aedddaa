"""What `devports vscode` would make of the two files. Pure.

merge: Bring what is ours in a file up to date, and leave everything else as it is, byte for byte.
Pure.

Ours is set key by key, so that comments and further keys inside it live. What a person made under
a name of ours stays, and is told of. So do copies of ours. The second time nothing is left to do.
"""

from __future__ import annotations

import json

from devports.core.jsonc import LINE_END, JsoncError, find, parse, plain, same
from devports.core.value import Frozen
from devports.errors import DevportsError
from devports.vscode import jsonc_edit
from devports.vscode import tasks as templates
from devports.vscode.launch import LAUNCH, Tasks, absent, launch_file, wanted_launch
from devports.vscode.tasks import is_former, is_ours, role_of, wanted_tasks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any, Literal

    from devports.core.jsonc import Path
    from devports.core.service import Config
    from devports.vscode.launch import Launch
    from devports.vscode.tasks import Json, Role, Task, Template


TASKS = ".vscode/tasks.json"
TASKS_VERSION = "2.0.0"


class FileChange(Frozen):
    """One file, before and after; `None`: it is not there, and need not be."""

    path: str
    before: str | None
    after: str | None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def state(self) -> Literal["current", "missing", "stale"]:
        """What is the matter with it: `current`, `missing` or `stale`."""
        if self.before == self.after:
            return "current"
        return "missing" if self.before is None else "stale"


class Plan(Frozen):
    """The files, and what a person has to decide."""

    files: tuple[FileChange, ...]
    notes: tuple[Note, ...] = ()

    @property
    def in_sync(self) -> bool:
        return all(file.state == "current" for file in self.files)


class BrokenFileError(DevportsError):
    """A file that cannot be edited; `snippet` is what to paste into it."""

    def __init__(self, path: str, error: JsoncError, snippet: str) -> None:
        super().__init__(
            "editor-file-broken",
            f"`{path}` cannot be read as JSON with comments, and is left alone",
            facts=(f"{path}:{error.line}:{error.column}: {error.reason}",),
            hints=("correct that place, or paste what is printed here",),
        )
        self.snippet = snippet


def plan(config: Config, template: Template, tasks: str | None, launch: str | None) -> Plan:
    """Return what the files should be.

    Args:
        config: a checked configuration.
        template: what ours are made from.
        tasks: the text of tasks.json; None: it is not there.
        launch: that of launch.json.

    Raises:
        BrokenFileError: one cannot be read; then none should be written.
        DevportsError: it is read and makes no sense, or the template does not.
    """
    wanted = wanted_tasks(config, template)
    heirs = _heirs(tasks, wanted)
    first = _planned_tasks(tasks, template, wanted, heirs)
    wish = wanted_launch(config, template)
    known = _known(tasks or "", first, heirs, template)
    second = _planned_launch(launch, template, wish, known)
    files = (FileChange(TASKS, tasks, first.text), FileChange(LAUNCH, launch, second[0]))
    return Plan(files, (*first.notes, *second[1]))


# -- tasks.json


def _task_kind(template: Template, heirs: Mapping[str, str]) -> EntryKind:
    def role(entry: Json) -> Role | None:
        return _heir(role_of(entry), heirs) if is_ours(entry) else None

    def taken(name: str) -> Note:
        return label_taken(TASKS, "task", name, "set `task` in `[services.NAME.vscode]`")

    former = _formerly(template, "tasks.json", "tasks", "label", heirs)
    return EntryKind(TASKS, "tasks", "label", role, former, taken)


def _planned_tasks(
    text: str | None, template: Template, wanted: tuple[Task, ...], heirs: Mapping[str, str]
) -> Merged:
    pieces = tuple(GeneratedEntry(task.role, task.label, task.body) for task in wanted)
    kind, roles = _task_kind(template, heirs), {task.role for task in wanted}
    try:
        start = _versioned(started_from(text or "", emptied(template.tasks, "tasks")))
        found = enumerate(map(kind.role, entries_of(start, kind)))
        surplus = [n for n, role in found if role is not None and role not in roles]
        merged = merge(without(start, kind, surplus), kind, pieces)
    except JsoncError as error:
        raise BrokenFileError(
            TASKS, error, snippet("tasks", (task.body for task in wanted))
        ) from None
    new = rename_references(merged.text, ("tasks",), ("dependsOn",), merged.renamed)
    return merged.but(text=new)


def _formerly(
    template: Template, name: str, key: str, naming: str, heirs: Mapping[str, str]
) -> Callable[[Role], Sequence[str]]:
    """Return what tells the names that an entry of a role may have had."""

    def former(role: Role) -> Sequence[str]:
        if not role[1:] or role[0] == "label":
            return ()
        services = (role[1], *(old for old, new in heirs.items() if new == role[1]))
        names = [templates.names_of(template, name, key, naming, each) for each in services]
        return tuple(each for several in names for each in several)

    return former


def _heirs(text: str | None, wanted: Sequence[Task]) -> dict[str, str]:
    """Return the new name of a service that was renamed: one name went and one came."""
    try:
        had = _services(_own_labels(text or "").values())
    except JsoncError:
        return {}
    wants = _services(task.role for task in wanted)
    went, came = had - wants, wants - had
    return {went.pop(): came.pop()} if len(went) == len(came) == 1 else {}


def _services(roles: Iterable[Role]) -> set[str]:
    """Return the services that tasks are about."""
    return {role[1] for role in roles if role[1:] and role[0] != "label"}


def _heir(role: Role, heirs: Mapping[str, str]) -> Role:
    return (role[0], heirs.get(role[1], role[1]), *role[2:]) if role[1:] else role


def _versioned(text: str) -> str:
    root = plain(parse(text))
    version = root.get("version") if isinstance(root, dict) else TASKS_VERSION
    if version is None:
        return jsonc_edit.put(text, ("version",), TASKS_VERSION)
    if version != TASKS_VERSION:
        raise DevportsError(
            "editor-file-shape",
            f"`{TASKS}` is of version {json.dumps(version)}, which VS Code no longer reads",
            hints=(f'bring it to `"version": "{TASKS_VERSION}"` first',),
        )
    return text


def _own_labels(text: str) -> dict[str, Role]:
    """Return the labels of our tasks in a text that can be read, and what each does."""
    return {str(each.get("label")): role_of(each) for each in _tasks(text) if is_ours(each)}


def _tasks(text: str) -> list[Json]:
    entries = plain(find(parse(text), ("tasks",)))
    found = entries if isinstance(entries, list) else []
    return [each for each in found if isinstance(each, dict)]


# -- launch.json


def _known(text: str, merged: Merged, heirs: Mapping[str, str], template: Template) -> Tasks:
    """Return what launch.json has to know of tasks.json, before and after."""
    before, now = _own_labels(text), _own_labels(merged.text)
    return Tasks(
        roles={label: _heir(role, heirs) for label, role in (before | now).items()},
        now=frozenset(now),
        gone=frozenset(before) - {str(each.get("label")) for each in _tasks(merged.text)},
        renamed=merged.renamed,
        former=any(map(is_former, _tasks(text))),
        names=_formerly(template, "launch.json", "configurations", "name", heirs),
    )


def _planned_launch(
    text: str | None, template: Template, wish: Launch, tasks: Tasks
) -> tuple[str | None, tuple[Note, ...]]:
    if text is None and not wish.configurations:
        return None, tuple(absent(hook) for hook in wish.hooks)
    try:
        start = started_from(text or "", emptied(template.launch, "configurations", "compounds"))
        return launch_file(start, wish, tasks)
    except JsoncError as error:
        pasted = snippet("configurations", wish.configurations)
        raise BrokenFileError(LAUNCH, error, pasted) from None


def snippet(key: str, bodies: Iterable[Json]) -> str:
    """Return what to paste, where a file cannot be edited."""
    return jsonc_edit.written({key: list(bodies)}, jsonc_edit.Style())


def searched(task: Mapping[str, object], system: str, root: str, path: str) -> str:
    """Return the PATH that a task gets: its own, with what VS Code would put in for variables.

    Args:
        task: from tasks.json.
        system: the key of the part for one system: linux, osx or windows.
        root: of the project, the workspace folder.
        path: that VS Code has itself.
    """
    for part in (task.get(system), task):
        options = part.get("options") if isinstance(part, dict) else None
        env = options.get("env") if isinstance(options, dict) else None
        own = env.get("PATH") if isinstance(env, dict) else None
        if isinstance(own, str):
            return own.replace("${workspaceFolder}", root).replace("${env:PATH}", path)
    return path


def programs_of(text: str) -> Iterator[tuple[str, Json]]:
    """Yield label and body of each task of ours that starts something."""
    entries = plain(find(parse(text), ("tasks",)))
    for entry in entries if isinstance(entries, list) else ():
        if is_ours(entry) and isinstance(entry.get("command"), str) and entry["command"].strip():
            yield str(entry.get("label")), entry


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


class GeneratedEntry(Frozen):
    """One entry of ours in a list: how it is recognised, its name, and what it should be."""

    role: Role
    name: str
    body: Json


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
        ""
        if not text.strip("\ufeff") or text.endswith(("\n", "\r"))
        else jsonc_edit.style_of(text).eol
    )
    return text + gap + fresh


def emptied(text: str, *keys: str) -> str:
    """Return a template's text without the entries of its lists: comments and version stay."""
    for key in keys:
        while find(parse(text), (key, 0)) is not None:
            text = jsonc_edit.drop(text, (key, 0))
    return text


def merge(text: str, kind: EntryKind, wanted: tuple[GeneratedEntry, ...]) -> Merged:
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
    text = jsonc_edit.append(text, (kind.key,), *fresh) if fresh else text
    return Merged(text, renamed, tuple(notes))


def without(text: str, kind: EntryKind, numbers: Iterable[int]) -> str:
    """Remove the entries at some places of a list."""
    for number in sorted(numbers, reverse=True):
        text = jsonc_edit.drop(text, (kind.key, number))
    return text


def chosen(entries: Sequence[Any], kind: EntryKind, wanted: Mapping[Role, str]) -> dict[Role, int]:
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


def entries_of(text: str, kind: EntryKind) -> list[Any]:
    """Return the entries of a list; none where there is no list."""
    found = plain(find(parse(text), (kind.key,)))
    return found if isinstance(found, list) else []


def name_of(entry: object, kind: EntryKind) -> str:
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
            text = jsonc_edit.put(text, (*path, key), value)
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
    return jsonc_edit.put(text, path, renamed[value])
