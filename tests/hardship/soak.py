"""Many cycles of a service: start, ready, stop or free, up, down. What grows?"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.hardship.stage import SERVER, given_back, staged
from tests.harness.command import installed

if TYPE_CHECKING:
    from tests.hardship.stage import Stage
    from tests.harness.command import Running

FIRST = 2
"""Cycles until every file that stays has been made."""

DIGITS = 64
"""Bytes by which one record differs from the next: digits of times and process ids."""
BOUNDED = "stops.log"
"""The log of stops grows by a line for each, up to a bound of its own."""


@dataclass(frozen=True)
class Level:
    """What there is after a cycle; `descriptors`: the most of a run and its server, when ready."""

    processes: int
    descriptors: int
    records: int
    temporary: int
    files: int
    bytes: int

    def row(self, name: str) -> str:
        return f"| {name} | " + " | ".join(str(value) for value in vars(self).values()) + " |"


HEADING = "| cycles | " + " | ".join(Level.__dataclass_fields__) + " |\n|" + "---|" * 7


def soak(cycles: int) -> tuple[Level, Level, list[str]]:
    """Return what there is after the first cycles and after all, and what went wrong."""
    with staged() as stage:
        stage.reset()
        words = [sys.executable, "-S", "-E", "-c", SERVER, str(stage.port), "60", stage.folder]
        stage.project.service("web", stage.port, words, stop_timeout=1)
        levels, failures = [], []
        for number in range(cycles):
            descriptors, failed = cycle(stage, by_free=bool(number % 2))
            failures += [f"cycle {number}: {each}" for each in failed]
            levels.append(level(stage, descriptors))
        return levels[min(FIRST, cycles) - 1], levels[-1], failures


def cycle(stage: Stage, *, by_free: bool) -> tuple[int, list[str]]:
    """Start the service in the foreground, stop it by a signal or by `free`; then `up`, `down`.

    Return the descriptors of the run, and faults.
    """
    command, named = stage.command, ("web", "--config", stage.project.config)
    command.argv = installed()
    run = command.start("run", *named)
    run.says("is ready on")
    descriptors, done = opened(run), []
    if by_free:
        done.append(command("free", *named, "--yes"))
    else:
        run.send(signal.SIGTERM)
    run.ends()
    left = [given_back(stage)]
    done += [command("up", *named), command("down", *named)]
    left.append(given_back(stage))
    return descriptors, [*(str(each) for each in done if each.code), *filter(None, left)]


def opened(run: Running) -> int:
    return len(os.listdir(f"/proc/{run.pid}/fd"))


def level(stage: Stage, descriptors: int) -> Level:
    files = stage.files()
    records = [path for path in files if path.endswith(".json") and path.startswith("h/")]
    state = [
        text for path, text in files.items() if path.startswith("h/") and not path.endswith(BOUNDED)
    ]
    temporary = sum(len(names) + len(folders) for _, folders, names in os.walk(f"{stage.folder}/t"))
    return Level(
        len(stage.left()), descriptors, len(records), temporary, len(state), sum(map(len, state))
    )


def report(cycles: int) -> int:
    first, last, failures = soak(cycles)
    print(HEADING)
    print(first.row(f"after {min(FIRST, cycles)}"))
    print(last.row(f"after {cycles}"))
    print("\n".join([f"\n{len(failures)} failures", *failures]))
    grown = last.bytes > first.bytes + DIGITS or replace(first, bytes=last.bytes) != last
    return int(bool(failures) or grown)
