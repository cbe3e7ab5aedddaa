"""Several runs and one port: exactly one serves, and every other knows why it does not."""

from __future__ import annotations

import signal
from collections import Counter
from typing import TYPE_CHECKING

from devports import exitcodes
from tests.harness import tables
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PROC
from tests.harness.servers import COMMANDS
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from tests.harness.command import Command
    from tests.harness.project import Project

pytestmark = [NEEDS_FORK, NEEDS_PROC]


def test_ten_starts_at_once_give_one_server(port: int, project: Project, devports: Command) -> None:
    project.zoo("web", "listener", port)
    runs = [devports.start("run", "web") for _ in range(10)]

    def nine_have_ended() -> bool:
        return sum(run.process.poll() is not None for run in runs) == 9

    eventually(nine_have_ended, 40, what="nine of ten have ended")
    codes = Counter(run.process.returncode for run in runs)
    assert codes == {None: 1, exitcodes.IN_CHARGE: 9}, [run.err for run in runs]
    survivor = next(run for run in runs if run.process.poll() is None)
    eventually(lambda: tables.listening_pids(port))
    survivor.send(signal.SIGTERM)
    survivor.ends()
    assert tables.bindable(port)


def test_the_run_in_charge_is_named(port: int, project: Project, devports: Command) -> None:
    project.zoo("web", "listener", port)
    first = devports.start("run", "web")
    eventually(lambda: tables.listening_pids(port))
    done = devports("run", "web")
    assert done.code == exitcodes.IN_CHARGE, done
    assert str(first.pid) in done.err
    assert first.process.poll() is None


def test_a_restart_waits_for_its_dying_predecessor(
    port: int, project: Project, devports: Command
) -> None:
    """One SIGHUP, and the next start at once: what an editor's "restart task" does."""
    project.zoo("web", "slow_stop", port, "--seconds", 1)
    first = devports.start("run", "web")
    old = eventually(lambda: tables.listening_pids(port))
    first.send(signal.SIGHUP)
    second = devports.start("run", "web")
    new = eventually(
        lambda: (tables.listening_pids(port) - old) or second.process.poll() is not None, 20
    )
    assert second.process.poll() is None, second.err
    assert new
    first.ends()


def test_free_tells_the_run_to_stop_and_it_does_not_recover(
    port: int, project: Project, devports: Command
) -> None:
    project.apps()
    project.service("web", port, COMMANDS["uvicorn"])
    running = devports.start("run", "web")
    eventually(lambda: tables.connectable(port), 30)
    done = devports("free", "web", "--yes")
    assert done.code == exitcodes.OK, done
    running.ends()
    assert tables.bindable(port)
    assert not tables.holding_pids(port)


def test_two_services_run_side_by_side(port: int, project: Project, devports: Command) -> None:
    project.zoo("one", "listener", port)
    project.zoo("two", "listener", port + 1)
    devports.start("run", "one")
    devports.start("run", "two")
    eventually(lambda: tables.listening_pids(port) and tables.listening_pids(port + 1))


def test_what_an_earlier_run_left_is_reclaimed_without_asking(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "forked_listener", port, "--orphans", on_conflict="reclaim")
    first = devports.start("run", "web")
    old = eventually(lambda: tables.listening_pids(port))
    first.send(signal.SIGKILL)
    first.ends()
    second = devports.start("run", "web")
    eventually(lambda: tables.listening_pids(port) - old or second.process.poll() is not None)
    assert second.process.poll() is None, second.err
