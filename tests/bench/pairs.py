"""A round-robin timer of whole processes: A B C A B C ..., and the ratio within each round.

A noisy machine slows a whole round, so the ratio of two commands in the same round is steadier than
either time.  `python -m tests.bench.pairs -n 21 "bare=>python3 -c pass" "ss=>ss -ltn"`
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
}
"""An installed program has its byte code beside it; one that may not write it compiles anew."""


@dataclass
class Section:
    """What one part found: markdown, and pictures by the name of their file."""

    title: str
    text: str
    pictures: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"### {self.title}\n\n{self.text}"


@dataclass
class Job:
    """One command, and its times in milliseconds, one a round."""

    name: str
    argv: list[str]
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    code: int = 0

    @classmethod
    def parse(cls, text: str) -> Job:
        name, command = text.split("=>", 1)
        return cls(name.strip(), shlex.split(command))


def once(argv: list[str], environment: Mapping[str, str]) -> tuple[float, float, int]:
    """Run a command with its streams on /dev/null; return wall and CPU milliseconds, exit code."""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        begin = time.perf_counter()
        streams = [(os.POSIX_SPAWN_DUP2, null, descriptor) for descriptor in (0, 1, 2)]
        pid = os.posix_spawnp(argv[0], argv, environment, file_actions=streams)
        _, status, usage = os.wait4(pid, 0)
        wall = time.perf_counter() - begin
    finally:
        os.close(null)
    cpu = usage.ru_utime + usage.ru_stime
    return wall * 1e3, cpu * 1e3, os.waitstatus_to_exitcode(status)


def measure(
    jobs: list[Job],
    rounds: int,
    warm_up: int = 2,
    environment: Mapping[str, str] = ENVIRONMENT,
    run: Callable[[list[str], Mapping[str, str]], tuple[float, float, int]] = once,
) -> None:
    """Run every job once per round; the warm-up rounds are forgotten."""
    for number in range(rounds + warm_up):
        for job in jobs:
            wall, cpu, job.code = run(job.argv, environment)
            if number >= warm_up:
                job.wall.append(wall)
                job.cpu.append(cpu)


def in_turn(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Call every way once per round, the first round for nothing; return what each has said."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            value = way()
            if number:
                found[name].append(value)
    return found


def ratios(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """Return the ratios within each round, sorted."""
    return sorted(one / other for one, other in zip(values, base, strict=True))


def ratio(values: Sequence[float], base: Sequence[float]) -> float:
    return statistics.median(ratios(values, base))


def middles(found: Mapping[str, Sequence[float]], digits: int) -> list[tuple[str, str, str]]:
    """Return rows: the way, its median, and its ratio to the first way, round by round."""
    base = next(iter(found.values()))
    return [
        (name, f"{statistics.median(values):.{digits}f}", f"**{ratio(values, base):.2f}**")
        for name, values in found.items()
    ]


def markdown(columns: str, rows: Iterable[Sequence[object]], words: int = 1) -> str:
    """Return a table; `columns` are divided by `|`, and all but the first `words` are numbers."""
    titles = [title.strip() for title in columns.split("|")]
    marks = ["---"] * words + ["---:"] * (len(titles) - words)
    lines = [titles, marks, *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def table(jobs: list[Job]) -> str:
    """Return a markdown table; ratios are to the first job, with their quartiles."""
    rows = []
    for job in jobs:
        found = ratios(job.wall, jobs[0].wall)
        low, high = found[len(found) // 4], found[3 * len(found) // 4]
        middle = statistics.median
        rows.append(
            (
                job.name,
                *(f"{value:.1f}" for value in (middle(job.wall), min(job.wall), middle(job.cpu))),
                f"**{middle(found):.2f}**",
                f"{low:.2f}-{high:.2f}",
                job.code,
            )
        )
    return markdown("command | median ms | min | CPU ms | ratio | quartiles | exit", rows)


def progress(words: str) -> None:
    """Tell the person who waits how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--rounds", type=int, default=21)
    parser.add_argument("job", nargs="+", help="NAME=>COMMAND; the first is the measure")
    args = parser.parse_args()
    jobs = [Job.parse(text) for text in args.job]
    measure(jobs, args.rounds)
    print(table(jobs))


if __name__ == "__main__":
    main()
