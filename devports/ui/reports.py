"""The reports of `doctor`, `init` and `vscode` as text. Pure.

A healthy project gets three lines of doctor: what was checked, what is not visible, and the
verdict. A problem is a block of its own, like every error, and its last line is the fix.

The facts are collected once and have two forms: lines of text for a pipe, and `Line`s, which
`ui.rich_console` draws, for a terminal.
"""

from __future__ import annotations

from devports.core import jsonc
from devports.core.hint import OwnCommand, hint, own_command, text_of
from devports.core.text import cells
from devports.core.value import Frozen
from devports.ui.escape import printable, redacted_line
from devports.ui.holders import kind_facts
from devports.ui.messages import MAX_LINE, block, labelled
from devports.ui.processes import (
    families,
    headline,
    known,
    names,
    note_lines,
    process_name,
    short_folder,
    uptime,
    user_of,
)
from devports.ui.text import aligned, join_words, pad, paint, plural, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Literal, TypeAlias

    from devports.core.hint import Advice
    from devports.core.model import HolderSearch
    from devports.core.remedies import Remedy
    from devports.core.self_test import SelfTest
    from devports.detect.model import DetectedService, SkippedService
    from devports.doctor.facts import Facts, Problem, Severity
    from devports.ui.processes import DisplayContext
    from devports.ui.text import OutputStyle, Style
    from devports.vscode.merge import FileChange, Plan

    Role: TypeAlias = Literal[
        "", "title", "error", "warning", "note", "good", "fact", "more", "hint"
    ]
    Spans: TypeAlias = "tuple[tuple[str, Style | Literal['', 'typed']], ...]"


class Line(Frozen):
    """A line of a report on a terminal.

    Attributes:
        role: its purpose; `rich_console` has the mark and the indent of each.
        spans: its text in pieces, each with its style; in one that is "typed", backticks mark what
            can be typed.
        label: its label, if its role has no mark.
        cells: of a row, instead of `spans`; consecutive rows are one table.
    """

    role: Role
    spans: Spans = ()
    label: str = ""
    cells: tuple[Spans, ...] = ()


BLANK = Line("")


def _line(role: Role, text: str, style: Style | Literal["", "typed"] = "", label: str = "") -> Line:
    return Line(role, ((printable(text, MAX_LINE), style),), label)


def _hint_line(advice: Advice, config: str) -> Line:
    return _line("hint", text_of(advice, config), "typed")


NOTHING = "no `devports.toml` found{}; checked this machine only"
UNUSABLE = "cannot use the configuration; checked this machine only"


def report(
    path: str,
    facts: Facts,
    problems: Sequence[Problem],
    reader: DisplayContext,
    output: OutputStyle,
    *,
    offer: bool = False,
) -> str:
    """Return the whole report on `problems` for a pipe, the most severe first.

    `path`: of the configuration, empty if there is none that can be used. `offer`: add how many
    problems can be fixed, and how.
    """
    blocks = [problem_block(problem, reader, output) for problem in problems]
    tail = [*_stops(facts), _unseen(facts, output.config), _last_line(problems, output)]
    if offer and (fixes := _fixable(problems)):
        tail += labelled("hint", fixes, output)
    gap = "\n\n" if blocks else "\n"
    return gap.join([_scope(path, facts, problems), *blocks, "\n".join(tail)])


def screen(
    path: str,
    facts: Facts,
    problems: Sequence[Problem],
    reader: DisplayContext,
    config: str = "",
    *,
    offer: bool = False,
) -> Iterator[Line]:
    """Yield the same for a terminal: ports with the same problem and fix together, notes last."""
    yield _line("", _scope(path, facts, problems))
    for same in _grouped([problem for problem in problems if problem.severity != "note"]):
        yield BLANK
        if same[1:]:
            yield from _group(same, reader, config)
        else:
            yield from problem_lines(same[0], reader, config)
    if noted := [problem for problem in problems if problem.severity == "note"]:
        yield BLANK
        yield from (_note(problem, reader, config) for problem in noted)
    if problems:
        yield BLANK
    yield from (_line("", text) for text in (*_stops(facts), _unseen(facts, config)))
    kind, told = verdict(problems)
    if kind == "good":
        yield Line(kind, (("no problems found", kind), (f" ({told})" if told else "", "")))
    else:
        yield _line("", told, kind)
    if offer and (fixes := _fixable(problems)):
        yield _hint_line(fixes, config)


