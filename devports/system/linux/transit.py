"""Sockets that no process has open, because they are on their way to one.

A descriptor that was sent over a unix socket (unix(7), SCM_RIGHTS) and not received yet keeps its
socket alive, and in nobody's list of descriptors. /proc tells which unix sockets have such
descriptors waiting (``scm_fds`` in fdinfo, Linux 5.10), and not which descriptors they are.
"""

from __future__ import annotations

from devports.system import procfs
from devports.system.linux import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

MOST_CARRIERS = 8


def carriers(unreadable: Collection[int]) -> list[int]:
    """Return processes that have a unix socket in which descriptors wait. They are only likely."""
    readable = (pid for pid in process.pids() if pid not in unreadable)
    return [pid for pid in readable if _carries(pid)][:MOST_CARRIERS]


def _carries(pid: int) -> bool:
    base = f"/proc/{pid}"
    return any(
        process.link(f"{base}/fd/{name}").startswith("socket:[")
        and procfs.waiting_descriptors(process.slurp(f"{base}/fdinfo/{name}"))
        for name in process.listdir(f"{base}/fd")
    )
