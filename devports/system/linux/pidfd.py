"""Process descriptors (pidfd_open(2)): a signal through one reaches that process or none.

They work also where Python was built without them.
"""

from __future__ import annotations

import os

from devports.system.linux import processes
from devports.system.signals import no_such_process, pin_verified, readable, sent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.core.model import ProcessKey
    from devports.system import ProcessHandle, Sent

SYS_PIDFD_SEND_SIGNAL, SYS_PIDFD_OPEN, SYS_PIDFD_GETFD = 424, 434, 438  # the same on every CPU


def _syscall(number: int, *args: int) -> int:
    import ctypes  # a third of a Python start

    libc = ctypes.CDLL(None, use_errno=True)
    result = int(libc.syscall(number, *args))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def open_pid(pid: int) -> int:
    """Return a descriptor of this process; it never refers to a later process with its pid.

    Raises:
        OSError: ESRCH where there is no such process, ENOSYS before Linux 5.3.
    """
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    return _syscall(SYS_PIDFD_OPEN, pid, 0)


def send(descriptor: int, number: int) -> None:
    """Signal the process of a descriptor (pidfd_send_signal(2)).

    Raises:
        OSError: ESRCH where it has exited, EPERM without permission.
    """
    import signal  # a third of a Python start

    if hasattr(signal, "pidfd_send_signal"):
        signal.pidfd_send_signal(descriptor, number)  # noqa: TID251  # by a handle
    else:
        _syscall(SYS_PIDFD_SEND_SIGNAL, descriptor, number, 0, 0)


def take_fd(descriptor: int, number: int) -> int:
    """Return a copy of another process's descriptor `number` (needs ptrace permission)."""
    return _syscall(SYS_PIDFD_GETFD, descriptor, number, 0)


class PidfdHandle:
    """A `ProcessHandle` that is a process descriptor."""

    def __init__(self, key: ProcessKey) -> None:
        self.key = key
        self._descriptor = open_pid(key.pid)

    def send(self, number: int) -> Sent:
        if self.exited:
            return "gone"  # also a zombie, which ignores signals
        return sent(lambda: send(self._descriptor, number))

    @property
    def exited(self) -> bool:
        return bool(wait_for_exit((self,), 0))

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        os.close(self._descriptor)


def pin(key: ProcessKey) -> PidfdHandle | None:
    """Return a handle of the process with this identity, as `pin_verified` does.

    Raises:
        DevportsError: the system has no process descriptors (before Linux 5.3, some sandboxes).
    """
    note = "without a process descriptor a signal could reach another process"
    return pin_verified(key, processes.key, PidfdHandle, is_gone=no_such_process, note=note)


def wait_for_exit(pins: Sequence[ProcessHandle], seconds: float) -> tuple[ProcessHandle, ...]:
    ready = readable([each.fileno() for each in pins], seconds)
    return tuple(each for each in pins if each.fileno() in ready)
