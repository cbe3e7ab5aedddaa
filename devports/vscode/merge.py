"""What `devports vscode` would make of the two files. Pure.

merge: Bring what is ours in a file up to date, and leave everything else as it is, byte for byte.
Pure.

Ours is set key by key, so that comments and further keys inside it live. What a person made under
a name of ours stays, and is told of. The second time nothing is left to do.
"""

from __future__ import annotations

import json

from devports.core.jsonc import LINE_END, JsoncError, find, parse, plain, same
from devports.core.value import Frozen
from devports.errors import DevportsError
from devports.vscode import jsonc_edit
from devports.vscode.tasks import is_ours, role_of, wanted_launch, wanted_tasks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from devports.core.jsonc import Path
    from devports.core.service import Config
    from devports.vscode.tasks import Json, Launch, PrelaunchHook, Role, Task, Template


TASKS, LAUNCH = ".vscode/tasks.json", ".vscode/launch.json"
TASKS_VERSION = "2.0.0"
NAMED = ("preLaunchTask", "postDebugTask")


class FileChange(Frozen):
    """One file, before and after; `None`: it is not there, and need not be."""

    path: str
    before: str | None
    after: str | None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def state(self) -> str:
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
    labels = _own_labels(tasks or "") | _own_labels(first.text)
    labels = {label: _heir(role, heirs) for label, role in labels.items()}
    second = _planned_launch(launch, template, wish, labels, first.renamed)
    files = (FileChange(TASKS, tasks, first.text), FileChange(LAUNCH, launch, second[0]))
    return Plan(files, (*first.notes, *second[1]))


# -- tasks.json


def _task_kind(heirs: Mapping[str, str]) -> EntryKind:
    return EntryKind(
        TASKS,
        "tasks",
        "label",
        "task",
        lambda entry: _heir(role_of(entry), heirs) if is_ours(entry) else None,
        "set `task` in `[services.NAME.vscode]`",
    )


def _planned_tasks(
    text: str | None, template: Template, wanted: tuple[Task, ...], heirs: Mapping[str, str]
) -> Merged:
    pieces = tuple(GeneratedEntry(task.role, task.label, task.body) for task in wanted)
    try:
        start = _versioned(started_from(text or "", emptied(template.tasks, "tasks")))
        merged = merge(start, _task_kind(heirs), pieces)
    except JsoncError as error:
        raise BrokenFileError(TASKS, error, snippet("tasks", pieces)) from None
    new = rename_references(merged.text, ("tasks",), ("dependsOn",), _renames_only(merged.renamed))
    return merged.but(text=new)


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


def _renames_only(renamed: Mapping[str, str | None]) -> dict[str, str | None]:
    """A task of a person's may wait for one that went: it is for the person to say what then."""
    return {old: new for old, new in renamed.items() if new is not None}


def _own_labels(text: str) -> dict[str, Role]:
    """Return the labels of our tasks in a text that can be read, and what each does."""
    entries = plain(find(parse(text), ("tasks",)))
    ours = [each for each in entries if is_ours(each)] if isinstance(entries, list) else []
    return {str(each.get("label")): role_of(each) for each in ours}


# -- launch.json


def _planned_launch(
    text: str | None,
    template: Template,
    wish: Launch,
    labels: Mapping[str, Role],
    renamed: Mapping[str, str | None],
) -> tuple[str | None, tuple[Note, ...]]:
    if text is None and not wish.configurations:
        return None, tuple(_absent(hook) for hook in wish.hooks)
    pieces = tuple(
        GeneratedEntry(_config_role(c, labels), str(c["name"]), c) for c in wish.configurations
    )
    try:
        start = started_from(text or "", emptied(template.launch, "configurations", "compounds"))
        merged = merge(start, _config_kind(labels), pieces)
        return _with_compounds_and_hooks(merged, wish, renamed)
    except JsoncError as error:
        raise BrokenFileError(LAUNCH, error, snippet("configurations", pieces)) from None


def _with_compounds_and_hooks(
    merged: Merged, wish: Launch, renamed: Mapping[str, str | None]
) -> tuple[str, tuple[Note, ...]]:
    text = rename_references(merged.text, ("configurations", "compounds"), NAMED, renamed)
    text = rename_references(
        text, ("compounds",), ("configurations",), _renames_only(merged.renamed)
    )
    ours = {*wish.names, *merged.renamed}
    compounds = tuple(GeneratedEntry(str(c["name"]), str(c["name"]), c) for c in wish.compounds)
    together = merge(text, _compound_kind(ours), compounds)
    text, notes = together.text, [*merged.notes, *together.notes]
    for hook in wish.hooks:
        text, note = _hooked(text, hook)
        notes += [note] if note else []
    return text, tuple(notes)


