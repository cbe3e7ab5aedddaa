"""A listener whose command line begins with another program's name (--as)."""

from __future__ import annotations

import os
import sys

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--as", dest="name", default="")
parser.add_argument("-host-port", default="", help="a word of docker-proxy's, without effect")
parser.add_argument("--uid", type=int, default=-1, help="becomes that user under its other name")
args = parser.parse_args()
if args.name:
    stay = ["--stay"] * args.stay
    published = ["-host-port", args.host_port] if args.host_port else []
    user = ["--uid", str(args.uid)]
    words = [args.name, __file__, str(args.port), "--host", args.host, *stay, *published, *user]
    # Python looks for its library beside the name it was called by.
    os.execve(sys.executable, words, {**os.environ, "PYTHONHOME": sys.base_prefix})
if args.uid >= 0:
    os.setgroups([])
    os.setgid(args.uid)
    os.setuid(args.uid)
sock = stage.listening(args.host, args.port, v6only=True if ":" in args.host else None)
stage.ready()
stage.until_the_end(stay=args.stay)
