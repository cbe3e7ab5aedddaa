"""Listens, beside a child that does not have the socket and lives on without its parent.

With --deaf the parent ignores SIGTERM.
"""

from __future__ import annotations

import signal

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--deaf", action="store_true")
args = parser.parse_args()

helper = stage.fork()
if helper == 0:
    stage.until_the_end(stay=args.stay)
    raise SystemExit
if args.deaf:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
sock = stage.listening(args.host, args.port)
stage.ready(helper)
stage.until_the_end(stay=args.stay)
