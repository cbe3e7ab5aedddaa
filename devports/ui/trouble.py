"""A port that is not free, in words: what is the matter, who is behind it, what it means. Pure."""

from __future__ import annotations

from devports.core.diagnosis import (
    Forbidden,
    Free,
    Held,
    HeldByClient,
    Lingering,
    NotLocal,
    Shadowed,
    Unexplained,
    decisive,
    sockets_of,
)
from devports.core.model import PRIVILEGED, merged
from devports.core.value import unreachable
from devports.errors import DevportsError
from devports.ui.layout import aligned
from devports.ui.printable import printable
from devports.ui.who import card, counted, duration, families, hidden_card, listed, names, whole
from devports.ui.words import summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from devports.core.diagnosis import Finding, Trouble, Verdict
    from devports.core.model import Gap, Holding, Socket
    from devports.core.standing import Standing
    from devports.ui.who import Reader

MOST_CARDS = 5


def matter(finding: Finding, verdict: Trouble) -> str:
    """Return what a headline says of a port that is not free, after its name."""
    match verdict:
        case Lingering():
            return f": {_lingering(verdict, finding.holding)}"
        case Shadowed(sockets=sockets):
            return f" is free, but `localhost` may reach {_other(finding)} on {_at(sockets)}"
        case Held(listens=False):
            return f" is bound by {names(finding.holding)} but nobody listens yet"
        case Held():
            return f" is held by {names(finding.holding)}"
        case HeldByClient(sockets=sockets, blocking=blocking):
            free = "" if blocking else "free for a server that sets SO_REUSEADDR, and "
            user = f"{_outgoing(sockets)} by {names(finding.holding)}"
            return f" is {free}the local port of {user}"
        case Unexplained():
            return " is in use (EADDRINUSE), and nothing to be seen holds it"
        case Forbidden() if finding.endpoint.port < PRIVILEGED:
            return " is a privileged port that this user may not bind (EACCES)"
        case Forbidden():
            return " is reserved by this system: nobody may bind it (EACCES)"
        case NotLocal():
            return ": no interface of this machine has this address (EADDRNOTAVAIL)"
        case _:
            unreachable(verdict)


def _at(sockets: Iterable[Socket]) -> str:
    return listed(list(dict.fromkeys(str(socket.local) for socket in sockets)))


def _other(finding: Finding) -> str:
    people = finding.holding.holders or finding.holding.hidden
    return names(finding.holding) if people else "another server"


def _outgoing(sockets: Sequence[Socket]) -> str:
    if len(sockets) > 1:
        return f"{len(sockets)} outgoing connections"
    return f"an outgoing connection to {sockets[0].remote}"


def _lingering(verdict: Lingering, holding: Holding) -> str:
    left = f"{counted(len(verdict.sockets), 'connection')} ({_states(verdict.sockets)})"
    if any(socket.inode for socket in verdict.sockets):
        people = names(holding) if holding.holders or holding.hidden else "a server"
        return f"nobody listens; {people} closed its port and still has {left}. {_effect(verdict)}"
    server = "server that did not set SO_REUSEADDR" if verdict.blocking else "server"
    gone = _gone(verdict.seconds, len(verdict.sockets))
    return f"nobody holds it; an ended {server} left {left}, {gone}. {_effect(verdict)}"


def _gone(seconds: float | None, number: int) -> str:
    if seconds is None:
        return "with no end set"
    whom = "the last is gone" if number > 1 else "gone"
    return f"{whom} in {duration(whole(seconds))}"


def _effect(verdict: Lingering) -> str:
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
    match verdict:
        case Free():
            return free
        case Lingering(blocking=blocking) if verdict.seconds is None:
            return "leftovers" if blocking else f"{free}, leftovers"
        case Lingering(blocking=blocking, seconds=seconds):
            left = f"leftovers for {duration(whole(seconds or 0))}"
            return left if blocking else f"{free}, {left}"
        case Shadowed():
            return f"{free}, shadowed"
        case Held(listens=False):
            return "bound, not listening"
        case Held():
            return "held"
        case HeldByClient(blocking=blocking):
            return "held by a client" if blocking else f"{free}, used by a client"
        case Unexplained():
            return "in use, unexplained"
        case Forbidden():
            return "no permission"
        case NotLocal():
            return "not local"
        case _:
            unreachable(verdict)


def evidence(
    findings: Sequence[Finding], reader: Reader, standings: Sequence[tuple[int, Standing]] = ()
) -> tuple[str, ...]:
    """Return aligned lines: every endpoint if there are several, then everybody behind them.

    Args:
        findings: one for each endpoint.
        reader: whose home, user and clock the words are for.
        standings: the judgement on holders by pid, where one was made.
    """
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
        told = isinstance(verdict, Shadowed) and any(s in held for s in verdict.sockets)
        lines += [_meaning(finding)] if _meaning(finding) and not told else []
        gaps = finding.verdict.gaps if isinstance(finding.verdict, Unexplained) else ()
        lines += map(gap_words, (*gaps, *finding.holding.gaps))
    return tuple(dict.fromkeys(lines))


def gap_words(gap: Gap) -> str:
    """Return what could not be seen, as a clause."""
    lead = "not readable: " if gap.code.startswith("unreadable") else ""
    return lead + printable(gap.detail)


def _meaning(finding: Finding) -> str:
    port, address = finding.endpoint.port, finding.endpoint
    match finding.verdict:
        case Held(listens=False):
            return "it can start to listen at any moment, and then a second server would fail"
        case HeldByClient(blocking=True):
            return "devports never ends a client; the port is free when that connection ends"
        case HeldByClient():
            return "a server that does not set SO_REUSEADDR can start when that connection ends"
        case Shadowed():
            return f"{address} is this server for certain, localhost:{port} may be the other one"
        case Unexplained():
            return "asked several times; the holder may be in another network namespace or hidden"
        case Forbidden() if port < PRIVILEGED:
            return f"ports below {PRIVILEGED} need root or CAP_NET_BIND_SERVICE"
        case Lingering(blocking=True, sockets=sockets) if not any(s.inode for s in sockets):
            return "the kernel keeps ended connections for a while; no process has them"
        case _:
            return ""


def problem(
    findings: Sequence[Finding],
    reader: Reader,
    *,
    exit_code: int,
    subject: str = "",
    service: str = "",
    more_notes: tuple[str, ...] = (),
    hints: tuple[str, ...] = (),
    standings: Sequence[tuple[int, Standing]] = (),
) -> DevportsError:
    """Return the findings on one port as an error, ready to be raised or shown."""
    from devports.core.codes import code_of  # noqa: PLC0415  # not for `check`
    from devports.ui.standings import origin_words  # noqa: PLC0415

    return DevportsError(
        code_of(decisive(findings)),
        summary(findings, subject) + origin_words([each for _, each in standings]),
        facts=evidence(findings, reader, standings),
        note="\n".join((*notes(findings), *more_notes)),
        hints=hints,
        service=service,
        exit_code=exit_code,
    )
