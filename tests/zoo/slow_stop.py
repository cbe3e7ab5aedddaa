"""Takes its time after SIGTERM: N seconds with the listener open, or closed (--close-first)."""

from __future__ import annotations

import select
import signal
import sys

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--seconds", type=float, default=1.0)
parser.add_argument("--close-first", action="store_true")
args = parser.parse_args()
sock = stage.tcp(args.host)


def stop(_number: int, _frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if args.close_first:
        sock.close()
    select.select([], [], [], args.seconds)
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)  # first: who sees it listen may signal it at once
sock.bind((args.host, args.port))
sock.listen(64)
stage.ready()
stage.until_the_end(stay=args.stay)
