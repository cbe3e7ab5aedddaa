"""Starts a new listener whenever the old one dies. `ready` names itself and the first listener."""

from __future__ import annotations

import os
import select

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--delay", type=float, default=0.05, help="seconds before the next one")
parser.add_argument("--times", type=int, default=1000, help="listeners in all")
args = parser.parse_args()
me = os.getpid()


def serve(told: int) -> None:
    """Listen as soon as the port can be had, close `told`, and live as long as our parent."""
    while True:
        try:
            sock = stage.listening(args.host, args.port)
            break
        except OSError:
            select.select([], [], [], 0.02)
    os.close(told)
    while os.getppid() == me:
        select.select([], [], [], 0.1)
    sock.close()
    os._exit(0)


def spawn() -> tuple[int, int, int]:
    """Return the child's pid, and descriptors that end when it listens and when it is gone."""
    listens, told = os.pipe()
    gone, life = os.pipe()
    child = stage.fork()
    if child == 0:
        os.close(listens)
        os.close(gone)
        serve(told)
    os.close(told)
    os.close(life)
    return child, listens, gone


child, listens, gone = spawn()
os.read(listens, 1)
stage.ready(child)
for _ in range(args.times - 1):
    readable, _, _ = select.select([gone] if args.stay else [gone, 0], [], [])
    if 0 in readable and stage.stdin_closed(0):
        break
    os.close(listens)
    os.close(gone)
    os.waitpid(child, 0)
    select.select([], [], [], args.delay)
    child, listens, gone = spawn()
else:
    stage.until_the_end(stay=args.stay)
