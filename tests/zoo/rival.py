"""Tries to take the port again and again, and says when it got it.

After `ready` it prints `hit SECONDS` (monotonic clock) for each success, and `tries N hits M` when
stdin closes; once at least it tries, however soon that is. It holds what it got for a while, then
lets go, or keeps it (--hold -1).
"""

from __future__ import annotations

import argparse
import os
import random
import time

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--reuse", action=argparse.BooleanOptionalAction, default=True)
parser.add_argument("--hold", type=float, default=50.0, help="milliseconds; -1 keeps the port")
parser.add_argument("--pause", type=float, default=0.3, help="milliseconds between tries")
parser.add_argument("--random", action="store_true", help="pause at random, twice --pause at most")
parser.add_argument("--wait", action="store_true", help="begin with the first byte on stdin")
args = parser.parse_args()

tries = hits = 0
stage.ready()
if args.wait:
    os.read(0, 1)
while True:
    pause = args.pause * (random.random() * 2 if args.random else 1) / 1000
    if stage.stdin_closed(pause) and tries:
        break
    tries += 1
    sock = stage.tcp(args.host, reuse=args.reuse)
    try:
        sock.bind((args.host, args.port))
        sock.listen(8)
    except OSError:
        sock.close()
        continue
    hits += 1
    print("hit", time.monotonic(), flush=True)
    if stage.stdin_closed(None if args.hold < 0 else args.hold / 1000):
        break
    sock.close()
print("tries", tries, "hits", hits, flush=True)
