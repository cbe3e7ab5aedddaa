"""Signals are collected, and their handlers put back."""

from __future__ import annotations

import select
import signal
from typing import TYPE_CHECKING

import pytest

from devports.system.terminal_events import Wakeup
from tests.harness.capabilities import NEEDS_FORK

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = NEEDS_FORK

WANTED, OTHER = (getattr(signal, name, 0) for name in ("SIGUSR1", "SIGUSR2"))  # not on Windows


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Put back what a test has changed, whatever became of it."""
    before = {number: signal.getsignal(number) for number in (WANTED, OTHER)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def heard(_number: int, _frame: object) -> None:
    """A handler of another process's."""


def test_signals_wake_a_wait_and_are_collected_once_each() -> None:
    with Wakeup() as woken:
        woken.take((WANTED, OTHER))
        assert woken.collect() == []
        for number in (OTHER, WANTED, OTHER):
            signal.raise_signal(number)
        assert select.select([woken], [], [], 5)[0] == [woken]
        assert woken.collect() == [OTHER, WANTED]
        assert woken.collect() == []


def test_what_could_not_be_let_through_is_collected_too() -> None:
    with Wakeup() as woken:
        woken.remember(WANTED)
        assert woken.collect() == [WANTED]


def test_handlers_are_put_back() -> None:
    signal.signal(WANTED, heard)
    with Wakeup() as woken:
        woken.take((WANTED, OTHER))
        assert signal.getsignal(WANTED) is not heard
        woken.restore((WANTED,))
        assert signal.getsignal(WANTED) is heard
        woken.take((WANTED,))
    assert signal.getsignal(WANTED) is heard
    assert signal.set_wakeup_fd(-1) == -1


def test_what_was_taken_by_another_is_taken_again_and_the_first_handler_put_back() -> None:
    signal.signal(WANTED, heard)
    with Wakeup() as woken:
        woken.take((WANTED,))
        signal.signal(WANTED, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        woken.take((WANTED,))
        signal.raise_signal(WANTED)
        assert woken.collect() == [WANTED]
    assert signal.getsignal(WANTED) is heard


def test_what_is_ignored_on_purpose_stays_ignored() -> None:
    signal.signal(WANTED, signal.SIG_IGN)
    with Wakeup() as woken:
        woken.take((WANTED,))
        signal.raise_signal(WANTED)
        assert woken.collect() == []


def test_what_was_blocked_when_we_were_started_arrives() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [WANTED, OTHER])
    try:
        with Wakeup() as woken:
            woken.take((WANTED,))
            signal.raise_signal(WANTED)
            assert woken.collect() == [WANTED]
            assert OTHER in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
