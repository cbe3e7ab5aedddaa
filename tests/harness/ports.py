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
def reserved_block(blocks: int = 1) -> Iterator[int]:
    """Give the first port of a block that no other test, in any process, gets meanwhile.

    `blocks`: so many, one behind the other, for a test that needs more ports.
    """
    folder = os.path.join(
        tempfile.gettempdir(), f"devports-test-ports-{os.environ.get('USER', '')}"
    )
    os.makedirs(folder, exist_ok=True)
    firsts = list(range(FIRST, LAST - (blocks - 1) * BLOCK, BLOCK))
    random.shuffle(firsts)
    for port in firsts:
        ports = range(port, port + blocks * BLOCK)
        with contextlib.ExitStack() as stack:
            ours = all(_locked(stack, os.path.join(folder, str(p))) for p in ports[::BLOCK])
            if ours and all(nobody_has(p) for p in ports):
                yield port
                return
    raise RuntimeError("no free block of ports")


def _locked(stack: contextlib.ExitStack, path: str) -> bool:
    """Lock a file until the stack is closed, and say whether that worked."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    stack.callback(os.close, descriptor)
    return _lock(descriptor)
