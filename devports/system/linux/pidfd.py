"""Process descriptors (pidfd_open(2), pidfd_getfd(2)), also where Python was built without them."""

from __future__ import annotations

import os

SYS_PIDFD_SEND_SIGNAL, SYS_PIDFD_OPEN, SYS_PIDFD_GETFD = 424, 434, 438  # the same on every CPU


def _syscall(number: int, *args: int) -> int:
    import ctypes  # noqa: PLC0415  # a third of a Python start, and only where it is needed

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
    import signal  # noqa: PLC0415  # costs a third of a Python start

    if hasattr(signal, "pidfd_send_signal"):
        signal.pidfd_send_signal(descriptor, number)  # noqa: TID251  # system.signals calls it
    else:
        _syscall(SYS_PIDFD_SEND_SIGNAL, descriptor, number, 0, 0)


def take_fd(descriptor: int, number: int) -> int:
    """Return our own copy of another process's descriptor `number` (ptrace permission needed)."""
    return _syscall(SYS_PIDFD_GETFD, descriptor, number, 0)
