"""What a screen costs where a person sees it: processor time on a terminal, beside a bare Python's.

`python -m tests.bench.screens [ROUNDS]`
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.bench import wheel
from tests.bench.check import SERVICES, bare, twenty_services
from tests.bench.pairs import Job, Section, markdown, measure, progress, ratio
from tests.harness.command import clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SIZE = {"COLUMNS": "100", "LINES": "30"}
SCREENS = {
    f"`devports status` of {SERVICES} services": ("status",),
    "`devports status --all`": ("status", "--all"),
    "`devports free`, its question": ("free", "one0"),
    "`devports run`, its question": ("run", "one0"),
}
HELD = 7
CROWDED = {f"`devports doctor` with {HELD} held ports": ("doctor",)}
"""The same in a project in which so many ports are held."""
WORDS = """\
rich draws on a terminal and is loaded only for that; a pipe gets plain text. Questions are asked by
questionary and answered with no by a key; on a pipe the answer is no at once."""
ASKED = b"no, leave it running"
AGAIN = 0.02
"""Seconds until a key is sent again: what is typed before a question is drawn does not count."""
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
    """Yield what comes, to the end of the terminal: that is an EIO (pty(7)); answer a question."""
    seen = b""
    with contextlib.suppress(OSError):
        while True:
            if ASKED in seen and not select.select((terminal,), (), (), AGAIN)[0]:
                os.write(terminal, b"n")
                continue
            if not (data := os.read(terminal, 1 << 16)):
                return
            seen += data
            yield data


def peak(words: list[str], environment: Mapping[str, str]) -> float:
    """Return the highest memory of a command in MiB."""
    *_, text = shown([wheel.python(), "-c", PEAK, *words], environment)
    found = re.search(rb"VmHWM:\s+(\d+) kB", text)
    assert found, text
    return int(found[1]) / 1024


def screens(config: str, crowded: str) -> Iterator[Job]:
    """Yield a bare Python, and each screen: of a project, and of one with more held ports."""
    yield bare()
    for table, of in ((SCREENS, config), (CROWDED, crowded)):
        for name, (command, *more) in table.items():
            yield Job(f"**{name}**", [wheel.devports(), command, "--config", of, *more])


def report(rounds: int = 15) -> Section:
    progress("screens")
    with ExitStack() as stack:
        folder, other = (stack.enter_context(tempfile.TemporaryDirectory()) for _ in range(2))
        configs = (
            stack.enter_context(twenty_services(folder)),
            stack.enter_context(twenty_services(other, HELD)),
        )
        home = clean_environment(folder)
        home.pop("PYTHONDONTWRITEBYTECODE")
        seen, piped = list(screens(*configs)), list(screens(*configs))
        measure(seen, rounds, environment=home, run=on_a_terminal)
        measure(piped, rounds, environment=home)
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