def _scope(path: str, facts: Facts, problems: Sequence[Problem]) -> str:
    if not path:
        wrong = any(p.code.startswith("config-") and p.severity != "note" for p in problems)
        found = plural(len(facts.undeclared), "server")
        here = f" (`devports init` finds {found} here)" if facts.undeclared else ""
        return UNUSABLE if wrong else NOTHING.format(here)
    services = len(dict.fromkeys(declared.service.name for declared in facts.ports))
    addresses = sum(len(declared.findings) for declared in facts.ports)
    where = plural(addresses, "address", "addresses")
    return f"checked {printable(path)}: {plural(services, 'service')} on {where}"


def _stops(facts: Facts) -> tuple[str, ...]:
    """Return where it is recorded what devports has stopped."""
    return (f"what devports has stopped: {printable(facts.stops)}",) if facts.stops else ()


def _unseen(facts: Facts, config: str) -> str:
    """Return what is not visible, and how to see it."""
    if not facts.gaps:
        return "all processes are visible"
    hidden = join_words([printable(gap.detail) for gap in facts.gaps])
    by_root = text_of(hint(OwnCommand(("doctor",), sudo=True)), config)
    who = "an administrator" if facts.platform == "win32" else by_root
    more = "" if facts.viewer.uid == 0 else f" ({who} sees more)"
    return f"not visible to this user: {hidden}{more}"


def verdict(problems: Sequence[Problem]) -> tuple[Literal["good", "warning", "error"], str]:
    """Return the severity of the whole, and the number of problems of each kind."""
    order: tuple[Severity, ...] = ("error", "warning", "note")
    numbers = {kind: sum(p.severity == kind for p in problems) for kind in order}
    told = join_words([plural(numbers[kind], kind) for kind in order if numbers[kind]])
    return "error" if numbers["error"] else "warning" if numbers["warning"] else "good", told


def _last_line(problems: Sequence[Problem], output: OutputStyle) -> str:
    kind, told = verdict(problems)
    if kind != "good":
        return paint(told, kind, output)
    return paint("no problems found", kind, output) + (f" ({told})" if told else "")


def _fixable(problems: Sequence[Problem]) -> Advice | None:
    """Return how many of them devports can fix, if any."""
    number = sum(problem.fix is not None for problem in problems)
    if not number:
        return None
    if number == len(problems):
        which = "them" if number > 1 else "it"
    else:
        which = f"{number} of them" if number > 1 else "one of them"
    return hint(f"to fix {which} (asks first), run ", own_command("doctor", "--fix"))


def problem_block(problem: Problem, reader: DisplayContext, output: OutputStyle) -> str:
    """Return one problem: what, the evidence, why it matters, the fix."""
    lines = [line for pairs in _known(problem, reader) for line in aligned(pairs)]
    facts, notes = [*lines, *problem.evidence], _meaning(problem)
    if problem.severity == "note":  # a note within a note adds nothing
        facts, notes = facts + notes, []
    hints = tuple(_advice(problem.remedies))
    return block(problem.severity, message(problem), output, facts=facts, notes=notes, hints=hints)


def problem_lines(problem: Problem, reader: DisplayContext, config: str = "") -> Iterator[Line]:
    """Yield the same for a terminal."""
    yield _line(problem.severity, message(problem), "strong")
    for pairs in _known(problem, reader):
        width = max((cells(key) for key, _ in pairs), default=0) + 2
        for key, value in pairs:
            yield _line("fact", value, "faint", pad(key, width))
    for fact in problem.evidence:
        yield _line("fact", fact, "faint")
    for note in _meaning(problem):
        yield _line("more", note)
    for advice in _advice(problem.remedies):
        yield _hint_line(advice, config)


