"""Binds the port and never listens: in no ordinary list, yet in the way."""

from __future__ import annotations

import argparse

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--reuse", action=argparse.BooleanOptionalAction, default=True)
args = parser.parse_args()

sock = stage.tcp(args.host, reuse=args.reuse)
sock.bind((args.host, args.port))
stage.ready()
stage.until_the_end(stay=args.stay)
