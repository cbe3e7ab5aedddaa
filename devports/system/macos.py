"""macOS: what psutil may read of each process, then lsof and netstat for the rest.

Without privileges only our own processes can be read, one by one: psutil's look at all of them at
once ends at the first that is refused (github.com/giampaolo/psutil/issues/1219). netstat shows
the sockets of every user, and writes a pid beside them that nothing proves.

No descriptor means a process here, but kqueue(2) tells when one has ended. It is asked to before
the identity is compared. Until it has told, the number is still that process's; once it has told,
nothing is ever sent again. Between the last question and kill(2) some microseconds remain in which
the process could end, be reaped *and* its number be given to another one: numbers are given in
order, so all 99 999 others would have to be used up in between.
"""

from __future__ import annotations

import select
import sys

from devports import exitcodes
from devports.core.model import VisibilityGap
from devports.core.value import Frozen
from devports.core.verdict import plain_end
from devports.errors import DevportsError
from devports.system import clock, macos_tools, psutil_backend, signals, subprocesses, user
from devports.system.psutil_backend import PsMachine, SocketScan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from typing import Any, Protocol

    import psutil

    from devports.core.model import Holder, Platform, Process, ProcessKey, Socket
    from devports.system import ProcessHandle, Sent
    from devports.system.identity import Row
    from devports.system.signals import KeyOf

    NameOf = Callable[[int], str | None]

    class Watch(Protocol):
        """Tells that a process has ended."""

        def ended(self) -> bool:
            """Whether that has been told since the last question."""

        def fileno(self) -> int:
            """Return a descriptor that is readable when there is something to be told."""

        def close(self) -> None: ...


EPHEMERAL = (49152, 65535)
"""Of net.inet.ip.portrange.first and last, unless somebody has set them."""
RANGE = ("net.inet.ip.portrange.first", "net.inet.ip.portrange.last")
SESSION = "kern.bootsessionuuid"
"""Made anew at every boot. kern.boottime is not used for that where it can be helped: it moves
whenever the clock is set."""
MOST_NAMED = 100
"""Ports in one command line."""
CUT = 15
"""A name of so many characters may have been cut: netstat has room for 16 (XNU, MAXCOMLEN)."""
LSOF = ("-nPbw", "+c0", "-FpcuLtnTf")
"""Numbers, no call that may block (a share that does not answer), whole names, these fields."""
NO_NETSTAT = VisibilityGap(
    "no-netstat", "netstat does not respond; sockets of other users are not visible"
)
NO_LSOF = VisibilityGap("no-lsof", "lsof does not respond")


class Sources(Frozen):
    """Where to look. An empty path, or `processes` off, takes a source away.

    `seconds`: for each of the tools, and for the look at the processes, our own first.
    """

    lsof: str = "/usr/sbin/lsof"
    netstat: str = "/usr/sbin/netstat"
    sysctl: str = "/usr/sbin/sysctl"
    launchctl: str = "/bin/launchctl"
    processes: bool = True
    seconds: float = subprocesses.SECONDS

    def ask(self, path: str, *words: str) -> bytes | None:
        """Return what a tool wrote; None where it is taken away or does not answer."""
        return subprocesses.ask((path, *words), self.seconds) if path else None


class KernelQueue:
    """A kqueue that tells once when a process has ended, reaped or not.

    Raises:
        OSError: ESRCH where there is no such process, also where it only waits to be reaped.
    """

    _queue: Any  # where there is no kqueue, it has no type

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
    """A process whose end we shall be told of. Close it."""

    def __init__(self, key: ProcessKey, watch: Watch, key_of: KeyOf) -> None:
        self.key = key
        self._watch, self._key_of = watch, key_of
        self._ended = False

    def send(self, number: int) -> Sent:
        """Send a signal; say whether it was sent, came too late, or is not permitted."""
        if self._key_of(self.key.pid) != self.key or self.exited:
            return "gone"
        return signals.kill(self.key.pid, number)  # verified on the line before

    @property
    def exited(self) -> bool:
        """Whether it has ended, reaped or not. The kernel tells once, so it is remembered."""
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
    """Pin the process with this identity, as `signals.pin_verified` does.

    Args:
        key: who is meant.
        key_of: says who has a number now; asked before each signal, too.
        watch: begins to wait for the end of whoever has a number.

    Raises:
        DevportsError: the kernel does not tell us about this process.
    """
    return signals.pin_verified(
        key,
        key_of,
        lambda key: QueueHandle(key, watch(key.pid), key_of),
        is_gone=signals.no_such_process,
        note="without notice of its exit a signal could reach another process",
    )


def wait_for_queues(pins: Sequence[ProcessHandle], seconds: float) -> tuple[ProcessHandle, ...]:
    """Wait until one of them has exited, at most `seconds`; return those that have."""
    if not any(each.exited for each in pins):
        signals.readable([each.fileno() for each in pins], seconds)
    return tuple(each for each in pins if each.exited)


class ProcessWalk(Frozen):
    """What the processes have open: who has been looked at, and how many could not be.

    `own`: so many of the latter are of our own user, so that lsof may know more.
    """

    rows: tuple[Row, ...] = ()
    read: frozenset[int] = frozenset()
    unread: int = 0
    own: int = 0


