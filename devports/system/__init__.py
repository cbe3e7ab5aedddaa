"""The operating system: sockets, processes and files, and which system this is."""

from __future__ import annotations

import errno
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


FILES = 1024
"""Open files that are enough for every command; a run without a limit has some forty."""


def refusal(
    error: OSError | MemoryError | ImportError,
    what: str = "the system refused a request of devports",
    *,
    code: str = "system-refused",
    facts: tuple[str, ...] = (),
    service: str = "",
    exit_code: int = exitcodes.CANNOT_INSPECT,
) -> DevportsError:
    """Return an error of the machine as a message, with the limit and the command that raises it.

    Args:
        error: the answer of the system.
        what: what was attempted.
        code: as in `DevportsError`.
        facts: what was done before.
        service: as there.
        exit_code: as there.
    """
    hints: tuple[str, ...] = ()
    if isinstance(error, ImportError):
        what, why, hints = "a module of devports cannot be loaded", str(error), REINSTALL
    elif isinstance(error, MemoryError):
        why = os.strerror(errno.ENOMEM)
    else:
        why, hints = error.strerror or type(error).__name__, limit_hints(error)
        if error.errno == errno.EAGAIN and code == "not-started":
            hints = ("raise the process limit (`ulimit -u`) or stop some processes",)
        facts += (f"file: {error.filename}",) if isinstance(error.filename, str) else ()
    return DevportsError(
        code, f"{what}: {why}", facts=facts, hints=hints, service=service, exit_code=exit_code
    )


REINSTALL = ("if devports was changed while it ran, run the command again; else reinstall it",)


def limit_hints(error: OSError) -> tuple[str, ...]:
    """Return how to raise the limit behind an error, if there is one."""
    match error.errno:
        case errno.EMFILE:
            now = os.sysconf("SC_OPEN_MAX") if hasattr(os, "sysconf") else 0
            more = max(FILES, 2 * now)
            return (f"this process may open {now} files; to raise that, run `ulimit -n {more}`",)
        case errno.ENFILE:
            return ("stop programs, or raise the limit of all open files: `sysctl fs.file-max`",)
        case errno.ENOSPC | errno.EDQUOT:
            return ("to see which file system is full, run `df -h`",)
        case _:
            return ()
