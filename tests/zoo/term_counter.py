"""Serves and writes down every SIGINT, SIGTERM and SIGHUP it gets, one name a line, into a file.

It ends on the first SIGTERM, or on the first SIGINT; a SIGHUP is only written down.
"""

from __future__ import annotations

import signal
import sys

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--log", required=True)
args = parser.parse_args()


def note(number: int, _frame: object) -> None:
    with open(args.log, "a", encoding="utf-8") as log:
        log.write(signal.Signals(number).name + "\n")
    if number != signal.SIGHUP:
        sys.exit(0)


for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(each, note)
sock = stage.listening(args.host, args.port)
stage.ready()
stage.until_the_end(stay=args.stay)
