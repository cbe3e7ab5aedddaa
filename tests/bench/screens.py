"""What a screen costs where a person sees it: processor time on a terminal, beside a bare Python's.

`python -m tests.bench.screens [ROUNDS]`
"""

from __future__ import annotations

import contextlib
import os
import re
import statistics
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from tests.bench import wheel
from tests.bench.check import SERVICES, bare, twenty_services
from tests.bench.pairs import Job, Section, markdown, measure, once, progress, ratio
from tests.harness.command import clean_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SIZE = {"COLUMNS": "100", "LINES": "30"}
SCREENS = {
    f"`devports status` of {SERVICES} services": ("status",),
    "`devports status --all`": ("status", "--all"),
}
WORDS = "rich draws on a terminal and is loaded only for that; a pipe gets plain text."
PEAK = """
import sys
if sys.argv[1:] != ["-c", "pass"]:
    from devports.cli import main
    main(sys.argv[1:])
print(open("/proc/self/status").read())
"""
"""Runs a command in this process, which then tells its highest memory (VmHWM, proc(5))."""


def on_a_terminal(argv: list[str], environment: Mapping[str, str]) -> tuple[float, float, int]:
    """Run a command on a terminal of its own; return wall and CPU milliseconds, exit code."""
    return shown(argv, environment)[:3]


def shown(argv: list[str], environment: Mapping[str, str]) -> tuple[float, float, int, bytes]:
    """Run a command on a terminal of its own; return its costs, and what it has shown."""
    ours, its = os.openpty()
    streams = [(os.POSIX_SPAWN_DUP2, its, descriptor) for descriptor in (0, 1, 2)]
    begin = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, {**environment, **SIZE}, file_actions=streams, setsid=True)
    os.close(its)
    text = b"".join(read(ours))
    _, status, usage = os.wait4(pid, 0)
    wall, cpu = time.perf_counter() - begin, usage.ru_utime + usage.ru_stime
    os.close(ours)
    return wall * 1e3, cpu * 1e3, os.waitstatus_to_exitcode(status), text


def read(terminal: int) -> Iterator[bytes]:
    """Yield what comes, to the end of the terminal: that is an EIO (pty(7))."""
    with contextlib.suppress(OSError):
        while data := os.read(terminal, 1 << 16):
            yield data


def peak(words: list[str], environment: Mapping[str, str]) -> float:
    """Return the highest memory of a command in MiB."""
    *_, text = shown([wheel.python(), "-c", PEAK, *words], environment)
    found = re.search(rb"VmHWM:\s+(\d+) kB", text)
    assert found, text
    return int(found[1]) / 1024


def measured(
    config: str, home: Mapping[str, str], rounds: int, run: Callable[..., tuple[float, float, int]]
) -> list[Job]:
    """Return what a bare Python and each screen costs, run so."""
    jobs = [bare()]
    for name, (command, *options) in SCREENS.items():
        jobs.append(Job(f"**{name}**", [wheel.devports(), command, "--config", config, *options]))
    measure(jobs, rounds, environment=home, run=run)
    return jobs


def report(rounds: int = 15) -> Section:
    progress("screens")
    with tempfile.TemporaryDirectory() as folder, twenty_services(folder) as config:
        home = clean_environment(folder)
        home.pop("PYTHONDONTWRITEBYTECODE")
        seen = measured(config, home, rounds, on_a_terminal)
        piped = measured(config, home, rounds, once)
        rows = [
            (
                job.name,
                f"{statistics.median(job.cpu):.1f}",
                f"**{ratio(job.cpu, seen[0].cpu):.2f}**",
                f"{ratio(other.cpu, piped[0].cpu):.2f}",
                f"{peak(job.argv[1:], home):.1f}",
            )
            for job, other in zip(seen, piped, strict=True)
        ]
    title = "on a terminal | CPU ms | ratio of CPU | ratio on a pipe | highest MiB"
    return Section("Screens", f"{WORDS}\n\n{markdown(title, rows)}")


if __name__ == "__main__":
    print(report(*map(int, sys.argv[1:2])))
