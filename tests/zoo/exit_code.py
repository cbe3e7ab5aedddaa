"""Ends with a chosen code, or dies of a chosen signal: `exit_code.py N` or `--signal N`.

With --serve PORT it listens first and ends when somebody connects.
"""

from __future__ import annotations

import argparse
import os
import signal

import stage

stage.limit_life()
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("code", type=int, nargs="?", default=0)
parser.add_argument("--signal", type=int, default=0)
parser.add_argument("--serve", type=int, default=0)
args = parser.parse_args()

if args.serve:
    sock = stage.listening("127.0.0.1", args.serve)
    stage.ready()
    sock.accept()
if args.signal:
    if args.signal != signal.SIGKILL:
        signal.signal(args.signal, signal.SIG_DFL)
    signal.raise_signal(args.signal)
os._exit(args.code)
