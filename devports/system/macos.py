"""macOS: psutil for the processes it can read, then lsof and netstat for the rest.

Without privileges devports can read only processes of its user, one by one: psutil's function for
all of them stops at the first that is refused (github.com/giampaolo/psutil/issues/1219). netstat
shows the sockets of every user, with a pid that nothing proves.

macOS has no process descriptors, but kqueue(2) reports when a process has exited. The exit is
watched before the identity is compared. Until it is reported, the pid belongs to that process;
afterwards no signal is sent. Between the last check and kill(2) some microseconds remain in which
the process could exit, be reaped *and* its pid be reused: pids are given in order, so all 99 999
others would have to be used up in between.
"""

from __future__ import annotations

import os
import select
import sys

from devports import exitcodes
from devports.core.model import VisibilityGap
from devports.core.value import Frozen
from devports.core.verdict import plain_end
from devports.errors import DevportsError
from devports.system import clock, macos_tools, psutil_backend, signals, subprocesses, user
from devports.system.identity import checksum
from devports.system.psutil_backend import PsMachine, SocketScan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from typing import Any, Protocol

    import psutil

    from devports.core.model import (
        Holder,
        HolderSearch,
        Platform,
        Process,
        ProcessKey,
        Socket,
        Table,
    )
    from devports.system import ProcessHandle, Sent
    from devports.system.identity import Row
    from devports.system.signals import KeyOf

    NameOf = Callable[[int], str | None]

    class Watch(Protocol):
        """Reports that a process has exited."""

        def ended(self) -> bool:
            """Return whether the exit was reported since the last call."""

        def fileno(self) -> int:
            """Return a descriptor that is readable when there is something to report."""

        def close(self) -> None: ...


EPHEMERAL = (49152, 65535)
"""The defaults of net.inet.ip.portrange.first and last."""
RANGE = ("net.inet.ip.portrange.first", "net.inet.ip.portrange.last")
BOOT_SESSION = "kern.bootsessionuuid"
"""Changes at every boot. kern.boottime is only the fallback: it moves whenever the clock is set."""
MOST_NAMED = 100
"""Ports named in one command line."""
CUT = 15
"""A name of this length may be truncated: netstat has room for 16 bytes (XNU, MAXCOMLEN)."""
LSOF = ("-nPbw", "+c0", "-FpcuLtdnTf")
"""Numbers, no call that may block (a share that does not answer), full names, these fields."""
PATIENCE = 5.0
"""Seconds for lsof before a process is signalled: on a busy machine it takes two."""
NETSTAT = ("-anvW", "-p", "tcp"), ("-anv", "-p", "tcp")
"""Every socket with its process, no address truncated; then the same for a netstat without -W."""
NO_NETSTAT = VisibilityGap(
    "no-netstat", "netstat does not respond; sockets of other users are not visible"
)
NO_LSOF = VisibilityGap("no-lsof", "lsof does not respond")


class Sources(Frozen):
    """The sources of sockets. An empty path, or `processes` false, disables a source.

    `seconds`: the limit for each tool, and for reading the processes.
    """

    lsof: str = "/usr/sbin/lsof"
    netstat: str = "/usr/sbin/netstat"
    sysctl: str = "/usr/sbin/sysctl"
    launchctl: str = "/bin/launchctl"
    processes: bool = True
    seconds: float = subprocesses.SECONDS

    def ask(self, path: str, *words: str, seconds: float = 0.0) -> bytes | None:
        """Return the output of a tool; None where it is disabled or does not answer."""
        longest = max(self.seconds, seconds)
        return subprocesses.ask((path, *words), longest) if path else None


class KernelQueue:
    """A kqueue that reports once that a process has exited, reaped or not.

    Raises:
        OSError: ESRCH where there is no such process, or it is a zombie.
    """

    _queue: Any  # systems without kqueue have no type for it

    def __init__(self, pid: int) -> None:
        if sys.platform != "darwin":  # noqa: TID251  # tells the type checker: there is kqueue
            raise NotImplementedError
        flags, what = select.KQ_EV_ADD | select.KQ_EV_ONESHOT, select.KQ_FILTER_PROC
        self._queue = select.kqueue()
        try:
            self._queue.control([select.kevent(pid, what, flags, select.KQ_NOTE_EXIT)], 0, 0)
        except OSError:
            self._queue.close()
            raise

    def ended(self) -> bool:
        return bool(self._queue.control(None, 1, 0))

    def fileno(self) -> int:
        return int(self._queue.fileno())

    def close(self) -> None:
        self._queue.close()


