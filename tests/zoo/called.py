"""A listener whose command line begins with another program's name (--as)."""

from __future__ import annotations

import os
import sys

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--as", dest="name", default="")
args = parser.parse_args()
if args.name:
    stay = ["--stay"] * args.stay
    words = [args.name, __file__, str(args.port), "--host", args.host, *stay]
    # Python looks for its library beside the name it was called by.
    os.execve(sys.executable, words, {**os.environ, "PYTHONHOME": sys.base_prefix})
sock = stage.listening(args.host, args.port)
stage.ready()
stage.until_the_end(stay=args.stay)
