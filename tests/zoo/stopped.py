"""Listens and stops itself, as Ctrl-Z would: connects succeed, nobody answers, TERM stays pending.

A child waits for the end of stdin in its place, and closes the stage.
"""

from __future__ import annotations

import os
import signal

import stage

args = stage.arguments(__doc__).parse_args()
sock = stage.listening(args.host, args.port)
me = os.getpid()
if stage.fork() == 0:
    sock.close()
    stage.until_the_end(stay=args.stay)
    if os.getppid() == me:  # an orphan has another parent: init, or a subreaper
        os.kill(me, signal.SIGKILL)  # noqa: TID251  # our parent, stopped by itself
    os._exit(0)
stage.ready()
signal.raise_signal(signal.SIGSTOP)
stage.until_the_end()