class QueueHandle:
    """A `ProcessHandle` whose exit a kqueue reports."""

    def __init__(self, key: ProcessKey, watch: Watch, key_of: KeyOf) -> None:
        self.key = key
        self._watch, self._key_of = watch, key_of
        self._ended = False

    def send(self, number: int) -> Sent:
        if self._key_of(self.key.pid) != self.key or self.exited:
            return "gone"
        return signals.kill(self.key.pid, number)  # verified on the line before

    @property
    def exited(self) -> bool:
        """Whether it has exited, reaped or not. The kernel reports it once, so it is stored."""
        self._ended = self._ended or self._watch.ended()
        return self._ended

    def fileno(self) -> int:
        return self._watch.fileno()

    def close(self) -> None:
        self._watch.close()


def pin_by_queue(
    key: ProcessKey,
    key_of: KeyOf = psutil_backend.key_of,
    watch: Callable[[int], Watch] = KernelQueue,
) -> QueueHandle | None:
    """Return a handle of the process with this identity, as `signals.pin_verified` does.

    Args:
        key: the process.
        key_of: returns the identity of the process that has a pid now; also called before each
            signal.
        watch: starts to watch for the exit of the process that has a pid.

    Raises:
        DevportsError: the kernel cannot report the exit of this process.
    """
    return signals.pin_verified(
        key,
        key_of,
        lambda key: QueueHandle(key, watch(key.pid), key_of),
        is_gone=signals.no_such_process,
        note="without notice of its exit a signal could reach another process",
    )


def wait_for_queues(pins: Sequence[ProcessHandle], seconds: float) -> tuple[ProcessHandle, ...]:
    if not any(each.exited for each in pins):
        signals.readable([each.fileno() for each in pins], seconds)
    return tuple(each for each in pins if each.exited)


class ProcessWalk(Frozen):
    """The open sockets of the processes, which processes were read, and how many were not.

    `own`: unread processes of this user, of which lsof may show more.
    """

    rows: tuple[Row, ...] = ()
    read: frozenset[int] = frozenset()
    unread: int = 0
    own: int = 0


