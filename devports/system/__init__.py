"""The operating system: sockets, processes and files, and which system this is."""

from __future__ import annotations

import sys

from devports import exitcodes
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devports.system.machine import Machine as Machine
    from devports.system.machine import ProcessHandle as ProcessHandle
    from devports.system.machine import Sent as Sent

WINDOWS = sys.platform == "win32"  # noqa: TID251  # the one place
"""Windows has no fork, no pseudo terminal and no SIGTERM; keys and signals cannot be awaited
together."""


def native() -> Machine:
    """Return the `Machine` of this operating system.

    Raises:
        DevportsError: the sockets of this system cannot be read.
    """
    if sys.platform == "linux":  # noqa: TID251
        return _linux()
    if sys.platform == "darwin":  # noqa: TID251
        from devports.system.macos import Darwin  # one system, one import

        return Darwin()
    if WINDOWS:
        from devports.system.windows import Windows

        return Windows()
    raise DevportsError(
        "unsupported-platform",
        f"{sys.platform} is not supported (supported: Linux, macOS, Windows)",  # noqa: TID251
        exit_code=exitcodes.CANNOT_INSPECT,
    )


def _linux() -> Machine:
    from devports.system import linux

    if linux.reads_own_processes():
        return linux
    raise DevportsError(
        "foreign-proc",
        "/proc belongs to another PID namespace; processes cannot be identified",
        hints=("mount a /proc of this namespace: `mount -t proc proc /proc`",),
        exit_code=exitcodes.CANNOT_INSPECT,
    )
