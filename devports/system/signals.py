"""The only place that signals.

Identity before signal: a pid names whoever has the number now, so a process is pinned first, then
compared with the identity that was shown, then signalled through the pin. A start time alone is
not enough: on Linux 264 of 300 forced reuses fell into the same clock tick.

One module a system, with the same two functions, `pin` and `wait_for_exit`:

- linux: pidfd_open(2), a descriptor that means one process for ever.
- darwin: there is no such descriptor, so kqueue(2) tells when the process has ended; it is asked
  to before the identity is compared, and asked again right before each signal.
- windows: an open handle; the number is not given to another process as long as it is open.

darwin: macOS: no descriptor means a process, but kqueue(2) tells when one has ended.

The kernel is asked to tell before the identity is compared. Until it has told, the number is still
that process's; once it has told, nothing is ever sent again. Between the last question and kill(2)
some microseconds remain in which the process could end, be reaped *and* its number be given to
another one: numbers are given in order, so all 99 999 others would have to be used up in between.

windows: Windows: a process is pinned by an open handle; its number is not reused before that is
closed.

There are no signals. SIGTERM and SIGKILL both mean TerminateProcess, which gives a program no
chance to clean up. The gentle way, a Ctrl-Break event, reaches only processes that share our
console, and then all of them; WM_CLOSE reaches only windows. A foreign server has neither.

posix: What pins with a descriptor of their own are signalled and waited for with.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from errno import EPERM, ESRCH

from devports import exitcodes
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, Protocol

    from devports.core.model import ProcessKey
    from devports.system import ProcessHandle as PinLike
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

    class Kernel(Protocol):
        """The four calls of kernel32 that a pin is made of."""

        def open(self, pid: int, access: int) -> int:
            """Return a handle of a process (OpenProcess).

            Raises:
                OSError: `winerror` 5 where we may not, 87 where there is no such process.
            """

        def wait(self, handles: Sequence[int], milliseconds: int) -> bool:
            """Wait until one of up to 64 handles is signalled; False if none was in time."""

        def terminate(self, handle: int, code: int) -> None:
            """End a process (TerminateProcess).

            Raises:
                OSError: `winerror` 5 where we may not, or where it is ending already.
            """

        def close(self, handle: int) -> None: ...


def unpinnable(pid: int, reason: str, note: str) -> DevportsError:
    """Return the error for a process that is there and cannot be pinned: nothing is signalled."""
    return DevportsError(
        "no-pin",
        f"process {pid} cannot be pinned: {reason}",
        note=note,
        exit_code=exitcodes.BLIND,
    )


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


class QueueHandle:
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


def pin_by_queue(
    key: ProcessKey, key_of: KeyOf, watch: Callable[[int], Watch] = Queue
) -> QueueHandle | None:
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
    return QueueHandle(key, watching, key_of)


def wait_for_queues(pins: Sequence[PinLike], seconds: float) -> tuple[PinLike, ...]:
    """Wait until one of them has exited, at most `seconds`; return those that have."""
    if not any(each.exited for each in pins):
        readable([each.fileno() for each in pins], seconds)
    return tuple(each for each in pins if each.exited)


TERMINATE, WATCH = 0x0001, 0x1000 | 0x00100000
"""Access rights: PROCESS_TERMINATE; PROCESS_QUERY_LIMITED_INFORMATION and SYNCHRONIZE
(Microsoft Learn: Process Security and Access Rights)."""
ACCESS_DENIED, INVALID_PARAMETER = 5, 87
WAIT_FAILED = 0xFFFFFFFF
MOST_HANDLES = 64
"""MAXIMUM_WAIT_OBJECTS of WaitForMultipleObjects."""
ENDINGS = (signal.SIGTERM, 9)
"""What ends a process: SIGKILL has no name in Python's `signal` on Windows."""
EXIT_CODE = 1
"""What an ended process leaves as its exit code, as `taskkill /F` does."""


class Kernel32:
    """The real ones, with their types told to ctypes: a handle is as wide as a pointer."""

    def __init__(self) -> None:
        import ctypes

        self._dll = kernel32()
        handle, number = ctypes.c_void_p, ctypes.c_uint32
        signatures = {
            "OpenProcess": (handle, number, ctypes.c_int, number),
            "WaitForMultipleObjects": (number, number, handle, ctypes.c_int, number),
            "TerminateProcess": (ctypes.c_int, handle, number),
            "CloseHandle": (ctypes.c_int, handle),
        }
        for name, (result, *arguments) in signatures.items():
            function = getattr(self._dll, name)
            function.restype, function.argtypes = result, arguments

    def open(self, pid: int, access: int) -> int:
        handle = self._dll.OpenProcess(access, 0, pid)
        if not handle:
            raise last_error()
        return int(handle)

    def wait(self, handles: Sequence[int], milliseconds: int) -> bool:
        import ctypes

        array = (ctypes.c_void_p * len(handles))(*handles)
        found = self._dll.WaitForMultipleObjects(len(handles), array, 0, milliseconds)
        if found == WAIT_FAILED:
            raise last_error()
        return bool(found < len(handles))  # WAIT_OBJECT_0 + index; WAIT_TIMEOUT is 258

    def terminate(self, handle: int, code: int) -> None:
        if not self._dll.TerminateProcess(handle, code):
            raise last_error()

    def close(self, handle: int) -> None:
        self._dll.CloseHandle(handle)


