"""The merge of `devports vscode` into tasks.json and launch.json. Pure.

Everything that is not generated stays as it is, byte for byte. A generated entry is set key by key,
so that comments and further keys inside it stay. An entry of a person with a generated name stays,
and is reported. So are copies of generated entries. A second merge changes nothing.

Generated is what carries the mark, and nothing else: what an entry does only tells which generated
entry it is. An entry of a launch.json without the mark is a person's. It changes in two cases,
which a person asked for: `prelaunch` adds a `preLaunchTask` where none is, and references to a
renamed generated entry are updated.
"""

from __future__ import annotations

import json

from devports.core import jsonc
from devports.core.jsonc import LINE_END, JsoncError, entries_of, find, inside, parse, plain, same
from devports.core.value import Frozen
from devports.errors import DevportsError
from devports.vscode.tasks import (
    BUILD,
    FORMER,
    GROUP,
    NAMING,
    GeneratedEntry,
    Role,
    Workspace,
    folders_of,
    generate_launch,
    generate_tasks,
    has_generated_group,
    is_former,
    is_generated,
    is_marked,
    named_role,
    names_of,
    needs_of,
    role_of,
    unmarked,
    with_program,
    without_group,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any, Literal, TypeAlias

    from devports.core.jsonc import Path
    from devports.vscode.tasks import Json, Launch, Part, PrelaunchHook, ServiceKey, Template

    Renamed: TypeAlias = Mapping[ServiceKey, str]
    """The new name of each renamed service."""


TASKS = ".vscode/tasks.json"
TASKS_VERSION = "2.0.0"
LAUNCH = ".vscode/launch.json"
LISTS = ("configurations", "compounds")
NOUNS = {"configurations": "configuration", "compounds": "compound"}
NAMED = ("preLaunchTask", "postDebugTask")


class Note(Frozen):
    """A decision for a person.

    Attributes:
        code: kebab-case, the same in text, JSON, docs and tests.
        message: one line, names in backticks, no period.
        snippet: JSON to paste, empty if there is none.
        label: a note needs no decision.
    """

    code: str
    message: str
    hints: tuple[str, ...] = ()
    snippet: str = ""
    label: Literal["warning", "note"] = "warning"


class FileChange(Frozen):
    """One file, before and after; `None`: it does not exist, and need not."""

    path: str
    before: str | None
    after: str | None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def state(self) -> Literal["current", "missing", "stale"]:
        if self.before == self.after:
            return "current"
        return "missing" if self.before is None else "stale"


class Plan(Frozen):
    """The files, and the decisions for a person, before what is only said.

    `runs`: labels of the tasks that start a service. `debugs`: names of generated launch
    configurations.
    """

    files: tuple[FileChange, ...]
    notes: tuple[Note, ...] = ()
    runs: tuple[str, ...] = ()
    debugs: tuple[str, ...] = ()

    @property
    def in_sync(self) -> bool:
        return all(file.state == "current" for file in self.files)


class BrokenFileError(DevportsError):
    """A file that cannot be edited; `snippet` is what to paste into it."""

    def __init__(self, path: str, error: JsoncError, key: str, bodies: Iterable[Json]) -> None:
        super().__init__(
            "editor-file-broken",
            f"`{path}` is not valid JSON with comments; left unchanged",
            facts=(f"{path}:{error.line}:{error.column}: {error.reason}",),
            hints=("fix that place, or paste the entries printed here",),
        )
        self.snippet = jsonc.written({key: list(bodies)}, jsonc.Style())


class Merged(Frozen):
    """A text after the merge, and the renamed generated entries, old name to new."""

    text: str
    renamed: dict[str, str]
    notes: tuple[Note, ...] = ()


class EntryKind(Frozen):
    """The properties of one list.

    Attributes:
        file: its name in messages.
        key: of the list.
        role: returns the role of a generated entry; None for any other one.
        former: returns the possible former names of a role's entry, which tell it from copies.
        taken: the advice where a generated name belongs to another entry.
    """

    file: str
    key: str
    role: Callable[[Json], Role | None]
    former: Callable[[Role], Sequence[str]]
    taken: Callable[[str], Note]

    def name(self, entry: Json) -> str:
        """Return the name of an entry; empty where it has none."""
        return str(entry.get(NAMING[self.key], ""))


class LaunchGoal(Frozen):
    """The wanted state of launch.json, and what has to be known of tasks.json for it.

    Attributes:
        wanted: generated entries as they should be, by list.
        compounds: the names of generated compounds, present or not.
        owns: returns whether an entry of a role may be changed.
        roles: the role of each generated task, by its label, old and new.
        now: labels of generated tasks that exist now.
        gone: the roles of generated tasks that existed before and no longer do, by label.
        renamed: labels of generated tasks, old to new.
        former: whether the tasks were generated before launch configurations got their mark.
        names: the possible former names of the configuration of a role.
    """

    wanted: Mapping[str, Sequence[GeneratedEntry]]
    compounds: Sequence[str]
    owns: Callable[[Role], bool]
    roles: Mapping[str, Role]
    now: frozenset[str]
    gone: Mapping[str, Role]
    renamed: Mapping[str, str]
    former: bool
    names: Callable[[Role], Sequence[str]]


def plan(parts: Sequence[Part], template: Template, tasks: str | None, launch: str | None) -> Plan:
    """Return the changes to both files, which the `parts` share.

    `tasks` and `launch`: their texts; None: the file does not exist.

    Raises:
        BrokenFileError: one cannot be read; then none should be written.
        DevportsError: it has an unexpected structure, or the template has.
    """
    space = _workspace(parts, tasks or "", launch or "")
    wanted = generate_tasks(space, template)
    renamed = _renamed_services(space, wanted)
    kind = _task_kind(template, space, renamed, wanted)
    first = _planned_tasks(tasks, template, wanted, kind, space)
    wish = generate_launch(space, template)
    goal = _goal(wish, first, space, renamed, template)
    second, notes = _planned_launch(launch, template, wish, goal)
    files = (FileChange(TASKS, tasks, first.text), FileChange(LAUNCH, launch, second))
    gone = [*_dangling_needs(first.text, goal), *_removed(TASKS, goal.gone)]
    runs = tuple(task.name for task in wanted if task.role.starts)
    debugs = tuple(str(each.get("name")) for each in wish.configurations)
    told = sorted((*first.notes, *gone, *notes), key=lambda note: note.label == "note")
    return Plan(files, tuple(told), runs, debugs)


def _workspace(parts: Sequence[Part], tasks: str, launch: str) -> Workspace:
    """Return the parts with the entries that exist; none of a file that cannot be read."""
    folders = frozenset(part.folder for part in parts)
    found = [each for each in _readable(tasks, "tasks") if is_generated(each)]
    present = {str(each.get("label")): role_of(each).within(folders) for each in found}
    space = Workspace(tuple(parts), present, former=any(map(is_former, found)))
    kept = {label for label, role in space.kept.items() if role.debugs}
    debugs = (each for each in _readable(launch, LISTS[0]) if is_marked(each))
    names = (str(each.get("name")) for each in debugs if each.get("preLaunchTask") in kept)
    return space.replace(debugs=tuple(names))


def folders_in(text: str) -> tuple[str, ...]:
    """Return the folders below whose tasks a tasks.json has; none of an unreadable one."""
    return folders_of(_readable(text, "tasks"))


def _readable(text: str, key: str) -> list[Json]:
    """Return the entries of a list; none of a text that cannot be read, which is told later."""
    try:
        return [entry for _, entry in entries_of(text, key)]
    except JsoncError:
        return []


def _started_from(text: str, skeleton: str, *keys: str) -> str:
    """Return `text`; where it has no value yet, the skeleton behind its comments.

    `skeleton`: the template's text; its comments and version stay. `keys`: of its lists, whose
    entries are removed.

    Raises:
        JsoncError: the text cannot be read.
    """
    if parse(text) is not None:
        return text
    for key in keys:
        while find(parse(skeleton), (key, 0)) is not None:
            skeleton = jsonc.drop(skeleton, (key, 0))
    end = LINE_END.search(text)
    fresh = LINE_END.sub(end[0], skeleton) if end else skeleton
    whole = not text.strip("\ufeff") or text.endswith(("\n", "\r"))
    return text + ("" if whole else jsonc.style_of(text).eol) + fresh


def merge(text: str, kind: EntryKind, wanted: Sequence[GeneratedEntry]) -> Merged:
    """Return the text with the entries of one list up to date; none is removed.

    Raises:
        JsoncError: the text cannot be read.
        DevportsError: `editor-file-shape`: the list is not where it should be.
    """
    text = _with_list(text, kind, needed=bool(wanted))
    renamed: dict[str, str] = {}
    notes: list[Note] = []
    fresh: list[object] = []
    entries = dict(entries_of(text, kind.key))
    present = entries_by_role(text, kind, {piece.role: piece.name for piece in wanted})
    kept = {present.get(piece.role) for piece in wanted}
    others = {kind.name(each) for path, each in entries.items() if path not in kept}
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
        now = entries[path]
        former = _former(now) if kind.key == "tasks" else None
        new = jsonc.updated(now, with_program(body, now), former)
        text = jsonc.update(text, path, new)
    text = jsonc.append(text, (kind.key,), *fresh) if fresh else text
    return Merged(text, renamed, tuple(notes))


def _former(task: Json) -> Mapping[str, Any]:
    """Return what is removed from a task where it is no longer wanted."""
    return {**FORMER, "group": (BUILD,)} if has_generated_group(task) else FORMER


def entries_by_role(text: str, kind: EntryKind, wanted: Mapping[Role, str]) -> dict[Role, Path]:
    """Return the path of the one entry of each role; other entries of that role are copies.

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


def _with_list(text: str, kind: EntryKind, *, needed: bool) -> str:
    root = parse(text)
    if root is None or root.kind != "object":
        raise _misshapen(kind, "it is not an object")
    entries = find(root, (kind.key,))
    if entries is None:
        return jsonc.put(text, (kind.key,), []) if needed else text
    if entries.kind != "array":
        raise _misshapen(kind, f"`{kind.key}` is not a list")
    return text


def _misshapen(kind: EntryKind, why: str) -> DevportsError:
    return DevportsError("editor-file-shape", f"`{kind.file}` has an unexpected structure: {why}")


def label_taken(file: str, noun: str, name: str, advice: str) -> Note:
    """Return the note on a person's entry with a generated name; `advice`: how to rename that."""
    return Note(
        "label-taken",
        f"`{file}` already has a {noun} `{name}` of yours; left unchanged",
        hints=(f"rename or remove it, or {advice}",),
    )


def _planned_tasks(
    text: str | None,
    template: Template,
    wanted: Sequence[GeneratedEntry],
    kind: EntryKind,
    space: Workspace,
) -> Merged:
    roles = {task.role for task in wanted}
    try:
        start = _versioned(_started_from(text or "", template.tasks, "tasks"))
        found = [(path, kind.role(entry)) for path, entry in entries_of(start, "tasks")]
        surplus = [p for p, r in found if r is not None and r not in roles and space.owns(r)]
        wanted, notes = _one_build_task(start, kind, wanted)
        merged = merge(jsonc.without(start, surplus), kind, wanted)
    except JsoncError as error:
        raise BrokenFileError(TASKS, error, "tasks", (task.body for task in wanted)) from None
    new = jsonc.rename_references(merged.text, ("tasks",), ("dependsOn",), merged.renamed)
    return merged.replace(text=new, notes=(*merged.notes, *notes))


def _one_build_task(
    text: str, kind: EntryKind, wanted: Sequence[GeneratedEntry]
) -> tuple[list[GeneratedEntry], list[Note]]:
    """Return the entries with at most one default build task; that of the file stays it."""
    wishes = {piece.role for piece in wanted if has_generated_group(piece.body)}
    builds = [
        (role, kind.name(each))
        for _, each in entries_of(text, "tasks")
        if _is_default_build(each)
        and ((role := kind.role(each)) in wishes or not has_generated_group(each))
    ]
    kept, notes = list[GeneratedEntry](), list[Note]()
    for piece in wanted:
        if piece.role in wishes:
            if other := next((name for role, name in builds if role != piece.role), ""):
                notes.append(_build_taken(piece.name, other))
                kept.append(piece.replace(body=without_group(piece.body)))
                continue
            builds.append((piece.role, piece.name))
        kept.append(piece)
    return kept, notes


def _is_default_build(task: Json) -> bool:
    return inside(task, "group", "kind") == "build" and bool(inside(task, "group", "isDefault"))


def _build_taken(name: str, other: str) -> Note:
    return Note(
        "build-taken",
        f"`{TASKS}` already has the default build task `{other}`; `{name}` is not made one",
        hints=(f'remove `"isDefault"` of `{other}`, or `build` of the service',),
    )


def _task_kind(
    template: Template, space: Workspace, renamed: Renamed, wanted: Sequence[GeneratedEntry]
) -> EntryKind:
    folders = frozenset(part.folder for part in space.parts)
    named = {named_role(task.name): task.role for task in wanted}  # of a command that was replaced

    def role(entry: Json) -> Role | None:
        if not is_generated(entry):
            return None
        found = role_of(entry).within(folders)
        return named.get(found) or _current_role(found, renamed)

    def taken(name: str) -> Note:
        return label_taken(TASKS, "task", name, "set `task` in `[services.NAME.vscode]`")

    return EntryKind(TASKS, "tasks", role, _formerly(template, "tasks", renamed), taken)


def _formerly(template: Template, key: str, renamed: Renamed) -> Callable[[Role], Sequence[str]]:
    """Return a function that lists the possible former names of a role's entry."""

    def former(role: Role) -> Sequence[str]:
        if not role.service:
            return ()
        here = (role.folder, role.service)
        old = [was for (at, was), new in renamed.items() if (at, new) == here]
        services = (role.service, *old)
        return [name for s in services for name in names_of(template, key, s, role.folder)]

    return former


def _renamed_services(space: Workspace, wanted: Sequence[GeneratedEntry]) -> Renamed:
    """Return the renamed services: exactly one name of a folder was removed, and one added."""
    had = {(role.folder, role.service) for role in space.present.values() if role.service}
    wants = {(task.role.folder, task.role.service) for task in wanted if task.role.service}
    renamed = {}
    for folder in {at for at, _ in had}:
        went = [name for at, name in had - wants if at == folder]
        came = [name for at, name in wants - had if at == folder]
        if len(went) == len(came) == 1:
            renamed[folder, went[0]] = came[0]
    return renamed


def _current_role(role: Role, renamed: Renamed) -> Role:
    new = renamed.get((role.folder, role.service))
    return role if new is None else role.replace(words=(role.words[0], new, *role.words[2:]))


def _versioned(text: str) -> str:
    root = plain(parse(text))
    version = root.get("version") if isinstance(root, dict) else TASKS_VERSION
    if version is None:
        return jsonc.put(text, ("version",), TASKS_VERSION)
    if version != TASKS_VERSION:
        raise DevportsError(
            "editor-file-shape",
            f"`{TASKS}` has the obsolete version {json.dumps(version)}",
            hints=(f'change it to `"version": "{TASKS_VERSION}"` first',),
        )
    return text


def programs_of(text: str) -> Iterator[tuple[str, Json]]:
    """Yield label and body of each generated task that has a command."""
    for _, task in entries_of(text, "tasks"):
        if is_generated(task) and isinstance(task.get("command"), str) and task["command"].strip():
            yield str(task.get("label")), task


def task_path(task: Mapping[str, object], system: str, root: str, path: str) -> str:
    """Return the PATH of a task, with the variables of VS Code replaced.

    `system`: the key of the part for one system: linux, osx or windows. `root`: the workspace
    folder. `path`: that of VS Code itself.
    """
    for part in (task.get(system), task):
        own = inside(part, "options", "env", "PATH")
        if isinstance(own, str):
            return own.replace("${workspaceFolder}", root).replace("${env:PATH}", path)
    return path


def _goal(
    wish: Launch, merged: Merged, space: Workspace, renamed: Renamed, template: Template
) -> LaunchGoal:
    """Return the wanted state of launch.json; `merged`: tasks.json."""
    now = _workspace(space.parts, merged.text, "").present
    roles = {
        label: _current_role(role, renamed) for label, role in {**space.present, **now}.items()
    }
    labels = {str(each.get("label")) for _, each in entries_of(merged.text, "tasks")}
    labels |= merged.renamed.keys()
    return LaunchGoal(
        wanted={
            "configurations": [_piece(each, roles) for each in wish.configurations],
            "compounds": [_piece(each, {}) for each in wish.compounds],
        },
        compounds=wish.known,
        owns=space.owns,
        roles=roles,
        now=frozenset(now),
        gone={label: role for label, role in space.present.items() if label not in labels},
        renamed=merged.renamed,
        former=space.former,
        names=_formerly(template, "configurations", renamed),
    )


def _planned_launch(
    text: str | None, template: Template, wish: Launch, goal: LaunchGoal
) -> tuple[str | None, Sequence[Note]]:
    if text is None and not wish.configurations:
        return None, [_configuration_missing(hook) for hook in wish.hooks]
    try:
        start = _started_from(text or "", template.launch, *LISTS)
        return _launch_file(start, goal, wish.hooks)
    except JsoncError as error:
        raise BrokenFileError(LAUNCH, error, LISTS[0], wish.configurations) from None


def _launch_file(
    text: str, goal: LaunchGoal, hooks: Sequence[PrelaunchHook]
) -> tuple[str, list[Note]]:
    """Return the new text of launch.json, and the decisions for a person.

    An adopted entry only gets the mark, and nothing is removed where entries were adopted: an entry
    may be adopted by mistake.
    """
    text = jsonc.rename_references(text, LISTS, NAMED, goal.renamed)
    text, adopted, alike = _adopted(text, goal)
    told, notes, removed = {**_marked_by_others(text, goal), **alike}, list[Note](), list[str]()
    for key in LISTS:
        kind = _launch_kind(key, goal, told)
        surplus = () if adopted else tuple(_unwanted(text, kind, goal))
        removed += [kind.name(plain(find(parse(text), path))) for path in surplus]
        text = jsonc.without(text, surplus)
        todo = [piece for piece in goal.wanted[key] if piece.role not in adopted]
        merged = merge(text, kind, todo)
        text = jsonc.rename_references(merged.text, LISTS[1:], LISTS[:1], merged.renamed)
        notes += merged.notes
    names = {piece.name for key in LISTS for piece in goal.wanted[key]}
    told = {**_marked_by_others(text, goal), **alike}
    notes += [note for name, note in told.items() if name not in names]
    notes += [*_dangling_references(text, goal), *_removed(LAUNCH, removed)]
    for hook in hooks:
        text, note = _with_prelaunch(text, hook)
        notes += [note] if note else []
    return text, notes


def _piece(body: Json, roles: Mapping[str, Role]) -> GeneratedEntry:
    return GeneratedEntry(_launch_role(body, roles), str(body["name"]), body)


def _launch_role(entry: Json, roles: Mapping[str, Role]) -> Role:
    """Return the role of a generated entry: that of the task it waits for, or else its name."""
    return roles.get(str(entry.get("preLaunchTask"))) or named_role(entry.get("name"))


def _launch_kind(key: str, goal: LaunchGoal, told: Mapping[str, Note]) -> EntryKind:
    roles = goal.roles if key == "configurations" else {}

    def role(entry: Json) -> Role | None:
        return _launch_role(entry, roles) if is_marked(entry) else None

    def taken(name: str) -> Note:
        advice = "change the name in `.vscode-template/launch.json`"
        return told.get(name) or label_taken(LAUNCH, NOUNS[key], name, advice)

    return EntryKind(LAUNCH, key, role, goal.names, taken)


def _unwanted(text: str, kind: EntryKind, goal: LaunchGoal) -> Iterator[Path]:
    """Yield the paths of generated entries that are no longer wanted; copies of them stay."""
    roles = {piece.role: piece.name for piece in goal.wanted[kind.key]}
    for role, path in entries_by_role(text, kind, roles).items():
        known = role.words[1] in goal.compounds if kind.key == "compounds" else role.debugs
        if known and role not in roles and goal.owns(role):
            yield path


def _marked_by_others(text: str, goal: LaunchGoal) -> dict[str, Note]:
    """Return the notes on entries with the mark that are not generated, by name."""
    now = {label: role for label, role in goal.roles.items() if label in goal.now}
    notes = {}
    for key, roles in zip(LISTS, (now, {}), strict=True):
        known = {piece.role for piece in goal.wanted[key]}
        for _, entry in entries_of(text, key):
            role = _launch_role(entry, roles)
            if is_marked(entry) and role not in known and goal.owns(role):
                name = str(entry.get("name"))
                notes[name] = _note_marked_by_others(NOUNS[key], name)
    return notes


def _note_marked_by_others(noun: str, name: str) -> Note:
    return Note(
        "entry-adrift",
        f"`{LAUNCH}` has a {noun} `{name}` with the mark of devports for no service; "
        "left unchanged",
        hints=(f'remove it, or remove its `"group": "{GROUP}"` to keep it as yours',),
    )


def _dangling_references(text: str, goal: LaunchGoal) -> Iterator[Note]:
    """Yield notes on a person's entries that refer to a removed generated task."""
    for _, entry in entries_of(text, *LISTS):
        for where in NAMED if not is_marked(entry) else ():
            task, name = entry.get(where), str(entry.get("name"))
            if isinstance(task, str) and task in goal.gone:
                yield _task_gone(LAUNCH, name, task, where, goal)


def _dangling_needs(text: str, goal: LaunchGoal) -> Iterator[Note]:
    """Yield notes on a person's tasks that depend on a removed generated task."""
    for _, entry in entries_of(text, "tasks"):
        for task in needs_of(entry) if not is_generated(entry) else ():
            if task in goal.gone:
                yield _task_gone(TASKS, str(entry.get("label")), task, "dependsOn", goal)


def _task_gone(file: str, name: str, task: str, where: str, goal: LaunchGoal) -> Note:
    advice, role = f"remove its `{where}`, or name another task", goal.gone[task]
    left = {(goal.roles[label].folder, goal.roles[label].service) for label in goal.now}
    freed = role.words[:1] == ("free",) and (role.folder, role.service) in left
    if freed and where == NAMED[0]:
        advice = f'to keep that task, set `prelaunch = ["{name}"]` for `{role.service}`'
    return Note(
        "task-gone",
        f"`{name}` in `{file}` names the task `{task}`, which no longer exists; left unchanged",
        hints=(advice,),
    )


def _removed(file: str, names: Iterable[str]) -> Iterator[Note]:
    """Yield the note on removed generated entries, if there are any."""
    if listed := ", ".join(f"`{name}`" for name in names):
        yield Note("entry-removed", f"no longer generated in `{file}`: {listed}", label="note")


def _adopted(text: str, goal: LaunchGoal) -> tuple[str, set[Role], dict[str, Note]]:
    """Add the mark to what an earlier version has written, and only to that.

    A file of this version has no generated entry without it: there, a person removed it.

    Returns:
        The text, the roles that got the mark, and the notes on similar entries without it, by name.
    """
    roles: set[Role] = set()
    if not goal.former:
        return text, roles, {}
    for key in LISTS:
        for piece in goal.wanted[key]:
            if (path := _made_before(text, key, piece)) is not None:
                shown = {"presentation": piece.body["presentation"]}
                text = jsonc.update(text, path, plain(find(parse(text), path)) | shown)
                roles.add(piece.role)
    return text, roles, dict(_similar(text, goal))


def _made_before(text: str, key: str, piece: GeneratedEntry) -> Path | None:
    """Return the path of an entry that has exactly the keys and values that were written for it."""
    body = unmarked(piece.body)
    if key == "compounds":
        marked = [each for _, each in entries_of(text, LISTS[0]) if is_marked(each)]
        body["configurations"] = [each.get("name") for each in marked]
    elif not piece.role.debugs:
        return None
    known = _comparable(body)
    return next((p for p, each in entries_of(text, key) if same(_comparable(each), known)), None)


def _comparable(value: Any) -> Any:
    """Return a value without the parts that may differ: port numbers, the order of names."""
    if isinstance(value, list):
        return sorted(value, key=str)
    if not isinstance(value, dict):
        return value
    return {k: 0 if k == "port" and type(v) is int else _comparable(v) for k, v in value.items()}


def _similar(text: str, goal: LaunchGoal) -> Iterator[tuple[str, Note]]:
    """Yield notes on entries that an earlier version treated as generated, unlike this one."""
    wanted, compounds = (goal.wanted[key] for key in LISTS)
    entries = [each for _, each in entries_of(text, LISTS[0]) if each.get("request") == "attach"]
    for piece in wanted:
        same_role = [each for each in entries if _launch_role(each, goal.roles) == piece.role]
        if same_role and not any(map(is_marked, same_role)):
            name = str(same_role[0].get("name"))
            yield name, _looks_similar(LISTS[0], name, piece.name)
    names = {piece.name for piece in wanted}
    for _, each in entries_of(text, LISTS[1]):
        name, members = str(each.get("name")), each.get("configurations")
        generated = isinstance(members, list) and any(m in names for m in map(str, members))
        if name in goal.compounds and generated and not is_marked(each):
            yield name, _looks_similar(LISTS[1], name, *(piece.name for piece in compounds))


def _looks_similar(key: str, name: str, *wanted: str) -> Note:
    mark = f'"presentation": {{ "group": "{GROUP}" }}'
    advice = f"to let devports update it, add {mark}; otherwise rename it"
    return Note(
        "entry-unmarked",
        f"`{LAUNCH}` has a {NOUNS[key]} `{name}` that looks generated but has no mark",
        hints=(advice if name in wanted else "keep it as yours, or remove it",),
    )


def _with_prelaunch(text: str, hook: PrelaunchHook) -> tuple[str, Note | None]:
    """Add the task to a person's configuration that has no `preLaunchTask`; else return a note."""
    for path, entry in entries_of(text, *LISTS):
        if entry.get("name") == hook.name:
            now = entry.get("preLaunchTask")
            if now is None:
                return jsonc.put(text, (*path, "preLaunchTask"), hook.task), None
            return text, None if now == hook.task else _proposal(hook, now)
    return text, _configuration_missing(hook)


def _configuration_missing(hook: PrelaunchHook) -> Note:
    """Return the note on a missing configuration that the task should precede."""
    return Note(
        "configuration-missing",
        f"`{LAUNCH}` has no configuration `{hook.name}` (named in `prelaunch`)",
        hints=("correct `prelaunch` in devports.toml, or add the configuration",),
    )


def _proposal(hook: PrelaunchHook, now: object) -> Note:
    """Return the note on how both tasks can come first: the present one, and the generated one."""
    both: Json = {
        "label": f"Before {hook.name}",
        "dependsOn": [hook.task, now],
        "dependsOrder": "sequence",
        "problemMatcher": [],
    }
    return Note(
        "prelaunch-taken",
        f"`{hook.name}` in `{LAUNCH}` already has a `preLaunchTask`; left unchanged",
        hints=(f"to run both, add the task below and set `preLaunchTask` to `Before {hook.name}`",),
        snippet=jsonc.written(both, jsonc.Style()),
    )
