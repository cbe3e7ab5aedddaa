"""The records of runs: one small file for each service of each project, in a per-user folder.

A second run can name the first by it, `free` can stop it, and nothing is ever guessed from a port.
It counts only while its process lives: pid, start time and boot must match, so the record of a
crashed run is not believed. Nor does it prove anything about a port: the progress of a run is
reported only if the machine shows the same.

Locks are on files that are never unlinked: the kernel releases a lock when its holder exits, and
deleting a lock file lets two processes hold "the same" lock.
"""

from __future__ import annotations

import contextlib
import os
import sys
from errno import EPERM
from itertools import takewhile

from devports.core.holder_kind import RunInfo
from devports.core.model import PortSpec, ProcessKey
from devports.core.text import LAST_PORT, json_text, json_value, quote
from devports.core.value import Frozen
from devports.core.verdict import Held, is_bindable
from devports.errors import raise_limit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from typing import Any, Literal

    from devports.core.model import Endpoint, Holder, Process
    from devports.core.recovery import EndReason
    from devports.core.verdict import Finding
    from devports.system import Machine

    RunState = Literal["starting", "serving", "stopping"]
    Stage = Literal[
        "",
        "starting",
        "serving",
        "stalled",
        "suspended",
        "stopping",
        "not-listening",
        "left-behind",
    ]


VERSION = 2
MAX_RECORD = 64 * 1024
LOCK_WAIT = 1.0
"""Seconds; a process that holds a lock for longer is stopped (Ctrl-Z) and may stay so."""
STATES = ("starting", "serving", "stopping")
REASONS: tuple[EndReason, ...] = (
    "stopped",
    "exited",
    "crashed",
    "declined",
    "supervised",
    "not-found",
)
"""Of the end of a run; any other one is `failed`."""
MAX_STOPS = 64 * 1024
"""Bytes of the log of stops."""
MAX_ENDED = 100
"""Records of ended runs that are kept."""
LAST_TIME = 1e11
"""Seconds since the epoch in a record."""
JUST_BEFORE = 10.0
"""Seconds before the start of a run within which an end belongs to the same attempt of a person or
a script to start several services."""
LOGS = "logs"
CONTINUED = b"devports: continued: "
"""How a log begins whose run has filled another one before; the rest of the line as there."""
STOP_NOTE = ".word"
"""Suffix of the file with the command that stopped the run."""
NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
OTHERS_WRITE = 0o022


class RunEnd(Frozen):
    """How a run ended; kept in its record until the next start of the service, or `down`.

    Attributes:
        time: in seconds since the epoch.
        code: its exit code.
        reason: `stopped` by a signal, a key or another command; the server `exited` with 0 after it
            was ready, or `crashed`: exited otherwise; the port was in use, and the answer was no or
            devports could not ask (`declined`), or its holder is protected, supervised or in a
            container (`supervised`); command or folder `not-found`; `failed` otherwise.
        ready: whether the server had been ready.
    """

    time: float
    code: int
    reason: EndReason
    ready: bool = False

    def fails_dependents(self, begun: float) -> bool:
        """Return whether a run that began at `begun`, and needs this service, need not wait for it.

        `begun` is in seconds since the epoch. The service was not stopped after it had been ready,
        and ended at most 10 s before that, or after it. After an older end it may be started again.
        """
        return (self.reason != "stopped" or not self.ready) and self.time >= begun - JUST_BEFORE


class RunRecord(Frozen):
    """One run and its state.

    Attributes:
        spec: the port that it was started for.
        boot: makes start times comparable.
        server: the process it started, None before that.
        orphaned: the orphaned server of the previous run, which was killed.
        patience: seconds it may need to stop its server and exit.
        stalled: whether its server, which has been ready, accepts no connections. A key beside the
            state: older versions reject a record with an unknown state.
        log: its log; empty unless it runs in the background.
        ended: how it ended, None while it lives or if it was killed; beside the state as well.
    """

    key: ProcessKey
    service: str
    project: str
    state: RunState
    spec: PortSpec
    boot: str = ""
    server: ProcessKey | None = None
    orphaned: ProcessKey | None = None
    patience: float = 0.0
    stalled: bool = False
    log: str = ""
    ended: RunEnd | None = None

    @property
    def is_ready(self) -> bool:
        return self.state == "serving" and not self.stalled


