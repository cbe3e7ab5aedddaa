"""What pins with a descriptor of their own are signalled and waited for with."""

from __future__ import annotations

import select
import sys
from errno import EPERM, ESRCH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from devports.system import Sent


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
