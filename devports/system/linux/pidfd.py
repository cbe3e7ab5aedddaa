"""Process descriptors (pidfd_open(2), pidfd_getfd(2)), also where Python was built without them.

linux: Process descriptors: a signal through one reaches the process it was opened for, or nobody.
"""

from __future__ import annotations

import os
from errno import ESRCH

from devports.system.signals import readable, sent, unpinnable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from devports.core.model import ProcessKey
    from devports.system import ProcessHandle as PinLike
    from devports.system import Sent


SYS_PIDFD_SEND_SIGNAL, SYS_PIDFD_OPEN, SYS_PIDFD_GETFD = 424, 434, 438  # the same on every CPU


def _syscall(number: int, *args: int) -> int:
    import ctypes  # a third of a Python start, and only where it is needed

    libc = ctypes.CDLL(None, use_errno=True)
    result = int(libc.syscall(number, *args))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def open_pid(pid: int) -> int:
    """Return a descriptor that means this process and never another one with its number.

    Raises:
        OSError: ESRCH where there is no such process, ENOSYS before Linux 5.3.
    """
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    return _syscall(SYS_PIDFD_OPEN, pid, 0)


def send(descriptor: int, number: int) -> None:
    """Signal the process behind a descriptor (pidfd_send_signal(2)).

    Raises:
        OSError: ESRCH where it has ended, EPERM where we may not.
    """
    import signal  # costs a third of a Python start

    if hasattr(signal, "pidfd_send_signal"):
        signal.pidfd_send_signal(descriptor, number)  # noqa: TID251  # system.signals calls it
    else:
        _syscall(SYS_PIDFD_SEND_SIGNAL, descriptor, number, 0, 0)


def take_fd(descriptor: int, number: int) -> int:
    """Return our own copy of another process's descriptor `number` (ptrace permission needed)."""
    return _syscall(SYS_PIDFD_GETFD, descriptor, number, 0)


class PidfdHandle:
    """A process that can no longer be confused with another one. Close it."""

    def __init__(self, key: ProcessKey, descriptor: int) -> None:
        self.key = key
        self._descriptor = descriptor

    def send(self, number: int) -> Sent:
        """Send a signal; say whether it was sent, came too late, or is not permitted."""
        if self.exited:
            return "gone"  # also a zombie: it takes signals without any effect
        return sent(lambda: send(self._descriptor, number))

    @property
    def exited(self) -> bool:
        """Whether every thread of it has ended, reaped or not."""
        return bool(wait_for_exit((self,), 0))

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        os.close(self._descriptor)


def pin(key: ProcessKey, key_of: Callable[[int], ProcessKey | None]) -> PidfdHandle | None:
    """Pin the process with this identity; None if it is gone, or the number is another's now.

    Args:
        key: who is meant.
        key_of: says who has a number now; asked after the number has been pinned.

    Raises:
        DevportsError: the system has no process descriptors (before Linux 5.3, some sandboxes).
    """
    try:
        descriptor = open_pid(key.pid)
    except OSError as error:
        if error.errno == ESRCH:
            return None
        note = "without a process descriptor a signal could hit another process"
        raise unpinnable(key.pid, str(error.strerror), note) from error
    if key_of(key.pid) != key:
        os.close(descriptor)
        return None
    return PidfdHandle(key, descriptor)


def wait_for_exit(pins: Sequence[PinLike], seconds: float) -> tuple[PinLike, ...]:
    """Wait until one of them has exited, at most `seconds`; return those that have."""
    ready = readable([each.fileno() for each in pins], seconds)
    return tuple(each for each in pins if each.fileno() in ready)
