"""Facts about processes from /proc, at a quarter of the cost of importing psutil."""

from __future__ import annotations

import os
import time

from devports.core.model import JobControl, Process, ProcessKey
from devports.errors import raise_limit
from devports.system.linux import procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from devports.core.holder_kind import CurrentUser

MAX_FILE = 1 << 20
MAX_ANCESTORS = 64


def read_file(path: str, most: int = MAX_FILE) -> bytes:
    """Return the beginning of a file; empty where it cannot be read or its process has exited.

    Raises:
        OSError: a limit of this process or machine (`errors.LIMITS`).
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise_limit(error)
        return b""
    parts: list[bytes] = []
    try:
        while most > 0 and (part := os.read(descriptor, 65536)):
            parts.append(part)
            most -= len(part)
    except OSError as error:
        raise_limit(error)
        return b""
    finally:
        os.close(descriptor)
    return b"".join(parts)


def link(path: str, folder: int | None = None) -> str:
    """Return the target of a link, in an open folder if given; empty where it cannot be read."""
    try:
        return os.readlink(path, dir_fd=folder)
    except OSError:
        return ""


def sockets(pid: int) -> Iterator[tuple[str, int]]:
    """Yield descriptor (the name of its link) and inode of every socket of a process."""
    for name, target in descriptors(pid):
        if target.startswith("socket:["):
            yield name, int(target[8:-1])


def descriptors(pid: int) -> Iterator[tuple[str, str]]:
    """Yield each open descriptor of a process, and the target of its link."""
    for name in listdir(f"/proc/{pid}/fd"):
        yield name, link(f"/proc/{pid}/fd/{name}")


def pids() -> list[int]:
    """Return all processes, newest first."""
    return newest_first(int(name) for name in listdir("/proc") if name.isdecimal())


def newest_first(pids: Iterable[int]) -> list[int]:
    """Return pids sorted by age, also after the pid counter has wrapped."""
    me = os.getpid()
    return sorted(pids, key=lambda pid: (pid > me, -pid))


def uid_of(pid: int) -> int | None:
    """Return the user of a process, None if it does not exist."""
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None


def stat_of(pid: int) -> procfs.Stat | None:
    return procfs.stat(read_file(f"/proc/{pid}/stat"))


def key(pid: int) -> ProcessKey | None:
    """Return the identity of a process, also of a zombie; None if it does not exist."""
    stat = stat_of(pid)
    return None if stat is None else ProcessKey(pid, stat.start)


_NAMES: dict[int, str] = {}
"""Cached, as a directory service (nsswitch.conf(5)) may be slow."""


def user_name(uid: int) -> str:
    """Return the user's name, or the uid as text if it has none."""
    import pwd  # does not exist on Windows, where this module must be importable

    if uid not in _NAMES:
        try:
            _NAMES[uid] = pwd.getpwuid(uid).pw_name
        except KeyError:
            _NAMES[uid] = str(uid)
    return _NAMES[uid]


def marks_of(pid: int) -> tuple[tuple[str, str], ...]:
    """Return the marks of supervisors and of devports in its environment, readable by its user."""
    from devports.core.classify import MARKS
    from devports.core.recovery import MARK  # only before a signal

    return procfs.environment(read_file(f"/proc/{pid}/environ"), (*MARKS, MARK))


def process(pid: int) -> Process | None:
    """Return the facts about a process, empty where unreadable; None if it does not exist."""
    base = f"/proc/{pid}"
    stat = stat_of(pid)
    uid = procfs.status_uid(read_file(f"{base}/status"))
    if stat is None or uid is None:
        return None
    return Process(
        key=ProcessKey(pid, stat.start),
        ppid=stat.ppid,
        uid=uid,
        user=user_name(uid),
        name=stat.name,
        argv=procfs.command_line(read_file(f"{base}/cmdline")),
        cwd=link(f"{base}/cwd"),
        exe=link(f"{base}/exe").removesuffix(" (deleted)"),
        state=stat.state,
        started=_epoch(stat.start),
        cgroup=procfs.cgroup_path(read_file(f"{base}/cgroup")),
        job=JobControl(stat.group, stat.foreground, stat.terminal),
    )


