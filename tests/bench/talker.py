"""A server with much to say: the child of `relay.py`.

    python tests/bench/talker.py PORT blocks SIZE COUNT     COUNT writes of SIZE bytes, in lines
    python tests/bench/talker.py PORT stamps COUNT          a line with the time, each millisecond

It listens on PORT and speaks when a connection says `go`; with 0 for PORT it listens nowhere and
speaks at once, as a server that is still starting. BEGIN and END stand around what counts.
"""

from __future__ import annotations

import os
import socket
import sys
import time

TEXT = b"GET /api/items?page=7 200 OK in 12 ms; "


def write_all(data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(1, left) :]


def wait_for_go(port: int) -> None:
    """Wait for the one that says it; who only looks whether we accept says nothing."""
    with socket.create_server(("127.0.0.1", port)) as server:
        said = b""
        while said != b"go":
            with server.accept()[0] as visitor:
                said = visitor.recv(2)


def blocks(size: int, count: int) -> None:
    """Write one short line at a time, or many lines of a hundred bytes."""
    length = min(size, 100)
    line = (TEXT * 3)[: length - 1] + b"\n"
    block = (line * (size // length + 1))[: size - 1] + b"\n"
    for _ in range(count):
        write_all(block)


def stamps(count: int) -> None:
    for _ in range(count):
        write_all(b"T %.7f\n" % time.monotonic())
        time.sleep(0.001)  # noqa: TID251  # the pace is the subject


if __name__ == "__main__":
    if sys.argv[1] != "0":
        wait_for_go(int(sys.argv[1]))
    write_all(b"BEGIN\n")
    if sys.argv[2] == "blocks":
        blocks(int(sys.argv[3]), int(sys.argv[4]))
    else:
        stamps(int(sys.argv[3]))
    write_all(b"END\n")