class Darwin(PsMachine):
    """A `devports.system.machine.Machine`. Sources can be disabled for tests."""

    platform: Platform = "darwin"
    pin = staticmethod(pin_by_queue)
    wait_for_exit = staticmethod(wait_for_queues)

    def __init__(self, sources: Sources | None = None) -> None:
        super().__init__()
        self.sources = Sources() if sources is None else sources
        self._settings: dict[tuple[str, ...], str] = {}
        self._devices: dict[tuple[int, object], str] = {}
        self._seconds = 0.0

    def scan(self, ports: Collection[int]) -> SocketScan:
        """Return the sockets on these local ports, from as many sources as needed.

        lsof reads the same descriptors as psutil, in up to two seconds instead of milliseconds: it
        runs only where the others left a question.

        Raises:
            DevportsError: no source answers, so no port can be checked.
        """
        sources = self.sources
        walk = walk_processes(sources.seconds) if sources.processes else ProcessWalk()
        text, wide = self.netstat()
        listed, lost = macos_tools.netstat(text, ports, wide=wide)
        opened = [row for row in walk.rows if row.socket.local.port in ports]
        rows = merge_rows(opened, listed, walk.read, psutil_backend.name_of)
        gaps = list(_gaps(walk, lost, netstat=bool(text)))
        new = shared(rows) - self._devices.keys()
        answer: bytes | None = None
        if not text or walk.own or new or any(map(_is_doubtful, rows)):
            answer = self.lsof(ports)
            if answer is None and not text and not walk.read:
                raise _no_table()
            opened = [*macos_tools.lsof(answer or b"", ports), *opened]
            rows = merge_rows(opened, listed, walk.read, psutil_backend.name_of)
            gaps += [NO_LSOF] if answer is None else []
            found = {_key(row): row.device for row in opened if row.device}
            self._devices |= dict.fromkeys(shared(rows), "") | found
        # Without lsof, descriptors that psutil skips and Mach fileports are missing.
        all_read = bool(walk.read) and not walk.unread
        complete = answer is not None and (all_read or (bool(text) and not lost))
        return SocketScan(unified(rows, self._devices), complete, tuple(gaps))

    def netstat(self) -> tuple[bytes, bool]:
        """Return the output of netstat, empty if there is none, and whether it is untruncated."""
        for words in NETSTAT:
            if text := self.sources.ask(self.sources.netstat, *words):
                return text, words is NETSTAT[0]
        return b"", False

    def lsof(self, ports: Collection[int]) -> bytes | None:
        """Return the output of lsof about these ports; None if it does not answer."""
        sources = self.sources
        return sources.ask(sources.lsof, *LSOF, _selection(ports), seconds=self._seconds)

    def unlisted_sockets(self, port: int, known: Table) -> tuple[Socket, ...]:
        """Return the sockets that lsof alone shows, where it was not needed before."""
        ends = {_ends(socket) for socket in known.sockets}
        rows = macos_tools.lsof(self.lsof((port,)) or b"", (port,))
        found = [row for row in rows if _ends(row.socket) not in ends]
        self.remember(found)
        return tuple(dict.fromkeys(row.socket for row in found))

    def holding(
        self,
        sockets: Sequence[Socket],
        likely: Callable[[], Collection[int]] = tuple,
        /,
        *,
        thorough: bool,
    ) -> HolderSearch:
        """Return the holders of these sockets; before a signal lsof gets more time."""
        if thorough and NO_LSOF in self._gaps and self.sources.lsof:
            self._seconds = PATIENCE
            self.table({socket.local.port for socket in sockets})
        return super().holding(sockets, likely, thorough=thorough)

    def with_marks(self, holders: tuple[Holder, ...]) -> tuple[Holder, ...]:
        """Return the holders and their ancestors with the launchd jobs of this user too."""
        raw = self.sources.ask(self.sources.launchctl, "list") if holders else None
        jobs = macos_tools.launchctl(raw or b"")
        return tuple(
            holder.replace(
                process=_marked(holder.process, jobs),
                ancestors=tuple(_marked(parent, jobs) for parent in holder.ancestors),
            )
            for holder in super().with_marks(holders)
        )

    def ephemeral(self) -> tuple[int, int]:
        words = self._setting(*RANGE).split()
        known = len(words) == len(RANGE) and all(word.isdecimal() for word in words)
        return (int(words[0]), int(words[1])) if known else EPHEMERAL

    def boot(self) -> str:
        return self._setting(BOOT_SESSION) or psutil_backend.boot_time()

    def _setting(self, *names: str) -> str:
        """Return kernel settings (sysctl(8)), cached; empty if sysctl does not answer."""
        if names not in self._settings:
            raw = self.sources.ask(self.sources.sysctl, "-n", *names) or b""
            self._settings[names] = raw.decode("ascii", "replace").strip()
        return self._settings[names]


def _marked(process: Process, jobs: dict[int, str]) -> Process:
    label = jobs.get(process.pid)
    return (
        process
        if label is None
        else process.replace(environment_marks=(*process.environment_marks, ("launchd", label)))
    )


def _selection(ports: Collection[int]) -> str:
    """Return lsof's option for these ports, or for all if there are more than `MOST_NAMED`."""
    named = ",".join(map(str, sorted(ports))) if len(ports) <= MOST_NAMED else ""
    return f"-iTCP:{named}" if named else "-iTCP"


def _no_table() -> DevportsError:
    return DevportsError(
        "no-table",
        "neither the processes nor lsof and netstat list sockets",
        note="devports needs one of them to find holders",
        exit_code=exitcodes.CANNOT_INSPECT,
    )


