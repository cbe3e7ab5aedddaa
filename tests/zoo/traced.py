"""Listens while a debugger has halted it: SIGTERM and SIGCONT wait, only SIGKILL gets through.

`ready` names the listener and its tracer, a child that waits for the end of stdin in its place.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys

import stage

PTRACE_ATTACH, WALL = 16, 0x40000000
PR_SET_PTRACER = 0x59616D61  # where Yama lets only parents trace

args = stage.arguments(__doc__).parse_args()
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
me = os.getpid()


def play_is_over(seconds: float) -> bool:
    if args.stay:
        select.select([], [], [], seconds)
        return False
    return stage.stdin_closed(seconds)


def trace() -> None:
    """Halt the parent, tell, and wait for its end or for the end of the play."""
    if libc.ptrace(PTRACE_ATTACH, me, None, None) != 0:
        sys.exit(f"cannot trace: {os.strerror(ctypes.get_errno())}")
    os.waitpid(me, WALL)
    print("ready", me, os.getpid(), flush=True)
    while not play_is_over(0.05):
        ended, status = os.waitpid(me, WALL | os.WNOHANG)
        if ended and not os.WIFSTOPPED(status):
            os._exit(0)
    os.kill(me, signal.SIGKILL)  # noqa: TID251  # our parent, halted by us
    os.waitpid(me, WALL)
    os._exit(0)


sock = stage.listening(args.host, args.port)
go, gone = os.pipe()
tracer = stage.fork()
if tracer == 0:
    sock.close()
    os.close(gone)
    os.read(go, 1)  # the parent has allowed it
    trace()
libc.prctl(PR_SET_PTRACER, tracer, 0, 0, 0)
os.close(gone)
os.waitpid(tracer, 0)
