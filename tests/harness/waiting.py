"""The one way to wait in a test: for an event, by bounded polls."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

PATIENCE = 3.0 if os.environ.get("DEVPORTS_TEST_CI") or os.environ.get("CI") else 1.0
"""Every deadline is multiplied by this: hosted machines are slow, and no test is about time."""

FIRST_POLL, LONGEST_POLL = 0.005, 0.05


class NeverHappenedError(AssertionError):
    """What was waited for did not come in time."""


def deadline_after(seconds: float) -> float:
    """Return the moment, on the monotonic clock, at which patience for `seconds` is over."""
    return time.monotonic() + seconds * PATIENCE


def remaining(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def eventually(probe: Callable[[], T], seconds: float = 10.0, *, what: str = "") -> T:
    """Call `probe` until it says something true, and return that.

    Raises:
        NeverHappenedError: it did not within `seconds` (more on CI); the last answer is named.
    """
    deadline, pause = deadline_after(seconds), FIRST_POLL
    while not (answer := probe()):
        if not remaining(deadline):
            raise NeverHappenedError(f"not within {seconds} s: {what or probe}; last: {answer!r}")
        time.sleep(pause)  # noqa: TID251  # the bounded poll that everything else is built on
        pause = min(pause * 1.5, LONGEST_POLL)
    return answer


def never(probe: Callable[[], object], seconds: float, *, what: str = "") -> None:
    """Watch for `seconds` that `probe` stays false: the proof of an absence, so it costs its time.

    Raises:
        AssertionError: it came true.
    """
    end = time.monotonic() + seconds
    while remaining(end):
        answer = probe()
        assert not answer, f"happened after all: {what or probe}: {answer!r}"
        time.sleep(LONGEST_POLL)  # noqa: TID251  # same bounded poll, asked for nothing to happen
