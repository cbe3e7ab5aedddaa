"""Processes that share seven listeners at random: PORT to PORT + 6, as `--seed` says.

Each has none to two of them, at random descriptors among random other files; some were orphaned by
their parent and are no relatives of the others. `ready` names the first process, which has none of
the sockets, and then all others. Each socket stays open in at least one of them.
"""

from __future__ import annotations

import os
import random

import stage

HIGHEST = 90
"""Descriptor: beyond the likely ones, and below the pipes of this program."""
parser = stage.arguments(__doc__)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--count", type=int, default=120)
args = parser.parse_args()
chance = random.Random(args.seed)


def settle(wanted: list[int], files: list[int], places: list[int]) -> None:
    """Keep these sockets, at these numbers, among some files; close every other descriptor."""
    kept = [os.dup2(number, 200 + at) for at, number in enumerate(wanted)]
    os.closerange(3, 100)
    for number in files:
        os.dup2(0, number)
    for number, place in zip(kept, places, strict=True):
        os.dup2(number, place)
    os.closerange(200, 210)


def start(wanted: list[int], *, orphan: bool) -> None:
    """Fork a process that reports its pid and lives until the first one exits."""
    files = [n for n in range(3, HIGHEST) if chance.random() < chance.choice((0.1, 0.5, 0.9))]
    places = chance.sample(range(3, chance.choice((6, 12, 28, HIGHEST))), len(wanted))
    if stage.fork() == 0:
        if orphan and stage.fork():
            os._exit(0)
        os.close(end)
        settle(wanted, files, places)
        os.write(tells, b"%d " % os.getpid())
        os.read(life, 1)
        os._exit(0)


pipes = [*os.pipe(), *os.pipe()]
life, end, told, tells = (os.dup2(number, 101 + at) for at, number in enumerate(pipes))
sockets = [stage.listening(args.host, args.port + n) for n in range(7)]
numbers = [sock.fileno() for sock in sockets]
every = [[number] for number in numbers]
every += [chance.sample(numbers, chance.choice((0, 0, 0, 1, 2))) for _ in range(args.count - 7)]
chance.shuffle(every)
for wanted in every:
    start(wanted, orphan=chance.random() < 0.4)
pids = b""
while len(pids.split()) < args.count or not pids.endswith(b" "):
    pids += os.read(told, 4096)
for sock in sockets:
    sock.close()
stage.ready(*map(int, pids.split()))
stage.until_the_end(stay=args.stay)
