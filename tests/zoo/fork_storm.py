"""A listener that is another process at every look: each one hands it to a child and ends.

`ready` names the first one only. The last one ends when stdin closes.
"""

from __future__ import annotations

import os

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--each", type=float, default=0.005, help="seconds that each one lives")
args = parser.parse_args()

sock = stage.listening(args.host, args.port)
stage.ready()
while not stage.stdin_closed(args.each):
    if stage.fork():
        os._exit(0)
