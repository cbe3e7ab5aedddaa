"""Verdicts in words: one headline each. Pure, no rich.

Text elsewhere in devports does not describe ports; it asks here, so nothing is said in two ways.
What only a port that is not free needs to be said of it is in `devports.ui.messages`.

diagnostic: The block in which devports speaks: what, facts, blank line, note, hint.

Read from top to bottom it answers what happened, how devports knows, and what to do; the last
line is the thing to do. On a terminal lines are broken with a hanging indent, on a pipe never.

trouble: A port that is not free, in words: what is the matter, who is behind it, what it means.
Pure.
"""

from __future__ import annotations

from devports.core.model import PRIVILEGED, merged
from devports.core.value import unreachable
from devports.core.verdict import (
    Free,
    Held,
    HolderUnknown,
    LingeringConnections,
    LocalhostConflict,
    NotLocal,
    NotPermitted,
    OutgoingConnection,
    decisive,
    sockets_of,
)
from devports.errors import DevportsError
from devports.ui.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Literal

    from devports.core.hint import Advice
    from devports.core.holder_kind import HolderKind
    from devports.core.model import HolderSearch, Socket, VisibilityGap
    from devports.core.remedies import Remedy
    from devports.core.verdict import Finding, Trouble, Verdict
    from devports.ui.processes import DisplayContext
    from devports.ui.text import OutputStyle

    Level = Literal["error", "warning", "note"]
    Label = Literal["error", "warning", "note", "hint"]


def headline(finding: Finding, subject: str = "") -> str:
    """Return the verdict in one line.

    Args:
        finding: the verdict, its endpoint and the people behind it.
        subject: the port in the user's words; the endpoint by default.
    """
    where = finding.endpoint
    by_itself = f"port {where.port}" if where.is_wildcard else str(where)
    name = printable(subject) or by_itself
    verdict = finding.verdict
    if isinstance(verdict, Free):
        return f"{name} is free"

    return name + matter(finding, verdict)


def summary(findings: Sequence[Finding], subject: str = "") -> str:
    """Return the headline of the finding that decides."""
    return headline(decisive(findings), subject)


LONGEST = 4000
"""Characters of one line, hostile ones included."""


def error_block(error: DevportsError, look: OutputStyle, remedies: Sequence[Remedy] = ()) -> str:
    """Return the block of an error, without a final newline."""
    return block(
        "error",
        error.message,
        look,
        facts=error.facts,
        notes=tuple(filter(None, error.note.split("\n"))),
        hints=error.hints,
        remedies=remedies,
    )


def warning_block(message: str, look: OutputStyle, *, hints: Sequence[Advice] = ()) -> str:
    """Return the block of a warning: something to know about that stops nothing."""
    return block("warning", message, look, hints=hints)


def block(
    level: Level,
    message: str,
    look: OutputStyle,
    *,
    facts: Sequence[str] = (),
    notes: Sequence[str] = (),
    hints: Sequence[Advice] = (),
    remedies: Sequence[Remedy] = (),
) -> str:
    """Return `level: message` and what belongs to it, coloured and broken for `look`."""
    from devports.ui.text import wrap

    lines = labelled(level, message, look)
    for fact in facts:
        lines += wrap(f"  {printable(fact, LONGEST)}", look.width)
    advice = [line for note in notes for line in labelled("note", note, look)]
    if remedies:
        advice += remedy_lines(remedies, look)
    advice += [line for hint in hints for line in labelled("hint", hint, look)]
    return "\n".join([*lines, "", *advice] if advice else lines)


def labelled(label: Label, text: Advice, look: OutputStyle) -> list[str]:
    """Return `label: text` as lines; the label and, in hints, what can be typed are coloured."""
    from devports.core.hint import text_of
    from devports.ui.text import paint, wrap

    start = f"{label}: "
    said = printable(text_of(text, look.config), LONGEST)
    lines = wrap(start + said, look.width, hang=len(start))
    if label == "hint":
        lines = [_lit(line, look) for line in lines]
    lines[0] = paint(f"{label}:", label, look) + lines[0][len(start) - 1 :]
    return lines


def _lit(line: str, look: OutputStyle) -> str:
    from devports.ui.text import paint

    parts = line.split("`")
    if len(parts) % 2 == 0:
        return line
    quoted = (paint(f"`{part}`", "hint", look) for part in parts[1::2])
    return "".join(part for pair in zip(parts[::2], (*quoted, ""), strict=True) for part in pair)


