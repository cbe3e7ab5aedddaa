"""The tasks that a configuration means, as data. Pure.

A task of ours is known by the mark at the end of its detail, since VS Code underlines keys it does
not know; and which one it is, by what its command does. So a label can be changed in the template,
in the configuration or by renaming a service, and the same task is found again.
"""

from __future__ import annotations

from devports.core.service import DEBUGGER_PORT
from devports.core.value import Value
from devports.editor import template as templates
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TypeAlias

    from devports.core.service import Config, Service
    from devports.editor.template import Json, Template

    Role: TypeAlias = tuple[str, ...]
    """What a task does: the words behind `devports` in its command; or its label."""

MARK = "(devports vscode)"
PROGRAM = ("devports", "devports.exe")
DEBUG_FLAG = "--debug"
FORMER_END = "^devports: `[^`]+` is ready on "
"""The `endsPattern` of the tasks that run a service, as it was until launch configurations got
their mark. Such a file tells that ours have none yet. Kept until the end of 2027."""


class Task(Value):
    """One task as it should be."""

    role: Role
    label: str
    body: Json


def role_of(task: Mapping[str, object]) -> Role:
    """Return what a task of ours does."""
    command = task.get("command")
    words = command.split() if isinstance(command, str) else []
    names = [word.replace("\\", "/").rpartition("/")[2] for word in words]
    at = next((i for i, name in enumerate(names) if name in PROGRAM), None)
    return ("label", str(task.get("label"))) if at is None else tuple(words[at + 1 :])


def is_ours(task: object) -> bool:
    """Say whether a task was made by us."""
    detail = task.get("detail") if isinstance(task, dict) else None
    return isinstance(detail, str) and detail.rstrip().endswith(MARK)


def is_former(task: object) -> bool:
    """Say whether a task of ours was written before launch configurations got their mark."""
    matcher = task.get("problemMatcher") if isinstance(task, dict) and is_ours(task) else None
    background = matcher.get("background") if isinstance(matcher, dict) else None
    return isinstance(background, dict) and background.get("endsPattern") == FORMER_END


def run_role(service: str) -> Role:
    return ("run", service)


def free_role(service: str) -> Role:
    return ("free", service)


def debug_role(service: str) -> Role:
    return ("run", service, DEBUG_FLAG)


def titles(services: Sequence[Service]) -> dict[str, str]:
    """Return what a person calls each service: `my-api` is `My Api`, if no other is too."""
    spoken = {service.name: templates.title_of(service.name) for service in services}
    several = [title for title in spoken.values() if list(spoken.values()).count(title) > 1]
    return {name: name if title in several else title for name, title in spoken.items()}


def concerned(config: Config) -> tuple[Service, ...]:
    """Return the services that have tasks: those that devports starts, or frees for VS Code."""
    return tuple(s for s in config.services if s.command or s.vscode.prelaunch)


def values_of(config: Config, template: Template) -> dict[str, dict[str, object]]:
    """Return every placeholder that has a value, for each service that has tasks."""
    services = concerned(config)
    names = titles(services)
    entries = templates.entries(template, "tasks.json", "tasks")
    values = {service.name: _own(service, names[service.name]) for service in services}
    for service in services:
        mine = values[service.name]
        roles = (run_role, free_role, debug_role)
        for name, role in zip(templates.OF_LABELS, roles, strict=True):
            label = _label(entries, role(service.name), service, mine)
            if label:
                mine[name] = label
    common = _of_all(services, values)
    return {name: mine | common for name, mine in values.items()}


def _of_all(
    services: Sequence[Service], values: Mapping[str, Mapping[str, object]]
) -> dict[str, object]:
    """Return what the task that runs all is made of; nothing where there are not several."""
    runs = [values[s.name]["run_task"] for s in in_order(services) if "run_task" in values[s.name]]
    order = "sequence" if _depend(services) else "parallel"
    return {"all_runs": runs, "all_order": order} if len(runs) > 1 else {}


