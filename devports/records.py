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
from devports.core.text import LAST_PORT, quote
from devports.core.value import Frozen
from devports.core.verdict import Held, is_bindable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from typing import Literal

    from devports.core.model import Holder, Process
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
STOP_NOTE = ".word"
"""Suffix of the file with the command that stopped the run."""
NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
OTHERS_WRITE = 0o022
NOWHERE = os.path.abspath(os.devnull)
"""Below a device nothing can be read or written."""


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

    @property
    def is_ready(self) -> bool:
        return self.state == "serving" and not self.stalled


def folder(environ: Mapping[str, str]) -> str:
    """Return the folder of the records: $XDG_STATE_HOME/devports (XDG Base Directory).

    On Windows %LOCALAPPDATA%; a value that is a path only on another system is ignored. A user
    without a home, or with a read-only one, has no records.
    """
    home = os.path.join(os.path.expanduser("~"), ".local", "state")
    bases = (environ.get("XDG_STATE_HOME", ""), environ.get("LOCALAPPDATA", ""), home)
    return os.path.join(next(filter(os.path.isabs, bases), NOWHERE), "devports")


class RunRecords:
    """The records of this user. Nothing is written until something is claimed."""

    def __init__(self, path: str, machine: Machine) -> None:
        self.path = path
        self._machine = machine

    def every(self) -> tuple[RunRecord, ...]:
        """Return all records of this boot; unreadable ones are skipped."""
        try:
            names = sorted(name for name in os.listdir(self.path) if name.endswith(".json"))
        except OSError:
            return ()
        found = (self._read(os.path.join(self.path, name)) for name in names)
        boot = self._machine.boot()
        return tuple(record for record in found if record is not None and record.boot == boot)

    def live_run(self, service: str, project: str) -> RunRecord | None:
        record = self._read(self._file(service, project))
        return record if record is not None and self.is_live(record) else None

    def is_live(self, record: RunRecord) -> bool:
        return record.boot == self._machine.boot() and self._is_running(record.key)

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
        """Remove the record of a finished run; the next claim would not believe it anyway."""
        path = self._file(record.service, record.project)
        with contextlib.suppress(OSError), self.locked(os.path.basename(path)):
            now = self._read(path)
            if now is not None and now.key == record.key:
                os.unlink(path)

    def write_stop_note(self, key: ProcessKey, service: str, project: str) -> None:
        """Write which command stops a run: a signal has no sender.

        If that fails, the run is stopped all the same.
        """
        import json  # as below

        words = [*takewhile(lambda word: word != "--", sys.argv[1:])]
        rest = ["-- ..."] if "--" in sys.argv else []  # they may hold secrets
        by = f"`{' '.join(['devports', *map(quote, words), *rest])}` (pid {os.getpid()})"
        with contextlib.suppress(OSError):
            path = f"{self._file(service, project)}{STOP_NOTE}"
            write_private(path, json.dumps([key.pid, key.start, by]))

    def take_stop_note(self, service: str, project: str) -> str:
        """Return which command has stopped this run, and remove the file."""
        import json

        path = f"{self._file(service, project)}{STOP_NOTE}"
        key = self._machine.key(os.getpid())
        try:
            pid, start, by = json.loads(self._text(path))
            os.unlink(path)
        except (OSError, ValueError, TypeError, RecursionError):
            return ""
        return str(by) if key == ProcessKey(pid, start) else ""

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold the lock of this name, waiting at most a second: it is only held for moments.

        Raises:
            OSError: the folder cannot be written, the lock file is a link, or it stays locked.
        """
        from devports.system.files import lock  # for a run

        os.makedirs(self.path, mode=0o700, exist_ok=True)
        self._keep_private()
        path = os.path.join(self.path, f"{name}.lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | NOFOLLOW, 0o600)
        try:
            lock(descriptor, LOCK_WAIT)
            yield
        finally:
            os.close(descriptor)

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
        import json  # only if there is a record

        try:
            data = json.loads(self._text(path))
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
            )
        except (OSError, ValueError, LookupError, TypeError, OverflowError, RecursionError):
            return None


def checksum(text: bytes) -> str:
    """Return a checksum of bytes as a short name.

    Two checksums, one from each end, distinguish them as well as a hash of hashlib's would, which
    loads OpenSSL: 3.5 MB for as long as the server runs.
    """
    from binascii import crc32  # only for a single service

    return f"{crc32(text):08x}{crc32(text[::-1]):08x}"


def _key(pair: list[int] | None) -> ProcessKey | None:
    return None if pair is None else ProcessKey(int(pair[0]), int(pair[1]))


def _write(path: str, record: RunRecord) -> None:
    import json  # only for a run

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
    }
    write_private(path, json.dumps(data))


def write_private(path: str, text: str) -> None:
    """Replace a file, accessible to this user only, atomically.

    Raises:
        OSError: it cannot be written.
    """
    beside = f"{path}.{os.getpid()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | NOFOLLOW | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(beside, flags, 0o600), "w", encoding="ascii") as file:
        file.write(text)
    os.replace(beside, path)


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
