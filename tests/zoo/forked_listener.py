"""One listening socket shared by a parent and its children, as pre-fork servers do.

The children end with their parent; with --orphans they outlive it and keep the port. With --deaf
they ignore SIGTERM.
"""

from __future__ import annotations

import os
import signal

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--children", type=int, default=3)
parser.add_argument("--orphans", action="store_true")
parser.add_argument("--deaf", action="store_true")
args = parser.parse_args()

sock = stage.listening(args.host, args.port)
life, parents_end = os.pipe()
children = []
if args.deaf:  # before the forks, so that no worker is told of before it is deaf
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(args.children):
    child = stage.fork()
    if child == 0:
        os.close(parents_end)
        if args.orphans:
            stage.until_the_end(stay=args.stay)
        os.read(life, 1)  # returns when the parent is gone, however it went
        os._exit(0)
    children.append(child)
if args.deaf:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
os.close(life)
stage.ready(*children)
stage.until_the_end(stay=args.stay)
