"""What stands in `.vscode-template/`: entries with placeholders, filled for each service. Pure.

An entry that uses a placeholder of a service is made once for each service; one without, once. An
entry whose placeholders have no value is left out: `{debugger}` has one only for a service that
declares `vscode.debug`. A text that is nothing but a placeholder becomes its value, list or number.
"""

from __future__ import annotations

from devports.core.jsonc import JsoncError, find, parse, plain
from devports.core.placeholder import fill, names_in
from devports.core.value import Value
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, TypeAlias

    Json: TypeAlias = dict[str, Any]

FOLDER = ".vscode-template"
FILES = ("tasks.json", "launch.json")
OF_SERVICE = ("service", "title", "debugger", "debugpy_port", "node_port")
OF_LABELS = ("run_task", "free_task", "debug_task")
OF_ALL = ("all_runs", "all_order", "all_debugs")
KNOWN = (*OF_SERVICE, *OF_LABELS, *OF_ALL)
EXECUTED = ("command", "args", "options", "linux", "osx", "windows")
"""Keys of a task that reach a shell: a service's name, which is restricted, may stand in them."""


class Template(Value):
    """The texts of the two files, and the folder they came from, as messages call it."""

    tasks: str
    launch: str
    folder: str = FOLDER


def entries(template: Template, name: str, key: str) -> tuple[Json, ...]:
    """Return the entries of one list of a template's file.

    Raises:
        DevportsError: the template is not right; every problem names its file.
    """
    text = template.tasks if name == "tasks.json" else template.launch
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
    for name in used(entry):
        if name not in KNOWN:
            raise _wrong(path, f"unknown placeholder `{{{name}}}`; known: {', '.join(KNOWN)}")
    shell = {key: value for key, value in entry.items() if key in EXECUTED}
    for name in used(shell):
        if name != "service":
            raise _wrong(path, f"`{{{name}}}` must not reach a command, only `{{service}}` may")


def _wrong(path: str, fact: str) -> DevportsError:
    return DevportsError("template-wrong", f"`{path}` cannot be used", facts=(fact,))


def used(value: object) -> Iterator[str]:
    """Yield the placeholders in a value, at whatever depth."""
    if isinstance(value, str):
        yield from names_in(value)
    elif isinstance(value, dict):
        for each in value.values():
            yield from used(each)
    elif isinstance(value, list):
        for each in value:
            yield from used(each)


def names_of(template: Template, name: str, key: str, naming: str, service: str) -> tuple[str, ...]:
    """Return what the entries of a service are called, as far as its name alone says it.

    Args:
        template: the template.
        name: of its file.
        key: of the list.
        naming: the key that holds an entry's name.
        service: its name; the service itself may be gone.
    """
    given = [str(entry.get(naming, "")) for entry in entries(template, name, key)]
    titles = (title_of(service), service)
    return tuple(
        fill(text, {"service": service, "title": title})
        for text in given
        for title in titles
        if names_in(text) and {*names_in(text)} <= {"service", "title"}
    )


def title_of(service: str) -> str:
    """Return what a person calls a service: `my-api` is `My Api`."""
    words = service.replace("-", " ").replace("_", " ").split()
    return " ".join(word[:1].upper() + word[1:] for word in words)


def of_service(entry: Json) -> bool:
    """Say whether an entry is made for each service."""
    return any(name in (*OF_SERVICE, *OF_LABELS) for name in used(entry))


def filled(value: Any, values: Mapping[str, object]) -> Any:
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
