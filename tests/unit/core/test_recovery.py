"""Histories: a list of events, the commands they lead to, and how it ends."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devports.core.model import Endpoint, Holder, Process, ProcessKey, Socket
from devports.core.recovery import (
    Ended,
    Exited,
    GivenUp,
    HoldInTheWay,
    Interrupted,
    Pause,
    PortFreed,
    PortOwnership,
    PortStillHeld,
    PortTaken,
    Ready,
    Retry,
    Serving,
    Start,
    Starting,
    Stopping,
    StopServer,
    TakePort,
    Taking,
    begin,
    end_reason,
    is_lost,
    step,
)

if TYPE_CHECKING:
    from devports.core.recovery import Command, Event, HandoffMode, State

RETRY = Retry(attempts=3, wait=0.2, wait_max=0.3)


def play(*events: Event, retry: Retry = RETRY) -> tuple[State, list[Command]]:
    state, commands = begin(retry)
    done = list(commands)
    for event in events:
        state, commands = step(state, event, retry)
        done += commands
    return state, done


HISTORIES = [
    pytest.param(
        (PortFreed(), Ready(), Exited(0)),
        Ended(0, "child", "exited"),
        [TakePort(), Start(1, "beside")],
        id="a good start ends with the server's own code",
    ),
    pytest.param(
        (PortFreed(), Exited(3)),
        Ended(3, "child", "ended-early"),
        [TakePort(), Start(1, "beside")],
        id="a server that ends before it is ready is not started again",
    ),
    pytest.param(
        (PortStillHeld(90),),
        Ended(90, "devports", "port-held"),
        [TakePort()],
        id="a port that cannot be had starts nothing",
    ),
    pytest.param(
        (PortFreed(), PortTaken(), PortFreed(), Ready(), Exited(0)),
        Ended(0, "child", "exited"),
        [
            TakePort(),
            Start(1, "beside"),
            StopServer(),
            Pause(0.2),
            TakePort(),
            Start(2, "beside"),
        ],
        id="a lost port is taken again and the server started again",
    ),
    pytest.param(
        (PortFreed(), PortTaken()) * 3,
        Ended(94, "devports", "retries-exhausted"),
        [
            TakePort(),
            Start(1, "beside"),
            StopServer(),
            Pause(0.2),
            TakePort(),
            Start(2, "beside"),
            StopServer(),
            Pause(0.3),
            TakePort(),
            Start(3, "beside"),
            StopServer(),
        ],
        id="starts are counted, waits grow up to a limit, and the last loss is the end",
    ),
    pytest.param(
        (PortFreed(), HoldInTheWay(), Ready(), Exited(0)),
        Ended(0, "child", "exited"),
        [TakePort(), Start(1, "beside"), StopServer(), Start(1, "bare")],
        id="a server that cannot bind beside our hold is started without it, uncounted",
    ),
    pytest.param(
        (PortFreed(), HoldInTheWay(), PortTaken(), PortFreed(), Ready()),
        Serving(),
        [
            TakePort(),
            Start(1, "beside"),
            StopServer(),
            Start(1, "bare"),
            StopServer(),
            Pause(0.2),
            TakePort(),
            Start(2, "bare"),
        ],
        id="that is remembered for the later starts",
    ),
    pytest.param(
        (PortFreed(), HoldInTheWay(60), GivenUp("moved")),
        Ended(95, "devports", "moved"),
        [TakePort(), Start(1, "beside"), StopServer(), Start(1, "bare"), StopServer()],
        id="a server that goes elsewhere without our reservation too is stopped and named",
    ),
    pytest.param(
        (PortFreed(), *(HoldInTheWay(60),) * 2),
        Ended(95, "devports", "not-ready"),
        [TakePort(), Start(1, "beside"), StopServer(), Start(1, "bare"), StopServer()],
        id="a start without our reservation is never repeated without it",
    ),
    pytest.param(
        (PortFreed(), PortStillHeld(90)),
        Ended(90, "devports", "port-held"),
        [TakePort(), Start(1, "beside"), StopServer()],
        id="a server whose port is left to another process is stopped",
    ),
    pytest.param(
        (*(PortFreed(), PortTaken()) * 2, PortFreed(), PortStillHeld(90)),
        Ended(94, "devports", "retries-exhausted"),
        [
            TakePort(),
            Start(1, "beside"),
            StopServer(),
            Pause(0.2),
            TakePort(),
            Start(2, "beside"),
            StopServer(),
            Pause(0.3),
            TakePort(),
            Start(3, "beside"),
            StopServer(),
        ],
        id="and in the last start that is one loss too many",
    ),
    pytest.param(
        (PortFreed(), GivenUp("port-shared")),
        Ended(95, "devports", "port-shared"),
        [TakePort(), Start(1, "beside"), StopServer()],
        id="a server that shares its port with another one is not ready",
    ),
    pytest.param(
        (PortFreed(), GivenUp("not-ready")),
        Ended(95, "devports", "not-ready"),
        [TakePort(), Start(1, "beside"), StopServer()],
        id="not ready in time is the end",
    ),
    pytest.param(
        (Interrupted(15),),
        Ended(143, "devports", "interrupted"),
        [TakePort()],
        id="a signal before there is a server ends with its number",
    ),
    pytest.param(
        (PortFreed(), Interrupted(15), Exited(0)),
        Ended(0, "child", "interrupted"),
        [TakePort(), Start(1, "beside"), StopServer()],
        id="a signal during the start stops the server and passes its code on",
    ),
    pytest.param(
        (PortFreed(), Ready(), Interrupted(1), Exited(143)),
        Ended(143, "child", "interrupted"),
        [TakePort(), Start(1, "beside"), StopServer()],
        id="a signal while serving stops the server and passes its code on",
    ),
    pytest.param(
        (PortFreed(), Ready(), PortTaken(), GivenUp("not-ready")),
        Serving(),
        [TakePort(), Start(1, "beside")],
        id="words about a taken port mean nothing once the port is ours",
    ),
    pytest.param(
        (PortFreed(), Interrupted(15), Ready()),
        Stopping(15),
        [TakePort(), Start(1, "beside"), StopServer()],
        id="a server that gets ready while it is stopped is stopped all the same",
    ),
    pytest.param(
        (Ready(), Exited(0)),
        Taking(1, "beside"),
        [TakePort()],
        id="news of a server mean nothing while there is none",
    ),
    pytest.param(
        (PortStillHeld(93), PortFreed(), Ready()),
        Ended(93, "devports", "port-held"),
        [TakePort()],
        id="the end is the end",
    ),
]


@pytest.mark.parametrize(("events", "state", "commands"), HISTORIES)
def test_history(events: tuple[Event, ...], state: State, commands: list[Command]):
    assert play(*events) == (state, commands)


EVENTS = st.sampled_from(
    [
        PortFreed(),
        PortStillHeld(90),
        PortTaken(),
        HoldInTheWay(),
        Exited(1),
        Ready(),
        GivenUp("moved"),
        GivenUp("not-ready"),
        Interrupted(15),
    ]
)


WAYS: tuple[tuple[HandoffMode, ...], ...] = (
    ("fd", "bare"),
    ("hook", "bare"),
    ("beside", "bare"),
    ("bare",),
    ("hook",),
)


@given(st.lists(EVENTS, max_size=60), st.sampled_from(WAYS))
def test_whatever_happens_starts_are_bounded_and_every_further_one_follows_a_stop(
    events: list[Event], ways: tuple[HandoffMode, ...]
):
    _, commands = play(*events, retry=RETRY.replace(ways=ways))
    starts = [place for place, command in enumerate(commands) if isinstance(command, Start)]
    taken = {command.way for command in commands if isinstance(command, Start)}
    stops = [place for place, command in enumerate(commands) if isinstance(command, StopServer)]
    assert len(starts) <= RETRY.attempts + 1  # once more without our hold
    assert taken <= {ways[0], "bare"}
    assert all(
        any(before < stop < after for stop in stops) for before, after in itertools.pairwise(starts)
    )


def test_the_missing_hold_is_remembered_in_the_state_too():
    state, _ = play(PortFreed(), HoldInTheWay(), PortTaken(), PortFreed())
    assert state == Starting(2, "bare")


def test_waits_double_up_to_their_limit():
    retry = Retry(attempts=9, wait=0.2, wait_max=1.0)
    assert [retry.before(attempt) for attempt in range(2, 7)] == [0.2, 0.4, 0.8, 1.0, 1.0]


def test_a_failed_start_leaves_the_state_starting_only_to_try_without_the_hold():
    state, _ = step(Starting(2, "beside"), HoldInTheWay(), RETRY)
    assert state == Starting(2, "bare")


LOST = [
    pytest.param((PortStillHeld(94, left=True),), 3, True, id="its port is left to its holder"),
    pytest.param((PortStillHeld(90),), 3, False, id="nobody agreed to end the holder"),
    pytest.param((PortFreed(), PortTaken()), 1, True, id="the last start lost it to somebody"),
    pytest.param(
        (PortFreed(), GivenUp("retries-exhausted")), 3, True, id="it may not be freed again"
    ),
    pytest.param((PortFreed(), GivenUp("moved")), 1, False, id="it was told another port"),
    pytest.param((PortFreed(), Exited(3)), 1, False, id="the server ended by itself"),
]


@pytest.mark.parametrize(("events", "attempts", "lost"), LOST)
def test_a_port_is_lost_where_somebody_else_has_it(
    events: tuple[Event, ...], attempts: int, lost: bool
) -> None:
    end, _ = play(*events, retry=Retry(attempts=attempts))
    assert isinstance(end, Ended)
    assert is_lost(events[-1], end) is lost


HERE = Endpoint("127.0.0.1", 8000)
OURS = Holder(Process(ProcessKey(42, 1), 1, 1000, "lana", "web", ("web",)))
NOTHING = PortOwnership(None, (HERE,), bound=False, other_sockets=())
LISTENS = NOTHING.replace(owner=OURS, unserved=())
OWNED = [
    pytest.param(NOTHING, False, "none", id="nothing"),
    pytest.param(NOTHING.replace(bound=True), False, "bound", id="a socket of its own"),
    pytest.param(
        NOTHING.replace(bound=True, inherited=True), False, "given", id="a socket that it inherited"
    ),
    pytest.param(LISTENS, False, "listen", id="it listens"),
    pytest.param(LISTENS.replace(unserved=(HERE,)), False, "some", id="it listens on one of two"),
    pytest.param(
        LISTENS.replace(queueing=True), False, "given", id="we made the socket listen, for nobody"
    ),
    pytest.param(LISTENS.replace(queueing=True), True, "listen", id="and now it is served"),
]


@pytest.mark.parametrize(("seen", "serves", "own"), OWNED)
def test_what_our_tree_has_of_the_port(seen: PortOwnership, own: str, *, serves: bool) -> None:
    assert seen.own(serves=serves) == own
    assert seen.has_any is (own != "none")


@pytest.mark.parametrize(
    ("states", "foreign"),
    [
        pytest.param((), "none", id="nobody"),
        pytest.param(("BOUND",), "bound", id="bound"),
        pytest.param(("BOUND", "LISTEN"), "listen", id="somebody listens"),
    ],
)
def test_what_others_have_of_it(states: tuple[str, ...], foreign: str) -> None:
    sockets = tuple(Socket(HERE, None, state) for state in states)  # type: ignore[arg-type]
    assert NOTHING.replace(other_sockets=sockets).foreign == foreign


@pytest.mark.parametrize(
    ("ended", "stopping", "reason"),
    [
        (Ended(143, "child", "interrupted"), True, "stopped"),
        (Ended(130, "devports", "interrupted"), False, "stopped"),
        pytest.param(Ended(0, "child", "exited", ready=True), True, "stopped", id="after Ctrl-C"),
        (Ended(0, "child", "exited", ready=True), False, "exited"),
        (Ended(3, "child", "exited", ready=True), False, "crashed"),
        (Ended(0, "child", "ended-early"), False, "crashed"),
        pytest.param(Ended(90, "child", "exited"), False, "crashed", id="its own 90"),
        (Ended(90, "devports", "port-held"), False, "declined"),
        (Ended(91, "devports", "port-held"), False, "supervised"),
        (Ended(126, "devports", "command-not-executable"), False, "not-found"),
        (Ended(127, "devports", "command-not-found"), False, "not-found"),
        (Ended(2, "devports", "folder-missing"), False, "not-found"),
        (Ended(95, "devports", "not-ready"), False, "failed"),
    ],
)
def test_the_reason_that_is_recorded(ended: Ended, stopping: bool, reason: str):
    assert end_reason(ended, stopping=stopping) == reason
