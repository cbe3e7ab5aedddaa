"""Mistakes in tasks and launch configurations, generated or not. Pure.

VS Code's own schemas miss most of them, and VS Code reports little: an unusable matcher is dropped,
and the debugger starts before the server. Each rule was seen in a real VS Code 1.139, or read in
its source (docs/vscode.md). Entries that an extension may add are never unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, TypeAlias

from devports.core.jsonc import JsoncError, Path, entries_of, find, inside, parse, place
from devports.core.shell_syntax import hides_exit_code
from devports.core.value import Frozen
from devports.vscode.tasks import is_generated, needs_of, role_of

Severity = Literal["error", "warning", "note"]
Found: TypeAlias = tuple[str, Path, str]
"""Code, path below the entry, and the mistake."""


NOT_RUNNING = "not running"
"""The text that `endsPattern` has to match in the last line of a failed run."""


class LintFinding(Frozen):
    """A mistake that VS Code does not accept. `line` and `column` count from 1.

    Attributes:
        code: kebab-case, the same in text, JSON, docs and tests.
        what: one line, names in backticks, no period.
        why: what VS Code does then.
        generated: whether it is in a generated entry.
        severity: a note where VS Code does nothing about it.
    """

    code: str
    path: str
    line: int
    column: int
    what: str
    why: str = ""
    generated: bool = False
    severity: Severity = "warning"


WHY = {
    "file-broken": "VS Code guesses the meaning and may do something else",
    "label-missing": "no other entry can refer to it",
    "label-twice": "VS Code runs one of them without warning",
    "depends-unknown": "VS Code asks what to do, each time",
    "prelaunch-unknown": "VS Code asks what to do before each start of the debugger",
    "matcher-missing": "VS Code cannot tell when the task is ready",
    "matcher-unusable": "VS Code ignores the matcher and cannot tell when the task is ready",
    "opens-a-race": "VS Code starts the new task before the old one has exited, while its port is "
    "still in use",
    "arguments-unquoted": "VS Code passes them to the shell unquoted",
    "exit-code-hidden": "VS Code treats a failure as success",
    "failure-unseen": "VS Code starts the debugger after every second failed start, if a "
    "configuration waits for the task",
    "need-unseen": "VS Code starts the debugger nevertheless; let the configuration wait for the "
    "task of one service",
    "kills-clients": "lsof lists the clients of a port too, for example a browser; "
    "`devports free PORT` stops only its holders",
    "close-hangs": "VS Code does not notice when the next task in its terminal ends",
}

MATCHERS = ("matcher-missing", "matcher-unusable")
"""What matters only where VS Code waits for the task: elsewhere it says and does nothing."""


def lint_tasks(
    path: str, text: str, waited: frozenset[str] = frozenset()
) -> tuple[LintFinding, ...]:
    """Return the mistakes in a tasks.json, in the order of the file.

    Args:
        path: for messages.
        text: of the file.
        waited: labels of tasks whose end decides whether a debugger starts.
    """
    needed = waited | _in_sequence(text)

    def severity(code: str, entry: Any) -> Severity:
        if code not in MATCHERS:
            return "warning"
        waits = is_generated(entry) or _name(entry, "label") in needed
        return "error" if waits else "note"

    def rules(entry: Any, entries: list[Any]) -> Iterator[Found]:
        yield from _label(entry, entries, "label")
        yield from _depends(entry, entries)
        yield from _background(entry)
        yield from _unseen(entry)
        yield from _habits(entry)
        yield from _exit_code(entry, waited)
        yield from _kills(entry)

    return tuple(_lint(path, text, rules, "tasks", severity=severity))


def lint_launch(
    path: str, text: str, labels: frozenset[str], needs: Mapping[str, str] = {}
) -> tuple[LintFinding, ...]:
    """Return the mistakes in a launch.json.

    Args:
        path: for messages.
        text: of the file.
        labels: of the existing tasks.
        needs: by `needed_runs`.
    """

    def rules(entry: Any, entries: list[Any]) -> Iterator[Found]:
        yield from _label(entry, entries, "name")
        yield from _before_and_after(entry, labels)
        if (run := needs.get(str(entry.get("preLaunchTask")))) is not None:
            name = entry["preLaunchTask"]
            what = f"`preLaunchTask` names `{name}`, which does not notice that `{run}` failed"
            yield "need-unseen", ("preLaunchTask",), what

    return tuple(_lint(path, text, rules, "configurations", "compounds"))


def waited_for(text: str) -> frozenset[str]:
    """Return the names of tasks that configurations of a launch.json wait for."""
    names = [entry.get("preLaunchTask") for entry in _readable(text, "configurations", "compounds")]
    return frozenset(name for name in names if isinstance(name, str))


def labels_of(text: str) -> frozenset[str]:
    """Return the labels of the tasks in a text; none of one that cannot be read."""
    return frozenset(name for each in _readable(text, "tasks") if (name := _name(each, "label")))


def needed_runs(text: str) -> dict[str, str]:
    """Return the first `devports run` that a task depends on, by label, for each such task.

    VS Code treats the end of a background task that another one needs as a success.
    """
    tasks = _readable(text, "tasks")
    runs = {_name(each, "label") for each in tasks if _runs_service(each)}
    found = ((_name(each, "label"), name) for each in tasks for name in needs_of(each))
    return {label: name for label, name in reversed([*found]) if name in runs}


def _readable(text: str, *keys: str) -> list[Any]:
    try:
        return [entry for _, entry in entries_of(text, *keys)]
    except JsoncError:
        return []


def _in_sequence(text: str) -> frozenset[str]:
    """Return the labels of tasks after which VS Code starts the next one of a sequence."""
    chains = [each for each in _readable(text, "tasks") if each.get("dependsOrder") == "sequence"]
    return frozenset(name for each in chains for name in needs_of(each))


def _lint(
    path: str,
    text: str,
    rules: Callable[[Any, list[Any]], Iterator[Found]],
    *keys: str,
    severity: Callable[[str, Any], Severity] = lambda *_: "warning",
) -> Iterator[LintFinding]:
    try:
        lists = [entries_of(text, key) for key in keys]
    except JsoncError as error:
        what = f"`{path}` cannot be read: {error.reason}"
        yield LintFinding("file-broken", path, error.line, error.column, what, WHY["file-broken"])
        return
    for numbered in lists:
        entries = [entry for _, entry in numbered]
        for above, entry in numbered:
            for code, below, what in rules(entry, entries):
                node = find(parse(text), (*above, *below))
                at = place(text, node.start if node else 0)
                own, how = is_generated(entry), severity(code, entry)
                yield LintFinding(code, path, *at, what, WHY[code], own, how)


def _name(entry: Any, naming: str) -> str:
    """Return an entry's name; tasks of VS Code's first format have a `taskName`."""
    name = entry.get(naming) or entry.get("taskName")
    return name if isinstance(name, str) else ""


def _label(entry: Any, entries: list[Any], naming: str) -> Iterator[Found]:
    name = _name(entry, naming)
    named = [each for each in entries if name and _name(each, naming) == name]
    if not name and not (naming == "label" and entry.get("type") not in (None, "shell", "process")):
        yield "label-missing", (), f"an entry has no `{naming}`"
    if len(named) > 1 and named[0] is not entry:
        yield "label-twice", (naming,), f"duplicate name `{name}`"


def _depends(entry: Any, entries: list[Any]) -> Iterator[Found]:
    known = {_name(each, "label") for each in entries}
    for name in needs_of(entry):
        if name not in known and not _from_elsewhere(name):
            yield "depends-unknown", ("dependsOn",), f"`dependsOn` names an unknown task `{name}`"


def _from_elsewhere(name: str) -> bool:
    """Return whether a variable or an extension may provide the name: `npm: dev`."""
    return "${" in name or ": " in name


def _before_and_after(entry: Any, labels: frozenset[str]) -> Iterator[Found]:
    for key in ("preLaunchTask", "postDebugTask", "preRestartTask", "postRestartTask"):
        name = entry.get(key)
        if isinstance(name, str) and name not in labels and not _from_elsewhere(name):
            yield "prelaunch-unknown", (key,), f"`{key}` names an unknown task `{name}`"


def _matchers(entry: Any) -> Iterator[tuple[Path, Any]]:
    """Yield the matchers of a task that are written out, with their paths."""
    given = entry.get("problemMatcher")
    if isinstance(given, list):
        yield from ((("problemMatcher", i), each) for i, each in enumerate(given))
    elif given is not None:
        yield ("problemMatcher",), given


def _background(entry: Any) -> Iterator[Found]:
    if entry.get("isBackground") is not True:
        return
    if not any(True for _ in _matchers(entry)):
        name = _name(entry, "label")
        yield "matcher-missing", (), f"the background task `{name}` has no `problemMatcher`"
    for where, matcher in _matchers(entry):
        if isinstance(matcher, dict):
            yield from _half_a_matcher(where, matcher)


def _half_a_matcher(where: Path, matcher: Any) -> Iterator[Found]:
    if "base" in matcher:  # the rest comes from a matcher that an extension names
        return
    if not matcher.get("pattern"):
        yield "matcher-unusable", where, "the matcher has no `pattern`"
    watches = (inside(matcher, "background"), inside(matcher, "watching"))
    watch = next((each for each in watches if each and isinstance(each, dict)), {})
    for key, other in (("beginsPattern", "endsPattern"), ("endsPattern", "beginsPattern")):
        if watch.get(key) and not watch.get(other):
            yield "matcher-unusable", (*where,), f"the matcher has a `{key}` and no `{other}`"
    if not watch:
        yield "matcher-unusable", where, "the matcher does not say when the task is ready"


def _unseen(entry: Any) -> Iterator[Found]:
    """Find a devports run whose matcher does not match the last line of a failure.

    At the exit of a process VS Code ignores the second failure in a row; at that line it does not.
    """
    if not _runs_service(entry):
        return
    for where, matcher in _matchers(entry):
        end = inside(matcher, "background", "endsPattern")
        pattern = end.get("regexp") if isinstance(end, dict) else end
        if isinstance(pattern, str) and NOT_RUNNING not in pattern:
            path = (*where, "background", "endsPattern")
            yield (
                "failure-unseen",
                path,
                f"`{_name(entry, 'label')}` does not notice a failed start",
            )


def _runs_service(entry: Any) -> bool:
    """Return whether a background task starts a service by `devports run`."""
    words = entry.get("args")
    said = (entry.get("command"), *(words if isinstance(words, list) else ()))
    role = role_of({"command": " ".join(map(str, said))})
    return role.words[:1] == ("run",) and entry.get("isBackground") is True


def _habits(entry: Any) -> Iterator[Found]:
    name = _name(entry, "label")
    if inside(entry, "runOptions", "instancePolicy") in ("terminateNewest", "terminateOldest"):
        yield (
            "opens-a-race",
            ("runOptions",),
            f"`{name}` restarts itself when it is run again (`instancePolicy`)",
        )
    if inside(entry, "presentation", "close") is True:
        yield "close-hangs", ("presentation",), f"`{name}` closes its terminal"
    words = entry.get("args")
    if entry.get("type", "shell") == "shell" and isinstance(words, list):
        for number, word in enumerate(words):
            if isinstance(word, str) and set(word) & set("'\"$;&|<>`"):
                yield (
                    "arguments-unquoted",
                    ("args", number),
                    f"`{name}` has an argument with a character that a shell interprets",
                )


def _exit_code(entry: Any, waited: frozenset[str]) -> Iterator[Found]:
    """Find a shell that hides an exit code on which a debugger depends."""
    name, command = _name(entry, "label"), entry.get("command")
    if entry.get("type", "shell") != "shell" or not isinstance(command, str):
        return
    matters = entry.get("isBackground") is True or name in waited or "devports " in command
    options = inside(entry, "options", "shell", "args")
    told = isinstance(options, list) and "pipefail" in options
    end = hides_exit_code(command)
    if matters and end and not (told and end.startswith("|") and not end.startswith("||")):
        yield (
            "exit-code-hidden",
            ("command",),
            f"`{name}` ends in `{end}`, which hides its exit code",
        )


def _kills(entry: Any) -> Iterator[Found]:
    """Find `lsof -ti:8000 | xargs kill`; with `-sTCP:LISTEN` lsof lists no clients."""
    words = entry.get("args")
    text = " ".join(map(str, (entry.get("command"), *(words if isinstance(words, list) else ()))))
    if "lsof" in text and "kill" in text and "LISTEN" not in text:
        name = _name(entry, "label")
        yield "kills-clients", (), f"`{name}` kills every process that `lsof` lists for a port"
