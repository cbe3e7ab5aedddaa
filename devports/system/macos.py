"""macOS: what psutil may read of each process, then lsof and netstat for the rest.

table: The socket table of macOS: what each process has open, and netstat for what nobody shows us.

Without privileges only our own processes can be read, one by one: psutil's look at all of them at
once ends at the first that is refused (github.com/giampaolo/psutil/issues/1219). netstat shows
the sockets of every user, and writes a pid beside them that nothing proves.
"""

from __future__ import annotations

from devports import exitcodes
from devports.core.model import VisibilityGap
from devports.core.value import Frozen
from devports.core.verdict import plain_end
from devports.errors import DevportsError
from devports.system import clock, macos_tools, psutil_backend, subprocesses, user
from devports.system.psutil_backend import PsMachine, SocketScan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    import psutil

    from devports.core.holder_kind import CurrentUser
    from devports.core.model import Holder, Platform, Process, ProcessKey, Socket
    from devports.system import ProcessHandle
    from devports.system.identity import Row

    NameOf = Callable[[int], str | None]


EPHEMERAL = (49152, 65535)
"""Of net.inet.ip.portrange.first and last, unless somebody has set them."""
RANGE = ("net.inet.ip.portrange.first", "net.inet.ip.portrange.last")
SESSION = "kern.bootsessionuuid"
"""Made anew at every boot. kern.boottime is not used for that where it can be helped: it moves
whenever the clock is set."""


class Darwin(PsMachine):
    """A `devports.system.Machine`. The sources can be taken away, to see what is left."""

    platform: Platform = "darwin"

    def __init__(self, sources: Sources | None = None) -> None:
        super().__init__()
        self._sources = Sources() if sources is None else sources
        self._viewer: CurrentUser | None = None
        self._boot = ""
        self._ephemeral: tuple[int, int] | None = None

    def look(self, ports: Collection[int]) -> SocketScan:
        return look(ports, self._sources)

    def marked(self, holders: tuple[Holder, ...]) -> tuple[Holder, ...]:
        """Name the jobs of launchd too, among the holders and their parents, in our own domain."""
        raw = subprocesses.ask((self._sources.launchctl, "list")) if holders else None
        jobs = macos_tools.labels(raw or b"")
        return tuple(
            holder.but(
                process=_marked(holder.process, jobs),
                ancestors=tuple(_marked(parent, jobs) for parent in holder.ancestors),
            )
            for holder in super().marked(holders)
        )

    def pin(self, key: ProcessKey) -> ProcessHandle | None:
        from devports.system import signals  # before ending something

        return signals.pin_by_queue(key, psutil_backend.key_of)

    def wait_for_exit(
        self, pins: Sequence[ProcessHandle], seconds: float
    ) -> tuple[ProcessHandle, ...]:
        from devports.system import signals

        return signals.wait_for_queues(pins, seconds)

    def ephemeral(self) -> tuple[int, int]:
        if self._ephemeral is None:
            words = (subprocesses.ask((self._sources.sysctl, "-n", *RANGE)) or b"").split()
            known = len(words) == len(RANGE) and all(word.isdigit() for word in words)
            self._ephemeral = (int(words[0]), int(words[1])) if known else EPHEMERAL
        return self._ephemeral

    def boot(self) -> str:
        if not self._boot:
            raw = subprocesses.ask((self._sources.sysctl, "-n", SESSION)) or b""
            self._boot = raw.decode("ascii", "replace").strip() or psutil_backend.booted()
        return self._boot

    def viewer(self) -> CurrentUser:
        if self._viewer is None:
            from devports.core.holder_kind import CurrentUser  # before ending something

            self._viewer = CurrentUser(*user.uids(), self.own_line())
        return self._viewer


def _marked(process: Process, jobs: dict[int, str]) -> Process:
    label = jobs.get(process.pid)
    return process if label is None else process.but(marks=(*process.marks, ("launchd", label)))


