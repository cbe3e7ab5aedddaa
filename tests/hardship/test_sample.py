"""A small sample of `python -m tests.hardship`, the same in each run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.hardship.calls import ERRORS, different
from tests.hardship.soak import soak
from tests.hardship.stage import SUBJECTS
from tests.hardship.sweep import Trial, after_error, after_kill, sweep
from tests.harness.capabilities import NEEDS_PROC, NEEDS_STRACE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.hardship.calls import Moment
    from tests.hardship.sweep import Tally

SIZE = 3
"""Trials of each command."""


def spread(moments: Sequence[Moment]) -> list[Moment]:
    """Return some, from the beginning to the end."""
    step = max(1, len(moments) // SIZE)
    return [*moments[step // 2 :: step]][:SIZE]


def failing(moments: Sequence[Moment]) -> list[Trial]:
    chosen = spread([moment for moment in different(moments) if moment.fails])
    return [Trial(m, f"error={ERRORS[n * 3 % len(ERRORS)]}") for n, m in enumerate(chosen)]


def killing(moments: Sequence[Moment]) -> list[Trial]:
    return [Trial(m, "signal=KILL") for m in spread([m for m in moments if m.changes])]


def judged(tallies: list[Tally]) -> None:
    reached = sum(tally.reached for tally in tallies)
    print(f"{sum(tally.trials for tally in tallies)} trials, {reached} reached")
    assert reached
    assert [failure for tally in tallies for failure in tally.failures] == []


@NEEDS_STRACE
@pytest.mark.parametrize("command", SUBJECTS)
def test_a_system_call_that_fails_ends_in_no_bug_report_and_in_no_half_file(command: str) -> None:
    judged(sweep(command, failing, after_error, jobs=1))


@NEEDS_STRACE
@pytest.mark.parametrize("command", ["run", "init", "vscode"])
def test_after_a_kill_nothing_lives_on_and_the_next_run_clears_the_rest(command: str) -> None:
    judged(sweep(command, killing, after_kill, jobs=1))


@NEEDS_PROC
def test_nothing_grows_from_one_start_to_the_next() -> None:
    first, last, failures = soak(5)
    assert failures == []
    assert first == last
