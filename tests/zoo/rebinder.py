"""Serves, gives the port up at SIGUSR1, and binds it again at SIGUSR2, as a reloader's child does.

With --fd it listens on nothing of its own: it only keeps the descriptor that it was handed,
and accepts no connection.
"""

from __future__ import annotations

import signal
import socket
import sys
import threading

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--fd", type=int, help="a socket that is only kept open")
args = parser.parse_args()
again, gone = threading.Event(), threading.Event()
signal.signal(signal.SIGUSR1, lambda *_: gone.set())
signal.signal(signal.SIGUSR2, lambda *_: again.set())
if args.fd is not None:
    kept = socket.socket(fileno=args.fd)
    stage.ready()
    stage.until_the_end(stay=args.stay)
    sys.exit()
sock = stage.listening(args.host, args.port)
stage.ready()
while not gone.wait(0.02):
    pass
sock.close()
print("closed", flush=True)
while not again.wait(0.02):
    pass
sock = stage.listening(args.host, args.port)
print("again", flush=True)
stage.until_the_end(stay=args.stay)
