"""What a run meets in real life: neighbours, launchers, double signals, readers that stall."""

from __future__ import annotations

import dataclasses
import os
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness import tables
from tests.harness.actors import NOBODY, Identity, argv_of, become
from tests.harness.capabilities import NEEDS_FORK, NEEDS_PROC, NEEDS_SECOND_USER
from tests.harness.command import installed
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Zoo
    from tests.harness.command import Command
    from tests.harness.project import Project

pytestmark = [NEEDS_FORK, NEEDS_PROC]

BLOCKED = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [1, 2, 3, 15, 17])
os.execvp(sys.argv[1], sys.argv[1:])
"""
DEAF = """
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execvp(sys.argv[1], sys.argv[1:])
"""
LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
AGENT = "import signal, sys; print('agent', flush=True); signal.pause()"


def served(port: int) -> set[int]:
    return eventually(lambda: tables.listening_pids(port), 30, what="somebody serves")


def test_what_ran_before_in_our_process_is_no_business_of_ours(
    port: int, project: Project, devports: Command, tmp_path: Path
) -> None:
    """An entrypoint script starts an agent and becomes devports."""
    project.zoo("web", "listener", port)
    pid_file = tmp_path / "agent"
    agent = shlex.join([sys.executable, "-c", AGENT])
    run = shlex.join([sys.executable, "-m", "devports", "run", "web"])
    script = f"{agent} & echo $! > {shlex.quote(str(pid_file))}; exec {run}"
    running = devports.under("sh", "-c", script).start()
    served(port)
    identity = Identity.of(int(pid_file.read_text()))
    running.send(signal.SIGTERM)
    assert running.ends() == 143, running.err
    assert identity.alive
    identity.send(signal.SIGKILL)


def test_a_server_whose_launcher_has_ended_is_still_ours(
    port: int, project: Project, devports: Command
) -> None:
    server = shlex.join(argv_of("listener", port, "--stay"))
    project.service("web", port, f"({server} &) ; exec sleep 60", shell=True)
    running = devports.start("run", "web")
    running.says("is ready on")
    assert tables.listening_pids(port)
    running.send(signal.SIGTERM)
    running.ends()
    eventually(lambda: not tables.holding_pids(port), what="the port is given back")


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        pytest.param({"command": "no-such-program"}, 127, id="no such command"),
        pytest.param({"command": "sleep 60", "cwd": "nowhere"}, 2, id="no such folder"),
    ],
)
def test_nobody_is_ended_for_what_cannot_start(
    *, settings: dict[str, str], code: int, port: int, zoo: Zoo, project: Project, devports: Command
) -> None:
    holder = zoo("listener", port)
    project.service("web", port, **settings)
    done = devports("run", "web", "--yes")
    assert done.code == code, done
    assert holder.alive
    assert "SIGTERM" not in done.err


def test_where_it_listens_instead_is_said_at_once(
    port: int, project: Project, devports: Command
) -> None:
    project.service("web", port, argv_of("listener", port + 1, "--stay"), ready={"timeout": 6})
    running = devports.start("run", "web")
    running.says(f"`web` listens on 127.0.0.1:{port + 1}; still waiting for 127.0.0.1:{port}")
    assert running.ends() == exitcodes.NOT_READY, running.err
    assert running.err.count("devports: starting") == 1


def test_too_few_descriptors_are_nobody_elses_doing(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "listener", port)
    run = shlex.join([sys.executable, "-m", "devports", "run", "web"])
    done = devports.under("sh", "-c", f"ulimit -n 12; exec {run}")()
    assert done.code == exitcodes.NOT_EXECUTABLE, done
    assert "cannot start `web`: Too many open files" in done.err
    assert "another process" not in done.err


@pytest.mark.parametrize("limit", [5, 7])
def test_the_limit_of_open_files_is_named_with_the_command_that_raises_it(
    limit: int, port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "listener", port)
    run = shlex.join([sys.executable, "-m", "devports", "run", "web"])
    done = devports.under("sh", "-c", f"ulimit -n {limit}; exec {run}")()
    assert done.code == exitcodes.NOT_EXECUTABLE, done
    assert "error: cannot run `web`: Too many open files" in done.err
    assert f"may open {limit} files; to raise that, run `ulimit -n 1024`" in done.err


@pytest.mark.parametrize("limit", [5, 6])
def test_with_few_open_files_free_says_so_and_what_it_has_signalled(
    limit: int, port: int, zoo: Zoo, devports: Command
) -> None:
    holder = zoo("listener", port)
    free = shlex.join([sys.executable, "-m", "devports", "free", str(port), "--yes"])
    done = devports.under("sh", "-c", f"ulimit -n {limit}; exec {free}")()
    if done.code == exitcodes.OK:
        return
    assert done.code == exitcodes.CANNOT_INSPECT, done
    assert "to raise that, run `ulimit -n 1024`" in done.err
    assert holder.alive or f"(pid {holder.pid}): sent SIGTERM" in done.err


def test_a_second_hangup_does_not_cut_the_graceful_stop_short(
    port: int, project: Project, devports: Command
) -> None:
    """An editor and the closing terminal send one each."""
    project.zoo("web", "slow_stop", port, "--seconds", 1)
    running = devports.start("run", "web")
    running.says("is ready on")
    running.send(signal.SIGHUP)
    running.says("stopping `web`")
    running.send(signal.SIGHUP)
    assert running.ends() == 0, running.err
    assert "SIGKILL" not in running.err


def test_a_reader_that_stalls_does_not_make_us_deaf(
    port: int, project: Project, devports: Command
) -> None:
    code = "import sys\nwhile True: sys.stdout.write('x' * 65536)"
    project.service("web", port, [sys.executable, "-c", code], stop_timeout=1)
    read, write = os.pipe()
    process = subprocess.Popen(
        [*installed(), "run", "web"],
        stdin=subprocess.DEVNULL,
        stdout=write,
        stderr=subprocess.DEVNULL,
        cwd=devports.cwd,
        env=devports.env,
        start_new_session=True,
    )
    os.close(write)
    eventually(lambda: _is_full(read), what="nothing more fits into the pipe")
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 143
    os.close(read)


def _is_full(read: int) -> bool:
    import fcntl  # not on Windows
    import termios

    waiting = int.from_bytes(fcntl.ioctl(read, termios.FIONREAD, bytes(4)), sys.byteorder)
    return waiting >= 65536 - 4096


def test_a_terminal_that_does_not_block_gets_every_byte(
    port: int, project: Project, devports: Command
) -> None:
    """Node parents share a description that is set to not block."""
    code = "import sys\nsys.stdout.write('x' * 1_000_000)"
    project.service("web", port, [sys.executable, "-c", code])
    read, write = os.pipe()
    os.set_blocking(write, False)
    process = subprocess.Popen(
        [*installed(), "run", "web"],
        stdin=subprocess.DEVNULL,
        stdout=write,
        stderr=subprocess.DEVNULL,
        cwd=devports.cwd,
        env=devports.env,
        start_new_session=True,
    )
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        assert len(pipe.read()) == 1_000_000
    assert process.wait(20) == 0


def test_a_configuration_that_says_fail_is_not_overruled_by_yes(
    port: int, project: Project, devports: Command
) -> None:
    project.zoo("web", "listener", port, on_conflict="fail")
    holder = devports.start("run", "web")
    holder.says("is ready on")  # until then the socket is ours as well
    pids = served(port)
    other = devports("run", "web", "--yes", "--config", _copy(project, port))
    assert other.code == 90, other
    assert tables.listening_pids(port) == pids
    holder.send(signal.SIGTERM)
    holder.ends()


def _copy(project: Project, port: int) -> str:
    """Return the configuration of another project that wants the same port."""
    folder = os.path.join(project.folder, "other")
    os.makedirs(folder)
    path = os.path.join(folder, "devports.toml")
    with (
        open(project.config, encoding="utf-8") as source,
        open(path, "w", encoding="utf-8") as copy,
    ):
        copy.write(source.read())
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_that_a_launcher_left_blocked_still_end_us_and_reach_the_server(
    number: int, port: int, project: Project, devports: Command
) -> None:
    log = os.path.join(project.folder, "signals")
    project.zoo("web", "term_counter", port, "--log", log)
    running = devports.under(sys.executable, "-c", BLOCKED).start("run", "web")
    running.says("is ready on")
    running.send(number)
    assert running.ends() == 0, running.err
    with open(log, encoding="ascii") as file:
        assert file.read().split() == ["SIGTERM"]


def test_signals_that_a_launcher_left_blocked_end_a_wait(port: int, devports: Command) -> None:
    running = devports.under(sys.executable, "-c", BLOCKED).start("wait", port)
    running.says("waiting")
    running.send(signal.SIGTERM)
    assert running.ends() == 143, running.err


def test_a_launcher_that_hears_of_no_ended_child_does_not_make_us_deaf(
    port: int, project: Project, devports: Command
) -> None:
    code = "import signal; assert not signal.getsignal(signal.SIGCHLD); raise SystemExit(7)"
    project.service("web", port, [sys.executable, "-c", code])
    done = devports.under(sys.executable, "-c", DEAF)("run", "web")
    assert done.code == 7, done


@NEEDS_SECOND_USER
def test_a_user_who_may_start_no_process_is_told_so(port: int, as_nobody: Command) -> None:
    config = os.path.join(as_nobody.env["HOME"], "devports.toml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f'[services.web]\ncommand = "sleep 60"\nport = {port}\n')
    os.chown(config, NOBODY, NOBODY)
    limited = [*become(NOBODY), sys.executable, "-c", LIMITED, as_nobody.argv[-1]]
    done = dataclasses.replace(as_nobody, argv=limited)("run", "web", "--config", config)
    assert done.code == exitcodes.NOT_EXECUTABLE, done
    assert "cannot start the watchdog process: Resource temporarily unavailable" in done.err
