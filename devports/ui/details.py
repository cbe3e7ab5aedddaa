"""Everything that is known of what would end, for a person who asks before they answer. Pure."""

from __future__ import annotations

from devports.core.diagnosis import sockets_of
from devports.core.judging import parents_of
from devports.core.standing import Container
from devports.ui.around import spared_words
from devports.ui.layout import aligned, paint, wrap
from devports.ui.printable import command_line, printable
from devports.ui.who import folder, label, running, sockets_line, user_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devports.core.model import Holder, Process, ProcessKey
    from devports.core.outcome import Question
    from devports.core.plan import Target
    from devports.ui.layout import Look
    from devports.ui.who import Reader

LONGEST = 2000
"""Characters of one command line."""


def details(question: Question, reader: Reader, look: Look) -> tuple[str, ...]:
    """Return the tree, every command in full, the whole line of parents, and the plan."""
    target = question.target
    holders = {holder.process.key: holder for holder in target.members}
    sockets = sockets_of(question.finding.verdict)
    lines: list[str] = []
    for depth, process in tree(target):
        holder = holders.get(process.key)
        own = sockets_line(holder, sockets) if holder else "none: it started what holds the port"
        facts = (
            ("user", user_of(process, reader)),
            ("running", running(process, reader)),
            ("socket", own),
            ("folder", folder(process, reader)),
            ("command", command_line(process.argv, LONGEST)),
            ("program", printable(process.exe)),
        )
        lines += _section("  " * depth + label(process), facts, look)
    lines += _section("started by", _parents(target), look)
    lines += _section("what happens on yes", tuple(("", step) for step in _steps(question)), look)
    return tuple(lines)


def tree(target: Target) -> tuple[tuple[int, Process], ...]:
    """Return what ends, each with its depth below the top; shells in between included."""
    found: dict[ProcessKey, tuple[int, Process]] = {target.process.key: (0, target.process)}
    for member in target.members:
        for depth, process in enumerate(reversed(_path(member, target.process.key))):
            found.setdefault(process.key, (depth, process))
    return tuple(found.values())


def _path(member: Holder, top: ProcessKey) -> list[Process]:
    """Return the processes from a holder up to the top of its family."""
    path = [member.process]
    for parent in member.ancestors:
        if path[-1].key == top:
            break
        path.append(parent)
    return path if path[-1].key == top else [member.process]


def _parents(target: Target) -> tuple[tuple[str, str], ...]:
    above = parents_of(target.process, target.members)
    return tuple((str(p.pid), command_line(p.argv, LONGEST) or printable(p.name)) for p in above)


def _steps(question: Question) -> Iterator[str]:
    pid, standing = question.target.process.pid, question.target.standing
    if question.kind == "kill":
        pids = dict.fromkeys((pid, *(m.process.pid for m in question.target.members)))
        yield f"SIGKILL to {', '.join(map(str, pids))}, if they still hold the port then"
    else:
        yield "the port is looked at again; if somebody else holds it then, you are asked again"
    if isinstance(standing, Container):
        force = f"after {standing.stop_timeout} s by force"
        yield f"`{printable(standing.stop)}`: its engine ends all of it, {force}"
        yield "no process is signalled by devports"
    elif question.kind == "stop":
        yield f"SIGTERM to {pid}, the same as `kill -TERM {pid}`"
        yield "if it does not end in time, you are asked again before SIGKILL"
    yield from spared_words(question.around.spared)


def _section(title: str, facts: Sequence[tuple[str, str]], look: Look) -> list[str]:
    lines = aligned([(key, value) for key, value in facts if value])
    indent = "  " + " " * (len(title) - len(title.lstrip(" ")))
    told = [part for line in lines for part in wrap(f"{indent}  {line.strip()}", look.width)]
    return [paint(f"  {title}", "strong", look), *told] if told else []
