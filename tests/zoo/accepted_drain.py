"""The listener is closed, one accepted connection is still served: a server on its way out."""

from __future__ import annotations

import stage

args = stage.arguments(__doc__).parse_args()
listener, accepted, client = stage.connection(args.host, args.port)
listener.close()
stage.ready()
stage.until_the_end(stay=args.stay)
