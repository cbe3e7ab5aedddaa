"""Serves, writes N bytes of every value but the newline, and ends with code 7."""

from __future__ import annotations

import os

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--bytes", type=int, default=1 << 20)
args = parser.parse_args()

sock = stage.listening(args.host, args.port)
pattern = bytes(value for value in range(256) if value != ord("\n"))
left = memoryview((pattern * (args.bytes // len(pattern) + 1))[: args.bytes])
while left:
    left = left[os.write(1, left) :]
os._exit(7)
