"""What is wrong with tasks and launch configurations, ours or not. Pure.

VS Code's own schemas miss most of this, and VS Code says little: a matcher that cannot be used is
dropped, and the debugger starts before the server. Each rule was seen in a real VS Code 1.139,
or read in its source (docs/vscode.md). What an extension may add is never called unknown.

jsregex: Whether a text is a regular expression of JavaScript, as VS Code compiles a matcher's.
Pure.

Python's own differ too much to be asked: `(?<name>...)` is an error there, and in JavaScript a lone
`{` or `]` is a character (ECMA-262, B.1.2, patterns without the u flag). In doubt there is no
finding: the duplicate names and modifiers that newer engines allow are allowed here.
"""

from __future__ import annotations

import re

from devports.core.jsonc import JsoncError, find, parse, place, plain
from devports.core.shell_syntax import hides_exit_code
from devports.core.value import Frozen
from devports.vscode.tasks import is_ours, role_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Literal, TypeAlias

    from devports.core.jsonc import Path

    Found: TypeAlias = tuple[str, Path, str]
    """Code, where below the entry, and what is wrong with it."""

    After = Literal["nothing", "atom", "quantifier", "assertion"]


NOT_RUNNING = "not running"
"""What `endsPattern` has to know of the last line of a run that failed."""


class LintFinding(Frozen):
    """One thing that VS Code would stumble over. `line` and `column` count from 1.

    Attributes:
        code: kebab-case, the same in text, JSON, docs and tests.
        what: one line, names in backticks, no period.
        why: what VS Code does then.
        ours: whether it is in what devports wrote.
    """

    code: str
    path: str
    line: int
    column: int
    what: str
    why: str = ""
    ours: bool = False


WHY = {
    "file-broken": "VS Code guesses what was meant, and so may do something else",
    "label-missing": "nothing can name it",
    "label-twice": "VS Code runs either of them, without a word",
    "depends-unknown": "VS Code asks what to do, each time",
    "prelaunch-unknown": "VS Code asks what to do before each start of the debugger",
    "matcher-missing": "VS Code never knows when it is ready, and asks after five seconds",
    "matcher-unusable": "VS Code drops the matcher, and then never knows when the task is ready",
    "regex-broken": "VS Code drops the matcher",
    "opens-a-race": "VS Code starts the new one without waiting for the end of the old: the port"
    " is still taken",
    "arguments-unquoted": "VS Code gives them to the shell as they are, so it takes them apart",
    "exit-code-hidden": "VS Code takes a server that crashed, or a port that was not freed, for a"
    " good end",
    "failure-unseen": "VS Code lets every second start that fails begin the debugger, where a"
    " configuration waits for it",
    "close-hangs": "the next task in its terminal never ends for VS Code",
}


def lint_tasks(
    path: str, text: str, waited: frozenset[str] = frozenset()
) -> tuple[LintFinding, ...]:
    """Return what is wrong in a tasks.json, in the order of the file.

    Args:
        path: for messages.
        text: of the file.
        waited: labels of tasks whose exit code decides about the start of a debugger.
    """

    def rules(entry: Any, entries: list[Any]) -> Iterator[Found]:
        yield from _label(entry, entries, "label")
        yield from _depends(entry, entries)
        yield from _background(entry)
        yield from _unseen(entry)
        yield from _patterns(entry)
        yield from _habits(entry)
        yield from _exit_code(entry, waited)

    return _lint(path, text, "tasks", rules)


def lint_launch(path: str, text: str, labels: frozenset[str]) -> tuple[LintFinding, ...]:
    """Return what is wrong in a launch.json; `labels` are those of the tasks there are."""

    def rules(entry: Any, entries: list[Any]) -> Iterator[Found]:
        yield from _label(entry, entries, "name")
        yield from _before_and_after(entry, labels)

    found = _lint(path, text, "configurations", rules)
    if any(flaw.code == "file-broken" for flaw in found):
        return found
    return (*found, *_lint(path, text, "compounds", rules))


