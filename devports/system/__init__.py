"""The machine: what is bound, who has it, and the one place that asks which system this is."""

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
"""There is no fork, no pseudo terminal, no SIGTERM; keys and signals cannot be awaited together."""


def native() -> Machine:
    """Return the machine we run on.

    Raises:
        DevportsError: its sockets cannot be read.
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
