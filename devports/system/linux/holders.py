"""The processes that have a socket open.

The cost is one system call per open descriptor, so a search that need not be complete starts at the
most likely place: the socket's control group, then processes of its uid, the newest first; in each
of them at the numbers that a server's socket usually has. Only then everything is read.

A socket that was sent over a unix socket and not received yet (unix(7), SCM_RIGHTS) is in no
process's list of descriptors: /proc shows which unix sockets have such descriptors waiting
(``scm_fds`` in fdinfo, Linux 5.10), but not which ones.
"""

from __future__ import annotations

import os

from devports.core.model import HiddenSocket, Holder, HolderSearch, Socket, VisibilityGap
from devports.errors import raise_limit
from devports.system.linux import processes, procfs
from devports.system.linux.inet_diag import LISTEN_ONLY, Malformed
from devports.system.linux.processes import listdir, read_file, uid_of
from devports.system.linux.sockets import dump

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    Groups = dict[int, tuple[str, list[int]]]

SMALL_CGROUP = 60
"""Processes up to which a control group is searched first (a service, a container)."""
NEWEST = 8
"""Newest processes that are read whole first: a server is looked up most often when it is new."""
FIRST_NUMBER = ("3",)
"""Descriptor of the first file that a program opens: many servers open no other one before."""
NEXT_NUMBERS = (("4", "5", "6"), tuple(map(str, range(7, 12))), tuple(map(str, range(12, 28))))
"""Further descriptors, by likelihood: beside event loops, logs, libraries and pipes."""
LOW_NUMBERS = frozenset(FIRST_NUMBER).union(*NEXT_NUMBERS)
MANY = 256
"""Descriptors of a process that is not read whole where another process is likelier."""
MAX_LIKELY = 8
MOST_SEARCHES = 20
"""Searches of new processes for a socket without a holder, which may be passed on."""
IN_TRANSIT = (
    "no process has it open: it is in transit in a unix socket (SCM_RIGHTS) until "
    "the receiver reads and closes it, or exits"
)
NOT_HERE = (
    "no visible process shows it: its holder is in another PID namespace (a "
    "container, or the host of this one), keeps it outside its descriptor table "
    "(io_uring), or changes faster than devports can read it"
)
UNLISTED = "the processes of other users, which /proc does not list for this user (hidepid)"


def holding(
    sockets: Sequence[Socket], likely: Callable[[], Collection[int]] = tuple, /, *, thorough: bool
) -> HolderSearch:
    """Return the holders of these sockets.

    Args:
        sockets: the sockets; those without an inode belong to no process.
        likely: names processes that may have them, or their descendants. It is called only if there
            are many others.
        thorough: search every process, which is needed before a process is signalled. Otherwise
            stop when each socket has a holder and the relatives of the holders were searched.
    """
    links = {f"socket:[{socket.inode}]": socket.inode for socket in sockets if socket.inode}
    search = Search(links)
    if not links:
        return HolderSearch()
    groups = groups_of({socket.cgroup for socket in sockets if socket.cgroup})
    small = [pid for _, pids in groups.values() if len(pids) <= SMALL_CGROUP for pid in pids]
    if thorough:
        search.search((*small, *processes.pids()))
    else:
        search.search_quickly(small)
        for pids in _candidates(search, sockets, groups):
            _find(search, pids, likely)
        _widen(search, sockets)
    if _without_opener(sockets, search):
        search.search(processes.pids())
    return _holding(sockets, search, groups, complete=thorough)


def _candidates(search: Search, sockets: Sequence[Socket], groups: Groups) -> Iterator[list[int]]:
    """Yield processes that may have the sockets, newest first, until each socket has a holder."""
    if os.geteuid() not in (0, *(socket.uid for socket in sockets)):
        return  # their processes are not readable
    members = {pid for _, pids in groups.values() for pid in pids}
    if not search.done:
        yield processes.newest_first(members)
    if not search.done:
        yield [pid for pid in _of_opener(sockets) if pid not in members]


