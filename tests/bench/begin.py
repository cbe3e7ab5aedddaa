"""How long `devports run` takes until its server starts, and what stays in memory beside it.

The server is a program that says when it began, on the clock that all processes share.
`python -m tests.bench.begin [ROUNDS]`
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from typing import TYPE_CHECKING

import psutil

from tests.bench import wheel
from tests.bench.pairs import Section, in_turn, markdown, middles, once, progress
from tests.harness.command import Command, clean_environment
from tests.harness.ports import reserved_block
from tests.harness.project import Project
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLOCK = "import time; print(time.monotonic(), flush=True)"
SERVER = [sys.executable, "-I", "-S", "-c", CLOCK]
"""CLOCK_MONOTONIC on Linux is the same for everybody (clock_gettime(2))."""
SPENT = ["/bin/sh", "-c", "read cpu rest < /proc/$PPID/schedstat; echo $cpu"]
"""Says how many nanoseconds of CPU time devports has used (Documentation/scheduler/sched-stats)."""
FIGURES = ("Rss", "Pss", "Private_Dirty")


@contextlib.contextmanager
def project(server: list[str] = SERVER, **settings: object) -> Iterator[tuple[Project, Command]]:
    """Give a project with one service, and the command that is measured in its folder."""
    with tempfile.TemporaryDirectory() as folder, reserved_block() as port:
        made = Project(folder)
        made.service("web", port, server, **settings)
        made.zoo("zoo", "listener", port + 1, **settings)
        env = clean_environment(folder)
        yield made, Command(folder, env, folder, argv=[wheel.devports()])


def said(argv: list[str], cwd: str, env: dict[str, str]) -> float:
    """Return the number that the server in a command says."""
    done = subprocess.run(
        argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return float(done.stdout)


def begun(argv: list[str], cwd: str, env: dict[str, str]) -> float:
    """Return the milliseconds from our start of a command to when the server in it began."""
    start = time.monotonic()
    return (said(argv, cwd, env) - start) * 1e3


def spent(argv: list[str], cwd: str, env: dict[str, str]) -> float:
    """Return the milliseconds of CPU time that devports used until the server began."""
    return said(argv, cwd, env) / 1e6


def whole(argv: list[str], cwd: str, env: dict[str, str]) -> float:
    start = time.monotonic()
    subprocess.run(argv, cwd=cwd, env=env, check=True)
    return (time.monotonic() - start) * 1e3


def start_up(rounds: int) -> str:
    progress("begin: until the server starts")
    with project() as (_, command), project(handoff="plain") as (_, plain):
        ways = {
            "`python -c pass`, whole": partial(whole, [wheel.python(), "-c", "pass"]),
            "the server directly": partial(begun, SERVER),
        }
        calls = {name: partial(way, command.cwd, command.env) for name, way in ways.items()}
        for name, of in (("", command), (', `handoff = "plain"`', plain)):
            argv = [*of.argv, "run", "web"]
            calls[f"**`devports run`**{name}"] = partial(begun, argv, of.cwd, of.env)
        found = in_turn(calls, rounds)
    return markdown("until the server begins | median ms | ratio", middles(found, 1))


def cpu_time(rounds: int) -> str:
    progress("begin: CPU time until the server starts")
    with project(SPENT) as (_, command):
        bare, env = [wheel.python(), "-c", "pass"], command.env
        ways: dict[str, Callable[[], float]] = {
            "`python -c pass`, whole": lambda: once(bare, env)[1],
            "**`devports run`**": partial(spent, [*command.argv, "run", "web"], command.cwd, env),
        }
        found = in_turn(ways, rounds)
    return markdown("CPU time until the server begins | median ms | ratio", middles(found, 1))


def memory_of(pid: int) -> list[str]:
    """Return the MiB of a process: all of it, its share of it, and what is its alone (proc(5))."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        kib = {line.split(":")[0]: int(line.split()[1]) for line in file if line.endswith("kB\n")}
    return [f"{kib[name] / 1024:.1f}" for name in FIGURES]


def guard_of(pid: int) -> int:
    """Return who cleans up after the death of a run: a copy of it, which is not below it."""
    command = psutil.Process(pid).cmdline()
    every = psutil.process_iter(["cmdline"])
    return next(one.pid for one in every if one.info["cmdline"] == command and one.pid != pid)


def memory() -> str:
    progress("begin: memory")
    idle = subprocess.Popen(
        [wheel.python(), "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert idle.stdout is not None
    idle.stdout.readline()
    rows = [("a Python that does nothing", *memory_of(idle.pid))]
    idle.communicate(b"\n")
    with project() as (_, command):
        running = command.start("run", "zoo")
        eventually(lambda: running.said_ready, 20)
        rows.append(("**devports**, its server is ready", *memory_of(running.pid)))
        rows.append(("its watchdog", *memory_of(guard_of(running.pid))))
        running.send(signal.SIGTERM)
        running.ends()
    return markdown("MiB | resident (RSS) | share of it (PSS) | private (dirty)", rows)


def report(rounds: int = 15) -> Section:
    parts = (start_up(rounds), cpu_time(rounds), memory())
    return Section("Starting a server", "\n\n".join(parts))


if __name__ == "__main__":
    print(report(*map(int, sys.argv[1:2])))
