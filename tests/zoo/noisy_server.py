"""Prints a chosen text, such as a framework's bind error for another port, and serves all the same.

With --exit it prints the text and ends with that code instead of serving.
"""

from __future__ import annotations

import sys

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--text", required=True, help="backslash escapes are understood")
parser.add_argument("--exit", type=int, default=None)
args = parser.parse_args()

sys.stderr.write(args.text.encode().decode("unicode_escape") + "\n")
sys.stderr.flush()
if args.exit is not None:
    sys.exit(args.exit)
sock = stage.listening(args.host, args.port)
stage.ready()
stage.until_the_end(stay=args.stay)