def _of_opener(sockets: Iterable[Socket]) -> list[int]:
    """Return the processes of the users who opened the sockets."""
    uids = {socket.uid for socket in sockets}
    return [pid for pid in processes.pids() if uid_of(pid) in uids]


def _find(search: Search, pids: Sequence[int], likely: Callable[[], Collection[int]]) -> None:
    """Look into these processes at the likely descriptors, until each socket has a holder."""
    search.search_quickly(pids[:NEWEST])
    pids = search.glance(_readable(pids), FIRST_NUMBER)
    if not search.done:
        named = likely()
        search.search_quickly((*named, *relatives(named)))
    for numbers in NEXT_NUMBERS:
        pids = search.glance(pids, numbers)


def _readable(pids: Iterable[int]) -> Iterator[int]:
    """Yield the processes that this user may read.

    prlimit(2) needs about the same permission, and costs a quarter of a link that is refused.
    """
    if os.geteuid() == 0:
        yield from pids
        return
    import resource  # only if there are many others

    for pid in pids:
        try:
            resource.prlimit(pid, resource.RLIMIT_NOFILE)
        except OSError:
            continue
        yield pid


def _widen(search: Search, sockets: Sequence[Socket]) -> None:
    """Search the relatives of the holders; then, for what is missing, every process."""
    search.search_quickly(relatives(search.found))
    if not search.done:
        search.glance(_readable(_of_opener(sockets)))
        search.search(relatives(search.found))
    if not search.done:
        search.search(processes.pids())


def _without_opener(sockets: Iterable[Socket], search: Search) -> list[Socket]:
    """Return the sockets that no process of the user who opened them has.

    A worker dropped its privileges; its master has the socket too, and starts the next one (nginx).
    """
    return [
        socket
        for socket in sockets
        if (uids := {uid_of(pid) for pid, inodes in search.found.items() if socket.inode in inodes})
        and socket.uid not in (None, *uids)
    ]


class Search:
    """A search of descriptors that reads no process twice.

    Attributes:
        links: targets of links in /proc, and the inodes of the sockets, that are wanted.
        missing: those of them that no process was found to have.
        found: processes, and the inodes of the wanted sockets that each has.
        unreadable: processes that only another user can read.
    """

    def __init__(self, links: dict[str, int]) -> None:
        self.links, self.missing = links, links
        self.found: dict[int, set[int]] = {}
        self.unreadable: list[int] = []
        self._seen: set[int] = set()
        self._divided: set[int] = set()
        """Processes whose threads were searched one by one."""

    @property
    def done(self) -> bool:
        return not self.missing

    def search(self, pids: Iterable[int]) -> bool:
        """Search these processes; return whether any of them was new."""
        new = [pid for pid in pids if pid not in self._seen]
        for pid in new:
            self._seen.add(pid)
            self._read(pid)
        return bool(new)

    def search_quickly(self, pids: Iterable[int]) -> None:
        """Search these processes, but those with many descriptors only if they have a socket.

        It is looked for at the lowest numbers; a process that inherits it has it at the same one
        as the holder (fork(2)). Before Linux 6.2 the kernel does not tell how many a process has.
        """
        new = [pid for pid in pids if pid not in self._seen]
        large = [pid for pid in new if _open_files(pid) > MANY]
        self.search(pid for pid in new if pid not in large)
        lowest = [str(number) for number in range(MANY)] if large else ()
        self.search(pid for pid in large if _has_one(pid, lowest, self.links))

    def glance(self, pids: Iterable[int], numbers: Sequence[str] | None = None) -> list[int]:
        """Look at these descriptors, or all but the low ones; return which may have others.

        A process with a missing socket is searched whole. No other one counts as searched.
        """
        left = []
        for pid in pids:
            if self.done:
                break
            has = _has_one(pid, numbers, self.missing)
            if has:
                self.search((pid,))
            if has is not None:
                left.append(pid)
        return left

    def search_more(self) -> bool:
        """Search new processes; return whether there were any.

        Then search for what no process has open: a thread may have its own table (unshare(2)).
        """
        new = self.search(processes.pids())
        for pid in () if self.done else self._seen - self._divided:
            self._divided.add(pid)
            if len(listdir(f"/proc/{pid}/task")) > 1 and (held := self._in_threads(pid)):
                self._add(pid, held)
                new = True
        return new

    @property
    def lists_all(self) -> bool:
        """Whether /proc lists process 1: with hidepid=2 (proc(5)) it lists only one user's."""
        return 1 in self._seen

    def _read(self, pid: int) -> None:
        opened, held = self._in_folder(f"/proc/{pid}/fd")
        if not opened and (held is not None or uid_of(pid) == os.geteuid()) and _is_zombie(pid):
            held = self._in_threads(pid)
        if held is None:
            self.unreadable.append(pid)
        if held:
            self._add(pid, held)

    def _add(self, pid: int, held: set[int]) -> None:
        self.found.setdefault(pid, set()).update(held)
        self.missing = {link: inode for link, inode in self.missing.items() if inode not in held}

    def _in_threads(self, pid: int) -> set[int] | None:
        """Return the wanted inodes of the threads of a process; None where they are not readable.

        The folder of a thread group leader that has exited is empty, and belongs to root.
        """
        names = listdir(f"/proc/{pid}/task")
        tasks = [self._in_folder(f"/proc/{pid}/task/{name}/fd")[1] for name in names]
        held = {inode for found in tasks if found for inode in found}
        return None if None in tasks and not held else held

    def _in_folder(self, folder: str) -> tuple[int, set[int] | None]:
        """Return how many descriptors are here, and the wanted inodes; None if unreadable."""
        held: set[int] = set()
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return 0, held
        except OSError as error:
            raise_limit(error)
            return 0, None
        names: list[str] = []
        try:
            names = os.listdir(descriptor)
            for name in names:
                try:
                    inode = self.links.get(os.readlink(name, dir_fd=descriptor))
                except OSError:
                    continue
                if inode is not None:
                    held.add(inode)
        except OSError as error:  # it exited
            raise_limit(error)
            return len(names), held
        finally:
            os.close(descriptor)
        return len(names), held


