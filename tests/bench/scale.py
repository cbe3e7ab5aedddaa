"""What a look costs on a busy machine: with up to 20,000 sockets, and with up to 2,000 processes.

The load is made and unmade here (`load.py`). `python -m tests.bench.scale [ROUNDS]`
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
from typing import TYPE_CHECKING

from tests.bench import load, peers, wheel
from tests.bench.check import bare
from tests.bench.pairs import Job, Section, markdown, measure, progress, ratio
from tests.bench.plot import Plot
from tests.harness.actors import argv_of, start
from tests.harness.ports import reserved_block

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STEPS = {"sockets": (0, 5_000, 10_000, 20_000), "processes": (0, 500, 1_000, 2_000)}
"""How many are added to what is there already."""


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


def report(rounds: int = 7) -> list[Section]:
    return [section(kind, rounds) for kind in STEPS]


if __name__ == "__main__":
    print(*report(*map(int, sys.argv[1:2])), sep="\n\n")
