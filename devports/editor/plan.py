"""What `devports vscode` would make of the two files. Pure."""

from __future__ import annotations

import json

from devports.core.jsonc import JsoncError, find, parse, plain
from devports.core.value import Value
from devports.editor import edits
from devports.editor import template as templates
from devports.editor.launch import wanted_launch
from devports.editor.launchfile import LAUNCH, Tasks, absent, launch_file
from devports.editor.merge import (
    Kind,
    Merged,
    Note,
    Piece,
    emptied,
    entries_of,
    label_taken,
    merge,
    rename_references,
    started_from,
    without,
)
from devports.editor.tasks import is_former, is_ours, role_of, wanted_tasks
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from devports.core.service import Config
    from devports.editor.launch import Launch
    from devports.editor.tasks import Role, Task
    from devports.editor.template import Json, Template

TASKS = ".vscode/tasks.json"
TASKS_VERSION = "2.0.0"


class FileChange(Value):
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


class Plan(Value):
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


def _task_kind(template: Template, heirs: Mapping[str, str]) -> Kind:
    def role(entry: Json) -> Role | None:
        return _heir(role_of(entry), heirs) if is_ours(entry) else None

    def taken(name: str) -> Note:
        return label_taken(TASKS, "task", name, "set `task` in `[services.NAME.vscode]`")

    former = _formerly(template, "tasks.json", "tasks", "label", heirs)
    return Kind(TASKS, "tasks", "label", role, former, taken)


def _planned_tasks(
    text: str | None, template: Template, wanted: tuple[Task, ...], heirs: Mapping[str, str]
) -> Merged:
    pieces = tuple(Piece(task.role, task.label, task.body) for task in wanted)
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
        return edits.put(text, ("version",), TASKS_VERSION)
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
    return edits.written({key: list(bodies)}, edits.Style())


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