class RunRecords:
    """The records of this user. Nothing is written until something is claimed."""

    def __init__(self, path: str, machine: Machine) -> None:
        self.path = path
        self._machine = machine

    def every(self) -> tuple[RunRecord, ...]:
        """Return all records of this boot; unreadable ones are skipped."""
        boot = self._machine.boot()
        return tuple(record for record in self._all() if record.boot == boot)

    def _all(self) -> Iterator[RunRecord]:
        names = (name for name in _names(self.path) if name.endswith(".json"))
        found = (self._read(os.path.join(self.path, name)) for name in names)
        yield from (record for record in found if record is not None)

    def live_run(self, service: str, project: str) -> RunRecord | None:
        record = self._read(self._file(service, project))
        return record if record is not None and self.is_live(record) else None

    def last_end(self, service: str, project: str) -> RunEnd | None:
        """Return how the last run of a service ended, if none was started since, in this boot."""
        record = self.last(service, project)
        return None if record is None else record.ended

    def last(self, service: str, project: str) -> RunRecord | None:
        """Return the record of the last run of a service in this boot, live or not."""
        record = self._read(self._file(service, project))
        return record if record is not None and record.boot == self._machine.boot() else None

    def log_path(self, service: str, project: str) -> str:
        """Return where the log of a run in the background is."""
        name = os.path.basename(self._file(service, project)).removesuffix(".json")
        return os.path.join(self.path, LOGS, f"{name}.log")

    def is_live(self, record: RunRecord) -> bool:
        here = record.ended is None and record.boot == self._machine.boot()
        return here and self._is_running(record.key)

    def find_run(self) -> Callable[[Process], RunInfo | None]:
        """Return a look-up from a process to the devports run that it is, or was orphaned by."""
        runs: dict[ProcessKey, RunInfo] = {}
        for run in reversed(run_statuses(self)):  # a live one takes precedence
            key, service, project = run.record.key, run.record.service, run.record.project
            if run.live:
                runs[key] = RunInfo(key, service, project, stop_timeout=run.record.patience)
            for left in run.orphaned:
                runs[left] = RunInfo(left, service, project, orphaned=True)
        return lambda process: runs.get(process.key)

    def claim(
        self, record: RunRecord, *, rival: Callable[[RunRecord], bool] | None = None
    ) -> RunRecord:
        """Write `record` unless a live run has the service; return the record that is valid now.

        Args:
            record: of this run.
            rival: returns whether another record is of a run that wants the same port. If a live
                one is, it is returned, and `record` is not written: of several such claims, one is
                first.

        Raises:
            OSError: the folder cannot be written.
        """
        path = self._file(record.service, record.project)
        ports = () if rival is None else (record.spec.port,)
        with self.locked_ports(ports), self.locked(os.path.basename(path)):
            before = self._read(path)
            if before is not None and before.key != record.key and self.is_live(before):
                return before
            if rival is not None:
                others = (r for r in self.every() if r.key != record.key and rival(r))
                if (first := next(filter(self.is_live, others), None)) is not None:
                    return first
            with contextlib.suppress(OSError):  # for a run that has exited without reading it
                os.unlink(f"{path}{STOP_NOTE}")
            mine = record.replace(boot=self._machine.boot(), orphaned=self._orphaned_by(before))
            _write(path, mine)
            return mine

    def _orphaned_by(self, before: RunRecord | None) -> ProcessKey | None:
        """Return the server that a dead run orphaned, so that it is kept in the new record."""
        if before is None or before.boot != self._machine.boot():
            return None
        return next(
            (key for key in (before.server, before.orphaned) if self._is_running(key)), None
        )

    def _is_running(self, key: ProcessKey | None) -> bool:
        """Return whether a process is running; a zombie is not."""
        process = None if key is None else self._machine.process(key.pid)
        return process is not None and process.key == key and process.state not in "ZX"

    def mark(self, record: RunRecord) -> None:
        """Write the state of a run. A read-only folder is no reason to stop."""
        path = self._file(record.service, record.project)
        with contextlib.suppress(OSError):
            _write(path, record.replace(boot=self._machine.boot()))

    def drop(self, record: RunRecord) -> None:
        """Remove the record of a run; the next claim would not believe it anyway."""
        path = self._file(record.service, record.project)
        with contextlib.suppress(OSError), self.locked(os.path.basename(path)):
            now = self._read(path)
            if now is not None and now.key == record.key:
                os.unlink(path)

    def finish(
        self, record: RunRecord, code: int, reason: EndReason, *, ready: bool = False
    ) -> None:
        """Write how a run ended, see `RunEnd`, unless a live run has the service by now.

        The state of an ended run is `stopping` for older versions, which know no end.
        """
        from time import time  # only here

        path = self._file(record.service, record.project)
        end = RunEnd(time(), code, reason, ready)
        with contextlib.suppress(OSError):
            with self.locked(os.path.basename(path)):
                now = self._read(path)
                if now is not None and now.key != record.key and self.is_live(now):
                    return
                left = self._orphaned_by(now)
                ended = record.replace(state="stopping", server=None, orphaned=left, ended=end)
                _write(path, ended.replace(boot=self._machine.boot()))
            self._prune()

    def _prune(self) -> None:
        """Remove the ends of runs whose folder was removed, and the oldest of too many."""
        ended = [(record.ended.time, record) for record in self._all() if record.ended]
        ended.sort(key=lambda each: each[0], reverse=True)
        there = [record for _, record in ended if os.path.isdir(record.project)][:MAX_ENDED]
        for _, record in ended:
            if record not in there:
                self.drop(record)

    def prune_logs(self) -> None:
        """Remove the logs of folders that were removed.

        The name of a log has a checksum of its folder, so a line that was misread removes nothing.
        """
        folder = os.path.join(self.path, LOGS)
        for name in _names(folder):
            with contextlib.suppress(OSError):
                path = os.path.join(folder, name)
                project = _project_of(path)
                known = f"-{checksum(os.fsencode(project))}.log" in name
                if known and not os.path.isdir(project):
                    os.unlink(path)

    def write_stop_note(self, key: ProcessKey, service: str, project: str) -> None:
        """Write which command stops a run: a signal has no sender.

        If that fails, the run is stopped all the same.
        """
        with contextlib.suppress(OSError):
            path = f"{self._file(service, project)}{STOP_NOTE}"
            write_private(path, json_text([key.pid, key.start, this_command()]))

    @property
    def stops(self) -> str:
        """The path of the log of what was stopped."""
        return os.path.join(self.path, "stops.log")

    def log_stop(self, what: str) -> None:
        """Append to the log of stops: what this command stops, and for what.

        The file is bounded: beyond `MAX_STOPS` bytes its older half is dropped.
        """
        from time import gmtime, strftime  # only here

        when = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime())
        flags = os.O_RDWR | os.O_CREAT | NOFOLLOW
        with contextlib.suppress(OSError), self.locked("stops.log"):
            text = f"{when} {what}, by {this_command()} in {os.getcwd()}"
            line = text.replace("\n", " ") + "\n"
            descriptor = os.open(self.stops, flags, 0o600)
            with os.fdopen(descriptor, "r+b") as file:
                before = file.read()
                if len(before) > MAX_STOPS:
                    before = before[-MAX_STOPS // 2 :].partition(b"\n")[2]
                file.seek(0)
                file.truncate()
                file.write(before + line.encode(errors="backslashreplace"))

    def take_stop_note(self, service: str, project: str) -> str:
        """Return which command has stopped this run, and remove the file."""
        path = f"{self._file(service, project)}{STOP_NOTE}"
        key = self._machine.key(os.getpid())
        try:
            pid, start, by = json_value(self._text(path))
            os.unlink(path)
        except (OSError, ValueError, TypeError, RecursionError):
            return ""
        return str(by) if key == ProcessKey(pid, start) else ""

    @contextlib.contextmanager
    def locked(self, name: str, seconds: float = LOCK_WAIT) -> Iterator[None]:
        """Hold the lock of this name, waiting at most `seconds`: most are held for moments.

        Raises:
            OSError: the folder cannot be written, the lock file is a link, or it stays locked.
        """
        from devports.system.files import lock_file  # for a run

        os.makedirs(self.path, mode=0o700, exist_ok=True)
        self._keep_private()
        with lock_file(os.path.join(self.path, f"{name}.lock"), seconds):
            yield

    @contextlib.contextmanager
    def locked_ports(self, ports: Iterable[int]) -> Iterator[None]:
        """Hold the locks of these ports, if they can be created: the kernel decides anyway."""
        with contextlib.ExitStack() as stack:
            for port in sorted(set(ports)):  # sorted, so that no two processes wait for each other
                with contextlib.suppress(OSError):
                    stack.enter_context(self.locked(f"port-{port}"))
            yield

    def _file(self, service: str, project: str) -> str:
        """Return the file of a service in its project."""
        return os.path.join(self.path, f"{service}-{checksum(os.fsencode(project))}.json")

    def _text(self, path: str) -> bytes:
        """Return the bytes of a file of this folder.

        Raises:
            OSError: it cannot be read, or other users may have written it.
        """
        from devports.system.files import read_regular  # only if there is a record

        self._keep_private()
        self._refuse_others(path)
        return read_regular(path, MAX_RECORD, NOFOLLOW)

    def _keep_private(self) -> None:
        """Remove the permission of other users to write into the folder.

        A record permits `on_conflict = "reclaim"` to stop a server without a question.

        Raises:
            OSError: it belongs to another user.
        """
        if (mode := self._refuse_others(self.path)) & OTHERS_WRITE:
            os.chmod(self.path, mode & ~OTHERS_WRITE)

    @staticmethod
    def _refuse_others(path: str) -> int:
        """Return the permissions of a file or folder.

        Raises:
            OSError: it belongs to neither this user nor root.
        """
        from devports.system.user import uids  # not for `check`

        status = os.lstat(path)
        if hasattr(os, "geteuid") and status.st_uid not in (0, *uids()):
            raise OSError(EPERM, f"`{path}` belongs to another user")
        return status.st_mode & 0o7777

    def _read(self, path: str) -> RunRecord | None:
        """Return a record, None if there is none that can be read.

        Raises:
            OSError: a limit (`errors.LIMITS`): there may be one.
        """
        try:
            data = json_value(self._text(path))
            if data["version"] != VERSION or data["state"] not in STATES:
                return None
            spec = PortSpec(str(data["host"]), int(data["port"]))
            if not 0 < spec.port <= LAST_PORT:
                return None
            return RunRecord(
                key=ProcessKey(int(data["pid"]), int(data["start"])),
                service=str(data["service"]),
                project=str(data["project"]),
                state=data["state"],
                spec=spec,
                boot=str(data["boot"]),
                server=_key(data["server"]),
                orphaned=_key(data["left"]),
                patience=float(data["patience"]),
                stalled=bool(data.get("stalled")),
                log=str(data.get("log", "")),
                ended=_end(data.get("ended")),
            )
        except OSError as error:
            raise_limit(error)
            return None
        except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
            return None


def log_head(service: str, project: str) -> bytes:
    """Return the first line of a log, which `RunRecords.prune_logs` reads."""
    from time import gmtime, strftime

    when = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime())
    return (
        f"devports: output from {when} of `{service}` in ".encode() + os.fsencode(project) + b"\n"
    )


