"""A server that binds without SO_REUSEADDR: refused by any hold on the port, and by TIME_WAIT."""

from __future__ import annotations

import stage

args = stage.arguments(__doc__).parse_args()
sock = stage.listening(args.host, args.port, reuse=False)
stage.ready()
stage.until_the_end(stay=args.stay)
