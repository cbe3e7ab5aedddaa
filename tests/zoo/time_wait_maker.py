"""Leaves a TIME_WAIT whose local port is the port, as a server does that closes first.

With --reuse (as servers do) a server with SO_REUSEADDR may bind beside it, with --no-reuse nobody.
It exits at once, or stays without any socket.
"""

from __future__ import annotations

import argparse

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--reuse", action=argparse.BooleanOptionalAction, default=True)
parser.add_argument("--linger", action="store_true", help="live on, holding nothing")
args = parser.parse_args()

listener = stage.listening(args.host, args.port, reuse=args.reuse)
client = stage.tcp(args.host)
client.connect((args.host, args.port))
accepted, _ = listener.accept()
accepted.close()  # the server's side closes first: the TIME_WAIT is on its port
client.recv(1)
client.close()
listener.close()
stage.ready()
if args.linger:
    stage.until_the_end(stay=args.stay)
