"""What the zoo's programs share: a bounded life, one ready line, sockets with chosen options."""

from __future__ import annotations

import argparse
import os
import select
import signal
import socket
import sys

LIFETIME = 180
"""Seconds after which SIGALRM ends a program that everybody has forgotten."""


def arguments(doc: str) -> argparse.ArgumentParser:
    """Start the bounded life, and return a parser that knows PORT, --host and --stay."""
    limit_life()
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("port", type=int)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--stay", action="store_true", help="live on though stdin is closed")
    return parser


def limit_life() -> None:
    if hasattr(signal, "alarm"):
        signal.alarm(LIFETIME)


def fork() -> int:
    """Fork; an alarm is not inherited, so the child gets its own."""
    pid = os.fork()
    if pid == 0:
        limit_life()
    return pid


def tcp(host: str, *, reuse: bool = True, v6only: bool | None = None) -> socket.socket:
    """Return a fresh TCP socket of the host's family with its options set."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
    if v6only is not None:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(v6only))
    return sock


def listening(
    host: str, port: int, *, reuse: bool = True, v6only: bool | None = None
) -> socket.socket:
    sock = tcp(host, reuse=reuse, v6only=v6only)
    sock.bind((host, port))
    sock.listen(64)
    return sock


def connection(host: str, port: int) -> tuple[socket.socket, socket.socket, socket.socket]:
    """Return (listener, accepted end, client end) of one connection to ourselves."""
    listener = listening(host, port)
    client = tcp(host)
    client.connect((host, port))
    accepted, _ = listener.accept()
    return listener, accepted, client


def ready(*pids: int) -> None:
    print("ready", os.getpid(), *pids, flush=True)


def stdin_closed(timeout: float | None = None) -> bool:
    """Wait up to `timeout` seconds and say whether stdin has come to its end."""
    readable, _, _ = select.select([0], [], [], timeout)
    return bool(readable) and os.read(0, 4096) == b""


def until_the_end(*, stay: bool = False) -> None:
    """Wait until stdin closes; with `stay`, until a signal ends us."""
    while stay:
        signal.pause()
    sys.stdin.buffer.read()