def _note(problem: Problem, reader: DisplayContext, config: str) -> Line:
    """Return a note on one line, with everything about it."""
    facts = [" ".join(pair) for pairs in _known(problem, reader) for pair in pairs]
    more = "; ".join((*facts, *problem.evidence, *_meaning(problem)))
    advice = "; ".join(text_of(each, config) for each in _advice(problem.remedies))
    head, *rest = (
        _line("note", message(problem)),
        _line("", f": {more}" if more else "", "faint"),
        _line("", f" → {advice}" if advice else "", "typed"),
    )
    return head.replace(spans=(*head.spans, *(span for line in rest for span in line.spans)))


def _known(problem: Problem, reader: DisplayContext) -> tuple[list[tuple[str, str]], ...]:
    """Return the facts about the port of a problem, as pairs of key and value."""
    if problem.about is None:
        return ()
    plan = problem.plan
    kinds = [(m.process.pid, target.kind) for target in plan for m in target.members]
    return known(problem.about.findings, reader, kind_facts(kinds, reader))


def _meaning(problem: Problem) -> list[str]:
    """Return why it matters, and what is not visible."""
    port = None if problem.what else problem.about
    notes = (*(note_lines(port.findings) if port else ()), problem.why)
    return list(dict.fromkeys(filter(None, notes)))


def message(problem: Problem) -> str:
    """Return the problem in one line; the verdict of a port if no rule has a text."""
    if problem.what or problem.about is None or problem.about.finding is None:
        return problem.what
    return headline(problem.about.finding, f"`{problem.about.title}`: {problem.about.spec}")


def _advice(remedies: Sequence[Remedy]) -> Iterator[Advice]:
    """Yield the best advice, and the first command."""
    if remedies and not remedies[0].command:
        yield remedies[0].title
    for remedy in remedies:
        if remedy.command:
            does, command = f"{remedy.title}: ", remedy.command
            yield f"{does}`{command}`" if isinstance(command, str) else hint(does, command)
            return


def self_test_text(
    result: SelfTest, problems: Sequence[Problem], reader: DisplayContext, output: OutputStyle
) -> str:
    """Return the result of a self-test; where it has failed, with a report to be pasted."""
    tested = [source for source in result.sources if source.decides or not source.missing]
    passed, number = sum(source.passed for source in tested), max(s.cases for s in tested)
    told = f"{passed} of {len(tested)} sources of this machine passed the self-test"
    lines = [f"{told} ({plural(number, 'case')}, {result.seconds:.1f} s)", *_limits(result)]
    if result.passed:
        return "\n".join(lines)
    blocks = [problem_block(problem, reader, output) for problem in problems]
    return "\n\n".join([*blocks, "\n".join(lines), "\n".join(_pasted(result))])


def _limits(result: SelfTest) -> Iterator[str]:
    """Yield what was not tested: sources that do not answer, cases that one cannot show."""
    for source in result.sources:
        if source.missing:
            yield f"not available: {source.name} ({printable(source.missing)})"
        elif source.unseen:
            yield f"not shown by {source.name}, by design: {join_words(list(source.unseen))}"
    for case, why in result.skipped:
        yield f"not tested: {case} ({printable(why)})"


def _pasted(result: SelfTest) -> Iterator[str]:
    """Yield the lines of a report in Markdown. Ports and pids in it are those of the test."""
    yield "### devports self-test"
    yield ""
    yield from (f"- {label}: {printable(text)}" for label, text in result.about)
    yield from ("", "| source | case | expected | seen |", "|---|---|---|---|")
    found = [(source.name, each) for source in result.sources for each in source.differences]
    for name, each in found:
        cells = (name, each.case, each.expected, each.seen)
        yield f"| {' | '.join(printable(cell).replace('|', '/') for cell in cells)} |"
    for name, each in found:
        if each.lines:
            yield from ("", f"{name}, {each.case}:", "")
            yield from (f"    {printable(line, MAX_LINE)}" for line in each.lines)


