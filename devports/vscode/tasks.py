"""The tasks and launch configurations for VS Code, as data, from the configurations. Pure.

Both are made from `.vscode-template/`. An entry that uses a placeholder of a service is made once
for each service; one without, once. An entry whose placeholders have no value is omitted:
`{debugger}` has one only for a service that declares `vscode.debug`. A text that is nothing but a
placeholder becomes its value, list or number.

Generated entries carry a mark, at a place where VS Code does not underline it. The role of a task
follows from its command and folder: the label can change in the template, in the configuration or
with the name of a service, and the same task is found again.

VS Code reads one `.vscode`, that of the opened folder. The configurations below it, each a `Part`,
share its files: their tasks run in their own folders.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache

from devports.core.jsonc import JsoncError, find, inside, parse, plain
from devports.core.model import DEBUGGER_PORT
from devports.core.service import Config, Service, fill, names_in
from devports.core.value import Frozen
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from typing import Any, TypeAlias

    Json: TypeAlias = dict[str, Any]
    Placeholders: TypeAlias = Mapping[str, object]
    ServiceKey: TypeAlias = tuple[str, str]
    """The folder of a part, and the name of a service in it."""


MARK = "(devports vscode)"
"""The mark of a task: the end of its `detail`."""
GROUP = "devports"
"""The mark of an entry in launch.json: the `group` of its `presentation`. VS Code's schemas know it
in configurations and in compounds; in its list, generated entries stand together."""
PROGRAM = ("devports", "devports.exe")
DEBUG_FLAG = "--debug"
FORMER_END = "^devports: `[^`]+` is ready on "
"""The `endsPattern` of run tasks before launch configurations got their mark. In such a file no
launch configuration has it yet. Kept until the end of 2027."""

NAMING = {"tasks": "label", "configurations": "name", "compounds": "name"}
"""The key of the name of an entry, by list."""
FOLDER = ".vscode-template"
FILES = ("tasks.json", "launch.json")
OF_SERVICE = ("service", "title", "debugger", "debugpy_port", "node_port", "prelaunch")
OF_LABELS = ("run_task", "free_task", "debug_task")
OF_ALL = ("all_runs", "all_order", "all_debugs")
KNOWN = (*OF_SERVICE, *OF_LABELS, *OF_ALL)
SYSTEMS = ("linux", "osx", "windows")
EXECUTED = ("command", "args", "options", *SYSTEMS)
"""Keys of a task that reach a shell: only the restricted name of a service may stand in them."""
WORKSPACE = "${workspaceFolder}"
ENVIRONMENT = re.compile(r"\$\{workspaceFolder\}(?P<sign>[/\\])\.venv(?P<rest>[^:;]*[:;])")
"""The environment of the project in the PATH of a task, with the separators of both systems."""
BUILD: Json = {"kind": "build", "isDefault": True}
"""The `group` of the task that VS Code starts by Ctrl+Shift+B."""
BUILD_DETAIL = "; default build task"
"""The end of the `detail` of a task whose `group` is generated: VS Code itself writes the same
`group` for a person."""

_PATH = {"options": ({"env": {"PATH": f"{WORKSPACE}/.venv/bin:${{env:PATH}}"}},)}
FORMER: Mapping[str, Any] = {
    "linux": _PATH,
    "osx": _PATH,
    "icon": tuple(
        {"id": name, "color": f"terminal.ansi{colour}"}
        for name, colour in (
            ("play", "Green"),
            ("unlock", "Yellow"),
            ("bug", "Green"),
            ("run-all", "Green"),
            ("pulse", "Cyan"),
            ("list-unordered", "Cyan"),
        )
    ),
    "problemMatcher": {
        "owner": ("devports",),
        "source": ("devports",),
        "fileLocation": (["relative", WORKSPACE],),
        "pattern": {"kind": ("file",), "file": (1,), "line": (2,)},
        "background": {"activeOnStart": (False,)},
    },
    "presentation": {"reveal": ("always",), "showReuseMessage": (False,)},
    "runOptions": {"instanceLimit": (1,), "instancePolicy": ("warn",)},
}
"""What earlier templates wrote into tasks, by key: the values, or the keys of an object. Where the
template has no such key, exactly such a value is removed from a generated task; VS Code prefers a
`linux` block to `options`. Kept until the end of 2027."""


class Role(Frozen):
    """What a generated entry is for.

    Attributes:
        words: behind `devports` in its command; or `label` and its name.
        folder: where the command runs, relative to the workspace folder; empty for that itself.
    """

    words: tuple[str, ...]
    folder: str = ""

    @property
    def service(self) -> str:
        """The service that the task runs or frees; empty for another one."""
        return self.words[1] if self.words[1:] and self.words[0] in ("run", "free") else ""

    @property
    def debugs(self) -> bool:
        return DEBUG_FLAG in self.words

    @property
    def starts(self) -> bool:
        """Whether the task starts a service, without its debugger."""
        return self.words[:1] == ("run",) and not self.debugs

    def within(self, folders: Collection[str]) -> Role:
        """Return the role with the folder whose configuration its command finds.

        That is the nearest one above; none of `folders` may be.
        """
        at = self.folder
        while at and at not in folders:
            at = at.rpartition("/")[0]
        return self.replace(folder=at) if at in folders else self


def named_role(name: object) -> Role:
    """Return the role of an entry that has no command of devports."""
    return Role(("label", str(name)))


class Part(Frozen):
    """One configuration of a workspace.

    Attributes:
        folder: of the file, relative to the workspace folder, with `/`; empty for that itself.
        config: None where it cannot be read: its entries stay as they are.
    """

    folder: str
    config: Config | None

    @property
    def services(self) -> tuple[Service, ...]:
        """The services that have tasks: those that devports starts, or frees for VS Code."""
        services = self.config.services if self.config else ()
        return tuple(s for s in services if s.command or s.vscode.prelaunch)


class Workspace(Frozen):
    """The configurations that share one `.vscode`.

    Attributes:
        parts: in the order of their tasks.
        present: the generated tasks that exist, by label; those of an unreadable part stay.
        debugs: names of the launch configurations of tasks that stay as they are.
        former: whether the tasks were generated before launch configurations got their mark.
    """

    parts: tuple[Part, ...]
    present: Mapping[str, Role] = {}
    debugs: tuple[str, ...] = ()
    former: bool = False

    def owns(self, role: Role) -> bool:
        """Return whether a readable part decides about an entry; one of no service is of all."""
        readable = (part.folder for part in self.parts if part.config is not None)
        return not role.service or role.folder in readable

    @property
    def kept(self) -> dict[str, Role]:
        """The tasks that stay as they are, by label: no readable part decides about them."""
        return {label: role for label, role in self.present.items() if not self.owns(role)}


class Template(Frozen):
    """The texts of the two files, and their folder, as messages name it."""

    tasks: str
    launch: str
    folder: str = FOLDER


class GeneratedEntry(Frozen):
    """A generated entry as it should be: its role, its name, and its value."""

    role: Role
    name: str
    body: Json


class PrelaunchHook(Frozen):
    """A person's launch configuration, by name, and the task that is to precede it."""

    name: str
    task: str


