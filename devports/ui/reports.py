"""What `doctor`, `init` and `vscode` report, in words. Pure.

A healthy project gets three lines of the doctor: what was looked at, what cannot be seen here, and
that all is well. A problem is a block of its own, like every error, and its last line mends it.
"""

from __future__ import annotations

from devports.core.hint import OwnCommand, hint, ours, text_of
from devports.core.text import cells
from devports.ui.escape import printable, redacted
from devports.ui.holders import judgements
from devports.ui.messages import block, labelled
from devports.ui.processes import evidence, headline
from devports.ui.processes import notes as meanings
from devports.ui.text import counted, listed, pad, paint, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devports.core.hint import Advice
    from devports.core.remedies import Remedy
    from devports.detect.model import DetectedService, SkippedService
    from devports.doctor.facts import Facts, Problem, Severity
    from devports.ui.processes import DisplayContext
    from devports.ui.text import OutputStyle, Style
    from devports.vscode.merge import FileChange, Plan


NOTHING = "no `devports.toml` here or above: only this machine was looked at"
UNUSABLE = "the configuration cannot be used: only this machine was looked at"


def report(
    path: str,
    facts: Facts,
    problems: Sequence[Problem],
    reader: DisplayContext,
    look: OutputStyle,
    *,
    offer: bool = False,
) -> str:
    """Return the whole report on `problems`, the gravest first.

    Args:
        path: of the configuration; empty if there is none that can be used.
        facts: what was looked at.
        problems: what was found.
        reader: whose home, user and clock the words are for.
        look: what the screen can show.
        offer: say how many of them can be mended, and how.
    """
    blocks = [problem_block(problem, reader, look) for problem in problems]
    head = wrap(_scope(path, facts, problems), look.width)
    tail = [*_unseen(facts, look), verdict(problems, look)]
    tail += _mendable(problems, look) if offer else []
    gap = "\n\n" if blocks else "\n"
    return gap.join(["\n".join(head), *blocks, "\n".join(tail)])


def _scope(path: str, facts: Facts, problems: Sequence[Problem]) -> str:
    if not path:
        wrong = any(problem.code.startswith("config-") for problem in problems)
        return UNUSABLE if wrong else NOTHING
    services = len(dict.fromkeys(declared.service.name for declared in facts.ports))
    addresses = sum(len(declared.findings) for declared in facts.ports)
    where = counted(addresses, "address", "addresses")
    return f"{printable(path)}: {counted(services, 'service')} on {where}"


def _unseen(facts: Facts, look: OutputStyle) -> list[str]:
    """Return what cannot be seen here, and how it could be."""
    if not facts.gaps:
        return ["nothing is hidden from this user"]
    hidden = listed([printable(gap.detail) for gap in facts.gaps])
    by_root = text_of(hint(OwnCommand(("doctor",), sudo=True)), look.config)
    who = "an administrator" if facts.platform == "win32" else by_root
    more = "" if facts.viewer.uid == 0 else f" ({who} sees more)"
    return wrap(f"not visible here: {hidden}{more}", look.width, hang=2)


def verdict(problems: Sequence[Problem], look: OutputStyle) -> str:
    """Return the last line: how many of each kind, or that nothing is wrong."""
    order: tuple[Severity, ...] = ("error", "warning", "note")
    numbers = {kind: sum(p.severity == kind for p in problems) for kind in order}
    told = [counted(numbers[kind], kind) for kind in order if numbers[kind]]
    if numbers["error"] or numbers["warning"]:
        return paint(listed(told), "error" if numbers["error"] else "warning", look)
    also = f" ({listed(told)})" if told else ""
    return paint("nothing is wrong", "good", look) + also


