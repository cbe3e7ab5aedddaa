"""Servers that VS Code starts already: .vscode/launch.json and .vscode/tasks.json."""

from __future__ import annotations

import json
import posixpath
import re

from devports.core.jsonc import JsoncError, parse, plain
from devports.detect.found import LeftOut
from devports.detect.making import of_line
from devports.detect.python import launcher
from devports.detect.words import Line, command_text, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devports.detect.found import File, Found, Tree

    Entry = dict[str, object]

FOLDER = ".vscode"
LISTS = {"launch.json": "configurations", "tasks.json": "tasks"}
_WORKSPACE = re.compile(r"\$\{workspace(?:Folder|Root)\}/?")


def editors(tree: Tree) -> Iterator[Found | LeftOut]:
    """Yield the servers that launch configurations and tasks start; the others are not ours."""
    for name, key in LISTS.items():
        for file in tree.called(name):
            if posixpath.basename(file.folder) == FOLDER:
                yield from _entries(tree, file, key)


def _entries(tree: Tree, file: File, key: str) -> Iterator[Found | LeftOut]:
    try:
        data = plain(parse(file.text))
    except JsoncError:
        yield LeftOut(file.source(), "it cannot be read as JSON with comments")
        return
    entries = data.get(key) if isinstance(data, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        made = _service(tree, file, entry) if isinstance(entry, dict) else None
        if made is not None:
            yield made


def _service(tree: Tree, file: File, entry: Entry) -> Found | None:
    title = _text(entry, "name") or _text(entry, "label") or _text(entry, "script")
    if not title or entry.get("request") == "attach" or "devports" in str(entry.get("command")):
        return None
    line = line_of(entry)
    above = posixpath.dirname(file.folder)
    folder = _folder(above, entry)
    if line is None or folder is None or any("${" in word for word in line.words):
        return None
    source = file.source(json.dumps(title, ensure_ascii=False), f"`{title}`")
    made = of_line(line, source, names=(), folder=folder)
    if made is None:
        return None
    names = ", ".join(variables_of(entry))
    notes = (f"{file.name} sets {names}: add to `env` what it needs.",) if names else ()
    return made.but(command=_in_its_environment(tree, folder, line, made), notes=notes)


def line_of(entry: Entry) -> Line | None:
    """Return what a launch configuration or a task executes; None if that is nothing of ours."""
    args = _texts(entry.get("args"))
    if module := _text(entry, "module"):
        return Line((module, *args))
    if program := _text(entry, "program"):
        return Line((_WORKSPACE.sub("", program), *args))
    line = read(_WORKSPACE.sub("", _text(entry, "command")))
    return line.but(words=(*line.words, *args)) if line else None


def variables_of(entry: Entry) -> tuple[str, ...]:
    """Return the names of its variables. Their values stay where they are: they may be secrets."""
    options = entry.get("options")
    env = entry.get("env") or (options.get("env") if isinstance(options, dict) else None)
    return tuple(env) if isinstance(env, dict) else ()


def _in_its_environment(tree: Tree, folder: str, line: Line, made: Found) -> str:
    """Return the command of a Python module so that a shell finds it: VS Code knows its own."""
    if line.words[0] != made.kind and line.words[0] != "manage.py":
        return made.command
    lead = launcher(tree, folder)
    if line.words[0] == "manage.py":
        lead = (*lead, "python") if lead[-1:] == ("run",) else lead or ("python3",)
    elif lead and lead[-1] != "run":
        lead = (*lead, "-m")
    return " ".join(filter(None, (command_text(lead), made.command)))


def _folder(above: str, entry: Entry) -> str | None:
    """Return the folder in which it runs; None if only VS Code knows it."""
    options = entry.get("options")
    named = _text(entry, "cwd") or _text(options, "cwd")
    inside = _WORKSPACE.sub("", named)
    if "${" in inside or inside.startswith(("/", "~")):
        return None
    folder = posixpath.normpath(posixpath.join(above, inside))
    return None if folder.startswith("..") else "" if folder == "." else folder


def _text(entry: object, key: str) -> str:
    value = entry.get(key) if isinstance(entry, dict) else None
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()