def _open_files(pid: int) -> int:
    """Return how many descriptors a process has (proc(5)); 0 if unknown."""
    try:
        return os.stat(f"/proc/{pid}/fd").st_size
    except OSError:
        return 0


def _has_one(pid: int, numbers: Collection[str] | None, links: Collection[str]) -> bool | None:
    """Return whether one of these descriptors, or of all but the low ones, is one of the sockets.

    None if the process is not worth a second glance: none of several numbers is open, or they are
    not readable.
    """
    try:
        if numbers is FIRST_NUMBER:  # a path costs less than a folder
            return os.readlink(f"/proc/{pid}/fd/3") in links
        folder = os.open(f"/proc/{pid}/fd", os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        return False if isinstance(error, FileNotFoundError) else None
    try:
        if numbers is None:
            numbers = set(os.listdir(folder)) - LOW_NUMBERS
        targets = [processes.link(number, folder) for number in numbers]
    except OSError as error:  # it exited
        raise_limit(error)
        return False
    finally:
        os.close(folder)
    if any(target in links for target in targets):
        return True
    return False if any(targets) else None


def listening(pids: Collection[int]) -> tuple[Socket, ...]:
    """Return the sockets on which these processes listen, as far as readable, on any port.

    Nothing where netlink is refused.
    """
    inodes = {inode for pid in pids for _, inode in processes.sockets(pid)}
    try:
        found = dump((), LISTEN_ONLY)
    except (OSError, Malformed):
        return ()
    return tuple(socket for socket in found if socket.inode in inodes)


ACCEPT = {"x86_64": (43, 288), "aarch64": (202, 242)}
"""System call numbers of accept(2) and accept4(2), by CPU architecture."""
MAY_ACCEPT = {"x86_64": (7, 23, 270, 271, 426), "aarch64": (72, 73, 426)}
"""Numbers of calls that may wait for connections, among other things: poll(2), select(2),
pselect6(2), ppoll(2) and io_uring_enter(2)."""


def accepting(pids: Collection[int], inodes: Collection[int]) -> dict[int, bool | None]:
    """Return which of these processes have one of the sockets open, and whether each accepts."""
    wanted, found = {f"socket:[{inode}]" for inode in inodes}, {}
    for pid in pids:
        opened = dict(processes.descriptors(pid))
        numbers = {int(name) for name, target in opened.items() if target in wanted}
        if numbers:
            found[pid] = _is_polled(pid, opened, set(inodes)) or _is_in_accept(pid, numbers)
    return found


def _is_polled(pid: int, opened: Mapping[str, str], inodes: set[int]) -> bool:
    """Return whether one of the sockets is in an epoll set of the process (epoll(7), proc(5))."""
    polls = (name for name, target in opened.items() if target == "anon_inode:[eventpoll]")
    infos = (read_file(f"/proc/{pid}/fdinfo/{name}") for name in polls)
    return any(procfs.epoll_inodes(info) & inodes for info in infos)


def _is_in_accept(pid: int, numbers: set[int]) -> bool | None:
    """Return whether a thread is in accept(2) on one of these descriptors; None if it may be."""
    machine = os.uname().machine
    # An io_uring proves nothing: libuv has one and waits in epoll.
    accept, perhaps = ACCEPT.get(machine, ()), MAY_ACCEPT.get(machine)
    texts = (read_file(f"/proc/{pid}/task/{task}/syscall") for task in listdir(f"/proc/{pid}/task"))
    calls = [procfs.system_call(text) for text in texts]
    if any(call is not None and call[0] in accept and call[1] in numbers for call in calls):
        return True
    if perhaps is None or None in calls:
        return None
    return None if any(call[0] in perhaps for call in calls if call) else False


def _is_zombie(pid: int) -> bool:
    stat = processes.stat_of(pid)
    return stat is not None and stat.state == "Z"


def relatives(pids: Collection[int]) -> list[int]:
    """Return parents, siblings and descendants: an inherited socket is in one of them."""
    found: list[int] = []
    for pid in pids:
        stat = processes.stat_of(pid)
        if stat is not None and stat.ppid > 1:
            found += (stat.ppid, *processes.children(stat.ppid))
        found += processes.descendants(pid)
    return found


def groups_of(identities: Collection[int]) -> Groups:
    """Return path and processes of the control groups with these ids: the inodes of their folders.

    A socket keeps the group it was opened in, so this is a hint and no proof. The control group of
    devports and its parents are tried first; for all others the tree is searched once.
    """
    root = procfs.cgroup2_mount(read_file("/proc/mounts")) if identities else ""
    found: Groups = {}
    if not root:
        return found
    own = procfs.cgroup_path(read_file("/proc/self/cgroup")) or "/"
    while own not in ("", "/"):
        if (identity := _inode(root + own)) in identities:
            found[identity] = own, _members(root + own)
        own = own.rpartition("/")[0]
    return found | _search_tree(root, set(identities) - set(found))


def _search_tree(root: str, missing: set[int]) -> Groups:
    found: Groups = {}
    todo = [root]
    while todo and missing:
        folder = todo.pop()
        if (identity := _inode(folder)) in missing:
            missing = missing - {identity}
            found[identity] = folder[len(root) :] or "/", _members(folder)
        try:
            with os.scandir(folder) as entries:
                todo += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError as error:
            raise_limit(error)
    return found


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0


def _members(folder: str) -> list[int]:
    return [int(word) for word in read_file(f"{folder}/cgroup.procs").split() if word != b"0"]


def _holding(
    sockets: Sequence[Socket], search: Search, groups: Groups, *, complete: bool
) -> HolderSearch:
    holders = _holders(search, marked=complete)
    unnamed = set(search.missing.values())
    unseen = [socket for socket in sockets if socket.inode in unnamed]
    if search.unreadable or not search.lists_all:
        unseen += _without_opener(sockets, search)
    proxies = _forwarders(search.unreadable) if unseen else {}
    own = [socket for socket in unseen if not search.unreadable or socket.uid == os.geteuid()]
    carrying = carriers(search.unreadable) if own else []
    hidden = tuple(
        _hidden(
            socket,
            *groups.get(socket.cgroup, ("", [])),
            [pid for pid, ports in proxies.items() if socket.local.port in ports]
            or (carrying if socket in own else []),
        )
        for socket in unseen
    )
    gaps = _gaps(search, carrying=bool(carrying)) if hidden else ()
    return HolderSearch(tuple(holders), hidden, complete, gaps)


def _holders(search: Search, *, marked: bool) -> list[Holder]:
    """Return the holders that still run.

    While one of the sockets has none, new processes are searched: its holder may have passed it on
    and exited, before its descriptors were read or after.
    """
    holders: list[Holder] = []
    for _ in range(MOST_SEARCHES):
        found = [_holder(pid, held, marked=marked) for pid, held in sorted(search.found.items())]
        holders = [holder for holder in found if holder is not None]
        held = {inode for holder in holders for inode in holder.inodes}
        if held.issuperset(search.links.values()) or not search.search_more():
            break
    return holders


def _gaps(search: Search, *, carrying: bool) -> tuple[VisibilityGap, ...]:
    """Return why the holder of a socket was not found."""
    found: list[VisibilityGap] = []
    if not search.lists_all:
        found.append(VisibilityGap("unreadable-processes", UNLISTED))
    elif search.unreadable:
        found.append(VisibilityGap("unreadable-processes", _unreadable(search.unreadable)))
    if carrying:
        found.append(VisibilityGap("in-transit", IN_TRANSIT))
    elif not found:
        found.append(VisibilityGap("not-here", NOT_HERE))
    return tuple(found)


def _unreadable(pids: Collection[int]) -> str:
    """Return how many processes are unreadable, by user.

    Their folder in /proc may be root's, so the user comes from their status.
    """
    users = [procfs.status_uid(read_file(f"/proc/{pid}/status")) for pid in pids]
    own = users.count(os.geteuid())
    parts = []
    if own < len(users):
        parts.append(f"{len(users) - own} processes of other users")
    if own:
        parts.append(f"{own} of your own processes that cannot be read (prctl(2), PR_SET_DUMPABLE)")
    return "the descriptors of " + " and of ".join(parts)


def _holder(pid: int, inodes: Iterable[int], *, marked: bool) -> Holder | None:
    found = processes.process(pid)
    if found is None or (found.state == "Z" and not processes.has_living_thread(pid)):
        return None  # it has exited since its descriptors were read
    if marked:
        found = found.replace(environment_marks=processes.marks_of(pid))
    return Holder(found, tuple(sorted(inodes)), processes.ancestors(found))


def _forwarders(pids: Iterable[int]) -> dict[int, set[int]]:
    """Return the ports of port forwarders, from command lines, which every user can read."""
    from devports.core.containers import forwarded  # only if a holder is hidden

    words = ((pid, procfs.command_line(read_file(f"/proc/{pid}/cmdline"))) for pid in pids)
    return {pid: ports for pid, argv in words if (ports := forwarded(argv))}


def _hidden(socket: Socket, path: str, members: list[int], proxies: list[int]) -> HiddenSocket:
    pids = proxies or (members if len(members) <= MAX_LIKELY else [])
    likely = [found for pid in pids if (found := processes.process(pid)) is not None]
    user = "" if socket.uid is None else processes.user_name(socket.uid)
    return HiddenSocket(socket, user, path, tuple(likely))


MOST_CARRIERS = 8


def carriers(unreadable: Collection[int]) -> list[int]:
    """Return processes whose unix sockets have descriptors waiting: only likely holders."""
    readable = (pid for pid in processes.pids() if pid not in unreadable)
    return [pid for pid in readable if _carries(pid)][:MOST_CARRIERS]


def _carries(pid: int) -> bool:
    infos = (read_file(f"/proc/{pid}/fdinfo/{name}") for name, _ in processes.sockets(pid))
    return any(map(procfs.waiting_descriptors, infos))
