"""A busy machine, made and unmade: connections, TIME_WAIT, or processes with many descriptors.

    python tests/bench/load.py sockets COUNT      half of the connections' ends in each of two
    python tests/bench/load.py processes COUNT    processes; 50 descriptors in each process

`ready PID` tells that all is there. It ends when stdin closes, and whatever it is made of ends with
it: every process waits for the end of a pipe that only the first one holds open. Connections are
cut by a reset, so that they leave no TIME_WAIT; those that are made on purpose go within a minute.
"""

from __future__ import annotations

import os
import resource
import select
import socket
import struct
import sys

SERVERS = 4
"""Ports to connect to: the kernel's ports for clients are enough for each of them."""
LINGERING = 5
"""One socket of so many is a TIME_WAIT."""
DESCRIPTORS = 50
SPARE = 200
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: close sends a reset (socket(7))."""


def raise_limit() -> int:
    """Allow ourselves as many descriptors as we may; return how many."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def listen() -> socket.socket:
    server = socket.create_server(("127.0.0.1", 0), backlog=4096)
    server.setblocking(False)
    return server


def accept(servers: list[socket.socket], passing: socket.socket, life: int) -> None:
    """Keep what is accepted, and close at once what comes to `passing`; end with `life`."""
    kept = []
    poll = select.poll()
    known = {server.fileno(): server for server in (*servers, passing)}
    for descriptor in (*known, life):
        poll.register(descriptor, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == life:
                os._exit(0)
            server = known[descriptor]
            taken, _ = server.accept()
            if server is passing:
                taken.close()
            else:
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                kept.append(taken)


def connect(address: tuple[str, int]) -> socket.socket:
    client = socket.create_connection(address)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    return client


def sockets(count: int, life: int, end: int) -> object:
    """Make so many sockets, both ends of a connection counted; return what is to be kept."""
    lingering = count // LINGERING
    pairs = min((count - lingering) // 2, raise_limit() - SPARE)
    servers, passing = [listen() for _ in range(SERVERS)], listen()
    if os.fork() == 0:
        os.close(end)
        accept(servers, passing, life)
    kept = [connect(servers[number % SERVERS].getsockname()) for number in range(pairs)]
    for _ in range(lingering):
        with socket.create_connection(passing.getsockname()) as client:
            client.recv(1)  # the server has closed first, so the TIME_WAIT is its own
    return kept


def processes(count: int, life: int, end: int) -> object:
    """Fork so many processes, each with our descriptors: files, pipes and sockets."""
    kept: list[object] = []
    while len(os.listdir("/dev/fd")) < DESCRIPTORS - 4:
        kept += [os.open(os.devnull, os.O_RDWR), os.pipe(), socket.socketpair()]
    for _ in range(count):
        if os.fork() == 0:
            os.close(end)
            os.read(life, 1)
            os._exit(0)
    return kept


KINDS = {"sockets": sockets, "processes": processes}

if __name__ == "__main__":
    pipe = os.pipe()
    things = KINDS[sys.argv[1]](int(sys.argv[2]), *pipe)
    print("ready", os.getpid(), flush=True)
    sys.stdin.buffer.read()
