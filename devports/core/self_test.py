"""What a self-test expects of a source of sockets, and how what it shows differs from that. Pure.

The expected values are what the processes of the test wrote about themselves. Each source is
compared alone, then all of them together: a complete source hides what another one misses.
"""

from __future__ import annotations

from devports.core.model import HolderSearch
from devports.core.value import Frozen
from devports.core.verdict import DEFAULT_EPHEMERAL, is_outgoing, plain_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Literal

    from devports.core.model import Endpoint, Process, ProcessKey, Socket, State

    About = Literal["sockets", "holders", "binds"]
    Fact = Literal["uid", "v6only", "expires"]

ABOUT: tuple[About, ...] = ("sockets", "holders", "binds")
"""The kinds of facts: which sockets there are, which processes have them, what a bind returns."""
WORD = "self test"
"""An argument of every process of the test. Its blank shows whether arguments are kept apart."""
LATE = 30.0
"""Seconds between the start of a process and the start that a source shows for it."""
LONGEST_WAIT = 1000.0
"""Seconds of TIME_WAIT: Linux has 60, and some vendors' kernels let an administrator change it."""
IN_TIME = f"within {LONGEST_WAIT:.0f} s"


class Case(Frozen):
    """One port, and what is true of it.

    Attributes:
        state: of its socket; empty where no socket is left.
        local, remote: its ends, as its process writes them.
        pids: the processes that have it; none for TIME_WAIT.
        sockets: how many sockets are on the same address.
        client: whether its process called connect(2).
        orphaned: whether the process that opened it has exited.
        v6only: the option IPV6_V6ONLY of a listener; None for IPv4, and for any other socket.
    """

    name: str
    state: State | Literal[""]
    local: Endpoint
    remote: Endpoint | None = None
    pids: tuple[int, ...] = ()
    sockets: int = 1
    client: bool = False
    orphaned: bool = False
    v6only: bool | None = None

    @property
    def text(self) -> str:
        return f"{self.state} {self.local}" if self.state else "nothing"


class Actor(Frozen):
    """What is true of all processes of the test."""

    uid: int
    folder: str
    started: float


class SourceLimits(Frozen):
    """What a source shows, by design.

    Attributes:
        unseen: the cases that it does not show.
        names: whether it names every process that has a socket; else only the one that opened it.
        tells_apart: whether it tells two sockets on one address from one socket of two processes.
        facts: those that it always shows of a socket.
    """

    unseen: frozenset[str] = frozenset()
    names: bool = True
    tells_apart: bool = True
    facts: frozenset[Fact] = frozenset()


class Seen(Frozen):
    """What a source shows of one case.

    Attributes:
        sockets: on the port of the case.
        holding: the processes that have them.
        keys: the identity of each holder, read a second time.
        peers: the sockets on the remote port, None where they were not read.
        ephemeral: first and last local port of outgoing connections.
        binds: what was tried to bind: a text, the expected result, the result.
    """

    sockets: tuple[Socket, ...] = ()
    holding: HolderSearch = HolderSearch()
    keys: tuple[ProcessKey | None, ...] = ()
    peers: tuple[Socket, ...] | None = None
    ephemeral: tuple[int, int] = DEFAULT_EPHEMERAL
    binds: tuple[tuple[str, str, str], ...] = ()


class Difference(Frozen):
    """A fact that a source shows differently. `lines`: the source's own text about the port."""

    case: str
    about: About
    expected: str
    seen: str
    lines: tuple[str, ...] = ()