class Launch(Frozen):
    """The wanted content of launch.json.

    Attributes:
        configurations, compounds: generated, with the mark.
        hooks: tasks that are to precede a person's configurations.
        known: the names of generated compounds, whether wanted or not.
    """

    configurations: tuple[Json, ...] = ()
    compounds: tuple[Json, ...] = ()
    hooks: tuple[PrelaunchHook, ...] = ()
    known: tuple[str, ...] = ()


def has_generated_group(task: Mapping[str, object]) -> bool:
    """Return whether the `group` of a generated task is generated too."""
    return str(task.get("detail")).rstrip().endswith(f"{BUILD_DETAIL} {MARK}")


def without_group(body: Json) -> Json:
    """Return a task that is not made the default build task."""
    rest = {key: value for key, value in body.items() if key != "group"}
    return rest | {"detail": str(body["detail"]).replace(f"{BUILD_DETAIL} {MARK}", f" {MARK}")}


def needs_of(task: Mapping[str, object]) -> list[str]:
    """Return the names of the tasks that VS Code runs before a task."""
    wants = task.get("dependsOn")
    return [
        name for name in (wants if isinstance(wants, list) else [wants]) if isinstance(name, str)
    ]


def role_of(task: Mapping[str, object]) -> Role:
    """Return the role of a generated task; its folder is that of its command."""
    command, cwd = task.get("command"), inside(task, "options", "cwd")
    words, at = _program(command)
    if at is None:
        return named_role(task.get("label"))
    below = isinstance(cwd, str) and cwd.startswith(f"{WORKSPACE}/")
    folder = cwd.removeprefix(f"{WORKSPACE}/").rstrip("/") if below else ""
    return Role(tuple(words[at + 1 :]), folder)