def _config_role(entry: object, labels: Mapping[str, Role]) -> Role | None:
    """A configuration of ours attaches to a server that a task of ours starts."""
    if not isinstance(entry, dict) or entry.get("request") != "attach":
        return None
    return labels.get(str(entry.get("preLaunchTask")))


def _config_kind(labels: Mapping[str, Role]) -> EntryKind:
    return EntryKind(
        LAUNCH,
        "configurations",
        "name",
        "configuration",
        lambda entry: _config_role(entry, labels),
        "change the name in `.vscode-template/launch.json`",
    )


def _compound_kind(ours: set[str]) -> EntryKind:
    def role(entry: object) -> str | None:
        """A compound of ours starts nothing but what is ours."""
        names = entry.get("configurations") if isinstance(entry, dict) else None
        mine = isinstance(names, list) and bool(names) and all(name in ours for name in names)
        return str(entry.get("name")) if mine and isinstance(entry, dict) else None

    advice = "change the name in `.vscode-template/launch.json`"
    return EntryKind(LAUNCH, "compounds", "name", "compound", role, advice)


def _hooked(text: str, hook: PrelaunchHook) -> tuple[str, Note | None]:
    """Let a configuration of the user's free the port first, where nothing comes first yet."""
    for key in ("configurations", "compounds"):
        entries = plain(find(parse(text), (key,))) or []
        for number, entry in enumerate(entries):
            if isinstance(entry, dict) and entry.get("name") == hook.name:
                now = entry.get("preLaunchTask")
                if now is None:
                    return jsonc_edit.put(text, (key, number, "preLaunchTask"), hook.task), None
                return text, None if now == hook.task else _proposal(hook, now)
    return text, _absent(hook)


def _absent(hook: PrelaunchHook) -> Note:
    return Note(
        "configuration-missing",
        f"`{LAUNCH}` has no configuration `{hook.name}` that `{hook.task}` could come before",
        hints=("correct `prelaunch` in devports.toml, or add the configuration",),
    )


def _proposal(hook: PrelaunchHook, now: object) -> Note:
    """Return how both tasks can come first: the one that is there, and ours before it."""
    both: Json = {
        "label": f"Before {hook.name}",
        "dependsOn": [hook.task, now],
        "dependsOrder": "sequence",
        "problemMatcher": [],
    }
    return Note(
        "prelaunch-taken",
        f"`{hook.name}` in `{LAUNCH}` has another `preLaunchTask` already: it stays",
        hints=(f"for both, add this task and name `Before {hook.name}` as its `preLaunchTask`",),
        snippet=jsonc_edit.written(both, jsonc_edit.Style()),
    )


def snippet(key: str, pieces: tuple[GeneratedEntry, ...]) -> str:
    """Return what to paste, where a file cannot be edited."""
    return jsonc_edit.written({key: [piece.body for piece in pieces]}, jsonc_edit.Style())


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

    role: object
    name: str
    body: Json


class Merged(Frozen):
    """A text after the merge, and what came of names: old to new, None for one that went."""

    text: str
    renamed: dict[str, str | None]
    notes: tuple[Note, ...] = ()


class EntryKind(Frozen):
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
    text = jsonc_edit.append(text, (kind.key,), *fresh) if fresh else text
    return Merged(text, renamed, tuple(notes))


def _without_others(
    text: str, kind: EntryKind, roles: set[object]
) -> tuple[str, dict[str, str | None]]:
    """Remove those of ours that nobody wants any more."""
    gone: dict[str, str | None] = {}
    for number, entry in reversed(list(enumerate(_entries(text, kind)))):
        role = kind.role(entry)
        if role is not None and role not in roles:
            gone[_name(entry, kind)] = None
            text = jsonc_edit.drop(text, (kind.key, number))
    return text, gone


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


def _entries(text: str, kind: EntryKind) -> list[Any]:
    return plain(find(parse(text), (kind.key,))) or []


def _name(entry: object, kind: EntryKind) -> str:
    return str(entry.get(kind.naming, "")) if isinstance(entry, dict) else ""


def _present(entries: Sequence[Any], kind: EntryKind) -> dict[object, int]:
    """Return where each of ours is. Of copies the first is ours, the others are a person's."""
    found: dict[object, int] = {}
    for number, entry in enumerate(entries):
        role = kind.role(entry)
        if role is not None:
            found.setdefault(role, number)
    return found


def _others(entries: Sequence[Any], kind: EntryKind) -> set[str]:
    """Return the names of the entries that are not ours."""
    return {_name(entry, kind) for entry in entries if kind.role(entry) is None}


def _conflict(kind: EntryKind, piece: GeneratedEntry) -> Note:
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
            text = jsonc_edit.put(text, (*path, key), value)
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
    return jsonc_edit.drop(text, path) if new is None else jsonc_edit.put(text, path, new)
