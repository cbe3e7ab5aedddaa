"""An outgoing connection whose *local* port is the port: what an ephemeral port can become."""

from __future__ import annotations

import stage

args = stage.arguments(__doc__).parse_args()
server = stage.listening(args.host, 0)
client = stage.tcp(args.host, reuse=False)
client.bind((args.host, args.port))
client.connect(server.getsockname()[:2])
accepted, _ = server.accept()
stage.ready()
stage.until_the_end(stay=args.stay)
