"""Several runs and one port: exactly one serves, and every other knows why it does not."""

from __future__ import annotations

import shlex
import signal
from collections import Counter
from typing import TYPE_CHECKING

import psutil
import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.actors import argv_of
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PROC, NEEDS_PTY
from tests.harness.ports import reserved_block
from tests.harness.servers import COMMANDS
from tests.harness.terminal import DOWN
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from tests.conftest import Zoo
    from tests.e2e.conftest import OnTerminal
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
    assert codes == {None: 1, exitcodes.ALREADY_RUNNING: 9}, [run.err for run in runs]
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
    assert done.code == exitcodes.ALREADY_RUNNING, done
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
    assert "devports: `web` was told to stop by `devports free web --yes` (pid " in running.err
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
    eventually(lambda: first.out)  # the server's own `ready`, when all its children are there
    old = tables.listening_pids(port)
    first.crashes()
    second = devports.start("run", "web")
    eventually(lambda: tables.listening_pids(port) - old or second.process.poll() is not None, 20)
    assert second.process.poll() is None, second.err


def test_a_run_in_charge_is_taken_over_on_request(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "listener", port)
    first = devports.start("run", "web")
    first.says("is ready on")
    old = tables.listening_pids(port)
    second = devports.start("run", "web", "--take-over")
    second.says("is ready on")
    assert first.ends() == 143, first.err
    by = f"`devports run web --take-over` (pid {second.pid})"
    assert first.err.index(f"told to stop by {by}") < first.err.index("stopping `web`")
    assert tables.listening_pids(port).isdisjoint(old)
    second.send(signal.SIGTERM)
    second.ends()
    assert "told to stop" not in second.err, "of a signal nobody knows the sender"


def test_a_suspended_run_is_taken_over_too(port: int, project: Project, devports: Command) -> None:
    project.zoo("web", "listener", port)
    first = devports.start("run", "web")
    first.says("is ready on")
    first.send(signal.SIGSTOP)
    eventually(lambda: psutil.Process(first.pid).status() == psutil.STATUS_STOPPED)
    second = devports.start("run", "web", "--take-over")
    second.says("is ready on")
    assert first.ends() == 143, first.err
    second.send(signal.SIGTERM)
    second.ends()


def test_of_runs_that_take_over_at_once_one_serves_and_the_others_wait_for_nobody_else(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "slow_stop", port, "--seconds", 1, stop_timeout=600)
    first = devports.start("run", "web")
    first.says("is ready on")
    others = [devports.start("run", "web", "--take-over") for _ in range(3)]
    first.ends()
    eventually(lambda: sum(run.ended for run in others) == 2, 20, what="the end of two of three")
    codes = Counter(run.process.returncode for run in others)
    assert codes == {None: 1, exitcodes.ALREADY_RUNNING: 2}, [run.err for run in others]
    (serving,) = (run for run in others if not run.ended)
    serving.says("is ready on")
    serving.send(signal.SIGTERM)
    serving.ends()


@NEEDS_PTY
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("y", id="y"),
        pytest.param(DOWN + "\r", id="yes by arrow"),
        pytest.param("n", id="n"),
        pytest.param("\r", id="Enter"),
        pytest.param("\x1b[A\r", id="up and Enter"),
    ],
)
def test_a_person_is_asked_before_a_run_is_taken_over(
    answer: str, port: int, project: Project, devports: Command, on_terminal: OnTerminal
) -> None:
    project.zoo("web", "listener", port)
    first = devports.start("run", "web")
    first.says("is ready on")
    terminal = on_terminal("run", "web")
    terminal.expect(f"is already running (pid {first.pid}): stop it and start it here?")
    terminal.expect("> n  no, leave it running")
    if answer == DOWN + "\r":
        terminal.point("y")
    terminal.answer(answer.removeprefix(DOWN))
    if answer not in ("y", DOWN + "\r"):
        assert terminal.exit_code() == exitcodes.ALREADY_RUNNING, terminal.screen()
        assert not first.ended
        return
    terminal.expect("is ready on")
    assert first.ends() == 143, first.err
    terminal.ctrl_c()
    terminal.exit_code()


