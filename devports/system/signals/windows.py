"""Windows: a process is pinned by an open handle; its number is not reused before that is closed.

There are no signals. SIGTERM and SIGKILL both mean TerminateProcess, which gives a program no
chance to clean up. The gentle way, a Ctrl-Break event, reaches only processes that share our
console, and then all of them; WM_CLOSE reaches only windows. A foreign server has neither.
"""

from __future__ import annotations

import ctypes
import signal
import sys

from devports.system.signals import unpinnable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Protocol

    from devports.core.model import ProcessKey
    from devports.system import Pin as PinLike
    from devports.system import Sent

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
    if sys.platform != "win32":  # noqa: TID251  # tells the type checker: there is WinDLL
        raise NotImplementedError
    return ctypes.WinDLL("kernel32", use_last_error=True)


def last_error() -> OSError:
    """Return why the last call of this thread has failed."""
    if sys.platform != "win32":  # noqa: TID251
        raise NotImplementedError
    return ctypes.WinError(ctypes.get_last_error())


class Pin:
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


def pin(
    key: ProcessKey,
    key_of: Callable[[int], ProcessKey | None],
    kernel: Kernel | None = None,
) -> Pin | None:
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
    pinned = Pin(key, kernel, handle, permitted=permitted)
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


def wait_for_exit(
    pins: Sequence[PinLike], seconds: float, kernel: Kernel | None = None
) -> tuple[PinLike, ...]:
    """Wait until one of them has exited, at most `seconds`; return those that have."""
    handles = [each.fileno() for each in pins[:MOST_HANDLES]]
    if handles:
        (kernel or Kernel32()).wait(handles, round(seconds * 1000))
    return tuple(each for each in pins if each.exited)
