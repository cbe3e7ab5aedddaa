"""Listens on the port: the plain holder."""

from __future__ import annotations

import argparse

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--reuse", action=argparse.BooleanOptionalAction, default=True)
parser.add_argument("--v6only", action=argparse.BooleanOptionalAction, default=None)
args, _words = parser.parse_known_args()  # more words make a longer command line to look at

sock = stage.listening(args.host, args.port, reuse=args.reuse, v6only=args.v6only)
stage.ready()
stage.until_the_end(stay=args.stay)