GROUP_TEXTS = {
    "port-held": "ports are in use by other processes",
    "port-bound": "ports are bound, not listening",
}
"""The text for several ports with the same problem, by its code."""
MIN_GROUP, MAX_TARGETS = 3, 6
"""Minimum number of ports in a group, and maximum number of services in one command."""


def _grouped(problems: Sequence[Problem]) -> Iterator[list[Problem]]:
    """Yield each problem, in a list with those that have the same text and the same fix.

    The list has the place of its first.
    """
    found: dict[object, list[Problem]] = {}
    for problem in problems:
        found.setdefault(_common_text(problem) or id(problem), []).append(problem)
    for same in found.values():
        yield from [same] if len(same) >= MIN_GROUP else ([problem] for problem in same)


def _common_text(problem: Problem) -> tuple[str, ...]:
    """Return the texts about a port without its name; empty if it is not only in use."""
    if problem.code not in GROUP_TEXTS or not _free_argument(problem):
        return ()
    return (problem.code, *(_unnamed(note, problem) for note in _meaning(problem)))


def _unnamed(note: str, problem: Problem) -> str:
    return note.replace(f"`{problem.service}`", "")


def _free_argument(problem: Problem) -> str:
    """Return the argument of the `devports free` that fixes it; empty if another fix applies."""
    command = next((remedy.command for remedy in problem.remedies if remedy.command), "")
    if isinstance(command, OwnCommand) and command.args[0] == "free" and not command.sudo:
        return command.args[1]
    return ""


def _group(problems: Sequence[Problem], reader: DisplayContext, config: str) -> Iterator[Line]:
    """Yield ports with the same problem: a row each, the common text, and few commands."""
    first = problems[0]
    yield _line(first.severity, f"{len(problems)} {GROUP_TEXTS[first.code]}", "strong")
    for port in (problem.about for problem in problems):
        if port is not None and port.finding is not None:
            who, up = _holder(port.finding.holding, reader)
            row: tuple[Spans, ...] = (
                ((port.title, ""),),
                ((str(port.finding.endpoint), "faint"),),
                who,
                ((up, "faint"),),
            )
            yield Line("fact", cells=row)
    for note in _meaning(first):
        if note == _unnamed(note, first):
            yield _line("more", note)
    named = [_free_argument(problem) for problem in problems]
    for start in range(0, len(named), MAX_TARGETS):
        free = own_command("free", *named[start : start + MAX_TARGETS])
        yield _hint_line(hint("stop the holders (asks before each): ", free), config)


def _holder(holding: HolderSearch, reader: DisplayContext) -> tuple[Spans, str]:
    """Return the holder of a port as a cell, and for how long it has run."""
    people = families(holding.holders)
    if len(people) != 1 or holding.hidden:
        return ((names(holding), "strong"),), ""
    process = people[0][0].process
    user, up = user_of(process, reader), uptime(process, reader)
    theirs: Spans = () if user == "you" else ((f", {user}", "warning"),)
    return (
        (process_name(process), "strong"),
        (f" {process.pid}", ""),
        *theirs,
    ), f"up {up}" if up else ""


MAX_DIFF_LINE = 2000
"""Maximum length of one line of a difference."""
COLOURS: dict[str, Style] = {"+": "good", "-": "error", "@": "hint"}


def changes(plan: Plan, output: OutputStyle, root: str = ".") -> str:
    """Return the differences of all files, as `diff -u` shows them.

    The paths are for `git apply` in the current folder; that accepts none above it, so from a
    subfolder the difference has to be applied in `root`.
    """
    below = "." if root.startswith("..") else root
    lines = [line for file in plan.files for line in difference(file, below)]
    return "\n".join(
        paint(line, COLOURS[line[0]], output) if line[0] in COLOURS else line for line in lines
    )


def _place(file: FileChange, root: str) -> str:
    """Return the path of a file of the project in `root`, relative to the current folder."""
    return file.path if root == "." else f"{root}/{file.path}"