def _project_of(log: str) -> str:
    """Return the folder that the first line of a log names.

    Raises:
        OSError: it cannot be read.
    """
    from devports.system.files import read_regular

    first = read_regular(log, MAX_RECORD, NOFOLLOW).partition(b"\n")[0]
    return os.fsdecode(first.partition(b"` in ")[2])


def _names(folder: str) -> list[str]:
    """Return the sorted names in a folder; none if it cannot be read."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def this_command() -> str:
    """Return the command line of this process, without the arguments of a server, and its pid."""
    words = [*takewhile(lambda word: word != "--", sys.argv[1:])]
    rest = ["-- ..."] if "--" in sys.argv else []  # they may hold secrets
    return f"`{' '.join(['devports', *map(quote, words), *rest])}` (pid {os.getpid()})"


def checksum(text: bytes) -> str:
    """Return a checksum of bytes as a short name.

    Two checksums, one from each end, distinguish them as well as a hash of hashlib's would, which
    loads OpenSSL: 3.5 MB for as long as the server runs.
    """
    from binascii import crc32  # only for a single service

    return f"{crc32(text):08x}{crc32(text[::-1]):08x}"


def _key(pair: list[int] | None) -> ProcessKey | None:
    return None if pair is None else ProcessKey(int(pair[0]), int(pair[1]))


def _end(data: dict[str, Any] | None) -> RunEnd | None:
    if data is None:
        return None
    reason: EndReason = next((known for known in REASONS if known == data["reason"]), "failed")
    time = float(data["time"])
    if not 0 < time < LAST_TIME:
        raise ValueError
    return RunEnd(time, int(data["code"]), reason, bool(data["ready"]))


def _write(path: str, record: RunRecord) -> None:
    data = {
        "version": VERSION,
        "pid": record.key.pid,
        "start": record.key.start,
        "boot": record.boot,
        "service": record.service,
        "project": record.project,
        "state": record.state,
        "host": record.spec.host,
        "port": record.spec.port,
        "server": record.server and [record.server.pid, record.server.start],
        "left": record.orphaned and [record.orphaned.pid, record.orphaned.start],
        "patience": record.patience,
        "stalled": record.stalled,
        "log": record.log,
        "ended": record.ended and vars(record.ended),
    }
    write_private(path, json_text(data))


def write_private(path: str, text: str) -> None:
    """Replace a file, accessible to this user only, atomically.

    Raises:
        OSError: it cannot be written.
    """
    from devports.system.files import Place, replace_whole  # for a run

    folder, name = os.path.split(path)
    replace_whole(Place(folder), name, text, created=0o600, synced=False)


class RunStatus(Frozen):
    """The record of a run, and whether the run is live."""

    record: RunRecord
    live: bool = True

    @property
    def own(self) -> tuple[ProcessKey, ...]:
        """The run, and the server it started."""
        keys = (self.record.key, self.record.server) if self.live else ()
        return tuple(key for key in keys if key is not None)

    @property
    def orphaned(self) -> tuple[ProcessKey, ...]:
        """Servers orphaned by this run."""
        keys = (self.record.orphaned, None if self.live else self.record.server)
        return tuple(key for key in keys if key is not None)


def run_statuses(records: RunRecords) -> tuple[RunStatus, ...]:
    """Return every run of this user that is live or may have orphaned a server, live ones first."""
    found = [RunStatus(record, records.is_live(record)) for record in records.every()]
    return tuple(sorted(found, key=lambda run: not run.live))


def servers_at(runs: Iterable[RunStatus], ends: Iterable[Endpoint]) -> list[int]:
    """Return the servers that live runs started on the ports of these endpoints."""
    ports = {end.port for end in ends}
    on_them = (run for run in runs if run.live and run.record.spec.port in ports)
    return [run.record.server.pid for run in on_them if run.record.server is not None]


def find_status(runs: Iterable[RunStatus], service: str, project: str) -> RunStatus | None:
    """Return the run of a service of a project."""
    named = (r for r in runs if (r.record.service, r.record.project) == (service, project))
    return next(named, None)


def status_at(runs: Iterable[RunStatus], finding: Finding) -> RunStatus | None:
    """Return the run whose processes have an endpoint."""
    holders = finding.holding.holders
    return next(
        (r for r in runs if any(belongs_to_run(h, (*r.own, *r.orphaned)) for h in holders)), None
    )


def belongs_to_run(holder: Holder, keys: Collection[ProcessKey]) -> bool:
    """Return whether a holder is one of these processes or was started by one."""
    return any(process.key in keys for process in holder.with_ancestors)


def run_state(finding: Finding, run: RunStatus, *, any_owner: bool = False) -> Stage:
    """Return how far `run` has come with an endpoint of its service; empty without a part in it.

    `any_owner`: the service's ``ready.owner`` is "any": its holder need not be in the server's
    tree.
    """
    state, holders = run.record.state, finding.holding.holders
    if any(belongs_to_run(holder, run.orphaned) for holder in holders):
        return "left-behind"
    if not run.live:
        return ""
    if isinstance(finding.verdict, Held):
        own = any(belongs_to_run(holder, run.own) for holder in holders)
        if not own and not (any_owner and state == "serving"):
            return ""
        if state != "serving":
            return state
        if not finding.verdict.listens:
            return "not-listening"
        if all(holder.process.is_suspended for holder in holders):
            return "suspended"
        return "stalled" if run.record.stalled else "serving"
    if not is_bindable(finding.verdict):
        return ""
    return state if state != "serving" else "not-listening"
