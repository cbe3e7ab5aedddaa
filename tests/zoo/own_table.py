"""A thread with a table of descriptors of its own listens: the process itself shows no socket.

`/proc/PID/fd` is the leader's table; only `/proc/PID/task/*/fd` shows the thread's.
"""

from __future__ import annotations

import ctypes
import threading

import stage

CLONE_FILES = 0x400

args = stage.arguments(__doc__).parse_args()


def serve() -> None:
    assert ctypes.CDLL(None).unshare(CLONE_FILES) == 0
    _sock = stage.listening(args.host, args.port)
    stage.ready()
    threading.Event().wait()


threading.Thread(target=serve, daemon=True).start()
stage.until_the_end(stay=args.stay)
