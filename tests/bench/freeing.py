"""From the signal to a port that can be bound again, by devports, by hand and by a script.

The holders are not our children, as in real life. First the time from SIGTERM on, within one
process and for a holder that ends at once; then whole commands, `kill; sleep 2` among them.
`python -m tests.bench.freeing [ROUNDS]`
"""

from __future__ import annotations

import os
import select
import signal
import statistics
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

from devports.core.model import Endpoint
from devports.core.stop_plan import ConfirmPolicy, Stopped
from devports.freeing import FreeRequest, FreeServices, free
from devports.system import native
from devports.system.container_engines import Engines
from tests.bench import wheel
from tests.bench.pairs import Section, in_turn, markdown, progress, ratio
from tests.harness import tables
from tests.harness.actors import Actor, argv_of, start
from tests.harness.ports import reserved_block
from tests.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Way = Callable[[Actor, int], float]
    """Frees the port; returns the milliseconds that it took."""

ORPHAN = 'exec 3<&0; "$@" <&3 &'
"""A parent that leaves at once. One that stays may be a supervisor, and is watched for 4 s."""


def in_a_loop(actor: Actor, port: int) -> None:
    """Nothing but the signal and the bind. On a busy machine it keeps the holder from ending."""
    actor.send(signal.SIGTERM)
    while not tables.bindable(port):
        pass


def by_pidfd(actor: Actor, port: int) -> None:
    """Wait for the end of the process as an event (pidfd_open(2)), then bind: the floor."""
    descriptor = os.pidfd_open(actor.pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        actor.send(signal.SIGTERM)
        poll.poll(10_000)
    finally:
        os.close(descriptor)
    while not tables.bindable(port):
        pass


def by_devports(actor: Actor, port: int) -> None:
    assert actor.alive
    subprocess.run([wheel.devports(), "free", str(port), "--yes"], capture_output=True, check=True)


def by_script(actor: Actor, port: int) -> None:
    """What a shell script does: end whoever it found, sleep, look again."""
    look = f"lsof -nP -iTCP:{port} -sTCP:LISTEN"
    script = f"kill {actor.pid}; sleep 2; {look}; true"
    subprocess.run(["sh", "-c", script], capture_output=True, check=True)


def timed(way: Callable[[Actor, int], None], actor: Actor, port: int) -> float:
    begin = time.perf_counter()
    way(actor, port)
    return (time.perf_counter() - begin) * 1e3


def within(actor: Actor, port: int) -> float:
    """Free it as the command does, but in this process; return the time from SIGTERM on."""
    tools = FreeServices(
        machine=native(),
        ask=lambda _: "yes",
        tell=lambda _: None,
        find_run=lambda _: None,
        engines=Engines(),
    )
    freed = free(tools, FreeRequest((Endpoint("127.0.0.1", port),), ConfirmPolicy(yes=True)))
    (outcome,) = freed.outcomes
    assert isinstance(outcome, Stopped), outcome
    assert not actor.alive
    return outcome.seconds * 1e3


FLOOR = "pidfd, poll, then the bind (floor)"
FROM_THE_SIGNAL: dict[str, Way] = {
    FLOOR: partial(timed, by_pidfd),
    "the bind in a busy loop": partial(timed, in_a_loop),
    "**devports, from SIGTERM on**": within,
}
COMMANDS: dict[str, Way] = {
    FLOOR: partial(timed, by_pidfd),
    "**`devports free --yes`**": partial(timed, by_devports),
    "`kill; sleep 2; lsof`": partial(timed, by_script),
}
HOLDERS: dict[str, tuple[object, ...]] = {
    "a listener": ("listener",),
    "slow to stop, 0.3 s": ("slow_stop", "--seconds", 0.3),
}


def against(way: Way, holder: Sequence[object]) -> float:
    """Free the port of a fresh holder; return the milliseconds."""
    with reserved_block() as port:
        argv = argv_of(str(holder[0]), port, *holder[1:])
        actor = start("holder", ["sh", "-c", ORPHAN, "sh", *argv])
        took = way(actor, port)
        eventually(partial(tables.bindable, port))
        actor.end()
    return took


def rows(ways: Mapping[str, Way], title: str, rounds: int) -> list[tuple[str, ...]]:
    progress(f"freeing: {title}")
    holder = HOLDERS[title]
    found = in_turn({name: partial(against, way, holder) for name, way in ways.items()}, rounds)
    floor = next(iter(found.values()))
    return [
        (
            name,
            title,
            *(f"{value:.2f}" for value in (statistics.median(times), min(times), max(times))),
            f"**{ratio(times, floor):.2f}**",
        )
        for name, times in found.items()
    ]


def report(rounds: int = 15) -> Section:
    columns = "way | holder | median ms | min | max | ratio to the floor"
    inner = rows(FROM_THE_SIGNAL, "a listener", rounds * 2)
    whole = [row for title in HOLDERS for row in rows(COMMANDS, title, -(-rounds // 3))]
    text = "\n\n".join(
        (
            "From the signal to a port that can be bound, in one process:",
            markdown(columns, inner, words=2),
            "Whole commands:",
            markdown(columns, whole, words=2),
        )
    )
    return Section("Freeing", text)


if __name__ == "__main__":
    print(report(*map(int, sys.argv[1:2])))