def _mendable(problems: Sequence[Problem], look: OutputStyle) -> list[str]:
    """Return how many of them devports can mend itself, if any."""
    number = sum(problem.mend is not None for problem in problems)
    if not number:
        return []
    if number == len(problems):
        which = "them" if number > 1 else "it"
    else:
        which = f"{number} of them" if number > 1 else "one of them"
    mends = hint(f"devports can mend {which}, after asking: ", ours("doctor", "--fix"))
    return labelled("hint", mends, look)


def problem_block(problem: Problem, reader: DisplayContext, look: OutputStyle) -> str:
    """Return one problem: what, how it is known, why it matters, what mends it."""
    facts, notes, port = [*problem.evidence], [problem.why], problem.about
    if port is not None:
        plan = problem.plan
        kinds = [(m.process.pid, target.standing) for target in plan for m in target.members]
        facts = [*evidence(port.findings, reader, judgements(kinds, reader)), *facts]
        notes = notes if problem.what else [*meanings(port.findings), *notes]
    notes = list(dict.fromkeys(filter(None, notes)))
    if problem.severity == "note":  # a note in a note says nothing more
        facts, notes = facts + notes, []
    hints = tuple(_advice(problem.remedies))
    return block(problem.severity, message(problem), look, facts=facts, notes=notes, hints=hints)


def message(problem: Problem) -> str:
    """Return what is wrong in one line; a port is worded by its verdict where no rule does."""
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


LONGEST = 2000
"""Characters of one line of a difference."""
COLOURS: dict[str, Style] = {"+": "good", "-": "error", "@": "hint"}


def changes(plan: Plan, look: OutputStyle, root: str = ".") -> str:
    """Return the differences of all files, as `diff -u` shows them.

    The names in it are for `git apply` where the person is; that takes none above, so from there
    it has to be applied in `root`.
    """
    below = "." if root.startswith("..") else root
    lines = [line for file in plan.files for line in difference(file, below)]
    return "\n".join(
        paint(line, COLOURS[line[0]], look) if line[0] in COLOURS else line for line in lines
    )


def _place(file: FileChange, root: str) -> str:
    """Return the path of a file of the project in `root`, as it is from where the person is."""
    return file.path if root == "." else f"{root}/{file.path}"


def difference(file: FileChange, root: str = ".") -> Iterator[str]:
    """Yield the lines of one file's difference; foreign text in them is made visible."""
    import difflib

    before, after = ((text or "").splitlines() for text in (file.before, file.after))
    path = _place(file, root)
    old = "/dev/null" if file.before is None else f"a/{path}"
    for line in difflib.unified_diff(before, after, old, f"b/{path}", lineterm=""):
        yield printable(line, LONGEST)


def summary(plan: Plan, mode: str, look: OutputStyle, root: str = ".") -> str:
    """Return the last line: what was done, or what is to be done.

    `root` is the folder of the project, from where the person is.
    """
    there = [_place(file, root) for file in plan.files if file.after is not None]
    changed = [_place(file, root) for file in plan.files if file.state != "current"]
    if plan.in_sync:
        line = f"{listed(there)}: up to date"
    elif mode == "write":
        line = f"wrote {listed(changed)}"
    else:
        command = text_of(ours("vscode"), look.config)
        line = f"not up to date: {listed(changed)}; `{command}` writes it"
    return "\n".join(wrap(printable(line), look.width, hang=2))


def next_in_vscode(plan: Plan, look: OutputStyle) -> list[str]:
    """Return what to press, and why there is no launch.json, where all of this is new."""
    tasks, launch = plan.files
    if tasks.before is not None:
        return []
    press = ("Terminal > Run Task...", plan.runs), ("Run and Debug (F5)", plan.debugs)
    steps = [f"next in VS Code: {where} > `{names[0]}`" for where, names in press if names]
    lines = [line for step in steps for line in wrap(printable(step), look.width, hang=2)]
    if launch.after is None:
        why = "no launch.json: no service has `debug` or `prelaunch` in its `vscode` table"
        lines += labelled("note", why, look)
    return lines


