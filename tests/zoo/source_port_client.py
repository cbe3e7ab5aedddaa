"""An outgoing connection whose *local* port is the port: what an ephemeral port can become.

With PORT 0 the kernel picks one, and --server has to say where to connect to.
"""

from __future__ import annotations

import argparse

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--server", type=int, default=0, help="where to connect to; PORT + 7")
parser.add_argument("--reuse", action=argparse.BooleanOptionalAction, default=False)
args = parser.parse_args()

# Not a port that the kernel picks: those are the mark of a client, and this is the server's end.
server = stage.listening(args.host, args.server or args.port + 7)
client = stage.tcp(args.host, reuse=args.reuse)
client.bind((args.host, args.port))
client.connect(server.getsockname()[:2])
accepted, _ = server.accept()
stage.ready()
stage.until_the_end(stay=args.stay)
