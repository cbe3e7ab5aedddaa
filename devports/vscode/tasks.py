"""The tasks and launch configurations for VS Code, as data, from the configuration. Pure.

Both are made from `.vscode-template/`. An entry that uses a placeholder of a service is made once
for each service; one without, once. An entry whose placeholders have no value is omitted:
`{debugger}` has one only for a service that declares `vscode.debug`. A text that is nothing but a
placeholder becomes its value, list or number.

Generated entries carry a mark, at a place where VS Code does not underline it. The role of a task
follows from its command: the label can change in the template, in the configuration or with the
name of a service, and the same task is found again.
"""

from __future__ import annotations

from contextlib import suppress

from devports.core.jsonc import JsoncError, find, inside, parse, plain
from devports.core.model import DEBUGGER_PORT
from devports.core.service import fill, names_in
from devports.core.value import Frozen
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, TypeAlias

    from devports.core.service import Config, Service

    Role: TypeAlias = tuple[str, ...]
    """The role of a task: the words behind `devports` in its command; or its label."""

    Json: TypeAlias = dict[str, Any]
    Placeholders: TypeAlias = Mapping[str, object]


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
OF_SERVICE = ("service", "title", "debugger", "debugpy_port", "node_port")
OF_LABELS = ("run_task", "free_task", "debug_task")
OF_ALL = ("all_runs", "all_order", "all_debugs")
KNOWN = (*OF_SERVICE, *OF_LABELS, *OF_ALL)
EXECUTED = ("command", "args", "options", "linux", "osx", "windows")
"""Keys of a task that reach a shell: only the restricted name of a service may stand in them."""


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


def role_of(task: Mapping[str, object]) -> Role:
    """Return the role of a generated task."""
    command = task.get("command")
    words = command.split() if isinstance(command, str) else []
    names = [word.replace("\\", "/").rpartition("/")[2] for word in words]
    at = next((i for i, name in enumerate(names) if name in PROGRAM), None)
    return ("label", str(task.get("label"))) if at is None else tuple(words[at + 1 :])


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


def generate_tasks(config: Config, template: Template) -> tuple[GeneratedEntry, ...]:
    """Return the wanted tasks.

    Raises:
        DevportsError: two would have one label, or the template is invalid.
    """
    values = values_of(config, template)
    common = {k: v for k, v in next(iter(values.values()), {}).items() if k in OF_ALL}
    services = {service.name: service for service in affected_services(config)}
    entries = template_entries(template, "tasks")
    made = [
        _task(body, services.get(name)) for name, body in _filled_entries(entries, values, common)
    ]
    tasks = tuple(task for task in made if task is not None)
    if twin := _duplicate_label([task.name for task in tasks]):
        raise DevportsError(
            "labels-collide",
            f"two tasks have the same label `{twin}`",
            facts=tuple(f"`{t.body.get('command', 'Run All')}`" for t in tasks if t.name == twin),
            note="VS Code runs one of them without warning",
            hints=("set another label for one service: `[services.NAME.vscode]`, `task = ...`",),
        )
    return tasks


def generate_launch(config: Config, template: Template) -> Launch:
    """Return the wanted content of launch.json.

    Raises:
        DevportsError: two configurations would have one name, or the template is invalid.
    """
    values = values_of(config, template)
    found = template_entries(template, "configurations")
    configurations = tuple(marked(body) for _, body in _filled_entries(found, values, {}))
    names = [str(each.get("name")) for each in configurations]
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
    return Launch(configurations, compounds, tuple(_hooks(config, values)), known)


def _filled_entries(
    entries: Sequence[Json], values: Mapping[str, Placeholders], common: Placeholders
) -> Iterator[tuple[str, Json]]:
    """Yield filled entries, each with the name of its service; those without one from `common`."""
    for entry in entries:
        for name, mine in values.items() if of_service(entry) else (("", common),):
            with suppress(KeyError):
                yield name, filled(entry, mine)


def _task(body: Json, service: Service | None) -> GeneratedEntry | None:
    """Return a task with its mark and label; None where the service does not support it."""
    role, label = role_of(body), str(body.get("label", ""))
    if service is not None:
        if not _is_supported(role, service):
            return None
        label = service.vscode.task if _has_own_label(role, service) else label
    detail = str(body.get("detail", "")).strip()
    detail = detail if detail.endswith(MARK) else f"{detail} {MARK}".strip()
    return GeneratedEntry(role, label, body | {"label": label, "detail": detail})


