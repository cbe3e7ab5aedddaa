"""The monotonic clock, the CPU clock, and the only call of time.sleep in the package."""

from __future__ import annotations

import os
import time
from time import monotonic

__all__ = ["Deadline", "SteadyCondition", "cpu", "monotonic", "pause"]


def cpu() -> float:
    """Return the CPU time of this process and of its children that have exited, in seconds."""
    return time.process_time() + sum(os.times()[2:4])


def pause(seconds: float) -> None:
    """Sleep between two checks of something that has no event to wait for."""
    time.sleep(seconds)  # noqa: TID251  # the one place


class Deadline:
    """A limit on waiting, in seconds from its creation."""

    def __init__(self, seconds: float) -> None:
        self.start = monotonic()
        self.end = self.start + seconds

    @property
    def left(self) -> float:
        return max(0.0, self.end - monotonic())

    @property
    def passed(self) -> bool:
        return monotonic() >= self.end

    @property
    def elapsed(self) -> float:
        return monotonic() - self.start


class SteadyCondition:
    """Whether a condition has been true for `seconds` without a break."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end: Deadline | None = None

    def update(self, now: bool) -> bool:
        """Record whether the condition is true now; return whether it has been for long enough."""
        self._end = (self._end or Deadline(self._seconds)) if now else None
        return self._end is not None and self._end.passed