def difference(file: FileChange, root: str = ".") -> Iterator[str]:
    """Yield the lines of one file's difference, with foreign text made printable."""
    import difflib

    before, after = ((text or "").splitlines() for text in (file.before, file.after))
    path = _place(file, root)
    old = "/dev/null" if file.before is None else f"a/{path}"
    for line in difflib.unified_diff(before, after, old, f"b/{path}", lineterm=""):
        yield printable(line, MAX_DIFF_LINE)


def summary(
    plan: Plan, mode: str, output: OutputStyle, root: str = ".", typed: Sequence[str] = ()
) -> str:
    """Return the last line: what was done, or what has to be done.

    `root` is the folder of the project, relative to the current one; `typed`: the argument.
    """
    there = [_place(file, root) for file in plan.files if file.after is not None]
    changed = [_place(file, root) for file in plan.files if file.state != "current"]
    if plan.in_sync:
        line = f"{join_words(there)}: up to date"
    elif mode == "write":
        line = f"wrote {join_words(changed)}"
    else:
        command = text_of(own_command("vscode", *typed), output.config)
        line = f"out of date: {join_words(changed)}; to update, run `{command}`"
    return "\n".join(wrap(printable(line), output.width, hang=2))


KEY = "ctrl+alt+r"
"""A key that VS Code leaves free, to start the first service."""


def next_in_vscode(plan: Plan, output: OutputStyle) -> list[str]:
    """Return what to press, and why there is no launch.json, if all of it is new.

    The key of a person is in a file outside the project, which is never written.
    """
    tasks, launch = plan.files
    if tasks.before is not None:
        return []
    press = ("Terminal > Run Task...", plan.runs), ("Run and Debug (F5)", plan.debugs)
    steps = [f"next in VS Code: {where} > `{names[0]}`" for where, names in press if names]
    lines = [line for step in steps for line in wrap(printable(step), output.width, hang=2)]
    if plan.runs:
        key = {"key": KEY, "command": "workbench.action.tasks.runTask", "args": plan.runs[0]}
        written = jsonc.written(key, jsonc.Style())
        lines.append(f"to start it by a key, add to keybindings.json: {printable(written, 300)}")
    if launch.after is None:
        why = "no launch.json: no service has `debug` or `prelaunch` in its `vscode` table"
        lines += labelled("note", why, output)
    return lines


MAX_NAME = 20
"""Maximum width in cells of a name that the others are aligned with."""
MOST_UNREAD = 3
"""Of the folders and files that a limit excluded so many are named."""


def findings(
    folder: str,
    services: Sequence[DetectedService],
    left_out: Sequence[SkippedService],
    output: OutputStyle,
    *,
    unread: Sequence[str] = (),
) -> str:
    """Return for a pipe the services found in a folder with their sources, and the skipped ones.

    `unread`: what a limit of the search excluded.
    """
    lines = [f"found {_found(services)} in {printable(folder)}"]
    width = min(max((cells(each.name) for each in services), default=0), MAX_NAME)
    for each in services:
        name, reasons = pad(printable(each.name), width), _reasons(each)
        start = f"  {paint(name, 'strong', output)}  {port_text(each)}: {_starts(each)}"
        below = [paint(" " * (width + 4) + reason, "faint", output) for reason in reasons]
        lines += ["", start, *below]
    if left_out:
        lines += ["", "skipped:", *(f"  {_left_out(left)}" for left in left_out)]
    if unread:
        lines += ["", _unread(unread)]
    return "\n".join(lines)


def findings_screen(
    folder: str,
    services: Sequence[DetectedService],
    left_out: Sequence[SkippedService],
    reader: DisplayContext,
    *,
    unread: Sequence[str] = (),
) -> Iterator[Line]:
    """Yield the same for a terminal."""
    head: Spans = (
        ("found ", ""),
        (_found(services), "strong"),
        (f" in {short_folder(folder, reader)}", ""),
    )
    yield Line("", head)
    if services:
        yield BLANK
    for each in services:
        name: Spans = ((printable(each.name), "strong"),)
        port: Spans = ((str(each.port), "") if each.port else ("no port", "note"),)
        yield Line("more", cells=(name, port, ((_starts(each), ""),)))
        for reason in _reasons(each):
            yield Line("more", cells=((), (), ((reason, "faint"),)))
    if left_out:
        yield from (BLANK, _line("title", "skipped", "faint"))
        yield from (_line("more", _left_out(left), "faint") for left in left_out)
    if unread:
        yield from (BLANK, _line("warning", _unread(unread)))


