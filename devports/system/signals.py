"""The only place that signals.

Identity before signal: a pid names whoever has the number now, so a process is pinned first
(pidfd_open(2) on Linux), then compared with the identity that was shown, then signalled through
the pin. A start time alone is not enough: 264 of 300 forced reuses fell into the same clock tick.
"""

from __future__ import annotations

import os
import select
from errno import EPERM, ESRCH

from devports import exitcodes
from devports.errors import DevportsError
from devports.system.linux import pidfd

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
        try:
            pidfd.send(self._descriptor, number)
        except OSError as error:
            if error.errno == ESRCH:
                return "gone"
            if error.errno == EPERM:
                return "denied"
            raise
        return "sent"

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
        raise DevportsError(
            "no-pidfd",
            f"process {key.pid} cannot be pinned: {error.strerror}",
            note="without a process descriptor a signal could hit another process",
            exit_code=exitcodes.BLIND,
        ) from error
    if key_of(key.pid) != key:
        os.close(descriptor)
        return None
    return Pin(key, descriptor)


def wait_for_exit(pins: Sequence[PinLike], seconds: float) -> tuple[PinLike, ...]:
    """Wait until one of them has exited, at most `seconds`; return those that have."""
    poll = select.poll()
    for each in pins:
        poll.register(each.fileno(), select.POLLIN)
    ready = {number for number, _ in poll.poll(seconds * 1000)}
    return tuple(each for each in pins if each.fileno() in ready)
