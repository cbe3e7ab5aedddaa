"""A listener that hands its socket on when it is told to end, and ends.

To a successor that it forks into a session of its own, as a server does that restarts without a
gap; with `--to PATH` to whoever waits at that unix socket (see `taker`).
"""

from __future__ import annotations

import os
import signal
import socket

import stage


class ToldToEnd(BaseException):
    """SIGTERM has come."""


def told(*_: object) -> None:
    raise ToldToEnd


parser = stage.arguments(__doc__)
parser.add_argument("--to", default="")
args = parser.parse_args()
sock = stage.listening(args.host, args.port)
signal.signal(signal.SIGTERM, told)
stage.ready()
try:
    stage.until_the_end(stay=args.stay)
except ToldToEnd:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if args.to:
        with socket.socket(socket.AF_UNIX) as unix:
            unix.connect(args.to)
            socket.send_fds(unix, [b"x"], [sock.fileno()])
            unix.recv(1)
    elif stage.fork() == 0:
        os.setsid()
        stage.until_the_end(stay=args.stay)
