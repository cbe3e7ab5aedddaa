"""Listens and ignores SIGTERM, SIGINT and SIGHUP: only SIGKILL ends it from outside."""

from __future__ import annotations

import signal

import stage

args = stage.arguments(__doc__).parse_args()
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
sock = stage.listening(args.host, args.port)
stage.ready()
stage.until_the_end(stay=args.stay)
