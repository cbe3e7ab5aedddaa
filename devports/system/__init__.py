"""The operating system: sockets, processes and files, and which system this is."""

from __future__ import annotations

import os
import sys

from devports import exitcodes
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from devports.system.machine import Machine as Machine
    from devports.system.machine import ProcessHandle as ProcessHandle
    from devports.system.machine import Sent as Sent

WINDOWS = sys.platform == "win32"  # noqa: TID251  # the one place
"""Windows has no fork, no pseudo terminal and no SIGTERM; keys and signals cannot be awaited
together."""

NOWHERE = os.path.abspath(os.devnull)
"""Below a device nothing can be read or written."""
PASSED, FAILED = "self-test.passed", "self-test.failed"
"""The file of the last self-test: only that of a failed one has to be read."""


def state_folder(environ: Mapping[str, str]) -> str:
    """Return the folder of what devports records: $XDG_STATE_HOME/devports (XDG Base Directory).

    On Windows %LOCALAPPDATA%; a value that is a path only on another system is ignored. A user
    without a home, or with a read-only one, has no records.
    """
    home = os.path.join(os.path.expanduser("~"), ".local", "state")
    bases = (environ.get("XDG_STATE_HOME", ""), environ.get("LOCALAPPDATA", ""), home)
    return os.path.join(next(filter(os.path.isabs, bases), NOWHERE), "devports")


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
