"""From the signal to a port that can be bound again: `devports free` beside `kill; sleep 2`.

The holders are not our children, as in real life. Times are whole commands, milliseconds.
`python -m tests.bench.freeing [ROUNDS]`
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

from tests.harness import tables
from tests.harness.actors import Actor, argv_of, start
from tests.harness.command import installed
from tests.harness.ports import reserved_block
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable


def by_devports(actor: Actor, port: int) -> None:
    assert actor.alive
    subprocess.run([*installed(), "free", str(port), "--yes"], capture_output=True, check=True)


def by_script(actor: Actor, port: int) -> None:
    """What a shell script does: end whoever it found, sleep, look again."""
    look = f"lsof -nP -iTCP:{port} -sTCP:LISTEN"
    script = f"kill {actor.pid}; sleep 2; {look}; true"
    subprocess.run(["sh", "-c", script], capture_output=True, check=True)


def floor(actor: Actor, port: int) -> None:
    """Nothing but the signal and a busy loop on the bind: no program can be faster."""
    actor.send(15)
    while not tables.bindable(port):
        pass


ORPHAN = 'exec 3<&0; "$@" <&3 &'
"""A parent that leaves at once. One that stays may be a supervisor, and is watched for 4 s."""

WAYS: dict[str, Callable[[Actor, int], None]] = {
    "busy loop on the bind (floor)": floor,
    "**`devports free --yes`**": by_devports,
    "`kill; sleep 2; lsof`": by_script,
}
HOLDERS = {"listener": ("listener",), "slow to stop, 0.3 s": ("slow_stop", "--seconds", 0.3)}


def times(
    way: Callable[[Actor, int], None], holder: tuple[object, ...], rounds: int
) -> list[float]:
    """Return the milliseconds of each round, from the first thing done to a port that is free."""
    found = []
    for _ in range(rounds):
        with reserved_block() as port:
            argv = argv_of(str(holder[0]), port, *holder[1:])
            actor = start("holder", ["sh", "-c", ORPHAN, "sh", *argv])
            begin = time.perf_counter()
            way(actor, port)
            found.append((time.perf_counter() - begin) * 1e3)
            eventually(partial(tables.bindable, port))
            actor.end()
    return found


def report(rounds: int = 10) -> str:
    lines = ["| way | holder | median ms | min | max |", "|---|---|---:|---:|---:|"]
    for title, holder in HOLDERS.items():
        for name, way in WAYS.items():
            found = times(way, holder, rounds if way is not by_script else 3)
            lines.append(
                f"| {name} | {title} | {statistics.median(found):.0f} | {min(found):.0f} "
                f"| {max(found):.0f} |"
            )
    return "### Freeing\n\n" + "\n".join(lines)


if __name__ == "__main__":
    print(report(*map(int, sys.argv[1:2])))
