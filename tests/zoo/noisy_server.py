"""Prints a chosen text, such as a framework's bind error for another port, and serves all the same.

With --exit it prints the text and ends with that code instead of serving; with --after it binds so
many seconds later; with --starts it adds its pid to that file, so that its starts can be counted.
"""

from __future__ import annotations

import os
import select
import sys

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--text", required=True, help="backslash escapes are understood")
parser.add_argument("--exit", type=int, default=None)
parser.add_argument("--after", type=float, default=0.0)
parser.add_argument("--starts", default=os.devnull)
args = parser.parse_args()
with open(args.starts, "a", encoding="ascii") as file:
    file.write(f"{os.getpid()}\n")

sys.stderr.write(args.text.encode().decode("unicode_escape") + "\n")
sys.stderr.flush()
if args.exit is not None:
    sys.exit(args.exit)
select.select([], [], [], args.after)
sock = stage.listening(args.host, args.port)
stage.ready()
stage.until_the_end(stay=args.stay)
