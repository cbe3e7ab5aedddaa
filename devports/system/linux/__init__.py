"""Linux: netlink and /proc, no outside program."""

# Each source is imported when it is asked: a port that is free needs two of them.
# ruff: noqa: PLC0415

from __future__ import annotations

import os

from devports.system import addresses, bind
from devports.system.linux import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from devports.core.model import (
        BindResult,
        Endpoint,
        Holding,
        Platform,
        Process,
        ProcessKey,
        Socket,
        Table,
    )
    from devports.core.standing import Viewer
    from devports.system import Pin


class Linux:
    """A `devports.system.Machine`. The switches take a source away, to see what is left."""

    platform: Platform = "linux"
    wildcards = True

    def __init__(self, *, netlink: bool = True, bound: bool = True) -> None:
        self._netlink = netlink
        self._bound = bound
        self._viewer: Viewer | None = None

    def reads_own_processes(self) -> bool:
        """Say whether /proc counts processes as our own system calls do (pid_namespaces(7))."""
        try:
            return os.readlink("/proc/self") == str(os.getpid())
        except OSError:
            return False

    def table(self, ports: Collection[int]) -> Table:
        return table.read(ports, netlink=self._netlink, bound=self._bound)

    def listening_on(self, ports: Collection[int]) -> Table:
        return table.read(ports, netlink=self._netlink, bound=self._bound, only_listening=True)

    def listeners(self) -> Table:
        return table.listeners(netlink=self._netlink, bound=self._bound)

    def listening(self, pids: Collection[int]) -> tuple[Socket, ...]:
        from devports.system.linux import holders

        return table.listening(holders.sockets_of(pids))

    def unlisted(self, port: int, known: Table) -> tuple[Socket, ...]:
        from devports.system.linux import nameless

        return nameless.find(port, {socket.inode for socket in known.sockets})

    def ephemeral(self) -> tuple[int, int]:
        return table.ephemeral()

    def probe(self, endpoint: Endpoint, *, reuse: bool = True) -> BindResult:
        return bind.probe(endpoint, reuse=reuse)

    def reserve(self, endpoint: Endpoint) -> bind.Reservation | BindResult:
        return bind.reserve(endpoint)

    def holding(self, sockets: Sequence[Socket], *, thorough: bool) -> Holding:
        from devports.system.linux import holders

        return holders.find(sockets, thorough=thorough)

    def pin(self, key: ProcessKey) -> Pin | None:
        from devports.system.linux import process
        from devports.system.signals import linux as signals

        return signals.pin(key, process.key_of)

    def wait_for_exit(self, pins: Sequence[Pin], seconds: float) -> tuple[Pin, ...]:
        from devports.system.signals import linux as signals

        return signals.wait_for_exit(pins, seconds)

    def process(self, pid: int) -> Process | None:
        from devports.system.linux import process

        return process.describe(pid)

    def key(self, pid: int) -> ProcessKey | None:
        from devports.system.linux import process

        return process.key_of(pid)

    def ancestors(self, of: Process) -> tuple[Process, ...]:
        from devports.system.linux import process

        return process.ancestors(of)

    def children(self, pid: int) -> set[int]:
        from devports.system.linux import process

        return process.children_of(pid)

    def descendants(self, pid: int) -> list[int]:
        from devports.system.linux import process

        return process.descendants(pid)

    def carrying(self, mark: str) -> list[int]:
        from devports.system.linux import process

        return process.carrying(mark)

    def adopt_orphans(self) -> None:
        from devports.system.linux import process

        process.adopt_orphans()

    def boot(self) -> str:
        from devports.system.linux import process

        return process.slurp("/proc/sys/kernel/random/boot_id").decode("ascii").strip()

    def viewer(self) -> Viewer:
        if self._viewer is None:
            self._viewer = _viewer()
        return self._viewer

    def addresses(self, host: str) -> tuple[str, ...]:
        return addresses.of(host)


def _viewer() -> Viewer:
    from devports.core.standing import Viewer
    from devports.system import sudo
    from devports.system.linux import process

    uid, user = sudo.uids()
    line = process.own_line()
    return Viewer(uid, user, tuple(p.key for p in line), line[0].cgroup if line else "")