def remedy_lines(remedies: Sequence[Remedy], look: OutputStyle) -> list[str]:
    """Return what a person can run by hand. Commands stay whole, so that they can be copied."""
    from devports.core.hint import text_of
    from devports.ui.text import paint, wrap

    lines = [paint("to do it by hand:", "strong", look)]
    for remedy in remedies:
        root = " (needs root)" if remedy.needs_root else ""
        lines += wrap(f"  {printable(remedy.title, LONGEST)}{root}", look.width)
        if remedy.command:
            command = printable(text_of(remedy.command, look.config), LONGEST)
            lines.append("    " + paint(command, "hint", look))
    return lines


MOST_CARDS = 5


def matter(finding: Finding, verdict: Trouble) -> str:
    """Return what a headline says of a port that is not free, after its name."""
    from devports.ui.processes import names

    match verdict:
        case LingeringConnections():
            return f": {_lingering(verdict, finding.holding)}"
        case LocalhostConflict(sockets=sockets):
            return f" is free, but `localhost` may reach {_other(finding)} on {_at(sockets)}"
        case Held(listens=False):
            return f" is bound by {names(finding.holding)} but nobody listens yet"
        case Held():
            return f" is held by {names(finding.holding)}"
        case OutgoingConnection(sockets=sockets, blocking=blocking):
            free = "" if blocking else "free for a server that sets SO_REUSEADDR, and "
            user = f"{_outgoing(sockets)} by {names(finding.holding)}"
            return f" is {free}the local port of {user}"
        case HolderUnknown():
            return " is in use (EADDRINUSE), and nothing to be seen holds it"
        case NotPermitted() if finding.endpoint.port < PRIVILEGED:
            return " is a privileged port that this user may not bind (EACCES)"
        case NotPermitted():
            return " is reserved by this system: nobody may bind it (EACCES)"
        case NotLocal():
            return ": no interface of this machine has this address (EADDRNOTAVAIL)"
        case _:
            unreachable(verdict)


def _at(sockets: Iterable[Socket]) -> str:
    from devports.ui.processes import listed

    return listed(list(dict.fromkeys(str(socket.local) for socket in sockets)))


def _other(finding: Finding) -> str:
    from devports.ui.processes import names

    people = finding.holding.holders or finding.holding.hidden
    return names(finding.holding) if people else "another server"


def _outgoing(sockets: Sequence[Socket]) -> str:
    if len(sockets) > 1:
        return f"{len(sockets)} outgoing connections"
    return f"an outgoing connection to {sockets[0].remote}"


def _lingering(verdict: LingeringConnections, holding: HolderSearch) -> str:
    from devports.ui.processes import counted, names

    left = f"{counted(len(verdict.sockets), 'connection')} ({_states(verdict.sockets)})"
    if any(socket.inode for socket in verdict.sockets):
        people = names(holding) if holding.holders or holding.hidden else "a server"
        return f"nobody listens; {people} closed its port and still has {left}. {_effect(verdict)}"
    server = "server that did not set SO_REUSEADDR" if verdict.blocking else "server"
    gone = _gone(verdict.seconds, len(verdict.sockets))
    return f"nobody holds it; an ended {server} left {left}, {gone}. {_effect(verdict)}"


def _gone(seconds: float | None, number: int) -> str:
    from devports.ui.processes import duration, whole

    if seconds is None:
        return "with no end set"
    whom = "the last is gone" if number > 1 else "gone"
    return f"{whom} in {duration(whole(seconds))}"


def _effect(verdict: LingeringConnections) -> str:
    if verdict.blocking:
        return "Until then no server can start"
    return "A server that sets SO_REUSEADDR (nearly all do) can start now"


def _states(sockets: Sequence[Socket]) -> str:
    found = [socket.state for socket in sockets]
    kinds = list(dict.fromkeys(found))
    if len(kinds) == 1:
        return kinds[0]
    return ", ".join(f"{found.count(kind)} {kind}" for kind in kinds)


def short(verdict: Verdict, free: str = "free") -> str:
    """Return the verdict in a word or two, for a table.

    Args:
        verdict: what is the matter with the endpoint.
        free: the word for it; another one where the kernel has not been asked to bind.
    """
    from devports.ui.processes import duration, whole

    match verdict:
        case Free():
            return free
        case LingeringConnections(blocking=blocking) if verdict.seconds is None:
            return "leftovers" if blocking else f"{free}, leftovers"
        case LingeringConnections(blocking=blocking, seconds=seconds):
            left = f"leftovers for {duration(whole(seconds or 0))}"
            return left if blocking else f"{free}, {left}"
        case LocalhostConflict():
            return f"{free}, shadowed"
        case Held(listens=False):
            return "bound, not listening"
        case Held():
            return "held"
        case OutgoingConnection(blocking=blocking):
            return "held by a client" if blocking else f"{free}, used by a client"
        case HolderUnknown():
            return "in use, unexplained"
        case NotPermitted():
            return "no permission"
        case NotLocal():
            return "not local"
        case _:
            unreachable(verdict)