def _program(command: object) -> tuple[list[str], int | None]:
    """Return the words of a command, and the index of `devports` in them."""
    words = command.split() if isinstance(command, str) else []
    names = [word.replace("\\", "/").rpartition("/")[2] for word in words]
    return words, next((i for i, name in enumerate(names) if name in PROGRAM), None)


def folders_of(tasks: Iterable[Json]) -> tuple[str, ...]:
    """Return the folders below the workspace folder in which generated tasks run."""
    folders = dict.fromkeys(role_of(task).folder for task in tasks if is_generated(task))
    return tuple(f for f in folders if not {"", ".", ".."} & {*f.split("/")})


def with_program(body: Json, present: Json) -> Json:
    """Return the body of a task that exists, with the program that the file has: `uv run devports`.

    A template that names more than `devports` is followed.
    """
    words, at = _program(body.get("command"))
    own, end = _program(present.get("command"))
    if at != 0 or words[0] not in PROGRAM or end is None:
        return body
    return body | {"command": " ".join([*own[: end + 1], *words[1:]])}


def is_generated(task: object) -> bool:
    """Return whether a task is generated: it has the mark."""
    detail = inside(task, "detail")
    return isinstance(detail, str) and detail.rstrip().endswith(MARK)


def is_former(task: object) -> bool:
    """Return whether a task was generated before launch configurations got their mark."""
    end = inside(task, "problemMatcher", "background", "endsPattern")
    return bool(end == FORMER_END) and is_generated(task)


def is_marked(entry: object) -> bool:
    """Return whether an entry of a launch.json has the mark.

    Only the mark counts, since people write the same by hand: configurations that attach after a
    generated task, and compounds of generated ones.
    """
    return bool(inside(entry, "presentation", "group") == GROUP)


def marked(entry: Json) -> Json:
    """Return an entry with the mark; a custom template need not contain it."""
    shown = entry.get("presentation")
    return entry | {"presentation": (shown if isinstance(shown, dict) else {}) | {"group": GROUP}}


def unmarked(entry: Json) -> Json:
    """Return a generated entry as it was made before the mark existed."""
    shown = {key: value for key, value in entry["presentation"].items() if key != "group"}
    rest = {key: value for key, value in entry.items() if key != "presentation"}
    return rest | ({"presentation": shown} if shown else {})


def generate_tasks(space: Workspace, template: Template) -> tuple[GeneratedEntry, ...]:
    """Return the wanted tasks.

    Raises:
        DevportsError: two would have one label, or the template is invalid.
    """
    found, values = template_entries(template, "tasks"), values_of(space, template)
    services = {(part.folder, s.name): (part, s) for part in space.parts for s in part.services}
    tasks = []
    for key, body in _filled_entries(found, values, _common(values)):
        part, service = services.get(key, (None, None))
        if part is not None and service is not None:
            task = _service_task(body, part, service, str(values[key].get("run_task")))
            tasks += [task] if task else []
        else:
            tasks.append(_entry(body, role_of(body)))
    if twin := _duplicate_label([task.name for task in tasks]):
        raise DevportsError(
            "labels-collide",
            f"two tasks have the same label `{twin}`",
            facts=tuple(f"`{t.body.get('command', 'Run All')}`" for t in tasks if t.name == twin),
            note="VS Code runs one of them without warning",
            hints=("set another label for one service: `[services.NAME.vscode]`, `task = ...`",),
        )
    return tuple(tasks)


