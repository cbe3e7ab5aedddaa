"""Connected to the port: a browser, as far as the port is concerned. It must never be hurt."""

from __future__ import annotations

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--connections", type=int, default=1)
args = parser.parse_args()

kept = []
for _ in range(args.connections):
    sock = stage.tcp(args.host)
    sock.connect((args.host, args.port))
    kept.append(sock)
stage.ready()
stage.until_the_end(stay=args.stay)
