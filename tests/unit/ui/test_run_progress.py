"""What is said while a server starts and runs."""

from __future__ import annotations

from errno import EACCES, EADDRINUSE

from devports.core.bind_errors import BindFailure
from devports.core.model import Endpoint, Holder, HolderSearch, Process, ProcessKey, Socket
from devports.core.recovery import (
    Accepting,
    BindRefused,
    BoundNotListening,
    DetachedProcess,
    Ended,
    EndedAlike,
    HandoffFailed,
    Joined,
    KillingServer,
    ListeningElsewhere,
    PortChanged,
    PortLost,
    PortOwnership,
    Queued,
    RecordFailed,
    Redirected,
    Released,
    ServerReady,
    ServerStarted,
    Stalled,
    StoppingServer,
    WaitingForDependency,
    WaitingForPreviousRun,
    WatchdogExited,
)
from devports.core.service import Ready, Service
from devports.ui.messages import error_block
from devports.ui.run_progress import end_text, event_line, start_error
from devports.ui.text import OutputStyle
from tests.tools.golden import Family

FAMILY = Family("run_progress")
HERE, SISTER = Endpoint("127.0.0.1", 8000), Endpoint("::1", 8000)
METRICS = Endpoint("127.0.0.1", 9100)
ELSEWHERE = Endpoint("127.0.0.1", 8001)
SERVER = Process(ProcessKey(42, 1), 1, 1000, "lana", "uvicorn", ("uvicorn", "main:app"))
EVIL = "\x1b[2Jaddress in use\x07"


FAMILY.says(
    "during a run",
    event_line,
    {
        "the first start": ServerStarted("web", HERE, 1, "beside"),
        "one in a worktree": ServerStarted("web", HERE, 1, "beside", base=7999),
        "a later one, which inherits the socket": ServerStarted("web", HERE, 2, "fd", "--fd 7"),
        "one whose bind is answered": ServerStarted("web", HERE, 1, "hook"),
        "one that can have no hold beside it": ServerStarted("web", HERE, 1, "bare"),
        "ready: who owns the port, and after how long": ServerReady("web", HERE, SERVER, 0.31),
        "ready, by whom cannot be told": ServerReady("web", HERE, None, 1.0),
        "ready on one of two addresses": ServerReady("web", HERE, SERVER, 1.0, (SISTER,)),
        "its worker died under its reloader": Stalled("web", HERE, SERVER),
        "it stopped listening": Stalled("web", HERE, None, 5.6),
        "it is busy or stuck": Queued("web", HERE, 3, 4.02),
        "it is busy for one": Queued("web", HERE, 1, 4.0),
        "it accepts again": Accepting("web", HERE),
        "another server beside it": Joined("web", HERE, SERVER),
        "its clients may be redirected": Redirected("web", HERE),
        "bound and not listening": BoundNotListening("web", HERE, SERVER),
        "bound, and who was to serve has ended": BoundNotListening("web", HERE, SERVER, 43),
        "lost to somebody, with what the server said": PortLost(
            "web", HERE, "OSError: in use", 2, 3
        ),
        "lost for the last time": PortLost("web", HERE, "", 0, 3),
        "a socket that was not taken": HandoffFailed("web", "fd"),
        "a bind that did not ask": HandoffFailed("web", "hook"),
        "our own hold": HandoffFailed("web", "beside"),
        "our own hold, perhaps": HandoffFailed("web", "hook", 60),
        "it was not our hold": EndedAlike("web"),
        "our own hold, released beside it": Released("web", HERE, " Port 8000 is in use\n"),
        "another port, refused, by which it ended": BindRefused(
            "web", METRICS, SERVER, EADDRINUSE, 3
        ),
        "another port, refused to one that goes on": BindRefused("web", METRICS, None, EADDRINUSE),
        "another port, forbidden": BindRefused("web", METRICS, None, EACCES, 1),
        "another port, for a reason without a name": BindRefused("web", METRICS, None, 4095, 1),
        "a debugger's port, held": BindRefused("web", METRICS, SERVER),
        "a debugger's port, held by what cannot be read": BindRefused("web", METRICS, None),
        "released for a socket": Released("web", HERE, why="socket"),
        "released for a bind that failed": Released("web", HERE, why="hook"),
        "released for silence": Released("web", HERE, why="silence", seconds=30.01),
        "stopping": StoppingServer("web", "SIGINT"),
        "killed": KillingServer("web", 2.49551),
        "on another port": ListeningElsewhere("web", HERE, ELSEWHERE),
        "on another port, of which its command says nothing": ListeningElsewhere(
            "web", HERE, ELSEWHERE, "`vite --port {port}`"
        ),
        "in the background": DetachedProcess("web", SERVER, ended=True),
        "something that it started": DetachedProcess("web", SERVER, ended=False),
        "another port, loudly": PortChanged("web", 8000, 8002),
        "a restart": WaitingForPreviousRun("web", 7),
        "nothing can be written": RecordFailed("web", "Read-only file system"),
        "its watchdog was killed": WatchdogExited("web"),
        "a dependency is down": WaitingForDependency("web", "db", Endpoint("127.0.0.1", 5432), 60),
        "a dependency to be started": WaitingForDependency("web", "api", HERE, 60, startable=True),
    },
)