def _common(values: Mapping[ServiceKey, Placeholders]) -> Placeholders:
    """Return the placeholders of entries that belong to no service."""
    return {k: v for k, v in next(iter(values.values()), {}).items() if k in OF_ALL}


def generate_launch(space: Workspace, template: Template) -> Launch:
    """Return the wanted content of launch.json.

    Raises:
        DevportsError: two configurations would have one name, or the template is invalid.
    """
    values = values_of(space, template)
    found = template_entries(template, "configurations")
    configurations = tuple(marked(body) for _, body in _filled_entries(found, values, {}))
    names = [*space.debugs, *(str(each.get("name")) for each in configurations)]
    common: Placeholders = {"all_debugs": names} if len(names) > 1 else {}
    found = template_entries(template, "compounds")
    compounds = tuple(marked(body) for _, body in _filled_entries(found, {}, common))
    if twin := _duplicate_label([*names, *(str(each.get("name")) for each in compounds)]):
        raise DevportsError(
            "labels-collide",
            f"two launch configurations have the same name `{twin}`",
            hints=("give them other names in `.vscode-template/launch.json`",),
        )
    known = tuple(str(entry.get("name")) for entry in found)
    return Launch(configurations, compounds, tuple(_hooks(space, values)), known)


def _filled_entries(
    entries: Sequence[Json], values: Mapping[ServiceKey, Placeholders], common: Placeholders
) -> Iterator[tuple[ServiceKey, Json]]:
    """Yield filled entries, each with its service; those without one from `common`."""
    for entry in entries:
        for key, own in values.items() if of_service(entry) else ((("", ""), common),):
            with suppress(KeyError):
                yield key, filled(entry, own)


def _service_task(body: Json, part: Part, service: Service, run: str) -> GeneratedEntry | None:
    """Return a task of a service; None where the service does not support it.

    `run`: the label of the task that runs the service.
    """
    role = role_of(body)
    if not _is_supported(role, service):
        return None
    if role == Role(("run", service.name)):
        body = body | {"label": run}
        if service.vscode.build:
            body |= {"detail": f"{body.get('detail', '')}{BUILD_DETAIL}", "group": BUILD}
    return _entry(_in_folder(body, part), role.replace(folder=part.folder))


def _entry(body: Json, role: Role) -> GeneratedEntry:
    """Return a task with its mark."""
    detail, label = str(body.get("detail", "")).strip(), str(body.get("label", ""))
    detail = detail if detail.endswith(MARK) else f"{detail} {MARK}".strip()
    return GeneratedEntry(role, label, body | {"label": label, "detail": detail})


def _in_folder(body: Json, part: Part) -> Json:
    """Return a task whose command runs in the folder of a part, and whose problems are there."""
    if not part.folder or _program(body.get("command"))[1] is None:
        return body
    here = f"{WORKSPACE}/{part.folder}"
    body = body | {"options": {"cwd": here} | dict(body.get("options") or {})}
    if isinstance(matcher := body.get("problemMatcher"), dict):
        body |= {"problemMatcher": {"fileLocation": ["relative", here]} | matcher}
    paths = {key: body[key] for key in ("options", *SYSTEMS) if key in body}
    return {**body, **_with_environments(paths, part.folder)}


def _with_environments(value: Any, folder: str) -> Any:
    """Return a value where each PATH has the environment of a folder, and of those above it.

    The nearest one that exists is used; which one does may differ between machines.
    """
    if isinstance(value, dict):
        return {key: _with_environments(each, folder) for key, each in value.items()}

    def chain(match: re.Match[str]) -> str:
        sign, rest = match["sign"], match["rest"]
        parts = folder.split("/")
        above = (sign.join((*parts[:number], "")) for number in range(len(parts), -1, -1))
        return "".join(f"{WORKSPACE}{sign}{each}.venv{rest}" for each in above)

    return ENVIRONMENT.sub(chain, value) if isinstance(value, str) else value


