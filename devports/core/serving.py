"""What is said of a server after it was ready, as a pure function of what each look has seen.

A worker may die under a reloader that lives: the socket still listens, connections are still made,
and no process accepts them. So it is asked, after a process with the socket has exited, whether
another one waits for connections. A process that came later may still be importing: it is waited
for as long as it lives. One that has had the socket all the time and was never seen to accept, as
a reloader, is no hope. What cannot be told, as behind select(2), is never accused.
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
"""Seconds between looks at who listens while all is well: all that a run at rest costs."""
STEP = 0.25
"""Seconds between looks while it is in doubt whether any process accepts."""
DOUBT = 1.5
"""Seconds for such a doubt; gunicorn starts its next worker within 1 s."""
LASTING = 2 * EVERY
"""Seconds that something has to last until it is said: three looks."""


class Look(Frozen):
    """What one look has seen.

    Attributes:
        now: seconds, on a clock that is never set back.
        inodes: the server's sockets that listen on its addresses.
        queue: connections on them that no process has accepted yet.
        holders: who has them open, and whether each accepts: yes, no, perhaps (None). Empty where
            that was not asked or cannot be told.
        exited: a process that had one of them open, and has exited since the last look.
        stranger: a process of others that listens on one of these addresses too, and where.
    """

    now: float
    inodes: frozenset[int]
    queue: int = 0
    holders: Mapping[ProcessKey, bool | None] = {}
    exited: Process | None = None
    stranger: tuple[Endpoint, Process] | None = None


class Serving(Frozen):
    """What is known of a server that has been ready, from all looks so far.

    Attributes:
        doubt: since when it is in doubt whether any process accepts, None for no doubt.
        exited: the process whose exit made the doubt.
        first: who had the socket when it was ready.
        accepted: who of its holders has been seen to accept.
        inodes, queue: what the last look has seen of these.
        closed, crowded, shared: since when no socket listens, connections wait, others listen too.
        stalled: whether it was said that no process accepts.
        perhaps: whether it has stalled, and a process that came later may be accepting by now.
        queued, joined: whether it was said that connections wait, that others listen too.
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
        """Seconds until the next look."""
        return EVERY if self.doubt is None else STEP

    def asks(self, inodes: frozenset[int]) -> bool:
        """Say whether a look that sees these sockets has to say who accepts: that costs more."""
        return self.doubt is not None or self.stalled or inodes != self.inodes


def begin(service: str, endpoint: Endpoint, now: float) -> Serving:
    """Return what is known of a server that is ready since `now`: who accepts is not seen yet."""
    return Serving(service, endpoint, doubt=now)


def step(before: Serving, look: Look) -> tuple[Serving, RunEvent | None]:
    """Return what is known after a look, and what is to be said."""
    noted = _noted(before, look)
    now, news = _again(noted, look) if before.stalled else _judged(noted, look)
    now = now.replace(inodes=look.inodes, queue=look.queue)
    return (now.replace(doubt=None, exited=None) if _lasts(now.doubt, look, DOUBT) else now), news


def _noted(before: Serving, look: Look) -> Serving:
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


def _since(since: float | None, look: Look, *, so: bool) -> float | None:
    return (look.now if since is None else since) if so else None


def _lasts(since: float | None, look: Look, seconds: float) -> bool:
    return since is not None and look.now - since >= seconds


def _judged(now: Serving, look: Look) -> tuple[Serving, RunEvent | None]:
    """Judge a server that accepts connections as far as is known."""
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


def _is_deserted(now: Serving, look: Look) -> bool:
    """Say whether nobody accepts, and nobody is there who may begin to."""
    if now.exited is None or not look.inodes or not _lasts(now.doubt, look, DOUBT):
        return False
    idle = now.first - now.accepted
    return bool(look.holders) and all(
        accepts is False and key in idle for key, accepts in look.holders.items()
    )


def _again(now: Serving, look: Look) -> tuple[Serving, RunEvent | None]:
    """Judge a server that has stalled: that there is a new worker does not mean that it accepts."""
    taken = look.inodes == now.inodes and look.queue < now.queue
    if look.inodes - now.inodes or taken or any(look.holders.values()):
        return now.replace(stalled=False, perhaps=False), Accepting(now.service, now.endpoint)
    late = (accepts for key, accepts in look.holders.items() if key not in now.first)
    return now.replace(perhaps=None in late), None


def knocked(now: Serving) -> Serving:
    """Return what is known with one more connection in the queue: if it is missed, it was taken."""
    return now.replace(queue=now.queue + 1)
