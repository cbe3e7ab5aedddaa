"""The state of a server that was ready, as a pure function of all inspections so far.

A worker may die under a reloader that lives: the socket still listens, connections are still made,
and no process accepts them. So after a process with the socket has exited, each inspection asks
whether another process waits for connections. A newer process may still be importing: it is waited
for as long as it lives. A process that has had the socket all the time and was never seen to accept
is a reloader. Where accepting cannot be read, as behind select(2), nothing is reported.
"""

from __future__ import annotations

from devports.core.recovery import Accepting, Joined, Queued, Stalled
from devports.core.value import Frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from devports.core.model import Endpoint, Process, ProcessKey
    from devports.core.recovery import RunEvent


EVERY = 2.0
"""Seconds between inspections of the listeners: the only cost of a run at rest."""
STEP = 0.25
"""Seconds between inspections while it is in doubt whether any process accepts."""
DOUBT = 1.5
"""Seconds that the doubt lasts; gunicorn starts its next worker within 1 s."""
LASTING = 2 * EVERY
"""Seconds that a state has to last before it is reported: three inspections."""


class Inspection(Frozen):
    """The result of one inspection.

    Attributes:
        now: seconds, on a monotonic clock.
        inodes: the server's sockets that listen on its addresses.
        queue: connections on them that no process has accepted yet.
        holders: the processes that have them open, and whether each accepts: yes, no, perhaps
            (None). Empty where that was not read or cannot be told.
        exited: a process that had one of them open, and has exited since the last inspection.
        stranger: another process that listens on one of these addresses too, and where.
    """

    now: float
    inodes: frozenset[int]
    queue: int = 0
    holders: Mapping[ProcessKey, bool | None] = {}
    exited: Process | None = None
    stranger: tuple[Endpoint, Process] | None = None


class Serving(Frozen):
    """The state of a server that was ready.

    Attributes:
        doubt: since when it is in doubt whether any process accepts, None for no doubt.
        exited: the process whose exit caused the doubt.
        first: the holders of the socket when it was ready.
        accepted: the holders that have been seen to accept.
        inodes, queue: those of the last inspection.
        closed, crowded, shared: since when no socket listens, connections wait, others listen too.
        stalled: whether it was reported that no process accepts.
        perhaps: whether it has stalled, and a newer process may be accepting by now.
        queued, joined: whether it was reported that connections wait, that others listen too.
    """

    service: str
    endpoint: Endpoint
    doubt: float | None = None
    exited: Process | None = None
    first: frozenset[ProcessKey] = frozenset()
    accepted: frozenset[ProcessKey] = frozenset()
    inodes: frozenset[int] = frozenset()
    queue: int = 0
    closed: float | None = None
    crowded: float | None = None
    shared: float | None = None
    stalled: bool = False
    perhaps: bool = False
    queued: bool = False
    joined: bool = False

    @property
    def pause(self) -> float:
        """Seconds until the next inspection."""
        return EVERY if self.doubt is None else STEP

    def needs_holders(self, inodes: frozenset[int]) -> bool:
        """Return whether an inspection with these sockets must read what accepts (costly)."""
        return self.doubt is not None or self.stalled or inodes != self.inodes


def begin(service: str, endpoint: Endpoint, now: float) -> Serving:
    """Return the state of a server that is ready since `now`; what accepts is not known yet."""
    return Serving(service, endpoint, doubt=now)


def step(before: Serving, look: Inspection) -> tuple[Serving, RunEvent | None]:
    """Return the state after an inspection, and what to report."""
    noted = _noted(before, look)
    now, news = _again(noted, look) if before.stalled else _judged(noted, look)
    now = now.replace(inodes=look.inodes, queue=look.queue)
    return (now.replace(doubt=None, exited=None) if _lasts(now.doubt, look, DOUBT) else now), news


def _noted(before: Serving, look: Inspection) -> Serving:
    accepting = {key for key, accepts in look.holders.items() if accepts}
    known = before.accepted.intersection(look.holders) if look.holders else before.accepted
    noted = before.replace(
        first=before.first or frozenset(look.holders),
        accepted=known | accepting,
        closed=_since(before.closed, look, so=not look.inodes),
        crowded=_since(before.crowded, look, so=look.queue > 0),
        shared=_since(before.shared, look, so=look.stranger is not None),
    )
    if look.exited is not None:
        return noted.replace(doubt=look.now, exited=look.exited)
    return noted.replace(doubt=None, exited=None) if accepting else noted


def _since(since: float | None, look: Inspection, *, so: bool) -> float | None:
    return (look.now if since is None else since) if so else None


def _lasts(since: float | None, look: Inspection, seconds: float) -> bool:
    return since is not None and look.now - since >= seconds


def _judged(now: Serving, look: Inspection) -> tuple[Serving, RunEvent | None]:
    """Update a server that accepts connections as far as is known."""
    service, endpoint = now.service, now.endpoint
    if _is_deserted(now, look):
        return _stalled(now), Stalled(service, endpoint, now.exited)
    if now.closed is not None and _lasts(now.closed, look, LASTING):
        return _stalled(now), Stalled(service, endpoint, None, look.now - now.closed)
    if now.queued and not look.queue:
        return now.replace(queued=False), Accepting(service, endpoint)
    if now.crowded is not None and not now.queued and _lasts(now.crowded, look, LASTING):
        waits = Queued(service, endpoint, look.queue, look.now - now.crowded)
        return now.replace(queued=True), waits
    if look.stranger is not None and not now.joined and _lasts(now.shared, look, EVERY):
        return now.replace(joined=True), Joined(service, *look.stranger)
    return now, None


def _stalled(now: Serving) -> Serving:
    return now.replace(stalled=True, queued=False, doubt=None, exited=None)


def _is_deserted(now: Serving, look: Inspection) -> bool:
    """Return whether no process accepts, and none may begin to."""
    if now.exited is None or not look.inodes or not _lasts(now.doubt, look, DOUBT):
        return False
    idle = now.first - now.accepted
    return bool(look.holders) and all(
        accepts is False and key in idle for key, accepts in look.holders.items()
    )


def _again(now: Serving, look: Inspection) -> tuple[Serving, RunEvent | None]:
    """Update a server that has stalled: a new worker does not prove that it accepts."""
    taken = look.inodes == now.inodes and look.queue < now.queue
    if look.inodes - now.inodes or taken or any(look.holders.values()):
        return now.replace(stalled=False, perhaps=False), Accepting(now.service, now.endpoint)
    late = (accepts for key, accepts in look.holders.items() if key not in now.first)
    return now.replace(perhaps=None in late), None


def with_connection(now: Serving) -> Serving:
    """Return the state with one more connection in the queue: if it is missing, it was accepted."""
    return now.replace(queue=now.queue + 1)
