"""Process descriptors: a signal through one reaches the process it was opened for, or nobody."""

from __future__ import annotations

import os
from errno import ESRCH

from devports.system.linux import pidfd
from devports.system.signals import unpinnable
from devports.system.signals.posix import readable, sent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from devports.core.model import ProcessKey
    from devports.system import Pin as PinLike
    from devports.system import Sent


class Pin:
    """A process that can no longer be confused with another one. Close it."""

    def __init__(self, key: ProcessKey, descriptor: int) -> None:
        self.key = key
        self._descriptor = descriptor

    def send(self, number: int) -> Sent:
        """Send a signal; say whether it was sent, came too late, or is not permitted."""
        if self.exited:
            return "gone"  # also a zombie: it takes signals without any effect
        return sent(lambda: pidfd.send(self._descriptor, number))

    @property
    def exited(self) -> bool:
        """Whether every thread of it has ended, reaped or not."""
        return bool(wait_for_exit((self,), 0))

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        os.close(self._descriptor)


def pin(key: ProcessKey, key_of: Callable[[int], ProcessKey | None]) -> Pin | None:
    """Pin the process with this identity; None if it is gone, or the number is another's now.

    Args:
        key: who is meant.
        key_of: says who has a number now; asked after the number has been pinned.

    Raises:
        DevportsError: the system has no process descriptors (before Linux 5.3, some sandboxes).
    """
    try:
        descriptor = pidfd.open_pid(key.pid)
    except OSError as error:
        if error.errno == ESRCH:
            return None
        note = "without a process descriptor a signal could hit another process"
        raise unpinnable(key.pid, str(error.strerror), note) from error
    if key_of(key.pid) != key:
        os.close(descriptor)
        return None
    return Pin(key, descriptor)


def wait_for_exit(pins: Sequence[PinLike], seconds: float) -> tuple[PinLike, ...]:
    """Wait until one of them has exited, at most `seconds`; return those that have."""
    ready = readable([each.fileno() for each in pins], seconds)
    return tuple(each for each in pins if each.fileno() in ready)