SECONDS = 2.0
"""For the look at the processes; our own come first."""
MOST_NAMED = 100
"""Ports in one command line."""
CUT = 15
"""A name of so many characters may have been cut: netstat has room for 16 (XNU, MAXCOMLEN)."""


class Sources(Frozen):
    """Where to look. An empty path, or `processes` off, takes a source away."""

    lsof: str = "/usr/sbin/lsof"
    netstat: str = "/usr/sbin/netstat"
    sysctl: str = "/usr/sbin/sysctl"
    launchctl: str = "/bin/launchctl"
    processes: bool = True


class ProcessWalk(Frozen):
    """What the processes have open: who has been looked at, and how many could not be.

    `own`: so many of the latter are of our own user, so that lsof may know more.
    """

    rows: tuple[Row, ...] = ()
    read: frozenset[int] = frozenset()
    unread: int = 0
    own: int = 0


LSOF = ("-nPbw", "+c0", "-FpcuLtnTf")
"""Numbers, no call that may block (a share that does not answer), whole names, these fields."""
NO_NETSTAT = VisibilityGap(
    "no-netstat", "netstat does not answer: sockets of other users are not seen"
)
NO_LSOF = VisibilityGap("no-lsof", "lsof does not answer")


def look(ports: Collection[int], sources: Sources) -> SocketScan:
    """Return the sockets on these local ports, from as many sources as it takes.

    lsof reads the same descriptors as psutil, in up to two seconds and not in some milliseconds:
    it is asked where the others have left a question.

    Raises:
        DevportsError: no source answers, so nothing can be said about any port.
    """
    walk = walked() if sources.processes else ProcessWalk()
    text = _ask(sources.netstat, "-anv", "-p", "tcp")
    listed, lost = macos_tools.read(text or b"", ports)
    own = [row for row in walk.rows if row.socket.local.port in ports]
    rows = together(own, listed, walk.read, psutil_backend.name_of)
    gaps = list(_gaps(walk, lost, netstat=bool(text)))
    if not text or walk.own or any(map(_is_doubtful, rows)):
        answer = _ask(sources.lsof, *LSOF, _selection(ports))
        if answer is None and not text and not walk.read:
            raise _blind()
        own += macos_tools.rows(answer or b"", ports)
        rows = together(own, listed, walk.read, psutil_backend.name_of)
        gaps += [NO_LSOF] if answer is None else []
    everybody = bool(walk.read) and not walk.unread
    return SocketScan(rows, everybody or (bool(text) and not lost), tuple(gaps))


def _selection(ports: Collection[int]) -> str:
    """Return lsof's option for these ports, or for all where they are very many."""
    named = ",".join(map(str, sorted(ports))) if len(ports) <= MOST_NAMED else ""
    return f"-iTCP:{named}" if named else "-iTCP"


def _ask(path: str, *words: str) -> bytes | None:
    return subprocesses.ask((path, *words)) if path else None


def _blind() -> DevportsError:
    return DevportsError(
        "no-table",
        "neither the processes nor lsof and netstat tell about sockets",
        note="without one of them nobody can say who has a port",
        exit_code=exitcodes.BLIND,
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


def walked() -> ProcessWalk:
    """Look at every process in turn, our own first, as far as we may and for a bounded time."""
    rows: list[Row] = []
    read: set[int] = set()
    unread = own = 0
    deadline = clock.Deadline(SECONDS)
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
        found[row.pid, ends] = row.but(proven=certain)
    return tuple(found.values())


def _ends(socket: Socket) -> tuple[object, object]:
    """Return both ends so that the sources can be compared: some write IPv4 as IPv6."""
    return plain_end(socket.local), None if socket.remote is None else plain_end(socket.remote)


def agrees(listed: str, name: str | None) -> bool:
    """Say whether netstat's name for a pid is that of the process; none proves nothing."""
    if not listed or name is None:
        return False
    return name == listed or (len(listed) >= CUT and name.startswith(listed))
