"""Who holds a port: the CPU time of one look, for an ordinary user and root, idle and loaded.

CPU time of a command and its children, as a ratio to a bare Python that is started as the same
user in the same round: `median (worst)`. The holder is older or newer than the load, and has its
socket at a low or at a high descriptor. Nothing of devports is recorded, so every look begins with
nothing. `python -m tests.bench.who [ROUNDS]`
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.bench import load, peers, wheel
from tests.bench.check import bare
from tests.bench.pairs import Job, Section, markdown, measure, progress, ratios
from tests.harness.actors import NOBODY, become, start
from tests.harness.capabilities import HAS_SECOND_USER
from tests.harness.command import clean_environment
from tests.harness.ports import reserved_block

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLDER = """
import os, socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
number = int(sys.argv[2])
if number != server.fileno():
    os.dup2(server.fileno(), number)
    server.close()
print("ready", os.getpid(), flush=True)
sys.stdin.read()
"""
PROCESSES, SOCKETS = 2_000, 20_000
OWN = 300
"""Processes of the load that belong to the ordinary user; the others are root's."""


@dataclass(frozen=True)
class World:
    """What is on the machine: kinds and numbers of the load, and the holder."""

    load: str = ""
    count: int = 0
    newest: bool = False
    descriptor: int = 3

    def __str__(self) -> str:
        beside = f"{self.count:,} {self.load}" if self.count else "nothing else"
        age = ("oldest", "newest")[self.newest] if self.count else "-"
        return f"{beside} | {age} | {self.descriptor}"


WORLDS = (
    World(),
    *(
        World("processes", PROCESSES, newest=newest, descriptor=descriptor)
        for newest in (False, True)
        for descriptor in (3, 40)
    ),
    World("sockets", SOCKETS),
)


def loads(world: World, uid: int | None) -> Iterator[tuple[int, int | None]]:
    """Yield the numbers of the load, and the user that each belongs to."""
    own = OWN * world.count // PROCESSES if world.load == "processes" else 0
    if uid is None or not own:
        yield world.count, None
    else:
        yield from ((world.count - own, None), (own, uid))


@contextlib.contextmanager
def made(world: World, uid: int | None) -> Iterator[int]:
    """Give the port that is held in this world."""
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(reserved_block())
        argv = [sys.executable, "-c", HOLDER, str(port), str(world.descriptor)]
        if not world.newest:
            stack.callback(start("holder", argv, uid=uid).end)
        for count, owner in loads(world, uid) if world.count else ():
            words = [sys.executable, load.__file__, world.load, str(count)]
            stack.callback(start("load", words, uid=owner).end)
        if world.newest:
            stack.callback(start("holder", argv, uid=uid).end)
        yield port


def jobs(port: int, uid: int | None) -> list[Job]:
    every = [
        bare(),
        Job("**devports check**", [wheel.devports(), "check", str(port)]),
        Job("**devports status**", [wheel.devports(), "status", str(port)]),
        *peers.of_the_system(port),
        *peers.installed(port, node=False),
    ]
    return [replace(job, argv=[*become(uid), *job.argv]) for job in every]


def rows(uid: int | None, rounds: int) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the names of the tools, and what each took in one world."""
    with tempfile.TemporaryDirectory() as home:
        os.chmod(home, 0o755)
        environment = clean_environment(home)
        environment.pop("PYTHONDONTWRITEBYTECODE")
        for world in WORLDS:
            progress(f"who: user {uid or 'of the benchmark'}, {world}")
            with made(world, uid) as port:
                measured = jobs(port, uid)
                measure(measured, rounds, warm_up=1, environment=environment)
            base, *others = measured
            found = [ratios(job.cpu, base.cpu) for job in others]
            cells = [f"{statistics.median(each):.2f} ({each[-1]:.2f})" for each in found]
            yield [job.name for job in others], [str(world), *cells]


def part(title: str, uid: int | None, rounds: int) -> str:
    found = list(rows(uid, rounds))
    names = " | ".join(found[0][0])
    table = markdown(f"beside | holder | descriptor | {names}", [cells for _, cells in found], 2)
    return f"{title}:\n\n{table}"


def report(rounds: int = 5) -> Section:
    before = os.getloadavg()[0]
    parts = [part("As root" if os.geteuid() == 0 else "As an ordinary user", None, rounds)]
    if HAS_SECOND_USER:
        title = f"As an ordinary user, who owns {OWN:,} of the {PROCESSES:,} processes"
        parts.append(part(title, NOBODY, rounds))
    after = os.getloadavg()[0]
    about = (
        "CPU time as a ratio to `python -c pass` in the same round, median (worst). The load is"
        f" older or newer than the holder; a process of it has {load.DESCRIPTORS} descriptors."
        f" Load average of the machine: {before:.1f} before, {after:.1f} after."
    )
    missing = peers.missing(node=False)
    return Section("Who holds a port", "\n\n".join([about, *parts, *filter(None, [missing])]))


if __name__ == "__main__":
    print(report(*map(int, sys.argv[1:2])))
