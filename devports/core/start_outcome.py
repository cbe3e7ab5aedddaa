"""The result of a start: one pure function of sockets, the server's exit, time and its hooks.

A line of output is one fact, `hint`: it may release the reservation, and as long as the server has
time left no more. A living server is stopped before its timeout only if another process has the
port.
"""

from __future__ import annotations

from devports.core.value import Frozen
from devports.exitcodes import NOT_EXECUTABLE, NOT_FOUND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    Own = Literal["none", "given", "bound", "some", "listen"]
    Foreign = Literal["none", "bound", "listen"]
    Outcome: TypeAlias = Literal[
        "wait", "ready", "release", "free-beside",
        "again", "taken-again", "without-hold",
        "ended",
        "shared", "bound-only", "moved", "not-ready",
    ]  # fmt: skip


TAKEN_FOR = 6.0
"""Seconds that another process has the port before anything is done: gunicorn tries again for 5 s
and nginx for 2.5 s (measured)."""
SHARED_FOR = 1.0
"""Seconds that another process listens beside the server before that counts."""
SILENT_FOR = 30.0
"""Seconds until the reservation is released for a living server without a socket on its port."""
BY_SIGNAL = 128
AFTER_RELEASE = 15.0
"""Seconds that it has after that at least, if it has as many at all."""


class StartFacts(Frozen):
    """The facts about one start. What is not known is "no"; times are in seconds.

    Attributes:
        code: the exit code as a shell gives it, None while the server lives.
        own: the server's sockets on the endpoints: `given` is one that it inherited and has not
            used, `some` is LISTEN on some of several addresses.
        had: whether it has had a socket of its own there in this start.
        serves: whether it meets the other conditions of `ready`.
        foreign: other processes' sockets on the endpoints.
        foreign_for: how long they have been there, beside a server that listens or one that does
            not.
        spared: the other process is a container's forwarder or cannot be read: the server itself
            may have started it.
        any_owner: ``ready.owner = "any"``: any listener counts as the server.
        elapsed: since the start.
        released_at: when the reservation was released while the server lived, None if it was not.
        hold: whether devports holds the reservation now.
        held: whether it held it in this start.
        another_way: whether a start without a reservation may follow.
        hooked: every program of it that can bind would have sent a request or a report.
        proven: this command has become ready beside a reservation before.
        refused: a hook reports that a bind of a declared port failed.
        elsewhere_refused: a hook reports that a bind of another port failed.
        unfit: it has a socket that cannot be bound beside the reservation.
        hint: a line of its output says that an address is in use.
        elsewhere: it listens on another port.
        port_in_command: its command names that port.
        freed: another process has been stopped beside it in this start.
        may_free: whether the port may be freed at all.
        starts_left: whether it may be started again.
    """

    code: int | None = None
    own: Own = "none"
    had: bool = False
    serves: bool = True
    foreign: Foreign = "none"
    foreign_for: float = 0.0
    spared: bool = False
    any_owner: bool = False
    elapsed: float = 0.0
    timeout: float = 60.0
    released_at: float | None = None
    hold: bool = False
    held: bool = False
    another_way: bool = False
    hooked: bool = False
    proven: bool = False
    refused: bool = False
    elsewhere_refused: bool = False
    unfit: bool = False
    hint: bool = False
    elsewhere: bool = False
    port_in_command: bool = False
    freed: bool = False
    may_free: bool = True
    starts_left: bool = True

    @property
    def in_way(self) -> bool:
        """Whether the reservation may have prevented its bind."""
        return self.held and (self.refused or not (self.hooked or self.proven))

    @property
    def out_of_time(self) -> bool:
        if self.released_at is None:
            return self.elapsed >= self.timeout
        left = min(AFTER_RELEASE, self.timeout)
        return self.elapsed >= max(self.timeout, self.released_at + left)

    @property
    def is_taken(self) -> bool:
        """Whether another process has the port; if it is only bound, the server must not be."""
        if self.spared or self.own in ("some", "listen"):
            return False
        return self.foreign == "listen" or (self.foreign == "bound" and self.own != "bound")


def decide(facts: StartFacts) -> Outcome:
    """Return the first outcome that fits."""
    if facts.any_owner:
        own: Own = "listen" if facts.foreign == "listen" else facts.own
        facts = facts.replace(own=own, foreign="none")
    if facts.code is not None:
        return _ended(facts, facts.code)
    if facts.own in ("some", "listen"):
        return _listening(facts)
    if facts.is_taken and facts.foreign_for >= TAKEN_FOR:
        return "free-beside" if facts.may_free and not facts.freed else _again(facts)
    if _may_release(facts):
        return "release"
    return _out_of_time(facts) if facts.out_of_time else "wait"


def _ended(facts: StartFacts, code: int) -> Outcome:
    if facts.had or facts.own in ("bound", "some", "listen"):
        return "ended"
    if facts.elsewhere_refused and not facts.refused:
        return "ended"  # the other port was the cause
    if code in (0, NOT_EXECUTABLE, NOT_FOUND) or code > BY_SIGNAL:
        return "ended"
    if facts.foreign != "none":
        return _again(facts)
    return "without-hold" if facts.in_way and facts.another_way else "ended"


def _listening(facts: StartFacts) -> Outcome:
    """Decide for a server that listens: a process that is only bound cannot listen any more."""
    if facts.foreign == "listen":
        return "shared" if facts.foreign_for >= SHARED_FOR or facts.out_of_time else "wait"
    if facts.serves:
        return "ready"
    return "not-ready" if facts.out_of_time else "wait"


def _again(facts: StartFacts) -> Outcome:
    return "again" if facts.may_free and facts.starts_left else "taken-again"


def _may_release(facts: StartFacts) -> bool:
    """Return whether the reservation is released for a living server whose bind may have failed."""
    silent = facts.elapsed >= min(SILENT_FOR, facts.timeout / 2)
    alone = facts.own in ("none", "given") and facts.foreign == "none"
    met = facts.refused or facts.unfit or facts.hint or silent
    return facts.hold and alone and facts.in_way and met


def _out_of_time(facts: StartFacts) -> Outcome:
    if facts.own == "bound":
        return "bound-only"
    driven = facts.elsewhere and not facts.port_in_command
    met = driven or facts.hint or facts.refused
    if facts.foreign == "none" and facts.in_way and facts.another_way and met:
        return "without-hold"
    if driven and (facts.freed or facts.is_taken):
        return _again(facts)
    if facts.elsewhere:
        return "moved"
    return "bound-only" if facts.own == "given" else "not-ready"