def _own(service: Service, title: str) -> dict[str, object]:
    values: dict[str, object] = {"service": service.name, "title": title}
    debugger, port = service.vscode.debug, dict(service.ports).get(DEBUGGER_PORT)
    if debugger and port:
        values |= {"debugger": debugger, f"{debugger}_port": port}
    return values


def _label(
    entries: Sequence[Json], role: Role, service: Service, values: Mapping[str, object]
) -> str:
    """Return the label that a task gets: the configuration's for the one that runs the service.

    Empty if there is no such task for the service.
    """
    if not _possible(role, service):
        return ""
    if _has_own_label(role, service):
        return service.vscode.task
    for entry in entries:
        if "{service}" in str(entry.get("command")):
            head = {key: entry.get(key, "") for key in ("label", "command")}
            try:
                known = templates.filled(head, values)
            except KeyError:
                continue
            if role_of(known) == role:
                return str(known["label"])
    return ""


def _possible(role: Role, service: Service) -> bool:
    """Say whether devports would do it: a service without a command is never started."""
    debugs = DEBUG_FLAG not in role or bool(service.vscode.debug)
    return role[:1] != ("run",) or (bool(service.command) and debugs)


def _depend(services: Sequence[Service]) -> bool:
    names = {service.name for service in services}
    return any(names & set(service.depends_on) for service in services)


def in_order(services: Sequence[Service]) -> list[Service]:
    """Return the services, each behind those that it depends on; a checked config has no circle."""
    done: dict[str, Service] = {}
    todo = list(services)
    while todo:
        ready = next(
            (s for s in todo if not any(t.name in s.depends_on for t in todo if t is not s)),
            todo[0],
        )
        done[ready.name] = ready
        todo.remove(ready)
    return list(done.values())


def wanted_tasks(config: Config, template: Template) -> tuple[Task, ...]:
    """Return the tasks that there should be.

    Raises:
        DevportsError: two would have one label, or the template is not right.
    """
    values = values_of(config, template)
    entries = templates.entries(template, "tasks.json", "tasks")
    services = {service.name: service for service in concerned(config)}
    tasks = tuple(task for entry in entries for task in _made(entry, values, services))
    _refuse_twins(tasks)
    return tasks


def _made(
    entry: Json, values: Mapping[str, Mapping[str, object]], services: Mapping[str, Service]
) -> Iterator[Task]:
    if not templates.of_service(entry):
        common: Mapping[str, object] = next(iter(values.values()), {})
        yield from _filled(entry, {k: v for k, v in common.items() if k in templates.OF_ALL}, None)
        return
    for name, mine in values.items():
        yield from _filled(entry, mine, services[name])


def _filled(entry: Json, values: Mapping[str, object], service: Service | None) -> Iterator[Task]:
    try:
        body = templates.filled(entry, values)
    except KeyError:
        return
    role, label = role_of(body), body.get("label", "")
    if service is not None:
        if not _possible(role, service):
            return
        label = service.vscode.task if _has_own_label(role, service) else label
    detail = str(body.get("detail", "")).strip()
    detail = detail if detail.endswith(MARK) else f"{detail} {MARK}".strip()
    yield Task(role, str(label), body | {"label": str(label), "detail": detail})


def _has_own_label(role: Role, service: Service) -> bool:
    return bool(service.vscode.task) and role == run_role(service.name)


def _refuse_twins(tasks: Sequence[Task]) -> None:
    labels = [task.label for task in tasks]
    twin = next((label for label in labels if labels.count(label) > 1), None)
    if twin is not None:
        raise DevportsError(
            "labels-collide",
            f"two tasks would be called `{twin}`",
            facts=tuple(f"`{t.body.get('command', 'Run All')}`" for t in tasks if t.label == twin),
            note="VS Code runs either of them, without a word",
            hints=("give one service another label: `[services.NAME.vscode]`, `task = ...`",),
        )
