"""Innocents around a port, as the children of one process: whatever is done to it, they must live.

`ready` names the parent, then a browser (two connections), a tunnel (one), a neighbour that listens
on the next port, and a program whose outgoing connection has the port as its local port, from
another address. With --stream the browser asks for /stream and waits for the first byte of it. The
browser and the tunnel are there only with --clients.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import stage

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

OTHER_ADDRESS = "127.0.0.2"

parser = stage.arguments(__doc__)
parser.add_argument("--clients", action="store_true")
parser.add_argument("--stream", action="store_true")
args = parser.parse_args()


def connected() -> socket.socket:
    sock = stage.tcp(args.host)
    sock.connect((args.host, args.port))
    return sock


def browser() -> object:
    kept = [connected(), connected()]
    if args.stream:
        kept[0].sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        kept[0].recv(1)
    return kept


def neighbour() -> object:
    return stage.listening(args.host, args.port + 1)


def outgoing() -> object:
    server = stage.listening(OTHER_ADDRESS, args.port + 7)
    client = stage.tcp(OTHER_ADDRESS)
    client.bind((OTHER_ADDRESS, args.port))
    client.connect((OTHER_ADDRESS, args.port + 7))
    return server, client, server.accept()


def child(act: Callable[[], object]) -> int:
    """Fork one innocent; it is ready when this returns, and ends when we do."""
    told, tells = os.pipe()
    pid = stage.fork()
    if pid == 0:
        os.close(end)
        kept = act()
        os.write(tells, b"x")
        os.read(life, 1)
        del kept
        os._exit(0)
    os.close(tells)
    if os.read(told, 1) != b"x":
        sys.exit(f"{act.__name__} did not get ready")
    return pid


life, end = os.pipe()
acts = [*([browser, connected] if args.clients else []), neighbour, outgoing]
stage.ready(*map(child, acts))
stage.until_the_end(stay=args.stay)