def waited_for(text: str) -> frozenset[str]:
    """Return the names of tasks that configurations of a launch.json wait for."""
    try:
        root = parse(text)
    except JsoncError:
        return frozenset()
    found = [plain(find(root, (key,))) for key in ("configurations", "compounds")]
    entries = [entry for each in found if isinstance(each, list) for entry in each]
    names = [entry.get("preLaunchTask") for entry in entries if isinstance(entry, dict)]
    return frozenset(name for name in names if isinstance(name, str))


def labels_of(text: str) -> frozenset[str]:
    """Return what tasks of a text can be called; none of one that cannot be read."""
    try:
        entries = plain(find(parse(text), ("tasks",)))
    except JsoncError:
        return frozenset()
    found = entries if isinstance(entries, list) else []
    return frozenset(name for each in found if (name := _name(each, "label")))


def _lint(
    path: str, text: str, key: str, rules: Callable[[Any, list[Any]], Iterator[Found]]
) -> tuple[LintFinding, ...]:
    try:
        root = parse(text)
    except JsoncError as error:
        what = f"`{path}` cannot be read: {error.reason}"
        return (
            LintFinding("file-broken", path, error.line, error.column, what, WHY["file-broken"]),
        )
    entries = plain(find(root, (key,)))
    flaws: list[LintFinding] = []
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        for code, below, what in rules(entry, entries) if isinstance(entry, dict) else ():
            node = find(root, (key, number, *below))
            line, column = place(text, node.start if node else 0)
            flaws.append(LintFinding(code, path, line, column, what, WHY[code], is_ours(entry)))
    return tuple(flaws)


def _name(entry: Any, naming: str) -> str:
    """Return an entry's name; tasks of VS Code's first format have a `taskName`."""
    name = entry.get(naming) or entry.get("taskName") if isinstance(entry, dict) else None
    return name if isinstance(name, str) else ""


def _inside(entry: Any, key: str) -> dict[str, Any]:
    """Return an object inside an entry; an empty one where there is none."""
    found = entry.get(key)
    return found if isinstance(found, dict) else {}


def _label(entry: Any, entries: list[Any], naming: str) -> Iterator[Found]:
    name = _name(entry, naming)
    named = [each for each in entries if name and _name(each, naming) == name]
    if not name and not (naming == "label" and entry.get("type") not in (None, "shell", "process")):
        yield "label-missing", (), f"an entry has no `{naming}`"
    if len(named) > 1 and named[0] is not entry:
        yield "label-twice", (naming,), f"there are two of the name `{name}`"


def _depends(entry: Any, entries: list[Any]) -> Iterator[Found]:
    wants = entry.get("dependsOn")
    known = {_name(each, "label") for each in entries}
    for name in wants if isinstance(wants, list) else [wants]:
        if isinstance(name, str) and name not in known and not _from_elsewhere(name):
            yield "depends-unknown", ("dependsOn",), f"no task `{name}` to depend on"


def _from_elsewhere(name: str) -> bool:
    """Say whether a variable or an extension may stand behind the name: `npm: dev`."""
    return "${" in name or ": " in name


def _before_and_after(entry: Any, labels: frozenset[str]) -> Iterator[Found]:
    for key in ("preLaunchTask", "postDebugTask", "preRestartTask", "postRestartTask"):
        name = entry.get(key)
        if isinstance(name, str) and name not in labels and not _from_elsewhere(name):
            yield "prelaunch-unknown", (key,), f"no task `{name}` for `{key}`"


