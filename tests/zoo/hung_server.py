"""A server that has closed its listener and hangs with the connection of a client that has left.

The client's end is closed, ours is not: CLOSE_WAIT on the port, for as long as we live. With
--no-reuse nobody can bind beside it.
"""

from __future__ import annotations

import argparse

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--reuse", action=argparse.BooleanOptionalAction, default=True)
parser.add_argument("--listening", action="store_true", help="keep the listener as well")
args = parser.parse_args()

listener = stage.listening(args.host, args.port, reuse=args.reuse)
client = stage.tcp(args.host)
client.connect((args.host, args.port))
accepted, _ = listener.accept()
client.close()
accepted.recv(1)  # the end of what it says: our side has seen it close
if not args.listening:
    listener.close()
stage.ready()
stage.until_the_end(stay=args.stay)