def _duplicate_label(names: Sequence[str]) -> str | None:
    return next((name for name in names if names.count(name) > 1), None)


def _hooks(space: Workspace, values: Mapping[ServiceKey, Placeholders]) -> Iterator[PrelaunchHook]:
    for part in space.parts:
        for service in part.services:
            task = values[part.folder, service.name].get("free_task")
            for name in service.vscode.prelaunch if task else ():
                yield PrelaunchHook(name, str(task))


def titles(names: Iterable[ServiceKey]) -> dict[ServiceKey, str]:
    """Return the title of each service: `my-api` is `My Api`, if that is unique in its folder.

    A title that is the same in several folders gets the folder.
    """
    names = tuple(names)
    spoken = {key: title_of(key[1]) for key in names}
    several = [(key[0], title) for key, title in spoken.items()]
    own = {
        key: key[1] if several.count((key[0], title)) > 1 else title
        for key, title in spoken.items()
    }
    return _distinct(own)


def _distinct(labels: Mapping[ServiceKey, str]) -> dict[ServiceKey, str]:
    """Return labels of services; one that is the same in several folders gets the folder."""
    found: dict[str, set[str]] = {}
    for (folder, _), label in labels.items():
        found.setdefault(label, set()).add(folder)
    return {
        key: in_folder(label, key[0] if len(found[label]) > 1 else "")
        for key, label in labels.items()
    }


def in_folder(label: str, folder: str) -> str:
    return f"{label} ({folder})" if folder else label


def title_of(service: str) -> str:
    words = service.replace("-", " ").replace("_", " ").split()
    return " ".join(word[:1].upper() + word[1:] for word in words)


def values_of(space: Workspace, template: Template) -> dict[ServiceKey, dict[str, object]]:
    """Return every placeholder that has a value, for each service that has tasks.

    Those of the task that runs all services have one only where there are several. The order of
    dependencies is that of one file.
    """
    services = {(part.folder, s.name): s for part in space.parts for s in part.services}
    others = [(role.folder, role.service) for role in space.kept.values()]
    spoken = titles(dict.fromkeys((*services, *others)))
    labels = _distinct({key: s.vscode.task for key, s in services.items() if s.vscode.task})
    entries = template_entries(template, "tasks")
    values = {
        key: _own(entries, each, spoken[key], labels.get(key, "")) for key, each in services.items()
    }
    runs = [label for label, role in space.kept.items() if role.starts]
    for part in space.parts:
        ordered = (values[part.folder, s.name] for s in in_order(part.services))
        runs += [str(own["run_task"]) for own in ordered if "run_task" in own]
    depend = any((folder, name) in services
                 for (folder, _), s in services.items() for name in s.depends_on)  # fmt: skip
    all_of = {"all_runs": runs, "all_order": "sequence" if depend else "parallel"}
    return {key: own | (all_of if len(runs) > 1 else {}) for key, own in values.items()}


def _own(entries: Sequence[Json], service: Service, title: str, label: str) -> dict[str, object]:
    """Return the placeholders of one service: its own, and the labels of its tasks.

    `label`: of the task that runs it, if the configuration has one.
    """
    name = service.name
    values: dict[str, object] = {"service": name, "title": title}
    debugger, port = service.vscode.debug, dict(service.ports).get(DEBUGGER_PORT)
    if debugger and port:
        values |= {"debugger": debugger, f"{debugger}_port": port}
    if service.vscode.prelaunch:
        values["prelaunch"] = ", ".join(f"`{each}`" for each in service.vscode.prelaunch)
    roles = (("run", name), ("free", name), ("run", name, DEBUG_FLAG))
    for key, words in zip(OF_LABELS, roles, strict=True):
        if found := _label(entries, Role(words), service, values):
            values[key] = label if label and key == "run_task" else found
    return values


