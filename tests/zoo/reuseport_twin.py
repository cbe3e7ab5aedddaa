"""Listens with SO_REUSEPORT: start two, and the kernel splits the connections between them."""

from __future__ import annotations

import socket

import stage

args = stage.arguments(__doc__).parse_args()
sock = stage.tcp(args.host)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
sock.bind((args.host, args.port))
sock.listen(64)
stage.ready()
stage.until_the_end(stay=args.stay)