PF_EXITING = 0x4
"""Of the flags of a thread, field 9 of proc_pid_stat(5): it is about to exit (linux/sched.h)."""


def has_living_thread(pid: int) -> bool:
    """Return whether a thread runs on after the main thread of a process has exited."""
    for task in listdir(f"/proc/{pid}/task"):
        fields = read_file(f"/proc/{pid}/task/{task}/stat").rpartition(b")")[2].split()
        exited = len(fields) <= FLAGS or fields[0] in (b"Z", b"X")
        if not exited and not int(fields[FLAGS]) & PF_EXITING:
            return True
    return False


FLAGS = 6
"""Of the fields behind the name."""


def _epoch(ticks: int) -> float:
    """Return a start time in seconds since the epoch, from clock ticks since boot."""
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return booted + ticks / os.sysconf("SC_CLK_TCK")


def ancestors(of: Process) -> tuple[Process, ...]:
    """Return the parents, nearest first, up to and including process 1."""
    found: list[Process] = []
    while len(found) < MAX_ANCESTORS and of.ppid > 0:
        parent = process(of.ppid)
        if parent is None:
            break
        found.append(parent)
        of = parent
    return tuple(found)


_VIEWERS: dict[int, CurrentUser] = {}
"""By effective uid; the ancestors of this process do not change."""


def viewer() -> CurrentUser:
    """Return the user of devports, and all ancestors of this process."""
    from devports.core.containers import is_monitor, monitored_container  # not for `check`
    from devports.core.holder_kind import CurrentUser
    from devports.system import user

    uid, person = user.uids()
    if uid not in _VIEWERS:
        me = process(os.getpid())
        line = () if me is None else (me, *ancestors(me))
        cgroup = me.cgroup if me else ""
        around = (monitored_container(parent)[1] for parent in line if is_monitor(parent))
        keys, inside = tuple(p.key for p in line), tuple(filter(None, around))
        _VIEWERS[uid] = CurrentUser(uid, person, keys, cgroup, inside)
    return _VIEWERS[uid]


def children(pid: int) -> set[int]:
    """Return the direct children, from every task of the process (proc(5), task/*/children)."""
    files = [f"/proc/{pid}/task/{task}/children" for task in listdir(f"/proc/{pid}/task")]
    if not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
        return _children_by_scan(pid)  # a kernel built without CONFIG_PROC_CHILDREN
    return {int(word) for file in files for word in read_file(file).split()}


def _children_by_scan(pid: int) -> set[int]:
    stats = ((other, stat_of(other)) for other in pids())
    return {other for other, stat in stats if stat is not None and stat.ppid == pid}


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    todo = [pid]
    while todo:
        for child in children(todo.pop()):
            if child not in found:
                found.append(child)
                todo.append(child)
    return found


def processes_with_mark(mark: str) -> list[int]:
    """Return the processes that belong to the run with this mark, as far as readable."""
    from devports.core.recovery import MARK  # only after a run was killed

    return [pid for pid in pids() if (MARK, mark) in marks_of(pid)]


def boot() -> str:
    """Return the identity of this boot (random(4))."""
    return read_file("/proc/sys/kernel/random/boot_id").decode("ascii").strip()


def listdir(path: str) -> list[str]:
    """Return the names in a folder; none where it cannot be read.

    Raises:
        OSError: as `read_file`.
    """
    try:
        return os.listdir(path)
    except OSError as error:
        raise_limit(error)
        return []


PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of orphaned descendants (prctl(2)), which stay in the process tree."""
    import ctypes  # a third of a Python start, only for `run`

    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
