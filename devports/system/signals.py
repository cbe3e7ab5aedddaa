"""Signals to processes whose identity was verified.

A pid refers to the process that has it now, so a handle to the process is opened first, then the
identity is compared with the one that was shown, then the signal is sent through the handle
(`ProcessHandle`). A start time alone is not enough: on Linux 264 of 300 forced reuses fell into the
same clock tick. Each system has its own kind of handle; the order of the steps is here.
"""

from __future__ import annotations

import os
import signal
import sys
from errno import EPERM, ESRCH

from devports import exitcodes
from devports.errors import DevportsError, raise_limit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    from devports.core.model import ProcessKey
    from devports.system import Machine, ProcessHandle, Sent

    KeyOf = Callable[[int], ProcessKey | None]
    Handle = TypeVar("Handle", bound=ProcessHandle)

TERM = int(signal.SIGTERM)
KILL = int(getattr(signal, "SIGKILL", 9))
CONT = int(getattr(signal, "SIGCONT", 18))
"""Windows has neither SIGKILL nor SIGCONT: its handles terminate a process for TERM as for KILL."""

NAMES = {TERM: "SIGTERM", KILL: "SIGKILL", CONT: "SIGCONT"}


def pin_verified(
    key: ProcessKey,
    key_of: KeyOf,
    take: Callable[[ProcessKey], Handle],
    *,
    is_gone: Callable[[OSError], bool],
    note: str,
) -> Handle | None:
    """Return a handle of the process with this identity; None if it does not exist any more.

    Args:
        key: the process.
        key_of: returns the identity of the process that has a pid now; called after `take`.
        take: opens a handle of the process that has the pid.
        is_gone: returns whether an error of `take` means that no process has the pid.
        note: what could happen without a handle.

    Raises:
        DevportsError: the process exists, but no handle can be opened, so it must not be signalled.
        OSError: a limit (`errors.LIMITS`).
    """
    try:
        handle = take(key)
    except OSError as error:
        if is_gone(error):
            return None
        raise_limit(error)
        raise DevportsError(
            "no-pin",
            f"cannot open a handle to process {key.pid}: {error.strerror}",
            note=note,
            exit_code=exitcodes.CANNOT_INSPECT,
        ) from error
    try:
        same = key_of(key.pid) == key
    except OSError:
        handle.close()
        raise
    if not same:
        handle.close()
        return None
    return handle


def no_such_process(error: OSError) -> bool:
    return error.errno == ESRCH


def kill(pid: int, number: int) -> Sent:
    """Signal the process with this pid (kill(2)); only right after its identity was verified."""
    return sent(lambda: os.kill(pid, number))  # noqa: TID251  # for a handle without a descriptor


def sent(signal: Callable[[], object]) -> Sent:
    """Send a signal; return whether it was sent, came too late, or is not permitted."""
    try:
        signal()
    except OSError as error:
        if error.errno == ESRCH:
            return "gone"
        if error.errno == EPERM:
            return "denied"
        raise
    return "sent"


def send(machine: Machine, key: ProcessKey, *numbers: int) -> None:
    """Signal a process through a handle, if it still exists."""
    if (pin := machine.pin(key)) is not None:
        try:
            for number in numbers:
                pin.send(number)
        finally:
            pin.close()


def readable(descriptors: Iterable[int], seconds: float) -> set[int]:
    """Wait until poll(2) finds one of these readable, at most `seconds`; return those that are.

    On macOS a kqueue can be polled like any other descriptor (kqueue(2)); only poll(2) on devices
    is broken there.
    """
    if sys.platform == "win32":  # noqa: TID251  # tells the type checker: there is poll
        raise NotImplementedError
    import select  # not needed by a dry run

    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(seconds * 1000)}
