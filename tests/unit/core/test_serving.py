"""What is said of a server after it was ready: one story of looks a case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports.core.model import Endpoint, Process, ProcessKey
from devports.core.recovery import Accepting, Joined, Queued, Stalled
from devports.core.serving import EVERY, STEP, Inspection, Serving, begin, step, with_connection

if TYPE_CHECKING:
    from devports.core.recovery import RunEvent

HERE = Endpoint("127.0.0.1", 8000)


def process(pid: int) -> Process:
    return Process(ProcessKey(pid, pid), 1, 1000, "ann", f"p{pid}")


RELOADER, WORKER, NEXT, OTHER = map(process, (10, 11, 12, 90))
FIVE, SIX, NONE = frozenset({5}), frozenset({6}), frozenset[int]()


def look(
    now: float,
    *,
    inodes: frozenset[int] = FIVE,
    queue: int = 0,
    exited: Process | None = None,
    stranger: Process | None = None,
    **accepts: bool | None,
) -> Inspection:
    """Return one look; `accepts` says of reloader, worker and next who has the socket, and how."""
    named = {"reloader": RELOADER, "worker": WORKER, "next": NEXT}
    holders = {named[name].key: how for name, how in accepts.items()}
    beside = None if stranger is None else (HERE, stranger)
    return Inspection(now, inodes, queue, holders, exited, beside)


def told(*looks: Inspection) -> list[RunEvent]:
    """Return all that is said of a server that became ready at 0."""
    known, said = begin("web", HERE, 0), []
    for each in looks:
        known, news = step(known, each)
        said += [] if news is None else [news]
    return said


STALLED = Stalled("web", HERE, WORKER)
AGAIN = Accepting("web", HERE)
SERVED = look(0.2, reloader=False, worker=True)
DIED = look(60, exited=WORKER, reloader=False)
LATE = look(61.5, reloader=False)
PREFORKED = look(0.2, reloader=False, worker=True, next=True)


@pytest.mark.parametrize(
    ("looks", "said"),
    [
        pytest.param((SERVED, look(2), look(600)), [], id="all is well"),
        pytest.param(
            (SERVED, DIED, LATE, look(64, reloader=False)),
            [STALLED],
            id="a worker died under its reloader: said once",
        ),
        pytest.param(
            (SERVED, DIED, look(61.4, reloader=False), look(61.45, reloader=False, next=True)),
            [],
            id="its successor accepts in time",
        ),
        pytest.param(
            (SERVED, DIED, look(61.5, reloader=False, next=False), look(90), look(99)),
            [],
            id="its successor is importing: it is waited for",
        ),
        pytest.param(
            (
                SERVED,
                DIED,
                look(61.5, reloader=False, next=False),
                look(70, exited=NEXT, reloader=False),
                look(71.5, reloader=False),
            ),
            [Stalled("web", HERE, NEXT)],
            id="its successor died at the import",
        ),
        pytest.param(
            (SERVED, DIED, look(61.5, reloader=None)), [], id="the other is in select: perhaps"
        ),
        pytest.param(
            (
                PREFORKED,
                look(60, exited=WORKER, reloader=False, next=False),
                look(61.5, reloader=False, next=False),
                look(64),
            ),
            [],
            id="another worker was seen to accept, and is busy",
        ),
        pytest.param((SERVED, DIED, look(61.5)), [], id="nobody can be read any more"),
        pytest.param(
            (look(0.2, reloader=False, worker=False), look(1.6, reloader=False, worker=False)),
            [],
            id="nobody has exited, and nobody was seen to accept",
        ),
        pytest.param(
            (SERVED, DIED, LATE, look(64, reloader=False, next=False)),
            [STALLED],
            id="a new holder alone is not enough",
        ),
        pytest.param(
            (SERVED, DIED, LATE, look(64, reloader=False, next=True)),
            [STALLED, AGAIN],
            id="a new holder accepts",
        ),
        pytest.param(
            (SERVED, DIED, LATE, look(64, reloader=False, next=None)),
            [STALLED],
            id="a new holder is in select: that is not enough either",
        ),
        pytest.param(
            (SERVED, DIED, LATE, look(64, reloader=None)),
            [STALLED],
            id="an old one in select is no new worker",
        ),
        pytest.param(
            (SERVED, DIED, look(61.5, queue=3, reloader=False), look(64, queue=2, reloader=False)),
            [STALLED, AGAIN],
            id="the queue went down",
        ),
        pytest.param(
            (SERVED, DIED, LATE, look(64, inodes=SIX, reloader=False, next=False)),
            [STALLED, AGAIN],
            id="somebody listens anew",
        ),
        pytest.param(
            (SERVED, DIED, LATE, look(64, queue=3, reloader=False), look(99, queue=3)),
            [STALLED],
            id="that connections wait is not said of one that has stalled",
        ),
        pytest.param(
            (SERVED, look(2), look(4, inodes=NONE), look(6, inodes=NONE), look(8)),
            [],
            id="it did not listen for two looks",
        ),
        pytest.param(
            (SERVED, *(look(now, inodes=NONE) for now in (4, 6, 8, 10)), look(12, inodes=SIX)),
            [Stalled("web", HERE, None, 4), AGAIN],
            id="it listens no more: said once, and that it does again",
        ),
        pytest.param(
            (SERVED, look(4, inodes=NONE, exited=WORKER), look(5.5, inodes=NONE), look(7)),
            [],
            id="its only process is started anew, as by node --watch",
        ),
        pytest.param(
            (SERVED, look(4, queue=1), look(6, queue=2), look(8), look(10, queue=1)),
            [],
            id="a slow request",
        ),
        pytest.param(
            (SERVED, *(look(now, queue=3) for now in (4, 6, 8, 10, 12)), look(14), look(16)),
            [Queued("web", HERE, 3, 4), AGAIN],
            id="a queue that stays: said once, and that it does again",
        ),
        pytest.param(
            (SERVED, *(look(now, queue=3) for now in (4, 6, 8)), DIED, LATE, look(64)),
            [Queued("web", HERE, 3, 4), AGAIN, STALLED],
            id="a queue first, and then the worker dies",
        ),
        pytest.param(
            (SERVED, look(4, stranger=OTHER), look(5, stranger=OTHER), look(7)),
            [],
            id="somebody listened beside it for a moment",
        ),
        pytest.param(
            (SERVED, *(look(now, stranger=OTHER) for now in (4, 6, 8, 10))),
            [Joined("web", HERE, OTHER)],
            id="somebody listens beside it: said once",
        ),
    ],
)
def test_a_story(looks: tuple[Inspection, ...], said: list[RunEvent]) -> None:
    assert told(*looks) == said


def after(*looks: Inspection) -> Serving:
    known = begin("web", HERE, 0)
    for each in looks:
        known, _ = step(known, each)
    return known


@pytest.mark.parametrize(
    ("looks", "pause", "asks"),
    [
        pytest.param((), STEP, True, id="who accepts is not known yet"),
        pytest.param((SERVED,), EVERY, False, id="at rest"),
        pytest.param((SERVED, DIED), STEP, True, id="somebody has exited"),
        pytest.param((SERVED, DIED, LATE), EVERY, True, id="it has stalled"),
        pytest.param(
            (SERVED, DIED, look(61.5, reloader=False, next=False)),
            EVERY,
            False,
            id="one who imports is waited for",
        ),
        pytest.param((look(0, worker=None), look(1.5, worker=None)), EVERY, False, id="select"),
    ],
)
def test_looks_are_rare_and_cheap_where_nothing_is_in_doubt(
    looks: tuple[Inspection, ...], pause: float, asks: bool
) -> None:
    known = after(*looks)
    assert (known.pause, known.needs_holders(FIVE)) == (pause, asks)


@pytest.mark.parametrize(
    ("seen", "perhaps"),
    [
        pytest.param(look(64, reloader=None, next=None), True, id="a new one may be accepting"),
        pytest.param(look(64, reloader=None, next=False), False, id="a new one is not"),
        pytest.param(look(64, reloader=None), False, id="there is no new one"),
    ],
)
def test_only_where_a_new_holder_may_be_accepting_a_connection_is_to_tell(
    seen: Inspection, perhaps: bool
) -> None:
    known = after(SERVED, DIED, LATE, seen)
    assert (known.stalled, known.perhaps) == (True, perhaps)


@pytest.mark.parametrize(
    ("queue", "said"), [(0, AGAIN), (1, None)], ids=["it was taken", "it waits"]
)
def test_a_connection_of_ours_that_is_missed_in_the_queue_was_accepted(
    queue: int, said: RunEvent | None
) -> None:
    known = with_connection(after(SERVED, DIED, LATE, look(64, reloader=False, next=None)))
    known, news = step(known, look(66, queue=queue, reloader=False, next=None))
    assert (news, known.perhaps) == (said, said is None)


def test_who_accepts_on_a_new_socket_is_asked() -> None:
    assert after(SERVED).needs_holders(SIX)


def test_who_has_exited_is_forgotten() -> None:
    assert after(PREFORKED, look(60, reloader=False, next=True)).accepted == {NEXT.key}
