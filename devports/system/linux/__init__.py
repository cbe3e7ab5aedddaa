"""Linux: netlink and /proc, no outside program."""

from __future__ import annotations

import os

from devports.system import addresses, bind, sudo
from devports.system.linux import holders, process, table

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
        return process.link("/proc/self") == str(os.getpid())

    def table(self, ports: Collection[int]) -> Table:
        return table.read(ports, netlink=self._netlink, bound=self._bound)

    def listeners(self) -> Table:
        return table.listeners(netlink=self._netlink, bound=self._bound)

    def listening(self, pids: Collection[int]) -> tuple[Socket, ...]:
        return table.listening(holders.sockets_of(pids))

    def unlisted(self, port: int, known: Table) -> tuple[Socket, ...]:
        from devports.system.linux import nameless  # noqa: PLC0415  # rarely needed

        return nameless.find(port, {socket.inode for socket in known.sockets})

    def ephemeral(self) -> tuple[int, int]:
        return table.ephemeral()

    def probe(self, endpoint: Endpoint, *, reuse: bool = True) -> BindResult:
        return bind.probe(endpoint, reuse=reuse)

    def reserve(self, endpoint: Endpoint) -> bind.Reservation | BindResult:
        return bind.reserve(endpoint)

    def holding(self, sockets: Sequence[Socket], *, thorough: bool) -> Holding:
        return holders.find(sockets, thorough=thorough)

    def pin(self, key: ProcessKey) -> Pin | None:
        from devports.system.signals import linux as signals  # noqa: PLC0415  # before ending something

        return signals.pin(key, process.key_of)

    def wait_for_exit(self, pins: Sequence[Pin], seconds: float) -> tuple[Pin, ...]:
        from devports.system.signals import linux as signals  # noqa: PLC0415

        return signals.wait_for_exit(pins, seconds)

    def process(self, pid: int) -> Process | None:
        return process.describe(pid)

    def key(self, pid: int) -> ProcessKey | None:
        return process.key_of(pid)

    def ancestors(self, of: Process) -> tuple[Process, ...]:
        return process.ancestors(of)

    def children(self, pid: int) -> set[int]:
        return process.children_of(pid)

    def descendants(self, pid: int) -> list[int]:
        return process.descendants(pid)

    def adopt_orphans(self) -> None:
        process.adopt_orphans()

    def boot(self) -> str:
        return process.slurp("/proc/sys/kernel/random/boot_id").decode("ascii").strip()

    def viewer(self) -> Viewer:
        if self._viewer is None:
            self._viewer = _viewer()
        return self._viewer

    def addresses(self, host: str) -> tuple[str, ...]:
        return addresses.of(host)


def _viewer() -> Viewer:
    from devports.core.standing import Viewer  # noqa: PLC0415  # before ending something

    uid, user = sudo.uids()
    line = process.own_line()
    return Viewer(uid, user, tuple(p.key for p in line), line[0].cgroup if line else "")