class SourceReport(Frozen):
    """The result for one source.

    Attributes:
        cases: how many cases it showed.
        unseen: cases that it cannot show, by design.
        decides: whether devports relies on it on this machine.
        missing: why it does not answer; empty if it does.
        differences: what it shows wrong.
    """

    name: str
    cases: int = 0
    unseen: tuple[str, ...] = ()
    decides: bool = True
    missing: str = ""
    differences: tuple[Difference, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.differences and not (self.missing and self.decides)

    def wrong(self, about: About) -> tuple[Difference, ...]:
        """Return its differences of one kind, if devports relies on it."""
        return tuple(each for each in self.differences if self.decides and each.about == about)


class SelfTest(Frozen):
    """A whole self-test.

    Attributes:
        sources: the result for each source, all of them together last.
        skipped: cases that could not be made here, and why.
        seconds: how long it took.
        about: versions, as pairs of a label and a text.
    """

    sources: tuple[SourceReport, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0
    about: tuple[tuple[str, str], ...] = ()

    @property
    def passed(self) -> bool:
        return all(source.passed for source in self.sources)

    def failing(self, about: About) -> tuple[SourceReport, ...]:
        """Return the sources that fail for one kind of fact; all of them if none does alone."""
        wrong = [source for source in self.sources if source.wrong(about)]
        return tuple(source for source in wrong if source is not self.sources[-1]) or tuple(wrong)


def differences(case: Case, seen: Seen, limits: SourceLimits, actor: Actor) -> Iterator[Difference]:
    """Yield what a source shows differently of one case."""
    found = [s for s in seen.sockets if _fits(s, case)]
    wrong = [socket for socket in seen.sockets if socket not in found]
    if case.name in limits.unseen:
        if seen.sockets:
            yield _difference(case, "sockets", "nothing, by design of the source", seen.sockets)
        return
    if wrong or (case.state and not found):
        yield _difference(case, "sockets", case.text, seen.sockets)
    for what, expected, result in seen.binds:
        if result != expected:
            yield Difference(case.name, "binds", f"{what}: {expected}", result)
    if found:
        yield from _of_sockets(case, found, seen, limits, actor)
        yield from _of_holders(case, seen, limits, actor)


def _difference(case: Case, about: About, expected: str, sockets: Iterable[Socket]) -> Difference:
    seen = ", ".join(f"{socket.state} {socket.local}" for socket in sockets)
    return Difference(case.name, about, expected, seen or "nothing")


def _fits(socket: Socket, case: Case) -> bool:
    """Return whether a socket is that of the case; an address may be written in either way."""
    ends = [(socket.local, case.local), (socket.remote, case.remote)]
    return socket.state == case.state and all(
        plain_end(one) == plain_end(other) if one and other else one is other for one, other in ends
    )


def _of_sockets(
    case: Case, found: list[Socket], seen: Seen, limits: SourceLimits, actor: Actor
) -> Iterator[Difference]:
    number = len({socket.inode for socket in found})
    if limits.tells_apart and number != case.sockets:
        yield Difference(case.name, "holders", f"{case.sockets} sockets", f"{number} sockets")
    facts = dict.fromkeys(fact for socket in found for fact in _facts_of(socket, case, actor))
    for fact, about, expected, shown in facts:
        if shown != expected and (shown is not None or fact in limits.facts):
            yield Difference(case.name, about, f"{fact} {expected}", f"{fact} {shown}")
    if case.state == "ESTABLISHED" and seen.peers is not None:
        client = is_outgoing(found[0], seen.ephemeral, seen.peers)
        if client != case.client:
            words = ("a connection to a server", "an outgoing connection")
            yield Difference(case.name, "holders", words[case.client], words[client])


def _facts_of(
    socket: Socket, case: Case, actor: Actor
) -> Iterator[tuple[Fact, About, object, object]]:
    """Yield facts about a socket: the name, the kind, as expected, as shown; None if not shown."""
    yield "uid", "holders", actor.uid if case.pids else None, socket.uid
    if case.v6only is not None:
        yield "v6only", "sockets", case.v6only, socket.v6only
    if case.state == "TIME_WAIT":
        left = socket.expires
        in_time = left is not None and 0 <= left <= LONGEST_WAIT
        yield "expires", "sockets", IN_TIME, IN_TIME if in_time else left


def _of_holders(case: Case, seen: Seen, limits: SourceLimits, actor: Actor) -> Iterator[Difference]:
    holders = [holder.process for holder in seen.holding.holders]
    named, wanted = {process.pid for process in holders}, set(case.pids)
    hidden = {process.pid for each in seen.holding.hidden for process in each.likely}
    if limits.names:
        right = named == wanted and not seen.holding.hidden
    else:
        some = named | hidden
        right = some <= wanted and bool(some or case.orphaned or not wanted)
    if not right:
        told = _pids(named) + (f"; likely {_pids(hidden)}" if seen.holding.hidden else "")
        yield Difference(case.name, "holders", _pids(wanted), told)
    for process, again in zip(holders, seen.keys, strict=True):
        if process.pid in wanted:
            for expected, shown in _facts_of_process(process, again, actor):
                yield Difference(case.name, "holders", expected, shown)


def _pids(pids: Iterable[int]) -> str:
    return f"pid {', '.join(map(str, sorted(pids)))}" if pids else "no process"


def _facts_of_process(
    process: Process, again: ProcessKey | None, actor: Actor
) -> Iterator[tuple[str, str]]:
    """Yield the wrong facts about a process, each as expected and as shown."""
    if process.uid != actor.uid:
        yield f"uid {actor.uid}", f"uid {process.uid}"
    if WORD not in process.argv:
        yield f"the argument `{WORD}`", repr(process.argv)
    if process.cwd != actor.folder:
        yield f"folder {actor.folder}", f"folder {process.cwd}"
    if abs(process.started - actor.started) > LATE:
        yield f"started at {actor.started:.0f}", f"started at {process.started:.0f}"
    if process.key != again:
        yield f"the same identity twice, {process.key}", str(again)


def repeated(first: SelfTest, second: SelfTest) -> SelfTest:
    """Return the second of two tests, with the differences that both have found.

    A process that starts or exits at the same time can cause a difference, but hardly twice.
    """
    known = {
        (source.name, each.case, each.about)
        for source in first.sources
        for each in source.differences
    }
    sources = (
        source.replace(
            differences=tuple(
                each for each in source.differences if (source.name, each.case, each.about) in known
            )
        )
        for source in second.sources
    )
    return second.replace(sources=tuple(sources))
