"""macOS: no descriptor means a process, but kqueue(2) tells when one has ended.

The kernel is asked to tell before the identity is compared. Until it has told, the number is still
that process's; once it has told, nothing is ever sent again. Between the last question and kill(2)
some microseconds remain in which the process could end, be reaped *and* its number be given to
another one: numbers are given in order, so all 99 999 others would have to be used up in between.
"""

from __future__ import annotations

import os
import select
import sys
from errno import ESRCH

from devports.system.signals import unpinnable
from devports.system.signals.posix import readable, sent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from devports.core.model import ProcessKey
    from devports.system import Pin as PinLike
    from devports.system import Sent

    KeyOf = Callable[[int], ProcessKey | None]

    class Watch(Protocol):
        """Tells that a process has ended."""

        def ended(self) -> bool:
            """Whether that has been told since the last question."""

        def fileno(self) -> int:
            """Return a descriptor that is readable when there is something to be told."""

        def close(self) -> None: ...

    class KernelQueue(Protocol):
        """The part of `select.kqueue` that is used."""

        def control(self, changes: None, most: int, seconds: float, /) -> Sequence[object]: ...

        def fileno(self) -> int: ...

        def close(self) -> None: ...


class Queue:
    """A kqueue that waits for the end of one process, reaped or not."""

    def __init__(self, pid: int) -> None:
        self._queue = kqueue_for(pid)

    def ended(self) -> bool:
        return bool(self._queue.control(None, 1, 0))

    def fileno(self) -> int:
        return self._queue.fileno()

    def close(self) -> None:
        self._queue.close()


def kqueue_for(pid: int) -> KernelQueue:
    """Return a kqueue that tells once when the process with this number has ended.

    Raises:
        OSError: ESRCH where there is no such process, also where it only waits to be reaped.
    """
    if sys.platform != "darwin":  # noqa: TID251  # tells the type checker: there is kqueue
        raise NotImplementedError
    queue = select.kqueue()
    flags = select.KQ_EV_ADD | select.KQ_EV_ONESHOT
    try:
        queue.control([select.kevent(pid, select.KQ_FILTER_PROC, flags, select.KQ_NOTE_EXIT)], 0, 0)
    except OSError:
        queue.close()
        raise
    return queue


class Pin:
    """A process whose end we shall be told of. Close it."""

    def __init__(self, key: ProcessKey, watch: Watch, key_of: KeyOf) -> None:
        self.key = key
        self._watch, self._key_of = watch, key_of
        self._ended = False

    def send(self, number: int) -> Sent:
        """Send a signal; say whether it was sent, came too late, or is not permitted."""
        if self._key_of(self.key.pid) != self.key or self.exited:
            return "gone"
        pid = self.key.pid
        return sent(lambda: os.kill(pid, number))  # noqa: TID251  # verified on the line before

    @property
    def exited(self) -> bool:
        """Whether it has ended, reaped or not. The kernel tells once, so it is remembered."""
        self._ended = self._ended or self._watch.ended()
        return self._ended

    def fileno(self) -> int:
        return self._watch.fileno()

    def close(self) -> None:
        self._watch.close()


def pin(key: ProcessKey, key_of: KeyOf, watch: Callable[[int], Watch] = Queue) -> Pin | None:
    """Pin the process with this identity; None if it is gone, or the number is another's now.

    Args:
        key: who is meant.
        key_of: says who has a number now; asked after the watch has begun, and before each signal.
        watch: begins to wait for the end of whoever has a number.

    Raises:
        DevportsError: the kernel does not tell us about this process.
    """
    try:
        watching = watch(key.pid)
    except OSError as error:
        if error.errno == ESRCH:
            return None
        note = "without word of its end a signal could hit another process"
        raise unpinnable(key.pid, str(error.strerror), note) from error
    if key_of(key.pid) != key:
        watching.close()
        return None
    return Pin(key, watching, key_of)


def wait_for_exit(pins: Sequence[PinLike], seconds: float) -> tuple[PinLike, ...]:
    """Wait until one of them has exited, at most `seconds`; return those that have."""
    if not any(each.exited for each in pins):
        readable([each.fileno() for each in pins], seconds)
    return tuple(each for each in pins if each.exited)
