"""Time that cannot be set back, and the only pause in the house."""

from __future__ import annotations

import time
from time import monotonic

__all__ = ["Deadline", "Lasting", "monotonic", "pause"]


def pause(seconds: float) -> None:
    """Wait between two looks where no event exists. Never used to hope that something is done."""
    time.sleep(seconds)  # noqa: TID251  # this is the one place


class Deadline:
    """A bound on waiting, in seconds from its making."""

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


class Lasting:
    """Whether something has been so for `seconds` without a break."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end: Deadline | None = None

    def has(self, now: bool) -> bool:  # the one thing that is told
        """Take note of how it is now; say whether it has been so for long enough."""
        self._end = (self._end or Deadline(self._seconds)) if now else None
        return self._end is not None and self._end.passed