def kernel32() -> Any:
    """Return a kernel32 of our own, so that nobody else's types are changed."""
    import ctypes

    if sys.platform != "win32":  # noqa: TID251  # tells the type checker: there is WinDLL
        raise NotImplementedError
    return ctypes.WinDLL("kernel32", use_last_error=True)


def last_error() -> OSError:
    """Return why the last call of this thread has failed."""
    import ctypes

    if sys.platform != "win32":  # noqa: TID251
        raise NotImplementedError
    return ctypes.WinError(ctypes.get_last_error())


class WindowsHandle:
    """A process whose number stays its own until this is closed. Close it."""

    def __init__(self, key: ProcessKey, kernel: Kernel, handle: int, *, permitted: bool) -> None:
        self.key = key
        self._kernel, self._handle, self._permitted = kernel, handle, permitted

    def send(self, number: int) -> Sent:
        """End it, for SIGTERM as for SIGKILL; nothing else can be sent here.

        TerminateProcess returns before the process is gone: wait for it.
        """
        if self.exited:
            return "gone"
        if not self._permitted or number not in ENDINGS:
            return "denied"
        try:
            self._kernel.terminate(self._handle, EXIT_CODE)
        except OSError as error:
            if _code(error) != ACCESS_DENIED:
                raise
            # Also said of a process that is ending already.
            return "gone" if self._kernel.wait((self._handle,), 100) else "denied"
        return "sent"

    @property
    def exited(self) -> bool:
        return self._kernel.wait((self._handle,), 0)

    def fileno(self) -> int:
        """Return the handle, which no poll knows: `wait_for_exit` does."""
        return self._handle

    def close(self) -> None:
        self._kernel.close(self._handle)


def pin_by_handle(
    key: ProcessKey,
    key_of: Callable[[int], ProcessKey | None],
    kernel: Kernel | None = None,
) -> WindowsHandle | None:
    """Pin the process with this identity; None if it is gone, or the number is another's now.

    Args:
        key: who is meant.
        key_of: says who has a number now; asked after the handle has been opened.
        kernel: the calls of the system; a fake where that is another one.

    Raises:
        DevportsError: the system lets nobody open it (a protected process).
    """
    kernel = kernel or Kernel32()
    try:
        handle, permitted = _open(kernel, key.pid)
    except OSError as error:
        if _code(error) == INVALID_PARAMETER:
            return None
        note = "without a handle its number could become another process's"
        raise unpinnable(key.pid, str(error.strerror), note) from error
    pinned = WindowsHandle(key, kernel, handle, permitted=permitted)
    if pinned.exited or key_of(key.pid) != key:
        pinned.close()
        return None
    return pinned


def _open(kernel: Kernel, pid: int) -> tuple[int, bool]:
    """Return a handle, and whether it may end the process."""
    try:
        return kernel.open(pid, WATCH | TERMINATE), True
    except OSError as error:
        if _code(error) != ACCESS_DENIED:
            raise
    return kernel.open(pid, WATCH), False


def _code(error: OSError) -> int:
    """Return the system's own number of an error, which OSError has on Windows only."""
    return int(getattr(error, "winerror", 0))


def wait_for_handles(
    pins: Sequence[PinLike], seconds: float, kernel: Kernel | None = None
) -> tuple[PinLike, ...]:
    """Wait until one of them has exited, at most `seconds`; return those that have."""
    handles = [each.fileno() for each in pins[:MOST_HANDLES]]
    if handles:
        (kernel or Kernel32()).wait(handles, round(seconds * 1000))
    return tuple(each for each in pins if each.exited)


def sent(signal: Callable[[], object]) -> Sent:
    """Send a signal; say whether it was sent, came too late, or is not permitted."""
    try:
        signal()
    except OSError as error:
        if error.errno == ESRCH:
            return "gone"
        if error.errno == EPERM:
            return "denied"
        raise
    return "sent"


def readable(descriptors: Iterable[int], seconds: float) -> set[int]:
    """Wait until poll(2) finds one of these readable, at most `seconds`; return those that are.

    On macOS a kqueue may be polled like any other descriptor (kqueue(2)); only its poll(2) on
    devices is broken.
    """
    if sys.platform == "win32":  # noqa: TID251  # tells the type checker: there is poll
        raise NotImplementedError
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(seconds * 1000)}
