"""Ports for tests: outside the range the kernel hands out by itself, and no two tests the same."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import random
import socket
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST, LAST = 20_000, 31_992
BLOCK = 8
"""A test owns its port and the seven after it: for neighbours, hoppers and second services."""


NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def nobody_has(port: int) -> bool:
    """Say whether a bind without SO_REUSEADDR works on both wildcards: nothing at all is there."""
    return _binds(socket.AF_INET, "0.0.0.0", port) and _binds(socket.AF_INET6, "::", port)


def _binds(family: int, host: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((host, port))
    except OSError as error:
        return family == socket.AF_INET6 and error.errno in NO_IPV6
    return True


def _lock(descriptor: int) -> bool:
    """Take an advisory lock that ends with the process; where there is none, trust to chance."""
    try:
        fcntl = importlib.import_module("fcntl")
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def reserved_block() -> Iterator[int]:
    """Give the first port of a block that no other test, in any process, gets meanwhile."""
    folder = os.path.join(
        tempfile.gettempdir(), f"devports-test-ports-{os.environ.get('USER', '')}"
    )
    os.makedirs(folder, exist_ok=True)
    blocks = list(range(FIRST, LAST, BLOCK))
    random.shuffle(blocks)
    for port in blocks:
        descriptor = os.open(os.path.join(folder, str(port)), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if _lock(descriptor) and all(nobody_has(p) for p in range(port, port + BLOCK)):
                yield port
                return
        finally:
            os.close(descriptor)
    raise RuntimeError("no free block of ports")
