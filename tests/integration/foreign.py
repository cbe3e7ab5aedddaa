"""The machines of macOS and Windows on this system: their own code, its processes and sockets.

A process is pinned by a pidfd instead of a kqueue, so that the rest of their code is run. What the
kernel decides (the range of ephemeral ports, whether a wildcard stops a bind) is this one's.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from devports.system import native
from devports.system.macos import Darwin, QueueHandle, Sources, pin_by_queue, wait_for_queues
from devports.system.self_test import TOGETHER, Source, sources_of
from devports.system.signals import readable
from devports.system.windows import Windows

if TYPE_CHECKING:
    from devports.core.model import ProcessKey

HERE = native()
LSOF = shutil.which("lsof") or ""
BOUND, TIME_WAIT = frozenset(("bound",)), frozenset(("time-wait",))


class PidfdWatch:
    """What a kqueue is on macOS: reports the exit of a process."""

    def __init__(self, pid: int) -> None:
        self._descriptor = os.pidfd_open(pid)

    def ended(self) -> bool:
        return bool(readable((self._descriptor,), 0))

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        os.close(self._descriptor)


def pin(key: ProcessKey) -> QueueHandle | None:
    return pin_by_queue(key, watch=PidfdWatch)


class DarwinHere(Darwin):
    wildcards = HERE.wildcards
    pin = staticmethod(pin)  # type: ignore[assignment]
    ephemeral = staticmethod(HERE.ephemeral)


class WindowsHere(Windows):
    wildcards = HERE.wildcards
    pin = staticmethod(pin)  # type: ignore[assignment]
    wait_for_exit = staticmethod(wait_for_queues)  # type: ignore[assignment]
    ephemeral = staticmethod(HERE.ephemeral)


def darwin(*, netstat: str = "", lsof: str = LSOF, processes: bool = True) -> DarwinHere:
    nothing = Sources(sysctl="", launchctl="", seconds=60)
    return DarwinHere(nothing.replace(lsof=lsof, netstat=netstat, processes=processes))


def sources(machine: DarwinHere | WindowsHere, *names: str) -> list[Source]:
    """Return these sources of a machine, all by default; some show less on this kernel.

    psutil, lsof and the script that plays netstat read /proc/net/tcp here, which has no bound
    sockets. Without that script no source of macOS shows TIME_WAIT.
    """
    netstat = isinstance(machine, Darwin) and machine.sources.netstat
    more = BOUND if netstat or isinstance(machine, Windows) else BOUND | TIME_WAIT
    return [
        source.replace(
            limits=source.limits.replace(
                unseen=source.limits.unseen | (more if source.name == TOGETHER else BOUND)
            )
        )
        for source in sources_of(machine)
        if (source.name in names if names else source.name != "netstat" or netstat)
    ]