def _matchers(entry: Any) -> Iterator[tuple[Path, Any]]:
    """Yield the matchers of a task that are written out, and where."""
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
    if "base" in matcher:  # what is not written comes from a matcher that an extension names
        return
    if not matcher.get("pattern"):
        yield "matcher-unusable", where, "the matcher has no `pattern`"
    watch = _inside(matcher, "background") or _inside(matcher, "watching")
    for key, other in (("beginsPattern", "endsPattern"), ("endsPattern", "beginsPattern")):
        if watch.get(key) and not watch.get(other):
            yield "matcher-unusable", (*where,), f"the matcher has a `{key}` and no `{other}`"
    if not watch:
        yield "matcher-unusable", where, "the matcher does not say when the task is ready"


def _unseen(entry: Any) -> Iterator[Found]:
    """Find a run of devports whose matcher does not wait for the line behind a failure.

    At the end of a process VS Code forgets the second failure in a row; at that line it does not.
    """
    words = entry.get("args")
    said = (entry.get("command"), *(words if isinstance(words, list) else ()))
    role = role_of({"command": " ".join(map(str, said))})
    if role[:1] != ("run",) or entry.get("isBackground") is not True:
        return
    for where, matcher in _matchers(entry):
        watch = _inside(matcher, "background") if isinstance(matcher, dict) else {}
        end = watch.get("endsPattern")
        pattern = end.get("regexp") if isinstance(end, dict) else end
        if isinstance(pattern, str) and NOT_RUNNING not in pattern:
            path = (*where, "background", "endsPattern")
            yield "failure-unseen", path, f"`{_name(entry, 'label')}` does not see its start fail"


def _patterns(entry: Any) -> Iterator[Found]:
    for where, matcher in _matchers(entry):
        for below, pattern in _regexes(matcher):
            if problem := flaw(pattern):
                yield (
                    "regex-broken",
                    (*where, *below),
                    f"the regular expression is broken: {problem}",
                )


def _regexes(matcher: Any) -> Iterator[tuple[Path, str]]:
    """Yield the regular expressions of a matcher, and where they are in it."""
    for key in ("pattern", "background", "watching"):
        inside = matcher.get(key) if isinstance(matcher, dict) else None
        for below, each in enumerate(inside) if isinstance(inside, list) else ((None, inside),):
            path: Path = (key,) if below is None else (key, below)
            yield from _regexes_in(path, each)


