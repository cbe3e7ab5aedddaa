"""What the doctor has found, in words. Pure.

A healthy project gets three lines: what was looked at, what cannot be seen here, and that all is
well. A problem is a block of its own, like every error, and its last line mends it.
"""

from __future__ import annotations

from devports.core.ours import completed
from devports.ui.diagnostic import block, labelled
from devports.ui.layout import paint, wrap
from devports.ui.printable import printable
from devports.ui.trouble import evidence
from devports.ui.trouble import notes as meanings
from devports.ui.who import counted, listed
from devports.ui.words import headline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devports.checks.facts import Facts
    from devports.checks.problem import Problem, Severity
    from devports.core.remedy import Remedy
    from devports.ui.layout import Look
    from devports.ui.who import Reader

NOTHING = "no `devports.toml` here or above: only this machine was looked at"
UNUSABLE = "the configuration cannot be used: only this machine was looked at"


def report(
    path: str,
    facts: Facts,
    problems: Sequence[Problem],
    reader: Reader,
    look: Look,
    *,
    offer: bool = False,
) -> str:
    """Return the whole report.

    Args:
        path: of the configuration; empty if there is none that can be used.
        facts: what was looked at.
        problems: what was found, the gravest first.
        reader: whose home, user and clock the words are for.
        look: what the screen can show.
        offer: say how many of them can be mended, and how.
    """
    blocks = [problem_block(problem, reader, look) for problem in problems]
    unusable = not path and any(problem.code.startswith("config-") for problem in problems)
    head = "\n".join(wrap(UNUSABLE if unusable else scope(path, facts), look.width))
    ending = [*unseen(facts, look), verdict(problems, look)]
    tail = "\n".join([*ending, *(mendable(problems, look) if offer else ())])
    gap = "\n\n" if blocks else "\n"
    return gap.join([head, *blocks, tail])


def scope(path: str, facts: Facts) -> str:
    """Return what was looked at."""
    if not path:
        return NOTHING
    services = len(dict.fromkeys(declared.service.name for declared in facts.ports))
    addresses = sum(len(declared.findings) for declared in facts.ports)
    where = counted(addresses, "address", "addresses")
    return f"{printable(path)}: {counted(services, 'service')} on {where}"


def unseen(facts: Facts, look: Look) -> list[str]:
    """Return what cannot be seen here, and how it could be."""
    if not facts.gaps:
        return ["nothing is hidden from this user"]
    hidden = listed([printable(gap.detail) for gap in facts.gaps])
    by_root = '`sudo "$(command -v devports)" doctor`'
    who = "an administrator" if facts.platform == "win32" else completed(by_root, look.config)
    more = "" if facts.viewer.uid == 0 else f" ({who} sees more)"
    return wrap(f"not visible here: {hidden}{more}", look.width, hang=2)


def verdict(problems: Sequence[Problem], look: Look) -> str:
    """Return the last line: how many of each kind, or that nothing is wrong."""
    order: tuple[Severity, ...] = ("error", "warning", "note")
    numbers = {kind: sum(p.severity == kind for p in problems) for kind in order}
    told = [counted(numbers[kind], kind) for kind in order if numbers[kind]]
    if numbers["error"] or numbers["warning"]:
        return paint(listed(told), "error" if numbers["error"] else "warning", look)
    also = f" ({listed(told)})" if told else ""
    return paint("nothing is wrong", "good", look) + also


def mendable(problems: Sequence[Problem], look: Look) -> list[str]:
    """Return how many of them devports can mend itself, if any."""
    number = sum(problem.mend is not None for problem in problems)
    if not number:
        return []
    some = f"{number} of them" if number > 1 else "one of them"
    which = some if number < len(problems) else "them" if number > 1 else "it"
    return labelled(
        "hint", f"devports can mend {which}, after asking: `devports doctor --fix`", look
    )


def problem_block(problem: Problem, reader: Reader, look: Look) -> str:
    """Return one problem: what, how it is known, why it matters, what mends it."""
    facts = (*known(problem, reader), *problem.evidence)
    notes = tuple(dict.fromkeys(filter(None, (*meaning(problem), problem.why))))
    if problem.severity == "note":  # a note in a note says nothing more
        facts, notes = (*facts, *notes), ()
    hints = tuple(mending(problem.remedies))
    return block(problem.severity, message(problem), look, facts=facts, notes=notes, hints=hints)


def message(problem: Problem) -> str:
    """Return what is wrong in one line; a port is worded by its verdict where no rule does."""
    if problem.what or problem.about is None or problem.about.finding is None:
        return problem.what
    return headline(problem.about.finding, f"`{problem.about.title}`: {problem.about.spec}")


def known(problem: Problem, reader: Reader) -> tuple[str, ...]:
    """Return who and what is on the port that it is about."""
    if problem.about is None:
        return ()
    standings = [
        (member.process.pid, target.standing)
        for target in problem.plan
        for member in target.members
    ]
    return evidence(problem.about.findings, reader, standings)


def meaning(problem: Problem) -> tuple[str, ...]:
    """Return what the verdict means and what could not be seen."""
    return meanings(problem.about.findings) if problem.about and not problem.what else ()


def mending(remedies: Sequence[Remedy]) -> Iterator[str]:
    """Yield the best advice, and the first command."""
    if remedies and not remedies[0].command:
        yield remedies[0].title
    for remedy in remedies:
        if remedy.command:
            yield f"{remedy.title}: `{remedy.command}`"
            return
