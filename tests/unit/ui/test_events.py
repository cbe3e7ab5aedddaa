"""Events: every piece of news has its line, and every line is of the schema."""

from __future__ import annotations

import json
import os
import signal
from errno import EADDRINUSE
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest

from devports.core import recovery as h
from devports.core import stop_plan as o
from devports.core.holder_kind import Container
from devports.core.model import Endpoint
from devports.core.recovery import Ended
from devports.errors import DevportsError
from devports.ui import events
from devports.ui.run_progress import event_line
from tests.harness.capabilities import NEEDS_FIFO, NEEDS_LIMITS
from tests.harness.limits import limited
from tests.tools import schemas
from tests.unit.ui import samples as s

if TYPE_CHECKING:
    from devports.ui.events import News

HERE = Endpoint("127.0.0.1", 8000)
SCHEMA = schemas.event_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

CONTAINED = s.NODE_TARGET.replace(kind=Container("docker", "shop-db-1", engine_answer="one"))

NEWS: dict[str, tuple[News, ...]] = {
    "signalling": (o.Terminating(s.NODE_TARGET), o.Killing(s.NODE_TARGET)),
    "waiting": (
        o.WaitingForPort(4.2, 3),
        h.WaitingForPreviousRun("web", 7),
        h.WaitingForDependency("web", "db", HERE, 60),
    ),
    "stopping-container": (o.StoppingContainer(CONTAINED),),
    "watching": (o.WatchingForRestart(4, s.NPM),),
    "freed": (
        o.Stopped(s.NODE_TARGET, ("SIGTERM",), 0.25),
        o.AlreadyGone(s.NODE_TARGET),
        o.ContainerStopped(CONTAINED, 0.4),
    ),
    "not-freed": (
        o.TimedOut(s.NODE_TARGET, ("SIGTERM", "SIGKILL")),
        o.StopFailed(CONTAINED, "no such container"),
    ),
    "taken-again": (o.Respawned(s.NODE_TARGET, s.UVICORN_TARGET),),
    "declined": (o.Declined(s.NODE_TARGET),),
    "refused": (o.Refused(s.UNIT_TARGET, "supervised"),),
    "planned": (o.WouldStop(s.NODE_TARGET, asks=True),),
    "started": (
        h.ServerStarted("web", HERE, 1, "fd", "UVICORN_FD=3"),
        h.ServerStarted("web", HERE, 2, "bare"),
    ),
    "ready": (h.ServerReady("web", HERE, s.NODE, 0.5), h.ServerReady("web", HERE, None, 0.5)),
    "stalled": (h.Stalled("web", HERE, s.NODE), h.Stalled("web", HERE, None, 4.0)),
    "queued": (h.Queued("web", HERE, 3, 4.0),),
    "accepting": (h.Accepting("web", HERE),),
    "shared": (h.Joined("web", HERE, s.NODE),),
    "redirected": (h.Redirected("web", HERE),),
    "bound-only": (h.BoundNotListening("web", HERE),),
    "retry": (h.PortLost("web", HERE, line="in use", next_attempt=2, attempts=3),),
    "lost": (h.PortLost("web", HERE, line="", next_attempt=0, attempts=3),),
    "released": (h.Released("web", HERE, line="Port 8000 is in use"),),
    "bind-refused": (
        h.BindRefused("web", Endpoint("127.0.0.1", 9100), s.NODE, EADDRINUSE, code=3),
        h.BindRefused("web", Endpoint("127.0.0.1", 9229), None),
    ),
    "handoff-failed": (h.HandoffFailed("web", "beside"),),
    "ended-alike": (h.EndedAlike("web"),),
    "stopping": (h.StoppingServer("web", "SIGTERM"),),
    "elsewhere": (h.ListeningElsewhere("web", HERE, Endpoint("::1", 5174)),),
    "strayed": (
        h.DetachedProcess("web", s.NODE, ended=True),
        h.DetachedProcess("web", s.NODE, ended=False),
    ),
    "killing": (h.KillingServer("web", 5.01),),
    "port-changed": (h.PortChanged("web", 8000, 8001),),
    "unrecorded": (h.RecordFailed("web", "read-only file system"),),
    "unwatched": (h.WatchdogExited("web"),),
    "ended": (Ended(0, "child", "exited"), Ended(90, "devports", "port-held")),
}


