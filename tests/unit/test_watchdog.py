"""The clean-up after SIGKILL: whom it ends, and how often it searches the machine for that."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from devports.core.model import Endpoint, ProcessKey
from devports.errors import DevportsError
from tests.fakes import FakeMachine, altered
from tests.harness.capabilities import NEEDS_FORK

pytestmark = NEEDS_FORK

if TYPE_CHECKING:
    from devports.run.watchdog import WatchdogConfig


class Slow:
    """A machine that counts its searches; its processes ignore SIGTERM."""

    def __init__(self) -> None:
        self.fake, self.searches = FakeMachine(), 0
        for pid in (50, 51, 52):
            self.fake.add(pid, ppid=1 if pid == 50 else 50)
            self.fake.deaf[pid] = {signal.SIGTERM}

    def descendants(self, pid: int) -> list[int]:
        self.searches += 1
        return self.fake.descendants(pid)

    def config(self) -> WatchdogConfig:
        from devports.run.watchdog import WatchdogConfig

        machine = altered(self.fake, descendants=self.descendants)
        ends = (Endpoint("127.0.0.1", 8000),)
        return WatchdogConfig(machine, ends, "mark", None, signal.SIGTERM, 0.2)


def test_all_of_a_server_is_killed_after_a_few_searches_however_long_it_takes() -> None:
    from devports.run.watchdog import SEARCHES, stop

    slow = Slow()
    stop(slow.config(), slow.fake.processes[50].key)
    assert set(slow.fake.processes) == {1}
    assert slow.searches <= 2 * SEARCHES


def test_a_process_with_the_pid_of_an_exited_server_is_left_alone() -> None:
    from devports.run.watchdog import stop

    slow = Slow()
    stop(slow.config(), ProcessKey(50, 0))
    assert set(slow.fake.processes) == {1, 50, 51, 52}


@pytest.mark.parametrize("failures", [1, 3, 15])
@pytest.mark.parametrize(
    "error",
    [
        pytest.param(OSError(24, "Too many open files"), id="a limit"),
        pytest.param(DevportsError("no-pin", "Input/output error"), id="no handle"),
    ],
)
def test_a_search_that_fails_is_repeated(error: Exception, failures: int) -> None:
    from devports.run.watchdog import stop

    slow = Slow()
    whole, left = slow.descendants, [error] * failures

    def descendants(pid: int) -> list[int]:
        if left:
            raise left.pop()
        return whole(pid)

    config = slow.config()
    stop(
        config.replace(machine=altered(slow.fake, descendants=descendants)),
        slow.fake.processes[50].key,
    )
    assert set(slow.fake.processes) == {1}
