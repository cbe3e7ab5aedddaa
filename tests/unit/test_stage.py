"""A stage is said only where the record of a run and the machine agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports.core.model import (
    Endpoint,
    Holder,
    HolderSearch,
    PortSpec,
    Process,
    ProcessKey,
    Socket,
)
from devports.core.verdict import Finding, Free, Held, LingeringConnections, NotPermitted
from devports.records import (
    RunRecord,
    RunRecords,
    RunStatus,
    find_status,
    run_state,
    run_statuses,
    status_at,
)
from tests.fakes import FakeMachine

if TYPE_CHECKING:
    from pathlib import Path

    from devports.core.model import State
    from devports.core.verdict import Verdict
    from devports.records import RunState

HERE, SPEC = Endpoint("127.0.0.1", 8000), PortSpec("127.0.0.1", 8000)


def process(pid: int, ppid: int = 1) -> Process:
    return Process(ProcessKey(pid, pid), ppid, 1000, "ann", f"p{pid}")


RUN, SERVER, WORKER, STRANGER, LEFT = map(process, (10, 11, 12, 90, 80))
LISTEN = Held((Socket(HERE, None, "LISTEN", 5),))
BOUND = Held((Socket(HERE, None, "BOUND", 5),))


def record(state: RunState = "serving", left: Process | None = None) -> RunRecord:
    key = None if left is None else left.key
    return RunRecord(RUN.key, "web", "/shop", state, SPEC, server=SERVER.key, orphaned=key)


STALLED = record().replace(stalled=True)


def seen(verdict: Verdict, *holders: Holder) -> Finding:
    return Finding(HERE, verdict, HolderSearch(holders))


BY_SERVER = Holder(SERVER, (5,), (RUN,))
BY_WORKER = Holder(WORKER, (5,), (SERVER, RUN))
BY_ORPHAN = Holder(WORKER, (5,), (SERVER,))
BY_RUN = Holder(RUN, (5,))
STOPPED = Holder(SERVER.replace(state="T"), (5,), (RUN,))
BY_STRANGER = Holder(STRANGER, (5,))
BY_LEFT = Holder(LEFT, (5,))


@pytest.mark.parametrize(
    ("finding", "run", "stage"),
    [
        pytest.param(
            seen(LISTEN, BY_SERVER), RunStatus(record()), "serving", id="its server listens"
        ),
        pytest.param(
            seen(LISTEN, BY_WORKER), RunStatus(record()), "serving", id="a worker listens"
        ),
        pytest.param(
            seen(LISTEN, BY_SERVER), RunStatus(STALLED), "stalled", id="it listens, nobody accepts"
        ),
        pytest.param(
            seen(Free()), RunStatus(STALLED), "not-listening", id="it stalled, and listens no more"
        ),
        pytest.param(
            seen(LISTEN, STOPPED), RunStatus(STALLED), "suspended", id="Ctrl-Z says why it stalled"
        ),
        pytest.param(seen(LISTEN, STOPPED), RunStatus(record()), "suspended", id="Ctrl-Z"),
        pytest.param(
            seen(LISTEN, STOPPED, BY_WORKER),
            RunStatus(record()),
            "serving",
            id="not all are stopped",
        ),
        pytest.param(
            seen(LISTEN, BY_ORPHAN),
            RunStatus(record()),
            "serving",
            id="the server has other parents",
        ),
        pytest.param(seen(LISTEN, BY_STRANGER), RunStatus(record()), "", id="a stranger listens"),
        pytest.param(
            seen(BOUND, BY_SERVER),
            RunStatus(record()),
            "not-listening",
            id="it was served, now bound",
        ),
        pytest.param(
            seen(Free()), RunStatus(record()), "not-listening", id="nobody has it any more"
        ),
        pytest.param(
            seen(BOUND, BY_RUN), RunStatus(record("starting")), "starting", id="the run reserves it"
        ),
        pytest.param(
            seen(LISTEN, BY_SERVER),
            RunStatus(record("starting")),
            "starting",
            id="listens, not ready",
        ),
        pytest.param(seen(Free()), RunStatus(record("starting")), "starting", id="not bound yet"),
        pytest.param(
            seen(LISTEN, BY_STRANGER),
            RunStatus(record("starting")),
            "",
            id="it asks about a stranger",
        ),
        pytest.param(
            seen(LISTEN, BY_SERVER),
            RunStatus(record("stopping")),
            "stopping",
            id="it is told to stop",
        ),
        pytest.param(
            seen(LingeringConnections((), blocking=False)),
            RunStatus(record("stopping")),
            "stopping",
            id="it stops and has let go",
        ),
        pytest.param(
            seen(LISTEN, BY_SERVER),
            RunStatus(record(), live=False),
            "left-behind",
            id="its run died",
        ),
        pytest.param(
            seen(LISTEN, BY_STRANGER), RunStatus(record(), live=False), "", id="all of it is gone"
        ),
        pytest.param(
            seen(LISTEN, BY_LEFT),
            RunStatus(record("starting", left=LEFT)),
            "left-behind",
            id="an earlier run left it, a new one starts",
        ),
        pytest.param(
            seen(NotPermitted()), RunStatus(record("starting")), "", id="it may not be bound"
        ),
    ],
)
def test_how_far_a_run_is(finding: Finding, run: RunStatus, stage: str) -> None:
    assert run_state(finding, run) == stage


@pytest.mark.parametrize(
    ("state", "stage"),
    [
        pytest.param("serving", "serving", id="its record is believed"),
        pytest.param("starting", "", id="not before it says so"),
    ],
)
def test_a_holder_that_cannot_be_proven_is_accepted_by_configuration(
    state: RunState, stage: str
) -> None:
    found = run_state(seen(LISTEN, BY_STRANGER), RunStatus(record(state)), any_owner=True)
    assert found == stage


def test_the_run_of_a_service_is_that_of_its_project(tmp_path: Path) -> None:
    machine = FakeMachine()
    records = RunRecords(str(tmp_path), machine)
    for pid, project in ((50, "/shop"), (60, "/other")):
        records.claim(RunRecord(machine.add(pid).key, "web", project, "serving", SPEC))
    machine.end(50)
    runs = run_statuses(records)
    assert [(run.record.project, run.live) for run in runs] == [("/other", True), ("/shop", False)]
    found = find_status(runs, "web", "/shop")
    assert found is not None
    assert (found.record.key.pid, found.live) == (50, False)
    assert find_status(runs, "api", "/shop") is None


@pytest.mark.parametrize("state", [pytest.param(s, id=s) for s in ("LISTEN", "BOUND")])
def test_the_run_of_a_holder_is_found_by_its_processes(state: State) -> None:
    finding = seen(Held((Socket(HERE, None, state, 5),)), BY_WORKER)
    other = RunStatus(record().replace(key=STRANGER.key, server=None))
    mine = RunStatus(record())
    assert status_at((other, mine), finding) == mine
    assert status_at((other,), finding) is None