def _duplicate_label(names: Sequence[str]) -> str | None:
    return next((name for name in names if names.count(name) > 1), None)


def _hooks(config: Config, values: Mapping[str, Placeholders]) -> Iterator[PrelaunchHook]:
    for service in affected_services(config):
        task = values[service.name].get("free_task")
        for name in service.vscode.prelaunch if task else ():
            yield PrelaunchHook(name, str(task))


def titles(services: Sequence[Service]) -> dict[str, str]:
    """Return the title of each service: `my-api` is `My Api`, if that is unique."""
    spoken = {service.name: title_of(service.name) for service in services}
    several = [title for title in spoken.values() if list(spoken.values()).count(title) > 1]
    return {name: name if title in several else title for name, title in spoken.items()}


def title_of(service: str) -> str:
    words = service.replace("-", " ").replace("_", " ").split()
    return " ".join(word[:1].upper() + word[1:] for word in words)


def affected_services(config: Config) -> tuple[Service, ...]:
    """Return the services that have tasks: those that devports starts, or frees for VS Code."""
    return tuple(s for s in config.services if s.command or s.vscode.prelaunch)


def values_of(config: Config, template: Template) -> dict[str, dict[str, object]]:
    """Return every placeholder that has a value, for each service that has tasks.

    Those of the task that runs all services have one only where there are several.
    """
    services = affected_services(config)
    spoken, names = titles(services), {service.name for service in services}
    entries = template_entries(template, "tasks")
    values = {each.name: _own(entries, each, spoken[each.name]) for each in services}
    runs = [values[s.name]["run_task"] for s in in_order(services) if "run_task" in values[s.name]]
    depend = any(names & set(service.depends_on) for service in services)
    all_of = {"all_runs": runs, "all_order": "sequence" if depend else "parallel"}
    return {name: mine | (all_of if len(runs) > 1 else {}) for name, mine in values.items()}


def _own(entries: Sequence[Json], service: Service, title: str) -> dict[str, object]:
    """Return the placeholders of one service: its own, and the labels of its tasks."""
    name = service.name
    values: dict[str, object] = {"service": name, "title": title}
    debugger, port = service.vscode.debug, dict(service.ports).get(DEBUGGER_PORT)
    if debugger and port:
        values |= {"debugger": debugger, f"{debugger}_port": port}
    roles = (("run", name), ("free", name), ("run", name, DEBUG_FLAG))
    for key, role in zip(OF_LABELS, roles, strict=True):
        if label := _label(entries, role, service, values):
            values[key] = label
    return values


def _label(entries: Sequence[Json], role: Role, service: Service, values: Placeholders) -> str:
    """Return the label of a task: that of the configuration for the one that runs the service.

    Empty if there is no such task for the service.
    """
    if not _is_supported(role, service):
        return ""
    if _has_own_label(role, service):
        return service.vscode.task
    heads = [
        {key: entry.get(key, "") for key in ("label", "command")}
        for entry in entries
        if "{service}" in str(entry.get("command"))
    ]
    made = _filled_entries(heads, {service.name: values}, {})
    return next((str(head["label"]) for _, head in made if role_of(head) == role), "")


def _is_supported(role: Role, service: Service) -> bool:
    """Return whether the service supports the task: without a command it is never started."""
    debugs = DEBUG_FLAG not in role or bool(service.vscode.debug)
    return role[:1] != ("run",) or (bool(service.command) and debugs)


def _has_own_label(role: Role, service: Service) -> bool:
    return bool(service.vscode.task) and role == ("run", service.name)


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


def template_entries(template: Template, key: str) -> tuple[Json, ...]:
    """Return the entries of one list of a template: `tasks`, or one of those of launch.json.

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


def names_of(template: Template, key: str, service: str) -> list[str]:
    """Return the names of a service's entries, as far as its name alone determines them.

    Args:
        template: the template.
        key: of the list.
        service: its name; the service itself may be removed.
    """
    given = [str(entry.get(NAMING[key], "")) for entry in template_entries(template, key)]
    return [
        fill(text, {"service": service, "title": title})
        for text in given
        for title in (title_of(service), service)
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
