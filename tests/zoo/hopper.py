"""Moves silently to the next port when its own is taken, as vite and jupyter do."""

from __future__ import annotations

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--from-next", action="store_true", help="do not even try the first one")
args = parser.parse_args()

port = args.port + args.from_next
while True:
    try:
        sock = stage.listening(args.host, port)
        break
    except OSError:
        port += 1
stage.ready()
stage.until_the_end(stay=args.stay)
