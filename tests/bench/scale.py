"""What a look costs with up to 20,000 sockets, 2,000 processes, and 200 services of a project.

The load is made and unmade here (`load.py`). `python -m tests.bench.scale [ROUNDS]`
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
from typing import TYPE_CHECKING

from tests.bench import load, peers, wheel
from tests.bench.check import FIRST, bare
from tests.bench.pairs import Job, Section, markdown, measure, progress, ratio
from tests.bench.plot import Plot
from tests.harness.actors import argv_of, start
from tests.harness.command import clean_environment
from tests.harness.ports import reserved_block
from tests.harness.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STEPS = {"sockets": (0, 5_000, 10_000, 20_000), "processes": (0, 500, 1_000, 2_000)}
"""How many are added to what is there already."""
SERVICES = (1, 5, 20, 200)
"""Services of a project."""


def jobs(free: int, held: int) -> list[Job]:
    devports = wheel.devports()
    return [
        bare(),
        Job("devports check, free", [devports, "check", str(free)]),
        Job("devports check, held", [devports, "check", str(held)]),
        Job("devports status, all holders", [devports, "status", str(held)]),
        *peers.of_the_system(held),
    ]


def sockets_now() -> int:
    """Count the sockets of TCP in use, and those in TIME_WAIT (/proc/net/sockstat)."""
    with open("/proc/net/sockstat", encoding="ascii") as file:
        words = next(line.split() for line in file if line.startswith("TCP:"))
    return int(words[words.index("inuse") + 1]) + int(words[words.index("tw") + 1])


def processes_now() -> int:
    return sum(name.isdigit() for name in os.listdir("/proc"))


NOW: dict[str, Callable[[], int]] = {"sockets": sockets_now, "processes": processes_now}


def levels(kind: str, rounds: int) -> Iterator[tuple[int, list[Job]]]:
    """Yield what was there, and the jobs that were measured beside it, from few to many."""
    have = 0
    with contextlib.ExitStack() as stack:
        free, held = (stack.enter_context(reserved_block()) for _ in "ab")
        stack.callback(start("listener", argv_of("listener", held)).end)
        for wanted in STEPS[kind]:
            progress(f"scale: {wanted} {kind}")
            if wanted > have:
                argv = [sys.executable, load.__file__, kind, str(wanted - have)]
                stack.callback(start("load", argv).end)
                have = wanted
            measured = jobs(free, held)
            there = NOW[kind]()
            measure(measured, rounds, warm_up=1)
            yield there, measured


def section(kind: str, rounds: int) -> Section:
    found = list(levels(kind, rounds))
    names = [job.name for job in found[0][1]]
    columns = {count: {job.name: job.wall for job in measured} for count, measured in found}
    last = columns[found[-1][0]]
    rows = []
    for name in names:
        middles = [f"{statistics.median(walls[name]):.1f}" for walls in columns.values()]
        marked = f"**{name}**" if name.startswith("devports") else name
        rows.append((marked, *middles, f"{ratio(last[name], last[names[0]]):.1f}"))
    counts = " | ".join(f"{count:,} {kind}" for count in columns)
    table = markdown(f"median ms beside | {counts} | ratio with the most", rows)
    series = {
        name.replace("`", "").replace(" -nP -iTCP:PORT", "").replace(" PORT/tcp", ""): tuple(
            (count, statistics.median(walls[name])) for count, walls in columns.items()
        )
        for name in names[1:]
    }
    picture = Plot(
        f"Looking at one port beside many {kind}", f"{kind} on the machine", "milliseconds", series
    )
    return Section(f"Many {kind}", table, {f"speed-{kind}.svg": picture.svg()})


def services(rounds: int) -> Section:
    """Measure what a configuration costs with the number of its services."""
    walls: dict[int, list[Job]] = {}
    for count in SERVICES:
        progress(f"scale: {count} services")
        with tempfile.TemporaryDirectory() as folder:
            project = Project(folder)
            for number in range(count):
                words = ["python3", "-m", "http.server", "{port}"]
                project.service(f"one{number}", FIRST + number, words)
            commands = (["check", "one0"], ["status"], ["status", "--json"], ["doctor"])
            walls[count] = [bare(), *(in_project(project, words) for words in commands)]
            environment = clean_environment(folder)
            environment.pop("PYTHONDONTWRITEBYTECODE")
            measure(walls[count], rounds, warm_up=1, environment=environment)
    names = [job.name for job in walls[1]]
    rows = [
        (name, *(f"{ratio(of[at].cpu, of[0].cpu):.2f}" for of in walls.values()))
        for at, name in enumerate(names)
    ]
    titles = " | ".join(f"{count} service{'s' * (count > 1)}" for count in walls)
    series = {
        name.replace("*", ""): tuple(
            (count, statistics.median(of[at].cpu)) for count, of in walls.items()
        )
        for at, name in enumerate(names[1:], 1)
    }
    picture = Plot("A project", "services", "milliseconds of CPU time", series)
    table = markdown(f"ratio of CPU time with | {titles}", rows)
    return Section("Many services", table, {"speed-services.svg": picture.svg()})


def in_project(project: Project, words: list[str]) -> Job:
    argv = [wheel.devports(), words[0], "--config", project.config, *words[1:]]
    return Job(f"**devports {' '.join(words).replace('one0', 'SERVICE')}**", argv)


def report(rounds: int = 7) -> list[Section]:
    return [*(section(kind, rounds) for kind in STEPS), services(rounds)]


if __name__ == "__main__":
    print(*report(*map(int, sys.argv[1:2])), sep="\n\n")
