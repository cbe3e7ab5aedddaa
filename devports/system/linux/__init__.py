"""Linux: netlink and /proc, no outside program.

reserved: Local ports that the kernel keeps out of what it gives to outgoing connections.

wsl: Whether this is Linux under Windows: it has ports of its own, and Windows has others.
"""

from __future__ import annotations

import os

from devports.system import bind
from devports.system.linux import sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from devports.core.holder_kind import CurrentUser
    from devports.core.model import (
        BindResult,
        Endpoint,
        HolderSearch,
        Platform,
        Process,
        ProcessKey,
        Socket,
        Table,
    )
    from devports.system import ProcessHandle


class Linux:
    """A `devports.system.Machine`. The switches take a source away, to see what is left."""

    platform: Platform = "linux"
    wildcards = True

    def __init__(self, *, netlink: bool = True, bound: bool = True) -> None:
        self._netlink = netlink
        self._bound = bound
        self._viewer: CurrentUser | None = None

    def reads_own_processes(self) -> bool:
        """Say whether /proc counts processes as our own system calls do (pid_namespaces(7))."""
        try:
            return os.readlink("/proc/self") == str(os.getpid())
        except OSError:
            return False

    def table(self, ports: Collection[int]) -> Table:
        return sockets.read(ports, netlink=self._netlink, bound=self._bound)

    def listening_on(self, ports: Collection[int]) -> Table:
        return sockets.read(ports, netlink=self._netlink, bound=self._bound, only_listening=True)

    def listeners(self) -> Table:
        return sockets.listeners(netlink=self._netlink, bound=self._bound)

    def listening(self, pids: Collection[int]) -> tuple[Socket, ...]:
        from devports.system.linux import holders

        return sockets.listening(holders.sockets_of(pids))

    def unlisted(self, port: int, known: Table) -> tuple[Socket, ...]:
        from devports.system.linux import holders

        return holders.find_unlisted(port, {socket.inode for socket in known.sockets})

    def ephemeral(self) -> tuple[int, int]:
        return sockets.ephemeral()

    def probe(self, endpoint: Endpoint, *, reuse: bool = True) -> BindResult:
        return bind.probe(endpoint, reuse=reuse)

    def reserve(self, endpoint: Endpoint) -> bind.Reservation | BindResult:
        return bind.reserve(endpoint)

    def holding(self, sockets: Sequence[Socket], *, thorough: bool) -> HolderSearch:
        from devports.system.linux import holders

        return holders.find(sockets, thorough=thorough)

    def pin(self, key: ProcessKey) -> ProcessHandle | None:
        from devports.system.linux import pidfd as signals
        from devports.system.linux import processes

        return signals.pin(key, processes.key_of)

    def wait_for_exit(
        self, pins: Sequence[ProcessHandle], seconds: float
    ) -> tuple[ProcessHandle, ...]:
        from devports.system.linux import pidfd as signals

        return signals.wait_for_exit(pins, seconds)

    def process(self, pid: int) -> Process | None:
        from devports.system.linux import processes

        return processes.describe(pid)

    def key(self, pid: int) -> ProcessKey | None:
        from devports.system.linux import processes

        return processes.key_of(pid)

    def ancestors(self, of: Process) -> tuple[Process, ...]:
        from devports.system.linux import processes

        return processes.ancestors(of)

    def children(self, pid: int) -> set[int]:
        from devports.system.linux import processes

        return processes.children_of(pid)

    def descendants(self, pid: int) -> list[int]:
        from devports.system.linux import processes

        return processes.descendants(pid)

    def carrying(self, mark: str) -> list[int]:
        from devports.system.linux import processes

        return processes.carrying(mark)

    def adopt_orphans(self) -> None:
        from devports.system.linux import processes

        processes.adopt_orphans()

    def boot(self) -> str:
        from devports.system.linux import processes

        return processes.slurp("/proc/sys/kernel/random/boot_id").decode("ascii").strip()

    def viewer(self) -> CurrentUser:
        if self._viewer is None:
            self._viewer = _viewer()
        return self._viewer

    def addresses(self, host: str) -> tuple[str, ...]:
        return bind.of(host)


def _viewer() -> CurrentUser:
    from devports.core.holder_kind import CurrentUser
    from devports.system import user as sudo
    from devports.system.linux import processes

    uid, user = sudo.uids()
    line = processes.own_line()
    return CurrentUser(uid, user, tuple(p.key for p in line), line[0].cgroup if line else "")


SETTING = "/proc/sys/net/ipv4/ip_local_reserved_ports"


def reserved(path: str = SETTING) -> tuple[tuple[int, int], ...]:
    """Return the ranges, first and last port each; none where the system has no such setting."""
    from devports.system.linux.procfs import port_ranges

    try:
        with open(path, "rb") as file:
            return port_ranges(file.read())
    except OSError:
        return ()


RELEASE = "/proc/sys/kernel/osrelease"


def is_wsl(path: str = RELEASE) -> bool:
    """Say whether the kernel is Microsoft's (`5.15.153.1-microsoft-standard-WSL2`)."""
    try:
        with open(path, "rb") as file:
            return b"microsoft" in file.read(256).lower()
    except OSError:
        return False
