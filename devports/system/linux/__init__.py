"""Linux: netlink and /proc, without outside programs.

The functions of this package are a `devports.system.machine.Machine`. What the check of a free port
does not need is loaded at its first use (PEP 562).
"""

from __future__ import annotations

import os

from devports.system.bind import addresses, probe, reserve
from devports.system.linux.sockets import (
    ephemeral,
    listeners,
    listening_below,
    listening_on,
    reserved,
    table,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.core.model import Platform
    from devports.system.linux.holders import accepting, holding, listening
    from devports.system.linux.pidfd import pin, unfit, unlisted_sockets, wait_for_exit
    from devports.system.linux.processes import (
        adopt_orphans,
        ancestors,
        boot,
        children,
        descendants,
        key,
        process,
        processes_with_mark,
        viewer,
    )

__all__ = [
    "accepting", "addresses", "adopt_orphans", "ancestors", "boot", "children", "descendants",
    "ephemeral", "holding", "key", "listeners", "listening", "listening_below", "listening_on",
    "pin", "platform", "probe", "process", "processes_with_mark", "reserve", "reserved", "table",
    "unfit", "unlisted_sockets", "viewer", "wait_for_exit", "wildcards",
]  # fmt: skip

platform: Platform = "linux"
wildcards = True
LAZY_MODULES = ("processes", "holders", "pidfd")
"""Modules in the order in which a command needs them."""

RELEASE = "/proc/sys/kernel/osrelease"


def reads_own_processes() -> bool:
    """Return whether /proc shows the PID namespace of this process (pid_namespaces(7))."""
    try:
        return os.readlink("/proc/self") == str(os.getpid())
    except OSError:
        return False


def is_wsl(path: str = RELEASE) -> bool:
    """Return whether the kernel is Microsoft's (`5.15.153.1-microsoft-standard-WSL2`).

    WSL has ports of its own, apart from those of Windows.
    """
    from devports.system.linux.processes import read_file  # only for `doctor`

    return b"microsoft" in read_file(path).lower()


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load the module of a function at its first use."""
        for room in LAZY_MODULES if name in __all__ else ():
            found = getattr(__import__(f"{__name__}.{room}", fromlist=[room]), name, None)
            if found is not None:
                globals()[name] = found
                return found
        raise AttributeError(name)