def test_ten_services_start_side_by_side(project: Project, devports: Command) -> None:
    with reserved_block() as one, reserved_block() as other:
        ports = [*range(one, one + 5), *range(other, other + 5)]
        for number, port in enumerate(ports):
            project.zoo(f"s{number}", "listener", port)
        runs = [devports.start("run", f"s{number}") for number in range(10)]
        for run in runs:
            run.says("is ready on", 40)
        assert [len(tables.listening_pids(port)) for port in ports] == [1] * 10
        assert not any("in use" in run.err or "EADDRINUSE" in run.err for run in runs)
        for run in runs:
            run.send(signal.SIGTERM)
        for run in runs:
            run.ends()


def test_restarted_five_times_quickly_the_last_one_serves_and_nothing_is_left(
    port: int, project: Project, devports: Command
) -> None:
    """What a person does who presses the restart button again and again: SIGHUP, next start."""
    project.zoo("web", "slow_stop", port, "--seconds", 0.5)
    runs = [devports.start("run", "web")]
    runs[0].says("is ready on")
    for _ in range(5):
        runs[-1].send(signal.SIGHUP)
        runs.append(devports.start("run", "web"))
    runs[-1].says("is ready on", 40)
    for run in runs[:-1]:
        run.ends()
    assert len(tables.listening_pids(port)) == 1
    assert not runs[-1].ended
    runs[-1].send(signal.SIGTERM)
    runs[-1].ends()
    assert tables.bindable(port)


def test_a_server_that_shares_its_port_is_not_ready(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    project.zoo("web", "reuseport_twin", port, handoff="plain", ready={"http": "/"})
    running = devports.start("run", "web")
    eventually(lambda: tables.listening_pids(port))
    zoo("reuseport_twin", port)
    assert running.ends() == exitcodes.NOT_READY, running.err
    assert f"`web` and another server both listen on 127.0.0.1:{port} (SO_REUSEPORT)" in running.err


def test_another_service_is_called_by_the_port_that_it_really_has(
    port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    zoo("listener", port)
    listen = shlex.join(argv_of("listener", "{port}", "--stay"))
    project.service("api", port, listen, on_conflict="next")
    project.service("web", port + 3, "sh -c 'echo api at {services.api.port}'")
    api = devports.start("run", "api")
    api.says(f"is ready on 127.0.0.1:{port + 1}")
    assert f"api at {port + 1}\n" in devports("run", "web").out
    api.send(signal.SIGTERM)
    api.ends()


# -- a service that needs another one


def test_after_a_no_what_needs_the_service_does_not_wait(
    port: int, project: Project, devports: Command, zoo: Zoo, on_terminal: OnTerminal
) -> None:
    """VS Code starts the next task of a sequence also where the one before has failed."""
    zoo("listener", port)
    project.zoo("backend", "listener", port)
    project.zoo("frontend", "listener", port + 1, depends_on=["backend"])
    terminal = on_terminal("run", "backend")
    terminal.answer("n")
    assert terminal.exit_code() == exitcodes.HELD
    done = devports("run", "frontend")
    assert done.code == exitcodes.NOT_READY, done
    assert "`backend` is not running: its port is in use and was not freed, " in done.err
    assert "waiting" not in done.err


def test_who_waits_is_told_that_what_is_needed_has_failed(
    port: int, project: Project, devports: Command
) -> None:
    project.service("backend", port, ["python3", "-c", "raise SystemExit(3)"])
    project.zoo("frontend", "listener", port + 1, depends_on=["backend"])
    waits = devports.start("run", "frontend")
    waits.says("waiting up to 1 min for `backend`")
    assert devports("run", "backend").code == 3
    assert waits.ends(within=20) == exitcodes.NOT_READY
    assert "`backend` is not running: it exited with code 3, " in waits.err


def test_a_service_that_was_stopped_may_be_started_again(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("backend", "listener", port)
    project.zoo("frontend", "listener", port + 1, depends_on=["backend"])
    first = devports.start("run", "backend")
    first.says("is ready on")
    first.send(signal.SIGTERM)
    first.ends()
    waits = devports.start("run", "frontend")
    waits.says("waiting up to 1 min for `backend`")
    devports.start("run", "backend")
    waits.says("`frontend` is ready on")