def _label(entries: Sequence[Json], role: Role, service: Service, values: Placeholders) -> str:
    """Return the label of a task in the template; empty if there is none for the service."""
    if not _is_supported(role, service):
        return ""
    heads = [
        {key: entry.get(key, "") for key in ("label", "command")}
        for entry in entries
        if "{service}" in str(entry.get("command"))
    ]
    made = _filled_entries(heads, {("", service.name): values}, {})
    return next((str(head["label"]) for _, head in made if role_of(head) == role), "")


def _is_supported(role: Role, service: Service) -> bool:
    """Return whether the service supports the task: without a command it is never started."""
    debugs = not role.debugs or bool(service.vscode.debug)
    return role.words[:1] != ("run",) or (bool(service.command) and debugs)


def in_order(services: Sequence[Service]) -> list[Service]:
    """Return the services, each behind its dependencies; a checked config has no circle."""
    todo, done = list(services), []
    while todo:
        ready = next(
            (s for s in todo if not any(t.name in s.depends_on for t in todo if t is not s)),
            todo[0],
        )
        todo.remove(ready)
        done.append(ready)
    return done


@lru_cache(maxsize=8)
def template_entries(template: Template, key: str) -> tuple[Json, ...]:
    """Return the entries of one list of a template: `tasks`, or one of those of launch.json.

    They are read once, and never changed.

    Raises:
        DevportsError: the template is invalid; every problem names its file.
    """
    name, text = FILES[0], template.tasks
    if key != "tasks":
        name, text = FILES[1], template.launch
    path = f"{template.folder}/{name}"
    try:
        node = find(parse(text), (key,))
    except JsoncError as error:
        raise _wrong(path, f"{path}:{error.line}:{error.column}: {error.reason}") from None
    found = plain(node) if node is not None else []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise _wrong(path, f"`{key}` must be a list of objects")
    for entry in found:
        _check(path, entry)
    return tuple(found)


def _check(path: str, entry: Json) -> None:
    for name in placeholders_in(entry):
        if name not in KNOWN:
            raise _wrong(path, f"unknown placeholder `{{{name}}}`; known: {', '.join(KNOWN)}")
    shell = {key: value for key, value in entry.items() if key in EXECUTED}
    for name in placeholders_in(shell):
        if name != "service":
            raise _wrong(path, f"`{{{name}}}` must not reach a command, only `{{service}}` may")


def _wrong(path: str, fact: str) -> DevportsError:
    return DevportsError("template-wrong", f"`{path}` cannot be used", facts=(fact,))


def placeholders_in(value: object) -> Iterator[str]:
    """Yield the placeholders in a value, at any depth."""
    if isinstance(value, str):
        yield from names_in(value)
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from placeholders_in(each)


def names_of(template: Template, key: str, service: str, folder: str) -> list[str]:
    """Return the names of a service's entries, as far as its name and folder determine them.

    Args:
        template: the template.
        key: of the list.
        service: its name; the service itself may be removed.
        folder: of its part.
    """
    given = [str(entry.get(NAMING[key], "")) for entry in template_entries(template, key)]
    words = dict.fromkeys((title_of(service), service))
    spoken = dict.fromkeys(in_folder(each, at) for each in words for at in ("", folder))
    return [
        fill(text, {"service": service, "title": title})
        for text in given
        for title in spoken
        if names_in(text) and {*names_in(text)} <= {"service", "title"}
    ]


def of_service(entry: Json) -> bool:
    """Return whether an entry is made for each service."""
    return any(name in (*OF_SERVICE, *OF_LABELS) for name in placeholders_in(entry))


def filled(value: Any, values: Placeholders) -> Any:
    """Return a value with its placeholders replaced.

    Raises:
        KeyError: one has no value: the entry is not for this service.
    """
    if isinstance(value, dict):
        return {key: filled(each, values) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, values) for each in value]
    if not isinstance(value, str):
        return value
    if value.startswith("{") and value.endswith("}") and names_in(value) == (value[1:-1],):
        return values[value[1:-1]]
    return fill(value, {name: str(each) for name, each in values.items()})
