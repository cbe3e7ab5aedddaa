"""Signals to processes: nobody is signalled whose identity has not been verified.

A pid names whoever has the number now, so a process is pinned first, then compared with the
identity that was shown, then signalled through the pin (`ProcessHandle`). A start time alone is not
enough: on Linux 264 of 300 forced reuses fell into the same clock tick. What a pin is made of is
each system's own; the order of the steps is here, and the signals that end a process.
"""

from __future__ import annotations

import os
import signal
import sys
from errno import EPERM, ESRCH

from devports import exitcodes
from devports.errors import DevportsError

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
"""Windows has neither of the latter: its pins end a process for TERM as for KILL."""

NAMES = {TERM: "SIGTERM", KILL: "SIGKILL", CONT: "SIGCONT"}


def pin_verified(
    key: ProcessKey,
    key_of: KeyOf,
    take: Callable[[ProcessKey], Handle],
    *,
    is_gone: Callable[[OSError], bool],
    note: str,
) -> Handle | None:
    """Pin the process with this identity; None if it is gone, or the number is another's now.

    Args:
        key: who is meant.
        key_of: says who has a number now; asked after the number has been pinned.
        take: pins whoever has the number.
        is_gone: says of the error of `take` that nobody has the number.
        note: what could happen without a pin.

    Raises:
        DevportsError: it is there and cannot be pinned, so nothing may be signalled.
    """
    try:
        handle = take(key)
    except OSError as error:
        if is_gone(error):
            return None
        raise DevportsError(
            "no-pin",
            f"cannot open a handle to process {key.pid}: {error.strerror}",
            note=note,
            exit_code=exitcodes.CANNOT_INSPECT,
        ) from error
    if key_of(key.pid) != key:
        handle.close()
        return None
    return handle


def no_such_process(error: OSError) -> bool:
    return error.errno == ESRCH


def kill(pid: int, number: int) -> Sent:
    """Signal whoever has this number (kill(2)): right after its identity was verified, only."""
    return sent(lambda: os.kill(pid, number))  # noqa: TID251  # for a pin without a descriptor


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


def send(machine: Machine, key: ProcessKey, *numbers: int) -> None:
    """Signal a process through a pin, if it is still there."""
    if (pin := machine.pin(key)) is not None:
        for number in numbers:
            pin.send(number)
        pin.close()


def readable(descriptors: Iterable[int], seconds: float) -> set[int]:
    """Wait until poll(2) finds one of these readable, at most `seconds`; return those that are.

    On macOS a kqueue may be polled like any other descriptor (kqueue(2)); only its poll(2) on
    devices is broken.
    """
    if sys.platform == "win32":  # noqa: TID251  # tells the type checker: there is poll
        raise NotImplementedError
    import select  # not for a dry run

    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(seconds * 1000)}