def _unread(paths: Sequence[str]) -> str:
    named = [printable(path) for path in paths[:MOST_UNREAD]]
    more = len(paths) - len(named)
    return f"not searched: {', '.join(named)}" + (f" and {more} more" if more else "")


def _found(services: Sequence[DetectedService]) -> str:
    return plural(len(services), "service") if services else "no servers"


def _starts(service: DetectedService) -> str:
    return (
        redacted_line(service.command)
        if service.command
        else "watched (devports does not start it)"
    )


def _reasons(service: DetectedService) -> list[str]:
    """Return the source lines, and the notes."""
    return [*(redacted_line(str(each)) for each in service.sources), *map(printable, service.notes)]


def _left_out(left: SkippedService) -> str:
    return f"{redacted_line(str(left.source))} ({left.why})"


def port_text(service: DetectedService) -> str:
    return f"port {service.port}" if service.port else "no port known"


def written(path: str, services: Sequence[DetectedService], output: OutputStyle) -> str:
    """Return for a pipe what was written and the next steps, one command a line."""
    steps = [
        (text_of(command, output.config), does) for command, does in _steps(services, VALIDATE_STEP)
    ]
    width = max(cells(command) for command, _ in steps)
    lines = [f"  {pad(command, width)}   {does}" for command, does in steps]
    return "\n".join([f"wrote {printable(path)} with {_count(services)}", "", "next:", *lines])


def written_screen(
    path: str, services: Sequence[DetectedService], config: str = ""
) -> Iterator[Line]:
    """Yield the same for a terminal."""
    head: Spans = (("wrote ", ""), (printable(path), "strong"), (f" with {_count(services)}", ""))
    yield from (Line("good", head), BLANK)
    for command, does in _steps(services, DOCTOR_STEP):
        told = printable(text_of(command, config), MAX_LINE)
        yield Line("more", cells=(((told, "hint"),), ((does, ""),)))


VALIDATE_STEP = (own_command("validate"), "check the file (also as a pre-commit hook)")
DOCTOR_STEP = (own_command("doctor"), "check for problems")
VSCODE_STEP = (own_command("vscode"), "write VS Code tasks and launch configurations")


def _steps(
    services: Sequence[DetectedService], last: tuple[OwnCommand, str]
) -> tuple[tuple[OwnCommand, str], ...]:
    return (*run_steps(services), VSCODE_STEP, last)


def _count(services: Sequence[DetectedService]) -> str:
    """Return how many services were written; those without a port are comments."""
    with_port = [service for service in services if service.port]
    if services and not with_port:
        return f"{plural(len(services), 'service')} as a comment"
    return plural(len(with_port), "service") if with_port else "an example service"


def run_steps(services: Sequence[DetectedService]) -> list[tuple[OwnCommand, str]]:
    """Return a command for each service that can be started, for all of these, and for others."""
    with_port = [service for service in services if service.port]
    starts = [own_command("run", service.name) for service in with_port if service.command]
    watched = [f"`{printable(service.name)}`" for service in with_port if not service.command]
    steps = [(command, "start it on its port") for command in starts]
    if starts[1:]:
        steps.append((own_command("up"), "start all of them in the background"))
    if watched:
        steps.append((own_command("status"), f"show the process that serves {join_words(watched)}"))
    return steps or [(next_command(services), "start it on its port")]


def next_command(services: Sequence[DetectedService]) -> OwnCommand:
    """Return the next command: run the first service that can be, else show the status of all."""
    with_port = [service for service in services if service.port]
    if not with_port:
        return own_command("run", "backend")
    first = next((service.name for service in with_port if service.command), "")
    return own_command("run", first) if first else own_command("status")
