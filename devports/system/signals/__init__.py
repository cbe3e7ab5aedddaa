"""The only place that signals.

Identity before signal: a pid names whoever has the number now, so a process is pinned first, then
compared with the identity that was shown, then signalled through the pin. A start time alone is
not enough: on Linux 264 of 300 forced reuses fell into the same clock tick.

One module a system, with the same two functions, `pin` and `wait_for_exit`:

- linux: pidfd_open(2), a descriptor that means one process for ever.
- darwin: there is no such descriptor, so kqueue(2) tells when the process has ended; it is asked
  to before the identity is compared, and asked again right before each signal.
- windows: an open handle; the number is not given to another process as long as it is open.
"""

from __future__ import annotations

from devports import exitcodes
from devports.errors import DevportsError


def unpinnable(pid: int, reason: str, note: str) -> DevportsError:
    """Return the error for a process that is there and cannot be pinned: nothing is signalled."""
    return DevportsError(
        "no-pin",
        f"process {pid} cannot be pinned: {reason}",
        note=note,
        exit_code=exitcodes.BLIND,
    )
