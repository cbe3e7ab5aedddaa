"""What is said while a server starts and runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports.core.bind_errors import BindFailure
from devports.core.hint import text_of
from devports.core.model import Endpoint, Holder, Process, ProcessKey, Socket
from devports.core.recovery import (
    BoundNotListening,
    DetachedProcess,
    Ended,
    HandoffFailed,
    KillingServer,
    ListeningElsewhere,
    PortChanged,
    PortLost,
    PortOwnership,
    RecordFailed,
    Released,
    ServerReady,
    ServerStarted,
    StoppingServer,
    WaitingForDependency,
    WaitingForPreviousRun,
)
from devports.core.service import Ready, Service
from devports.ui.run_progress import ended_words, gave_up, happening_words

if TYPE_CHECKING:
    from devports.core.recovery import RunEvent

HERE, SISTER = Endpoint("127.0.0.1", 8000), Endpoint("::1", 8000)
SERVER = Process(ProcessKey(42, 1), 1, 1000, "lana", "uvicorn", ("uvicorn", "main:app"))
EVIL = "\x1b[2Jaddress in use\x07"

LINES = [
    pytest.param(
        ServerStarted("web", HERE, 1, "beside"),
        "starting `web` on 127.0.0.1:8000; the port is held until it listens",
        id="the first start",
    ),
    pytest.param(
        ServerStarted("web", HERE, 2, "fd", "--fd 7"),
        "starting `web` on 127.0.0.1:8000, attempt 2; it takes the socket (--fd 7)",
        id="a later one, which inherits the socket",
    ),
    pytest.param(
        ServerStarted("web", HERE, 1, "hook"),
        "starting `web` on 127.0.0.1:8000; the port is held until its bind asks for it",
        id="one whose bind is answered",
    ),
    pytest.param(
        ServerStarted("web", HERE, 1, "bare"),
        "starting `web` on 127.0.0.1:8000; the port is let go for it",
        id="one that can have no hold beside it",
    ),
    pytest.param(
        ServerReady("web", HERE, SERVER, 0.31),
        "`web` is ready on 127.0.0.1:8000: `uvicorn` (pid 42), 0.3 s",
        id="ready: who owns the port, and after how long",
    ),
    pytest.param(
        ServerReady("web", HERE, None, 1.0),
        "`web` is ready on 127.0.0.1:8000: a process that cannot be read, 1.0 s",
        id="ready, by whom cannot be told",
    ),
    pytest.param(
        ServerReady("web", HERE, SERVER, 1.0, (SISTER,)),
        "`web` is ready on 127.0.0.1:8000: `uvicorn` (pid 42), 1.0 s; nobody serves [::1]:8000",
        id="ready on one of two addresses",
    ),
    pytest.param(
        BoundNotListening("web", HERE),
        "`web` holds 127.0.0.1:8000 but does not listen yet;"
        " a reloader waits like this for a mended file",
        id="bound and not listening",
    ),
    pytest.param(
        PortLost("web", HERE, True, "OSError: in use", 2, 3),
        "`web` did not get 127.0.0.1:8000: somebody else has it"
        ' ("OSError: in use"); trying again, start 2 of 3',
        id="lost to somebody, with what the server said",
    ),
    pytest.param(
        PortLost("web", HERE, False, "", 0, 3),
        "`web` did not get 127.0.0.1:8000: it was refused the port",
        id="lost to nobody, for the last time",
    ),
    pytest.param(
        HandoffFailed("web", "fd"),
        "`web` did not take the socket; starting it again without one",
        id="a socket that was not taken",
    ),
    pytest.param(
        HandoffFailed("web", "hook"),
        "`web` did not ask for the port; starting it again beside our hold",
        id="a bind that did not ask",
    ),
    pytest.param(
        HandoffFailed("web", "beside"),
        "`web` binds without SO_REUSEADDR; starting it again without our hold",
        id="our own hold",
    ),
    pytest.param(
        HandoffFailed("web", "hook", 60),
        "`web` did not listen on its port in 60 s, and our reservation may have been in its way;"
        " starting it once more without it",
        id="our own hold, perhaps",
    ),
    pytest.param(
        Released("web", HERE, " Port 8000 is in use\n"),
        '`web` printed "Port 8000 is in use": released our reservation of 127.0.0.1:8000, which may'
        " be in its way; `web` keeps running",
        id="our own hold, released beside it",
    ),
    pytest.param(StoppingServer("web", "SIGINT"), "stopping `web` with SIGINT", id="stopping"),
    pytest.param(
        KillingServer("web", 2.5),
        "`web` did not end in 2.5 s: killing it with SIGKILL",
        id="killed",
    ),
    pytest.param(
        ListeningElsewhere("web", HERE, Endpoint("127.0.0.1", 8001)),
        "`web` listens on 127.0.0.1:8001 and not on 127.0.0.1:8000: waiting for that",
        id="on another port",
    ),
    pytest.param(
        DetachedProcess("web", SERVER, ended=True),
        "`web` went into the background as `uvicorn` (pid 42): ending that, a service has to stay"
        " in the foreground",
        id="in the background",
    ),
    pytest.param(
        DetachedProcess("web", SERVER, ended=False),
        "`uvicorn` (pid 42), which `web` started, has a session of its own and still runs",
        id="something that it started",
    ),
    pytest.param(
        PortChanged("web", 8000, 8002),
        "PORT CHANGED: `web` gets port 8002, port 8000 is taken",
        id="another port, loudly",
    ),
    pytest.param(
        WaitingForPreviousRun("web", 7),
        "waiting for the last run of `web` (pid 7) to end",
        id="a restart",
    ),
    pytest.param(
        RecordFailed("web", "Read-only file system"),
        "no record of this run of `web` can be kept (Read-only file system):"
        " a second run will not know of it",
        id="nothing can be written",
    ),
    pytest.param(
        WaitingForDependency("web", "db", Endpoint("127.0.0.1", 5432), 60),
        "waiting up to 1 min for `db` to be ready on 127.0.0.1:5432: `web` depends on it",
        id="a dependency is down",
    ),
]


@pytest.mark.parametrize(("happening", "line"), LINES)
def test_one_line_marked_as_ours(happening: RunEvent, line: str) -> None:
    assert happening_words(happening) == f"devports: {line}"


def test_what_a_server_said_is_never_printed_raw() -> None:
    line = happening_words(PortLost("web", HERE, True, EVIL, 0, 3))
    assert line.isprintable()
    assert happening_words(Released("web", HERE, EVIL)).isprintable()
    error = gave_up(SERVICE, ended("not-ready"), None, failure(EVIL))
    assert all(fact.isprintable() for fact in error.facts)


@pytest.mark.parametrize("source", ["child", "devports"])
def test_the_last_line_says_whose_the_exit_code_is(source: str) -> None:
    line = ended_words("web", Ended(3, source, "exited"))  # type: ignore[arg-type]
    assert line == f"devports: `web` ended with exit code 3 (source: {source})"


def test_what_never_started_has_not_ended() -> None:
    line = ended_words("web", Ended(90, "devports", "port-held"), started=False)
    assert line == "devports: `web` was not started: exit code 90 (source: devports)"


def test_an_end_before_it_was_ready_is_said() -> None:
    line = ended_words("web", Ended(0, "child", "ended-early"))
    assert line == (
        "devports: `web` ended with exit code 0 (source: child), before it was ready:"
        " a service has to stay in the foreground"
    )


SERVICE = Service("web", 8000, command="x", ready=Ready(http="/healthz", timeout=6.0))
NOBODY = PortOwnership(None, (HERE,), bound=False, strangers=())


def ended(reason: str) -> Ended:
    return Ended(95, "devports", reason)


def failure(line: str = "in use", new_port: int | None = None) -> BindFailure:
    return BindFailure("any", "fatal", 8000, new_port, line)


SEEN = [
    pytest.param(None, (), id="nothing was seen"),
    pytest.param(NOBODY, ("no process of it listens on the port",), id="nobody"),
    pytest.param(
        NOBODY.but(bound=True),
        ("a process of it is bound to the port but does not listen",),
        id="bound only",
    ),
    pytest.param(
        NOBODY.but(owner=Holder(SERVER)),
        ("`uvicorn` (pid 42) of it listens",),
        id="it listens",
    ),
    pytest.param(
        NOBODY.but(owner=Holder(SERVER), queueing=True, waiting=1),
        ("`uvicorn` (pid 42) of it has the socket, and accepts no connection",),
        id="it was handed a socket that listens, and does not serve",
    ),
    pytest.param(
        NOBODY.but(strangers=(Socket(HERE, None, "LISTEN"),)),
        ("no process of it listens on the port", "somebody else has LISTEN 127.0.0.1:8000"),
        id="a stranger listens",
    ),
]


@pytest.mark.parametrize(("seen", "facts"), SEEN)
def test_a_server_that_was_not_ready_is_explained(
    seen: PortOwnership | None, facts: tuple[str, ...]
) -> None:
    error = gave_up(SERVICE, ended("not-ready"), seen, None)
    assert error.message == "`web` was not ready on 127.0.0.1:8000 in 6 s"
    assert error.facts == facts
    assert (error.code, error.exit_code, error.service) == ("not-ready", 95, "web")
    assert "timeout = 120" in text_of(error.hints[-1])


def test_a_reloader_that_waits_for_mended_code_is_no_slow_server() -> None:
    error = gave_up(SERVICE, ended("not-ready"), NOBODY.but(bound=True), None)
    assert error.hints[0] == "look at its output above: its code may have an error"


@pytest.mark.parametrize(
    ("status", "fact", "hint"),
    [
        pytest.param(0, "GET /healthz was answered not at all", "timeout = 120", id="no answer"),
        pytest.param(404, "GET /healthz was answered with status 404", "a path", id="not found"),
    ],
)
def test_what_the_server_answered_is_said(status: int, fact: str, hint: str) -> None:
    error = gave_up(SERVICE, ended("not-ready"), NOBODY, None, status)
    assert error.facts[-1] == fact
    assert hint in text_of(error.hints[0])


def test_without_a_path_to_ask_nothing_is_said_of_an_answer() -> None:
    seen = NOBODY.but(owner=Holder(SERVER))
    error = gave_up(SERVICE.but(ready=Ready()), ended("not-ready"), seen, None)
    assert error.facts == ("`uvicorn` (pid 42) of it listens",)


MOVES = [
    pytest.param(
        NOBODY.but(elsewhere=(Endpoint("127.0.0.1", 8001),)),
        failure(new_port=9999),
        "127.0.0.1:8001",
        id="its sockets say where",
    ),
    pytest.param(NOBODY, failure(new_port=8002), "port 8002", id="its words say where"),
    pytest.param(None, failure(), "another port", id="nothing says where"),
    pytest.param(None, None, "another port", id="nothing is known"),
]


@pytest.mark.parametrize(("seen", "said", "where"), MOVES)
def test_a_server_that_moved_is_told_how_to_stay(
    seen: PortOwnership | None, said: BindFailure | None, where: str
) -> None:
    error = gave_up(SERVICE, ended("moved"), seen, said)
    assert error.message == f"`web` went to {where} instead of 127.0.0.1:8000"
    assert "--strictPort" in text_of(error.hints[0])


def test_a_port_lost_too_often_names_the_starts_and_the_next_command() -> None:
    error = gave_up(SERVICE, ended("retries-exhausted"), NOBODY, failure())
    assert error.message == "`web` did not get 127.0.0.1:8000 in 3 starts"
    assert error.facts[-1] == "it said: in use"
    assert tuple(map(text_of, error.hints)) == ("run `devports check 8000` to see who has it now",)