def test_what_starts_a_dependency_names_the_same_file() -> None:
    line = event_line(WaitingForDependency("web", "api", HERE, 60, startable=True), "/srv/ports")
    assert line.endswith("run `devports run api --config /srv/ports` in another terminal")


def test_what_a_server_said_is_never_printed_raw() -> None:
    line = event_line(PortLost("web", HERE, EVIL, 0, 3))
    assert line.isprintable()
    assert event_line(Released("web", HERE, EVIL)).isprintable()
    error = start_error(SERVICE, ended("not-ready"), None, failure(EVIL))
    assert all(fact.isprintable() for fact in error.facts)


FAMILY.says(
    "the last line",
    lambda ended: end_text("web", ended, started=ended.reason != "port-held"),
    {
        "the server's own exit code": Ended(3, "child", "exited"),
        "a code of ours": Ended(3, "devports", "exited"),
        "what never started has not ended": Ended(90, "devports", "port-held"),
        "it ended before it was ready": Ended(0, "child", "ended-early"),
        "it failed before it was ready": Ended(1, "child", "ended-early"),
        "it ended well beside our hold": Ended(0, "child", "ended-early", in_way=True),
    },
)


SERVICE = Service("web", 8000, command="x", ready=Ready(http="/healthz", timeout=6.0))
NOBODY = PortOwnership(None, (HERE,), bound=False, other_sockets=())


def ended(reason: str) -> Ended:
    return Ended(95, "devports", reason)


def failure(line: str = "in use") -> BindFailure:
    return BindFailure(8000, line)


LISTENS = NOBODY.replace(owner=Holder(SERVER))
NOT_READY = ("not-ready", NOBODY, None, None)


def given_up(case: tuple[str, PortOwnership | None, BindFailure | None, int | None]) -> str:
    """Return all that is said: a reason, what was seen last, what it said, and its answer."""
    reason, seen, said, status = case
    return error_block(start_error(SERVICE, ended(reason), seen, said, status), OutputStyle())


FAMILY.says(
    "given up",
    given_up,
    {
        "not ready, and nothing was seen": ("not-ready", None, None, None),
        "not ready, and nobody listens": NOT_READY,
        "bound only: a reloader that waits for mended code is no slow server": (
            "not-ready",
            NOBODY.replace(bound=True),
            None,
            None,
        ),
        "it listens": ("not-ready", LISTENS, None, None),
        "it was handed a socket that listens, and does not serve": (
            "not-ready",
            LISTENS.replace(queueing=True, waiting=1),
            None,
            None,
        ),
        "it was handed a socket that listens, and its path was not found": (
            "not-ready",
            LISTENS.replace(queueing=True),
            None,
            404,
        ),
        "a stranger listens": (
            "not-ready",
            NOBODY.replace(other_sockets=(Socket(HERE, None, "LISTEN"),)),
            None,
            None,
        ),
        "a stranger listens, by name": (
            "not-ready",
            NOBODY.replace(
                other_sockets=(Socket(HERE, None, "LISTEN", 7),),
                others=HolderSearch((Holder(SERVER, (7,)),)),
            ),
            None,
            None,
        ),
        "its path was not answered": ("not-ready", NOBODY, None, 0),
        "its path was not found": ("not-ready", NOBODY, None, 404),
        "it moved, and its sockets say where": (
            "moved",
            NOBODY.replace(elsewhere=(Endpoint("127.0.0.1", 8001),)),
            failure(),
            None,
        ),
        "it moved to both of localhost": (
            "moved",
            NOBODY.replace(elsewhere=(Endpoint("127.0.0.1", 8001), Endpoint("::1", 8001))),
            None,
            None,
        ),
        "it shares its port": ("port-shared", NOBODY, None, None),
        "its port was lost too often": ("retries-exhausted", NOBODY, failure(), None),
    },
)
FAMILY.says(
    "given up without a word",
    lambda log: error_block(
        start_error(
            SERVICE.replace(ready=Ready(log=log)),
            ended("not-ready"),
            LISTENS,
            None,
            unsaid=bool(log),
        ),
        OutputStyle(),
    ),
    {"it did not print what it should": "serving \x1b", "nothing was asked": ""},
)


FAMILY.says(
    "given up, and what else may help",
    lambda case: error_block(
        start_error(SERVICE, ended(case[0]), case[1], None, in_way=True, advice=case[2]),
        OutputStyle(),
    ),
    {
        "our hold may have been in its way": ("not-ready", NOBODY, ""),
        "its command never says the port": (
            "moved",
            NOBODY.replace(elsewhere=(ELSEWHERE,)),
            "`vite --port {port}`",
        ),
    },
)


def test_what_was_given_up_has_its_code_and_its_service() -> None:
    error = start_error(SERVICE, ended("not-ready"), None, None)
    assert (error.code, error.exit_code, error.service) == ("not-ready", 95, "web")