def read(path: Path) -> list[dict[str, object]]:
    lines = path.read_text(encoding="ascii").splitlines()
    found = [json.loads(line) for line in lines]
    for line in found:
        VALIDATOR.validate(line)
    return found


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind) for kind in NEWS])
def test_every_piece_of_news_is_a_line_of_the_schema(kind: str, tmp_path: Path) -> None:
    log = events.EventLog(str(tmp_path / "events"), "web")
    for news in NEWS[kind]:
        log.write(news)
    assert [line["event"] for line in read(tmp_path / "events")] == [kind] * len(NEWS[kind])


def test_a_question_is_told_with_its_answer(tmp_path: Path) -> None:
    log = events.EventLog(str(tmp_path / "events"), "web")
    log.asked(o.Question("stop", s.NODE_TARGET, s.HELD), "next")
    (line,) = read(tmp_path / "events")
    assert (line["event"], line["answer"], line["service"]) == ("asked", "next", "web")
    assert line["process"] == {"pid": 4242, "name": "node", "user": "ann"}


def test_a_dependency_may_have_any_name(tmp_path: Path) -> None:
    log = events.EventLog(str(tmp_path / "events"), "web")
    log.write(h.WaitingForDependency("web", "port", HERE, 60))
    (line,) = read(tmp_path / "events")
    assert (line["for"], line["dependency"]) == ("dependency", "port")


def test_no_kind_of_the_schema_is_never_written() -> None:
    assert set(NEWS) | {"asked"} == set(SCHEMA["properties"]["event"]["enum"])


def test_foreign_names_are_text(tmp_path: Path) -> None:
    log = events.EventLog(str(tmp_path / "events"), "web")
    log.write(o.Terminating(s.EVIL_TARGET))
    assert "\x1b" not in (tmp_path / "events").read_text(encoding="ascii")
    assert len(read(tmp_path / "events")) == 1


@NEEDS_LIMITS
def test_what_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with limited("RLIMIT_FSIZE", 0):
            events.EventLog(str(tmp_path / "full"), "web").write(NEWS["ended"][0])
    finally:
        signal.signal(signal.SIGXFSZ, ignored)
    assert (tmp_path / "full").read_bytes() == b""


@NEEDS_FIFO
def test_anything_but_a_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (fifo, tmp_path, Path(os.devnull)):
        with pytest.raises(DevportsError, match="it is not a regular file"):
            events.EventLog(str(path), "web")


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DevportsError, match="cannot write"):
        events.EventLog(str(tmp_path / "nowhere" / "events"), "web")


LINE = "Error: EADDRINUSE http://h/?code=hunter2 --token hunter2 postgres://u:hunter2@h/x"


QUOTING: list[h.RunEvent] = [
    h.PortLost("web", HERE, line=LINE, next_attempt=2, attempts=3),
    h.PortLost("web", HERE, line=LINE, next_attempt=0, attempts=3),
    h.Released("web", HERE, line=LINE),
]


@pytest.mark.parametrize("news", QUOTING, ids=["retry", "lost", "released"])
def test_a_line_of_a_server_is_quoted_without_its_secrets(news: h.RunEvent, tmp_path: Path) -> None:
    path = tmp_path / "events"
    events.EventLog(str(path), "web").write(news)
    assert "EADDRINUSE http://h/?code=***" in path.read_text(encoding="ascii")
    assert "hunter2" not in path.read_text(encoding="ascii") + event_line(news)
