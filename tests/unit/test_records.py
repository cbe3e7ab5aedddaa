"""Who is in charge, by record: only what lives is believed."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
from typing import TYPE_CHECKING

import pytest

from devports.core.hint import text_of
from devports.core.holder_kind import RunInfo
from devports.core.model import Endpoint, PortSpec, ProcessKey
from devports.core.recovery import WaitingForPreviousRun
from devports.core.service import Service
from devports.errors import DevportsError
from devports.records import (
    CONTINUED,
    RunEnd,
    RunRecord,
    RunRecords,
    log_head,
    run_statuses,
)
from devports.run import takeover
from devports.run.takeover import PortClaimedError, register_run
from devports.system import native, state_folder
from tests.fakes import FakeMachine
from tests.harness.actors import NOBODY
from tests.harness.capabilities import (
    NEEDS_FIFO,
    NEEDS_FORK,
    NEEDS_LIMITS,
    NEEDS_NOFOLLOW,
    NEEDS_ROOT,
    NEEDS_UIDS,
)
from tests.harness.limits import no_descriptor_left

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Any

    from devports.core.recovery import RunEvent
    from devports.system.machine import ProcessHandle

SPEC = PortSpec("127.0.0.1", 8000)


@pytest.fixture
def machine() -> FakeMachine:
    return FakeMachine()


@pytest.fixture
def records(tmp_path: Path, machine: FakeMachine) -> RunRecords:
    return RunRecords(str(tmp_path / "state"), machine)


def record_of(
    machine: FakeMachine, pid: int, service: str = "web", project: str = "/p"
) -> RunRecord:
    key = machine.key(pid) or machine.add(pid).key
    return RunRecord(key, service, project, "starting", SPEC)


def live(records: RunRecords) -> tuple[RunRecord, ...]:
    return tuple(record for record in records.every() if records.is_live(record))


def test_a_claim_on_a_service_nobody_runs_is_ours(records: RunRecords, machine: FakeMachine):
    mine = record_of(machine, 50)
    assert records.claim(mine).key == mine.key
    assert [record.service for record in live(records)] == ["web"]


def test_the_run_in_charge_is_the_living_one_of_that_service_and_project(
    records: RunRecords, machine: FakeMachine
):
    mine = records.claim(record_of(machine, 50))
    assert records.live_run("web", "/p") == mine
    assert records.live_run("api", "/p") is records.live_run("web", "/q") is None
    machine.end(50)
    assert records.live_run("web", "/p") is None


def test_a_second_claim_names_who_is_in_charge(records: RunRecords, machine: FakeMachine):
    first = records.claim(record_of(machine, 50))
    assert records.claim(record_of(machine, 60)) == first


def test_where_nothing_ever_ran_nothing_is_live(records: RunRecords):
    assert live(records) == ()


DIFFERENT = [
    pytest.param({"service": "db"}, id="another service"),
    pytest.param({"project": "/q"}, id="the same name in another project"),
]


@pytest.mark.parametrize("other", DIFFERENT)
def test_others_are_not_in_the_way(
    records: RunRecords, machine: FakeMachine, other: dict[str, str]
):
    records.claim(record_of(machine, 50))
    mine = record_of(machine, 60, **other)
    assert records.claim(mine).key == mine.key
    assert len(live(records)) == 2


def test_a_run_that_has_died_is_not_believed(records: RunRecords, machine: FakeMachine):
    records.claim(record_of(machine, 50))
    machine.end(50)
    assert live(records) == ()
    mine = record_of(machine, 60)
    assert records.claim(mine).key == mine.key


def test_another_process_with_that_pid_is_not_believed(records: RunRecords, machine: FakeMachine):
    records.claim(record_of(machine, 50))
    machine.end(50)
    machine.add(50)
    assert live(records) == ()


def test_a_record_of_another_boot_is_not_believed(records: RunRecords, machine: FakeMachine):
    records.claim(record_of(machine, 50))
    machine.boot = lambda: "next"  # type: ignore[method-assign]
    assert live(records) == ()


def test_a_mark_is_read_back_and_a_drop_removes(records: RunRecords, machine: FakeMachine):
    mine = records.claim(record_of(machine, 50))
    records.mark(mine.replace(state="stopping"))
    assert [record.state for record in live(records)] == ["stopping"]
    records.drop(mine)
    assert live(records) == ()


def test_that_a_server_has_stalled_is_read_back_beside_its_state(
    records: RunRecords, machine: FakeMachine
):
    mine = records.claim(record_of(machine, 50)).replace(state="serving")
    for stalled in (False, True, False):
        records.mark(mine.replace(stalled=stalled))
        (found,) = live(records)
        assert (found.state, found.stalled, found.is_ready) == ("serving", stalled, not stalled)


def test_a_record_of_an_older_version_does_not_say_so(records: RunRecords, machine: FakeMachine):
    records.claim(record_of(machine, 50))
    (path,) = [p for p in _files(records) if p.endswith(".json")]
    with open(path, encoding="ascii") as file:
        data = json.load(file)
    del data["stalled"]
    with open(path, "w", encoding="ascii") as file:
        json.dump(data, file)
    (found,) = live(records)
    assert not found.stalled


def test_nobody_drops_anothers_record(records: RunRecords, machine: FakeMachine):
    first = records.claim(record_of(machine, 50))
    records.drop(record_of(machine, 60))
    assert live(records) == (first,)


def test_a_process_is_recognised_as_a_run(records: RunRecords, machine: FakeMachine):
    mine = records.claim(record_of(machine, 50))
    other = machine.add(60)
    run_of = records.find_run()
    assert run_of(machine.processes[50]) == RunInfo(mine.key, "web", "/p")
    assert run_of(other) is None


def test_a_server_left_by_a_dead_run_is_known_also_to_the_next_run(
    records: RunRecords, machine: FakeMachine
):
    server = machine.add(55)
    records.mark(records.claim(record_of(machine, 50)).replace(server=server.key))
    machine.end(50)
    left = RunInfo(server.key, "web", "/p", orphaned=True)
    assert records.find_run()(server) == left
    records.claim(record_of(machine, 60))
    assert records.find_run()(server) == left
    machine.end(60)
    records.claim(record_of(machine, 70))
    assert records.find_run()(server) == left


def test_what_a_living_run_started_is_not_left(records: RunRecords, machine: FakeMachine):
    server = machine.add(55)
    records.mark(records.claim(record_of(machine, 50)).replace(server=server.key))
    assert records.find_run()(server) is None


@pytest.mark.parametrize(("outer", "inner"), [("api", "web"), ("web", "api")])
def test_a_living_run_is_one_also_where_a_dead_run_has_started_it(
    records: RunRecords, machine: FakeMachine, outer: str, inner: str
):
    started = records.claim(record_of(machine, 55, inner))
    records.mark(records.claim(record_of(machine, 50, outer)).replace(server=started.key))
    machine.end(50)
    assert records.find_run()(machine.processes[55]) == RunInfo(started.key, inner, "/p")


def test_nothing_is_left_by_a_run_of_another_boot(records: RunRecords, machine: FakeMachine):
    server = machine.add(55)
    records.mark(records.claim(record_of(machine, 50)).replace(server=server.key))
    machine.end(50)
    machine.boot = lambda: "next"  # type: ignore[method-assign]
    assert records.claim(record_of(machine, 60)).orphaned is None


WRONG = [
    pytest.param(b"", id="empty"),
    pytest.param(b"{", id="cut"),
    pytest.param(b"[]", id="a list"),
    pytest.param(b"[" * 60_000, id="deeper than the parser goes"),
    pytest.param(b'{"version": 1, "state": "serving", "pid": 1e999}', id="no number of ours"),
    pytest.param(b"\xff", id="no text"),
    pytest.param(b'{"version": 3}', id="a later version"),
    pytest.param(b"{" + b" " * 70_000 + b"}", id="too long"),
]


@pytest.mark.parametrize("content", WRONG)
def test_what_is_no_record_counts_as_none(
    records: RunRecords, machine: FakeMachine, content: bytes
):
    records.claim(record_of(machine, 50))
    (path,) = [p for p in _files(records) if p.endswith(".json")]
    with open(path, "wb") as file:
        file.write(content)
    assert live(records) == ()
    mine = record_of(machine, 60)
    assert records.claim(mine).key == mine.key


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"state": "odd"}, id="a state nobody knows"),
        pytest.param({"pid": "x"}, id="a pid that is no number"),
        pytest.param({"port": "x"}, id="a port that is no number"),
        pytest.param({"port": 0}, id="a port that nobody can have"),
        pytest.param({"port": None, "endpoints": ["127.0.0.1:8000"]}, id="none, but an older list"),
        pytest.param({"server": [1]}, id="an identity without a start"),
    ],
)
def test_a_record_with_a_wrong_field_counts_as_none(
    records: RunRecords, machine: FakeMachine, change: dict[str, Any]
):
    records.claim(record_of(machine, 50))
    (path,) = [p for p in _files(records) if p.endswith(".json")]
    with open(path, encoding="ascii") as file:
        data = json.load(file)
    with open(path, "w", encoding="ascii") as file:
        json.dump(data | change, file)
    assert live(records) == ()


def _files(records: RunRecords) -> list[str]:
    return [os.path.join(records.path, name) for name in os.listdir(records.path)]


def test_everything_is_for_this_user_alone(records: RunRecords, machine: FakeMachine):
    records.claim(record_of(machine, 50))
    assert stat.S_IMODE(os.stat(records.path).st_mode) == 0o700
    assert {stat.S_IMODE(os.stat(path).st_mode) for path in _files(records)} == {0o600}


@NEEDS_NOFOLLOW
def test_a_linked_record_is_neither_read_nor_written_through(
    records: RunRecords, machine: FakeMachine, tmp_path: Path
):
    records.claim(record_of(machine, 50))
    (path,) = [p for p in _files(records) if p.endswith(".json")]
    victim = tmp_path / "victim"
    os.rename(path, victim)
    before = victim.read_bytes()
    os.symlink(victim, path)
    assert live(records) == ()
    records.claim(record_of(machine, 60))
    assert victim.read_bytes() == before


LOCAL = os.path.join(os.path.abspath("/l"), "devports")
DEFAULT = os.path.join(os.path.expanduser("~"), ".local", "state", "devports")
FOLDERS = [
    pytest.param({"XDG_STATE_HOME": "/s"}, os.path.join("/s", "devports"), id="where XDG says"),
    pytest.param({}, DEFAULT, id="its default"),
    pytest.param(
        {"XDG_STATE_HOME": "relative"},
        DEFAULT,
        id="a relative path is to be ignored, says the specification",
    ),
    pytest.param({"LOCALAPPDATA": os.path.abspath("/l")}, LOCAL, id="on Windows its own folder"),
    pytest.param(
        {"XDG_STATE_HOME": "/s", "LOCALAPPDATA": os.path.abspath("/l")},
        os.path.join("/s", "devports"),
        id="what XDG says comes first",
    ),
]


@pytest.mark.parametrize(("environ", "expected"), FOLDERS)
def test_where_records_are(environ: dict[str, str], expected: str):
    assert state_folder(environ) == expected


def _claim_and_stay(path: str, barrier: Any, results: Any) -> None:
    machine = native()
    records = RunRecords(path, machine)
    key = machine.key(os.getpid())
    assert key is not None
    barrier.wait()
    now = records.claim(RunRecord(key, "web", "/p", "starting", SPEC))
    results.put(now.key == key)
    barrier.wait()  # nobody ends, and so loses the claim, before all have tried


@NEEDS_FORK
def test_of_eight_at_once_exactly_one_is_in_charge(tmp_path: Path):
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(8), context.Queue()
    arguments = (str(tmp_path / "state"), barrier, results)
    runs = [context.Process(target=_claim_and_stay, args=arguments) for _ in range(8)]
    for run in runs:
        run.start()
    won = [results.get(timeout=30) for _ in runs]
    for run in runs:
        run.join()
    assert sorted(won) == [False] * 7 + [True]


def _claim_a_port_and_stay(path: str, number: int, barrier: Any, results: Any) -> None:
    machine = native()
    records = RunRecords(path, machine)
    key = machine.key(os.getpid())
    assert key is not None
    barrier.wait()
    mine = RunRecord(key, "web", f"/{number}", "starting", SPEC)
    results.put(records.claim(mine, rival=lambda other: other.spec == SPEC).key == key)
    barrier.wait()


@NEEDS_FORK
def test_of_eight_projects_that_want_one_port_alone_exactly_one_has_it(tmp_path: Path):
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(8), context.Queue()
    path = str(tmp_path / "state")
    runs = [
        context.Process(target=_claim_a_port_and_stay, args=(path, number, barrier, results))
        for number in range(8)
    ]
    for run in runs:
        run.start()
    won = [results.get(timeout=30) for _ in runs]
    for run in runs:
        run.join()
    assert sorted(won) == [False] * 7 + [True]


# -- claiming for a run


SERVICE = Service("web", 8000, command="x", stop_timeout=0.1)


def claiming(
    records: RunRecords, machine: FakeMachine, tell: Callable[[RunEvent], None] = lambda _news: None
) -> RunRecord:
    machine.add(os.getpid())
    return register_run(records, machine, SERVICE, "/p", tell)


def test_a_run_puts_itself_in_charge(records: RunRecords, machine: FakeMachine):
    assert claiming(records, machine).key == machine.key(os.getpid())


class Timed(FakeMachine):
    """Counts the waits for the exit of a run."""

    waits = 0

    def wait_for_exit(
        self, pins: Sequence[ProcessHandle], seconds: float
    ) -> tuple[ProcessHandle, ...]:
        self.waits += 1
        return super().wait_for_exit(pins, seconds)


def test_a_run_that_is_taken_over_in_any_case_gets_no_time_to_say_that_it_stops(tmp_path: Path):
    machine = Timed()
    machine.add(os.getpid())
    records = RunRecords(str(tmp_path), machine)
    records.claim(record_of(machine, 50))
    waits: list[int] = []

    def take_over(_other: RunRecord) -> bool:
        waits.append(machine.waits)
        machine.end(50)
        return True

    register_run(records, machine, SERVICE, "/p", lambda _: None, take_over=take_over, at_once=True)
    assert waits == [0]


def claiming_alone(records: RunRecords, machine: FakeMachine) -> RunRecord:
    machine.add(os.getpid())
    ends = (Endpoint("127.0.0.1", 8000),)
    return register_run(records, machine, SERVICE, "/p", lambda _news: None, alone=ends)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_a_port_in_the_record_of_a_living_run_is_had_by_nobody_alone(
    records: RunRecords, machine: FakeMachine, host: str
):
    theirs = record_of(machine, 50, project="/q").replace(spec=PortSpec(host, 8000))
    records.claim(theirs)
    with pytest.raises(PortClaimedError):
        claiming_alone(records, machine)
    assert [record.project for record in live(records)] == ["/q"]
    machine.end(50)
    assert claiming_alone(records, machine).key == machine.key(os.getpid())


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(PortSpec("127.0.0.1", 8001), id="another port"),
        pytest.param(PortSpec("127.0.0.2", 8000), id="another address"),
        pytest.param(PortSpec("nowhere.invalid", 8000), id="a host that is none any more"),
    ],
)
def test_a_living_run_elsewhere_is_not_in_the_way(
    records: RunRecords, machine: FakeMachine, spec: PortSpec
):
    records.claim(record_of(machine, 50, project="/q").replace(spec=spec))
    assert claiming_alone(records, machine).key == machine.key(os.getpid())


def test_who_wants_a_port_alone_may_take_it_from_its_own_last_run(
    records: RunRecords, machine: FakeMachine
):
    records.claim(record_of(machine, 50))
    machine.end(50)
    assert claiming_alone(records, machine).key == machine.key(os.getpid())


def test_a_living_run_is_named_with_the_command_that_ends_it(
    records: RunRecords, machine: FakeMachine
):
    records.claim(record_of(machine, 50))
    with pytest.raises(DevportsError) as caught:
        claiming(records, machine)
    assert caught.value.exit_code == 96
    assert "pid 50" in caught.value.message
    assert "devports free web" in text_of(caught.value.hints[0])


def test_a_dying_run_is_waited_for_with_one_calm_line(records: RunRecords, machine: FakeMachine):
    before = records.claim(record_of(machine, 50))
    records.mark(before.replace(state="stopping"))
    told: list[RunEvent] = []

    def tell(news: RunEvent) -> None:
        told.append(news)
        machine.end(50)

    assert claiming(records, machine, tell).key == machine.key(os.getpid())
    assert told == [WaitingForPreviousRun("web", 50)]


def test_a_dying_run_that_does_not_end_is_named(
    records: RunRecords, machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(takeover, "CLEANUP_TIME", 0.1)
    records.mark(records.claim(record_of(machine, 50)).replace(state="stopping"))
    with pytest.raises(DevportsError, match="already running"):
        claiming(records, machine)


def test_where_nothing_can_be_written_the_port_itself_decides(machine: FakeMachine, tmp_path: Path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    records = RunRecords(str(blocker / "state"), machine)
    mine = claiming(records, machine)
    assert mine.key == machine.key(os.getpid())
    records.mark(mine.replace(state="serving"))
    records.drop(mine)
    assert mine.key == ProcessKey(os.getpid(), mine.key.start)


def test_a_run_learns_once_which_command_told_it_to_stop(
    records: RunRecords, machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
):
    me = machine.add(os.getpid()).key
    records.claim(RunRecord(me, "web", "/p", "serving", SPEC))
    monkeypatch.setattr("sys.argv", ["devports", "run", "a b", "--", "--password", "x"])
    records.write_stop_note(me, "web", "/p")
    assert records.take_stop_note("api", "/p") == ""
    assert records.take_stop_note("web", "/p") == f"`devports run 'a b' -- ...` (pid {os.getpid()})"
    assert records.take_stop_note("web", "/p") == ""
    assert len(live(records)) == 1


def test_a_word_for_another_run_is_not_believed(records: RunRecords, machine: FakeMachine):
    me = machine.add(os.getpid()).key
    records.claim(RunRecord(me, "web", "/p", "serving", SPEC))
    records.write_stop_note(ProcessKey(me.pid, me.start + 1), "web", "/p")
    assert records.take_stop_note("web", "/p") == ""


def test_a_word_for_a_run_that_never_read_it_is_removed_by_the_next(
    records: RunRecords, machine: FakeMachine
):
    records.claim(record_of(machine, 50))
    records.write_stop_note(machine.processes[50].key, "web", "/p")
    machine.end(50)
    records.claim(record_of(machine, 51))
    assert [name for name in os.listdir(records.path) if name.endswith(".word")] == []


@pytest.mark.parametrize("text", ["", "[1, 2]", "{", '{"a": 1}', "1", "[" * 5000])
def test_a_word_that_cannot_be_read_is_none(text: str, records: RunRecords, machine: FakeMachine):
    me = machine.add(os.getpid()).key
    records.claim(RunRecord(me, "web", "/p", "serving", SPEC))
    records.write_stop_note(me, "web", "/p")
    (name,) = [name for name in os.listdir(records.path) if name.endswith(".word")]
    with open(os.path.join(records.path, name), "w", encoding="ascii") as file:
        file.write(text)
    assert records.take_stop_note("web", "/p") == ""


def test_where_no_word_can_be_left_nothing_is_said(machine: FakeMachine):
    nowhere = RunRecords("/dev/null/devports", machine)
    nowhere.write_stop_note(machine.add(os.getpid()).key, "web", "/p")
    assert nowhere.take_stop_note("web", "/p") == ""


def ended(records: RunRecords, machine: FakeMachine, pid: int, project: str) -> RunRecord:
    """Return the record of a run that has ended with 3, and whose process is still exiting."""
    mine = records.claim(record_of(machine, pid, project=project))
    records.finish(mine, 3, "crashed", ready=True)
    return mine


def test_an_ended_run_is_known_by_its_end_and_is_not_live(
    records: RunRecords, machine: FakeMachine, tmp_path: Path
):
    project = str(tmp_path)
    mine = ended(records, machine, 50, project)
    end = records.last_end("web", project)
    assert end is not None
    assert (end.code, end.reason, end.ready) == (3, "crashed", True)
    assert live(records) == ()
    assert records.live_run("web", project) is None
    assert records.find_run()(machine.processes[50]) is None
    (status,) = run_statuses(records)
    assert (status.live, status.own, status.orphaned) == (False, (), ())
    second = records.claim(record_of(machine, 60, project=project))
    assert second.key != mine.key
    assert records.last_end("web", project) is None


def test_a_version_that_knows_no_end_reads_a_run_that_is_stopping_without_a_server(
    records: RunRecords, machine: FakeMachine, tmp_path: Path
):
    ended(records, machine, 50, str(tmp_path))
    (path,) = [p for p in _files(records) if p.endswith(".json")]
    with open(path, encoding="ascii") as file:
        data = json.load(file)
    assert (data["version"], data["state"], data["server"], data["left"]) == (
        2,
        "stopping",
        None,
        None,
    )


def test_an_end_is_not_written_over_a_live_run(
    records: RunRecords, machine: FakeMachine, tmp_path: Path
):
    other = records.claim(record_of(machine, 50, project=str(tmp_path)))
    records.finish(record_of(machine, 60, project=str(tmp_path)), 127, "not-found")
    assert records.live_run("web", str(tmp_path)) == other


def test_an_end_keeps_the_orphan_of_a_killed_run(
    records: RunRecords, machine: FakeMachine, tmp_path: Path
):
    project, server = str(tmp_path), machine.add(55)
    killed = records.claim(record_of(machine, 50, project=project))
    records.mark(killed.replace(server=server.key))
    machine.end(50)
    records.finish(record_of(machine, 60, project=project), 90, "declined")
    assert records.find_run()(server) == RunInfo(server.key, "web", project, orphaned=True)
    assert records.last_end("web", project) is not None


def test_ends_of_another_boot_are_not_told(
    records: RunRecords, machine: FakeMachine, tmp_path: Path
):
    ended(records, machine, 50, str(tmp_path))
    machine.boot = lambda: "next"  # type: ignore[method-assign]
    assert records.last_end("web", str(tmp_path)) is None


def test_ends_are_removed_with_their_folder_and_the_oldest_of_too_many(
    records: RunRecords,
    machine: FakeMachine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("devports.records.MAX_ENDED", 2)
    folders = [tmp_path / name for name in "abcd"]
    for folder_ in folders:
        folder_.mkdir()
    folders[0].rename(tmp_path / "gone")
    living = records.claim(record_of(machine, 49, project=str(folders[0])))
    for number, each in enumerate(map(str, folders[1:])):
        ended(records, machine, 50 + number, each)
    ended(records, machine, 60, str(tmp_path / "never there"))
    left = {record.project for record in records.every()}
    assert left == {living.project, *map(str, folders[2:])}


@pytest.mark.parametrize(
    "end",
    [
        pytest.param({"time": "soon", "code": 1, "reason": "failed", "ready": 0}, id="no time"),
        pytest.param({"time": 1e300, "code": 1, "reason": "failed", "ready": 0}, id="no year"),
        pytest.param([], id="a list"),
    ],
)
def test_a_record_whose_end_cannot_be_read_is_none(
    records: RunRecords, machine: FakeMachine, tmp_path: Path, end: object
):
    ended(records, machine, 50, str(tmp_path))
    (path,) = [p for p in _files(records) if p.endswith(".json")]
    with open(path, encoding="ascii") as file:
        data = json.load(file)
    with open(path, "w", encoding="ascii") as file:
        json.dump({**data, "ended": end}, file)
    assert records.every() == ()


END = RunEnd(1000.0, 3, "crashed")


@pytest.mark.parametrize(
    ("end", "begun", "fails"),
    [
        pytest.param(END, 900.0, True, id="it crashed after this run began"),
        pytest.param(END, 1009.0, True, id="it crashed 9 s before"),
        pytest.param(END, 1011.0, False, id="it crashed 11 s before: it may be started again"),
        pytest.param(END.replace(reason="stopped"), 1001.0, True, id="stopped, never ready"),
        pytest.param(END.replace(reason="crashed", ready=True), 1001.0, True, id="crashed later"),
        pytest.param(
            END.replace(reason="stopped", ready=True), 1001.0, False, id="ready, then stopped"
        ),
    ],
)
def test_who_depends_on_an_ended_run_need_not_wait(end: RunEnd, begun: float, fails: bool):
    assert end.fails_dependents(begun) == fails


@NEEDS_FIFO
def test_logs_of_removed_folders_are_removed(records: RunRecords, tmp_path: Path):
    kept, gone = tmp_path / "kept", tmp_path / "gone"
    kept.mkdir()
    logs = os.path.dirname(records.log_path("web", ""))
    os.makedirs(logs)
    for project in (kept, gone):
        path = records.log_path("web", str(project))
        with open(path, "wb") as file:
            file.write(log_head("web", str(project)))
        with open(f"{path}.1", "wb") as file:
            file.write(CONTINUED + log_head("web", str(project)))
    strange = os.path.join(logs, "web-0.log")
    with open(strange, "wb") as file:
        file.write(b"of ` in /nowhere\n")
    os.mkfifo(os.path.join(logs, "a-fifo"))
    records.prune_logs()
    log = os.path.basename(records.log_path("web", str(kept)))
    assert sorted(os.listdir(logs)) == sorted(["a-fifo", log, f"{log}.1", "web-0.log"])


def test_the_log_of_stops_is_private_bounded_and_one_line_each(
    records: RunRecords, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sys.argv", ["devports", "free", "a\nb"])
    monkeypatch.setattr("devports.records.MAX_STOPS", 1000)
    for number in range(50):
        records.log_stop(f"stopping number {number}")
    with open(records.stops, encoding="utf-8") as file:
        lines = file.readlines()
    assert all(" stopping number " in line and "`devports free " in line for line in lines)
    assert "number 49" in lines[-1]
    assert sum(map(len, lines)) <= 1300
    assert stat.S_IMODE(os.stat(records.stops).st_mode) == 0o600


@NEEDS_FIFO
def test_what_is_no_file_is_no_record(records: RunRecords, machine: FakeMachine) -> None:
    mine = records.claim(record_of(machine, 50))
    (known,) = [name for name in os.listdir(records.path) if name.endswith(".json")]
    os.mkfifo(os.path.join(records.path, "fifo.json"))
    os.mkdir(os.path.join(records.path, "folder.json"))
    os.symlink("/dev/zero", os.path.join(records.path, "endless.json"))
    os.mkfifo(os.path.join(records.path, f"{known}.word"))
    assert records.every() == (mine,)
    assert records.take_stop_note("web", "/p") == ""


@NEEDS_LIMITS
def test_without_a_descriptor_a_live_run_is_not_taken_for_none(
    records: RunRecords, machine: FakeMachine
) -> None:
    mine = records.claim(record_of(machine, 50))
    with no_descriptor_left():
        with pytest.raises(OSError, match="Too many open files"):
            records.live_run("web", "/p")
        records.finish(mine, 0, "exited")  # no reason to fail


@NEEDS_UIDS
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_folder_that_others_can_write_is_mended_before_it_is_believed(
    mode: int, records: RunRecords, machine: FakeMachine
) -> None:
    """A record may permit to stop a server without a question."""
    mine = records.claim(record_of(machine, 50))
    os.chmod(records.path, mode)
    assert records.every() == (mine,)
    assert stat.S_IMODE(os.stat(records.path).st_mode) == mode & ~0o022


@NEEDS_ROOT
def test_what_another_user_has_written_is_not_believed(
    records: RunRecords, machine: FakeMachine
) -> None:
    mine = records.claim(record_of(machine, 50))
    (known,) = [name for name in os.listdir(records.path) if name.endswith(".json")]
    os.chown(os.path.join(records.path, known), NOBODY, NOBODY)
    assert records.every() == ()
    os.chown(os.path.join(records.path, known), 0, 0)
    assert records.every() == (mine,)
    os.chown(records.path, NOBODY, NOBODY)
    assert records.every() == ()
    with pytest.raises(PermissionError, match="belongs to another user"):
        records.claim(record_of(machine, 51))
