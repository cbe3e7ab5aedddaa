"""A server that has detached itself: forked twice, a session of its own, its starter gone."""

from __future__ import annotations

import os

import stage

args = stage.arguments(__doc__).parse_args()
if stage.fork():
    os._exit(0)
os.setsid()
if stage.fork():
    os._exit(0)
sock = stage.listening(args.host, args.port)
stage.ready()
stage.until_the_end(stay=args.stay)