def evidence(
    findings: Sequence[Finding],
    reader: DisplayContext,
    standings: Sequence[tuple[int, HolderKind]] = (),
) -> tuple[str, ...]:
    """Return aligned lines: every endpoint if there are several, then everybody behind them.

    Args:
        findings: one for each endpoint.
        reader: whose home, user and clock the words are for.
        standings: the judgement on holders by pid, where one was made.
    """
    from devports.ui.processes import card, families, hidden_card
    from devports.ui.text import aligned

    endpoints = [(str(finding.endpoint), short(finding.verdict)) for finding in findings]
    pairs: list[tuple[str, str]] = []
    kinds = dict(standings)
    sockets = tuple(dict.fromkeys(s for found in findings for s in sockets_of(found.verdict)))
    people = families(merged(h for found in findings for h in found.holding.holders))
    for holder, members in people[:MOST_CARDS]:
        standing = kinds.get(holder.process.pid)
        pairs += card(holder, reader, sockets=sockets, standing=standing, members=members)
    if len(people) > MOST_CARDS:
        pairs.append(("and", f"{len(people) - MOST_CARDS} more"))
    for hidden in dict.fromkeys(h for found in findings for h in found.holding.hidden):
        pairs += hidden_card(hidden, reader)
    return (*aligned(endpoints if len(findings) > 1 else ()), *aligned(pairs))


def notes(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Return why it matters and what could not be seen, each once.

    Of a `localhost` that is held on one of its addresses, the other one is no server to tell apart.
    """
    every, lines = tuple(findings), list[str]()
    held = [s for each in every if isinstance(each.verdict, Held) for s in each.verdict.sockets]
    for finding in every:
        verdict = finding.verdict
        told = isinstance(verdict, LocalhostConflict) and any(s in held for s in verdict.sockets)
        lines += [_meaning(finding)] if _meaning(finding) and not told else []
        gaps = finding.verdict.gaps if isinstance(finding.verdict, HolderUnknown) else ()
        lines += map(gap_words, (*gaps, *finding.holding.gaps))
    return tuple(dict.fromkeys(lines))


def gap_words(gap: VisibilityGap) -> str:
    """Return what could not be seen, as a clause."""
    lead = "not readable: " if gap.code.startswith("unreadable") else ""
    return lead + printable(gap.detail)


def _meaning(finding: Finding) -> str:
    port, address = finding.endpoint.port, finding.endpoint
    match finding.verdict:
        case Held(listens=False):
            return "it can start to listen at any moment, and then a second server would fail"
        case OutgoingConnection(blocking=True):
            return "devports never ends a client; the port is free when that connection ends"
        case OutgoingConnection():
            return "a server that does not set SO_REUSEADDR can start when that connection ends"
        case LocalhostConflict():
            return f"{address} is this server for certain, localhost:{port} may be the other one"
        case HolderUnknown():
            return "asked several times; the holder may be in another network namespace or hidden"
        case NotPermitted() if port < PRIVILEGED:
            return f"ports below {PRIVILEGED} need root or CAP_NET_BIND_SERVICE"
        case LingeringConnections(blocking=True, sockets=sockets) if not any(
            s.inode for s in sockets
        ):
            return "the kernel keeps ended connections for a while; no process has them"
        case _:
            return ""


def problem(
    findings: Sequence[Finding],
    reader: DisplayContext,
    *,
    exit_code: int,
    subject: str = "",
    service: str = "",
    more_notes: tuple[str, ...] = (),
    hints: tuple[Advice, ...] = (),
    standings: Sequence[tuple[int, HolderKind]] = (),
) -> DevportsError:
    """Return the findings on one port as an error, ready to be raised or shown."""
    from devports.core.verdict import code_of  # not for `check`

    return DevportsError(
        code_of(decisive(findings)),
        summary(findings, subject),
        facts=evidence(findings, reader, standings),
        note="\n".join((*notes(findings), *more_notes)),
        hints=hints,
        service=service,
        exit_code=exit_code,
    )