class Darwin(PsMachine):
    """A `devports.system.machine.Machine`. The sources can be taken away, to see what is left."""

    platform: Platform = "darwin"
    pin = staticmethod(pin_by_queue)
    wait_for_exit = staticmethod(wait_for_queues)

    def __init__(self, sources: Sources | None = None) -> None:
        super().__init__()
        self._sources = Sources() if sources is None else sources
        self._settings: dict[tuple[str, ...], str] = {}

    def look(self, ports: Collection[int]) -> SocketScan:
        """Return the sockets on these local ports, from as many sources as it takes.

        lsof reads the same descriptors as psutil, in up to two seconds and not in milliseconds: it
        is asked where the others have left a question.

        Raises:
            DevportsError: no source answers, so nothing can be said about any port.
        """
        sources = self._sources
        walk = walked(sources.seconds) if sources.processes else ProcessWalk()
        text = sources.ask(sources.netstat, "-anv", "-p", "tcp")
        listed, lost = macos_tools.netstat(text or b"", ports)
        own = [row for row in walk.rows if row.socket.local.port in ports]
        rows = together(own, listed, walk.read, psutil_backend.name_of)
        gaps = list(_gaps(walk, lost, netstat=bool(text)))
        if not text or walk.own or any(map(_is_doubtful, rows)):
            answer = sources.ask(sources.lsof, *LSOF, _selection(ports))
            if answer is None and not text and not walk.read:
                raise _blind()
            own += macos_tools.lsof(answer or b"", ports)
            rows = together(own, listed, walk.read, psutil_backend.name_of)
            gaps += [NO_LSOF] if answer is None else []
        everybody = bool(walk.read) and not walk.unread
        return SocketScan(rows, everybody or (bool(text) and not lost), tuple(gaps))

    def marked(self, holders: tuple[Holder, ...]) -> tuple[Holder, ...]:
        """Name the jobs of launchd too, among the holders and their parents, in our own domain."""
        raw = self._sources.ask(self._sources.launchctl, "list") if holders else None
        jobs = macos_tools.launchctl(raw or b"")
        return tuple(
            holder.replace(
                process=_marked(holder.process, jobs),
                ancestors=tuple(_marked(parent, jobs) for parent in holder.ancestors),
            )
            for holder in super().marked(holders)
        )

    def ephemeral(self) -> tuple[int, int]:
        words = self._setting(*RANGE).split()
        known = len(words) == len(RANGE) and all(word.isdecimal() for word in words)
        return (int(words[0]), int(words[1])) if known else EPHEMERAL

    def boot(self) -> str:
        return self._setting(SESSION) or psutil_backend.booted()

    def _setting(self, *names: str) -> str:
        """Return settings of the kernel (sysctl(8)), asked for once; empty where it is silent."""
        if names not in self._settings:
            raw = self._sources.ask(self._sources.sysctl, "-n", *names) or b""
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
    """Return lsof's option for these ports, or for all where they are very many."""
    named = ",".join(map(str, sorted(ports))) if len(ports) <= MOST_NAMED else ""
    return f"-iTCP:{named}" if named else "-iTCP"


def _blind() -> DevportsError:
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
    """Say whether somebody may hold the port by this, and nobody is certain to."""
    return not row.proven and row.socket.state in ("LISTEN", "BOUND")


def walked(seconds: float) -> ProcessWalk:
    """Look at every process in turn, our own first, as far as we may and for a bounded time."""
    rows: list[Row] = []
    read: set[int] = set()
    unread = own = 0
    deadline = clock.Deadline(seconds)
    for process, mine in sorted(_everybody(), key=lambda each: not each[1]):
        found = None if deadline.passed else _open(process)
        if found is None:
            unread, own = unread + 1, own + mine
        else:
            rows += found
            read.add(process.pid)
    return ProcessWalk(tuple(rows), frozenset(read), unread, own)


def _everybody() -> Iterator[tuple[psutil.Process, bool]]:
    """Yield all processes, and whether they are our own: one that has become another's is not."""
    import psutil  # not for a parser or a help text

    me = set(user.uids())
    for process in psutil.process_iter():
        uids = psutil_backend.uids_of(process)
        yield process, bool(uids) and uids <= me


def _open(process: psutil.Process) -> list[Row] | None:
    """Return what a process has open: nothing once it has ended, None where we may not look."""
    import psutil

    try:
        return psutil_backend.sockets_of(process)
    except psutil.NoSuchProcess:  # also of a zombie, which has closed everything
        return []
    except (psutil.Error, OSError, RuntimeError):
        return None


def together(
    own: Iterable[Row], listed: Iterable[Row], read: Collection[int], name_of: NameOf
) -> tuple[Row, ...]:
    """Return every socket once, those that only netstat lists with what can be said of their pid.

    Args:
        own: what was found in processes.
        listed: the rows of netstat.
        read: the processes that were looked at: what they have open is in `own`.
        name_of: says what a process is called, None if it is gone.
    """
    found: dict[tuple[int, object], Row] = {}
    for row in own:
        found.setdefault((row.pid, _ends(row.socket)), row)
    shown = {ends for _, ends in found}
    for row in listed:
        ends = _ends(row.socket)
        if (row.pid, ends) in found or (ends in shown and (row.pid <= 0 or row.pid in read)):
            continue
        certain = row.pid > 0 and row.pid not in read and agrees(row.name, name_of(row.pid))
        found[row.pid, ends] = row.replace(proven=certain)
    return tuple(found.values())


def _ends(socket: Socket) -> tuple[object, object]:
    """Return both ends so that the sources can be compared: some write IPv4 as IPv6."""
    return plain_end(socket.local), None if socket.remote is None else plain_end(socket.remote)


def agrees(listed: str, name: str | None) -> bool:
    """Say whether netstat's name for a pid is that of the process; none proves nothing."""
    if not listed or name is None:
        return False
    return name == listed or (len(listed) >= CUT and name.startswith(listed))