def _regexes_in(path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    for key in ("regexp", "beginsPattern", "endsPattern"):
        pattern = value.get(key) if isinstance(value, dict) else None
        if isinstance(pattern, str):
            yield (*path, key), pattern
        elif isinstance(pattern, dict):
            yield from _regexes_in((*path, key), pattern)


def _habits(entry: Any) -> Iterator[Found]:
    name = _name(entry, "label")
    policy = _inside(entry, "runOptions").get("instancePolicy")
    if policy in ("terminateNewest", "terminateOldest"):
        yield "opens-a-race", ("runOptions",), f"`{name}` ends itself when it is run again"
    if _inside(entry, "presentation").get("close") is True:
        yield "close-hangs", ("presentation",), f"`{name}` closes its terminal"
    words = entry.get("args")
    if entry.get("type", "shell") == "shell" and isinstance(words, list):
        for number, word in enumerate(words):
            if isinstance(word, str) and set(word) & set("'\"$;&|<>`"):
                yield (
                    "arguments-unquoted",
                    ("args", number),
                    f"`{name}` has an argument with a character that means something to a shell",
                )


def _exit_code(entry: Any, waited: frozenset[str]) -> Iterator[Found]:
    """Find a shell that ends well whatever happened, where somebody would have to know."""
    name, command = _name(entry, "label"), entry.get("command")
    if entry.get("type", "shell") != "shell" or not isinstance(command, str):
        return
    matters = entry.get("isBackground") is True or name in waited or "devports " in command
    options = _inside(_inside(entry, "options"), "shell").get("args")
    told = isinstance(options, list) and "pipefail" in options
    end = hides_exit_code(command)
    if matters and end and not (told and end.startswith("|") and not end.startswith("||")):
        yield "exit-code-hidden", ("command",), f"`{name}` ends in `{end}`, which hides its failure"


DEEPEST = 200
_QUANTIFIER = re.compile(r"[*+?]|\{([0-9]+)(?:,([0-9]*))?\}")
_GROUP = re.compile(r"\((?:\?(?::|=|!|<=|<!|<[A-Za-z_$][\w$]*>|[ims]*(?:-[ims]*)?:))?")
_ASSERTION = re.compile(r"\\[bB]|[\^$]")
_CLASS_ATOM = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|c[A-Za-z]|[\s\S])|[^\]]")
_CONTROLS = {"b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13}


def _size(digits: str) -> tuple[int, str]:
    """Return what orders numbers however long: int() refuses 4300 digits."""
    digits = digits.lstrip("0")
    return len(digits), digits


def flaw(pattern: str) -> str:
    """Return why VS Code could not compile `pattern`; empty if it could."""
    return _Scanner(pattern).scan()


class _Scanner:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.open: list[str] = []
        self.after: After = "nothing"

    def scan(self) -> str:
        while self.at < len(self.pattern):
            if problem := self.step(self.pattern[self.at]):
                return problem
        return "a group is not closed" if self.open else ""

    def step(self, char: str) -> str:
        if char == "(":
            return self.group()
        if char == ")":
            return self.close()
        if char == "[":
            return self.character_class()
        if char == "|":
            return self.take(1, "nothing")
        if found := _QUANTIFIER.match(self.pattern, self.at):
            return self.quantifier(found)
        if found := _ASSERTION.match(self.pattern, self.at):
            return self.take(len(found[0]), "assertion")
        if char == "\\":
            if self.at + 1 == len(self.pattern):
                return "it ends with a backslash"
            return self.take(2, "atom")
        return self.take(1, "atom")

    def take(self, count: int, after: After) -> str:
        self.at += count
        self.after = after
        return ""

    def group(self) -> str:
        found = _GROUP.match(self.pattern, self.at)
        start = found[0] if found else "("
        if start == "(" and self.pattern.startswith("(?", self.at):
            return "`(?` begins no kind of group"
        self.open.append(start)
        return self.take(len(start), "nothing")

    def close(self) -> str:
        if not self.open:
            return "a `)` closes nothing"
        return self.take(1, "assertion" if self.open.pop() in ("(?<=", "(?<!") else "atom")

    def quantifier(self, found: re.Match[str]) -> str:
        if self.after != "atom":
            return f"`{found[0]}` has nothing to repeat"
        if found[2] and _size(found[2]) < _size(found[1]):
            return f"`{found[0]}` is out of order"
        lazy = self.pattern.startswith("?", found.end())
        return self.take(len(found[0]) + lazy, "quantifier")

    def character_class(self) -> str:
        at, atoms = self.at + 1, list[str]()
        at += self.pattern.startswith("^", at)
        while (found := _CLASS_ATOM.match(self.pattern, at)) is not None:
            atoms.append(found[0])
            at = found.end()
        if not self.pattern.startswith("]", at):
            return "a `[` is not closed"
        self.at = at
        return _ranges(atoms) or self.take(1, "atom")


def _ranges(atoms: list[str]) -> str:
    at = 0
    while at + 2 < len(atoms):
        low, dash, high = atoms[at : at + 3]
        if dash != "-":
            at += 1
            continue
        first, last = _code(low), _code(high)
        if first is not None and last is not None and first > last:
            return f"the range `{low}-{high}` is out of order"
        at += 3
    return ""


def _code(atom: str) -> int | None:
    """Return the one character that an atom of a class stands for; None if it may be several."""
    if len(atom) == 1:
        return ord(atom)
    if atom[1] in _CONTROLS:
        return _CONTROLS[atom[1]]
    if atom[1] in "xu" and atom[2:]:
        return int(atom[2:], 16)  # noqa: FURB166  # JavaScript: \x41 has no 0 before it
    return ord(atom[1]) if not atom[1].isalnum() else None
