"""Runs a listener as its child and lives on without it, as `fastify start -w` does until a save.

With --again it starts another one at once. With --ahead a rival waits below it for the port, which
the first one gives up some time before its end.
"""

from __future__ import annotations

import os
import subprocess
import sys

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--again", action="store_true")
parser.add_argument("--ahead", action="store_true")
args = parser.parse_args()
here = os.path.dirname(os.path.abspath(__file__))


def start(name: str, *words: str) -> subprocess.Popen[bytes]:
    """Start a program of the zoo, which ends when our stdin closes, and wait until it is ready."""
    argv = [sys.executable, os.path.join(here, f"{name}.py"), str(args.port), *words]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    return child


listener = start(*(("slow_stop", "--close-first") if args.ahead else ("listener",)))
also = [start("rival", "--no-reuse", "--hold", "-1")] if args.ahead else []
stage.ready(listener.pid, *(child.pid for child in also))
while args.again:
    listener.wait()
    if stage.stdin_closed(0):
        break
    listener = start("listener")
stage.until_the_end(stay=args.stay)