WIDEST = 20
"""Cells of a name that the others are lined up with."""


def findings(
    folder: str,
    services: Sequence[DetectedService],
    left_out: Sequence[SkippedService],
    look: OutputStyle,
    *,
    whole: bool = True,
) -> str:
    """Return what was found in a folder and why, and what was left out.

    `whole` says whether all of the folder was looked at.
    """
    counts = counted(len(services), "service") if services else "no server"
    lines = wrap(f"found {counts} in {printable(folder)}", look.width)
    width = min(max((cells(each.name) for each in services), default=0), WIDEST)
    for each in services:
        lines += _service_lines(each, width, look)
    if left_out:
        lines += ["", "left out:"]
        for left in left_out:
            lines += wrap(f"  {shown(str(left.source))} ({left.why})", look.width, hang=4)
    if not whole:
        lines += ["", "not all of the folder was looked at: it is too large or too deep"]
    return "\n".join(lines)


def _service_lines(service: DetectedService, width: int, look: OutputStyle) -> list[str]:
    """Return a service: its name, what starts it, its port, and the lines that say so."""
    hang = width + 4
    name = pad(printable(service.name), width)
    what = shown(service.command) if service.command else "watched, started by somebody else"
    first, *more = wrap(f"  {name}  {port_words(service)}: {what}", look.width, hang=hang)
    first = "  " + paint(name, "strong", look) + first[2 + len(name) :]
    reasons = [shown(str(source)) for source in service.sources]
    notes = [printable(note) for note in service.notes]
    below = [wrap(" " * hang + each, look.width, hang=hang + 2) for each in (*reasons, *notes)]
    return ["", first, *more, *(paint(line, "faint", look) for lines in below for line in lines)]


def shown(text: str) -> str:
    """Return a line of a project's file, or a command from it, without its secrets."""
    return printable(" ".join(redacted(text.split(" "))))


def port_words(service: DetectedService) -> str:
    return f"port {service.port}" if service.port else "no port known"


def written(path: str, services: Sequence[DetectedService], look: OutputStyle) -> str:
    """Return what was written and what can be done next, one command a line.

    Where a line has no room for what a command does, that is on a line of its own.
    """
    with_port = [service for service in services if service.port]
    count = counted(len(with_port), "service") if with_port else "the example of a service"
    steps = [
        *run_steps(services),
        (ours("vscode"), "writes the tasks and launch configurations of VS Code"),
        (ours("validate"), "checks the file, in a pre-commit hook too"),
    ]
    told = [(text_of(command, look.config), does) for command, does in steps]
    width = max(cells(command) for command, _ in told)
    lines = [f"  {pad(command, width)}   {does}" for command, does in told]
    if look.width is not None and max(map(cells, lines)) > look.width:
        lines = []
        for command, does in told:
            lines += [f"  {command}", *wrap(f"      {does}", look.width)]
    head = wrap(f"wrote {printable(path)}: {count}", look.width)
    return "\n".join([*head, "", "next:", *lines])


def run_steps(services: Sequence[DetectedService]) -> list[tuple[OwnCommand, str]]:
    """Return a command for each service that can be started, and one for those that cannot."""
    with_port = [service for service in services if service.port]
    starts = [ours("run", service.name) for service in with_port if service.command]
    watched = [f"`{printable(service.name)}`" for service in with_port if not service.command]
    steps = [(command, "starts it on its port") for command in starts]
    if watched:
        steps.append((ours("status"), f"shows which process serves {listed(watched)}"))
    return steps or [(next_command(services), "starts it on its port")]


def next_command(services: Sequence[DetectedService]) -> OwnCommand:
    """Return the command to go on with: run the first service that can be, else look at all."""
    with_port = [service for service in services if service.port]
    if not with_port:
        return ours("run", "backend")
    first = next((service.name for service in with_port if service.command), "")
    return ours("run", first) if first else ours("status")