def _gaps(walk: ProcessWalk, lost: int, *, netstat: bool) -> Iterator[VisibilityGap]:
    if walk.unread:
        yield VisibilityGap("unreadable-processes", f"the sockets of {walk.unread} processes")
    if not netstat:
        yield NO_NETSTAT
    if lost:
        yield VisibilityGap("netstat-rows", f"{lost} lines of netstat have an unknown form")


def _is_doubtful(row: Row) -> bool:
    """Return whether a row occupies the port and its process is not proven."""
    return not row.proven and row.socket.state in ("LISTEN", "BOUND")


def walk_processes(seconds: float) -> ProcessWalk:
    """Read every process, those of this user first, as far as permitted and within `seconds`."""
    rows: list[Row] = []
    read: set[int] = set()
    unread = own = 0
    deadline = clock.Deadline(seconds)
    for process, mine in sorted(_all_processes(), key=lambda each: not each[1]):
        found = None if deadline.passed else _open_sockets(process)
        if found is None:
            unread, own = unread + 1, own + mine
        else:
            rows += found
            read.add(process.pid)
    return ProcessWalk(tuple(rows), frozenset(read), unread, own)


def _all_processes() -> Iterator[tuple[psutil.Process, bool]]:
    """Yield all processes, and whether this user started them and they kept their uid."""
    import psutil  # not for a parser or a help text

    me = set(user.uids())
    for process in psutil.process_iter():
        uids = psutil_backend.uids_of(process)
        yield process, bool(uids) and uids <= me


def _open_sockets(process: psutil.Process) -> list[Row] | None:
    """Return the open sockets of a process, none once it has exited; None if not readable."""
    import psutil

    try:
        return psutil_backend.sockets_of(process)
    except psutil.NoSuchProcess:  # also for a zombie, which has no sockets
        return []
    except (psutil.Error, OSError, RuntimeError):
        return None


def merge_rows(
    own: Iterable[Row], listed: Iterable[Row], read: Collection[int], name_of: NameOf
) -> tuple[Row, ...]:
    """Return every socket once; of those that only netstat lists, whether their pid is proven.

    Args:
        own: rows found in processes.
        listed: the rows of netstat.
        read: the processes that were read: their sockets are in `own`.
        name_of: returns the name of a process, None if it does not exist.
    """
    found: dict[tuple[int, object], Row] = {}
    for row in own:
        found.setdefault(_key(row), row)
    shown = {ends for _, ends in found}
    for row in listed:
        key = _, ends = _key(row)
        if key in found or (ends in shown and (row.pid <= 0 or row.pid in read)):
            continue
        certain = row.pid > 0 and row.pid not in read and names_match(row.name, name_of(row.pid))
        found[key] = row.replace(proven=certain)
    return tuple(found.values())


def _key(row: Row) -> tuple[int, object]:
    return row.pid, _ends(row.socket)


def shared(rows: Iterable[Row]) -> set[tuple[int, object]]:
    """Return process and ends of each socket on which several processes listen, or are bound.

    Those of devports itself are left out: it knows them by the identity that it has computed.
    """
    at: dict[object, set[int]] = {}
    for row in rows:
        if row.proven and row.socket.remote is None and row.pid != os.getpid():
            at.setdefault(_ends(row.socket), set()).add(row.pid)
    return {(pid, ends) for ends, pids in at.items() if len(pids) > 1 for pid in pids}


def unified(rows: Sequence[Row], devices: Mapping[tuple[int, object], str]) -> tuple[Row, ...]:
    """Return rows in which one socket of several processes has one identity.

    `devices`: the socket's own name by process and ends, empty where it is unknown.
    """
    several = shared(rows)
    return tuple(
        row.replace(socket=row.socket.replace(inode=checksum(device)))
        if _key(row) in several and (device := devices.get(_key(row), ""))
        else row
        for row in rows
    )


def _ends(socket: Socket) -> tuple[object, object]:
    """Return both ends in a form that can be compared: some sources write IPv4 as IPv6."""
    return plain_end(socket.local), None if socket.remote is None else plain_end(socket.remote)


def names_match(listed: str, name: str | None) -> bool:
    """Return whether netstat's name for a pid is that of the process; empty proves nothing."""
    if not listed or name is None:
        return False
    return name == listed or (len(listed) >= CUT and name.startswith(listed))
