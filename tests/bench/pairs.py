"""A round-robin timer of whole processes: A B C A B C ..., and the ratio within each round.

A noisy machine slows a whole round, so the ratio of two commands in the same round is steadier than
either time.  `python -m tests.bench.pairs -n 21 "bare=>python3 -c pass" "ss=>ss -ltn"`
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import time
from dataclasses import dataclass, field

ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
}
"""An installed program has its byte code beside it; one that may not write it compiles anew."""


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


def once(argv: list[str]) -> tuple[float, float, int]:
    """Run a command with its streams on /dev/null; return wall and CPU milliseconds, exit code."""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        begin = time.perf_counter()
        streams = [(os.POSIX_SPAWN_DUP2, null, descriptor) for descriptor in (0, 1, 2)]
        pid = os.posix_spawnp(argv[0], argv, ENVIRONMENT, file_actions=streams)
        _, status, usage = os.wait4(pid, 0)
        wall = time.perf_counter() - begin
    finally:
        os.close(null)
    cpu = usage.ru_utime + usage.ru_stime
    return wall * 1e3, cpu * 1e3, os.waitstatus_to_exitcode(status)


def measure(jobs: list[Job], rounds: int, warm_up: int = 2) -> None:
    """Run every job once per round; the warm-up rounds are forgotten."""
    for number in range(rounds + warm_up):
        for job in jobs:
            wall, cpu, job.code = once(job.argv)
            if number >= warm_up:
                job.wall.append(wall)
                job.cpu.append(cpu)


def ratios(job: Job, base: Job) -> list[float]:
    return sorted(one / other for one, other in zip(job.wall, base.wall, strict=True))


def table(jobs: list[Job]) -> str:
    """Return a markdown table; ratios are to the first job, with their quartiles."""
    lines = [
        "| command | median ms | min | CPU ms | ratio | quartiles | exit |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for job in jobs:
        found = ratios(job, jobs[0])
        low, high = found[len(found) // 4], found[3 * len(found) // 4]
        lines.append(
            f"| {job.name} | {statistics.median(job.wall):.1f} | {min(job.wall):.1f} "
            f"| {statistics.median(job.cpu):.1f} | **{statistics.median(found):.2f}** "
            f"| {low:.2f}-{high:.2f} | {job.code} |"
        )
    return "\n".join(lines)


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
