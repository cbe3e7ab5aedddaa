"""Waits at the unix socket `--at PATH` for a descriptor, and keeps it; it binds no port itself."""

from __future__ import annotations

import socket

import stage

parser = stage.arguments(__doc__)
parser.add_argument("--at", required=True)
args = parser.parse_args()
unix = socket.socket(socket.AF_UNIX)
unix.bind(args.at)
unix.listen()
stage.ready()
giver, _ = unix.accept()
_, kept, _, _ = socket.recv_fds(giver, 1, 1)
giver.send(b"x")
stage.until_the_end(stay=args.stay)
