"""The processes of the self-test: a program of its own that brings ports into known states.

It is started as `python self_test_actors.py WORDS`, imports nothing of devports, writes one line of
JSON and exits when its stdin is closed, as do its children: all wait for the same end of file, so
none outlives devports. With the word `IDLE` it has no sockets. It connects over loopback alone; two
listeners are on every address, as those of many servers, and accept nothing from elsewhere.

What it writes is what the self-test expects: pids, getsockname(2) and getpeername(2), its user and
folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket as net
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    Case = dict[str, Any]

LOOPBACK = ("127.0.0.1", "::1")
IDLE = "idle"
CHILDREN = 3
"""Of the process that exits and leaves its listener to them."""
REUSE_PORT: int = getattr(net, "SO_REUSEPORT", 0)  # Windows has none

fork: Callable[[], int] = getattr(os, "fork", int)  # Windows has none, nor the cases that need it

kept: list[net.socket] = []
"""Every socket that has to stay open."""


def opened(*, v6: bool = False, dual: bool = False) -> net.socket:
    """Return a new socket; on Windows SO_REUSEADDR has another meaning and is not set."""
    sock = net.socket(net.AF_INET6 if v6 else net.AF_INET, net.SOCK_STREAM)
    if os.name == "posix":
        sock.setsockopt(net.SOL_SOCKET, net.SO_REUSEADDR, 1)
    if v6:
        sock.setsockopt(net.IPPROTO_IPV6, net.IPV6_V6ONLY, int(not dual))
    kept.append(sock)
    return sock


def listener(*, v6: bool = False, everywhere: bool = False) -> net.socket:
    """Return a listener on loopback, or on every address: of IPv6, on those of IPv4 too."""
    sock = opened(v6=v6, dual=everywhere)
    sock.bind(("" if everywhere else LOOPBACK[v6], 0))
    sock.listen(1)
    return sock


def case(sock: net.socket, state: str, *pids: int) -> Case:
    """Return what is true of a socket: state, ends, the processes that have it, IPV6_V6ONLY."""
    try:
        remote = sock.getpeername()[:2]
    except OSError:
        remote = None
    found = {"local": sock.getsockname()[:2], "remote": remote, "pids": pids or (os.getpid(),)}
    if sock.family == net.AF_INET6 and state == "LISTEN":
        found["v6only"] = bool(sock.getsockopt(net.IPPROTO_IPV6, net.IPV6_V6ONLY))
    return {"state": state, **found}


def nothing() -> Case:
    """Return a port that no process has any more."""
    with net.socket() as sock:
        sock.bind((LOOPBACK[0], 0))
        return case(sock, "") | {"pids": ()}


def bound() -> Case:
    sock = opened()
    sock.bind((LOOPBACK[0], 0))
    return case(sock, "BOUND")


def connected(near: net.socket) -> tuple[net.socket, net.socket]:
    """Return both ends of a connection, the server's first; its listener is closed."""
    client = opened()
    client.connect((LOOPBACK[0], near.getsockname()[1]))
    server, _ = near.accept()
    kept.append(server)
    near.close()
    return server, client


def accepted(*, dual: bool = False) -> Case:
    return case(connected(listener(v6=dual, everywhere=dual))[0], "ESTABLISHED")


def close_wait() -> Case:
    server, client = connected(listener())
    client.shutdown(net.SHUT_WR)
    server.recv(1)
    return case(server, "CLOSE_WAIT")


def time_wait() -> Case:
    server, client = connected(listener())
    found = case(server, "TIME_WAIT") | {"pids": ()}
    server.close()
    client.recv(1)
    client.close()
    return found


def outgoing() -> Case:
    far, client = listener(), opened()
    client.bind((LOOPBACK[0], 0))
    client.connect(far.getsockname())
    return case(client, "ESTABLISHED") | {"client": True}


def shared() -> Case:
    """Return a listener that a child has too."""
    sock = listener()
    return case(sock, "LISTEN", os.getpid(), forked(sock))


def orphans() -> Case:
    """Return a listener of three processes whose parent has exited."""
    sock = listener()
    near, far = os.pipe()
    parent = fork()
    if parent == 0:
        pids = [forked(sock) for _ in range(CHILDREN)]
        os.write(far, f"{' '.join(map(str, pids))}\n".encode())
        os._exit(0)
    with open(near, "rb") as pipe:
        pids = list(map(int, pipe.readline().split()))
    os.waitpid(parent, 0)
    os.close(far)
    found = case(sock, "LISTEN", *pids) | {"orphaned": True}
    sock.close()
    return found


def twin() -> Case:
    """Return two listeners of two processes on one address."""
    sock = opened()
    sock.setsockopt(net.SOL_SOCKET, REUSE_PORT, 1)
    sock.bind((LOOPBACK[0], 0))
    sock.listen(1)
    near, far = os.pipe()
    child = forked(sock, lambda: _open_beside(sock, far))
    with open(near, "rb") as pipe:
        pipe.readline()
    os.close(far)
    return case(sock, "LISTEN", os.getpid(), child) | {"sockets": 2}


def _open_beside(sock: net.socket, ready: int) -> None:
    second = opened()
    second.setsockopt(net.SOL_SOCKET, REUSE_PORT, 1)
    second.bind(sock.getsockname())
    second.listen(1)
    sock.close()
    os.write(ready, b"\n")


def forked(sock: net.socket, then: Callable[[], None] | None = None) -> int:
    """Return a child that has this socket and none of the others, and waits as its parent does."""
    child = fork()
    if child:
        return child
    for other in kept:
        if other is not sock:
            other.close()
    kept[:] = [sock]
    if then is not None:
        then()
    wait()


def wait() -> NoReturn:
    """Wait for the end of stdin, then exit; connections are reset and leave no TIME_WAIT."""
    with contextlib.suppress(OSError):
        os.read(0, 1)
    for sock in kept:
        with contextlib.suppress(OSError):  # it is closed
            sock.setsockopt(net.SOL_SOCKET, net.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    os._exit(0)


FORKING: dict[str, Callable[[], Case]] = {"shared": shared, "orphans": orphans, "twin": twin}
CASES: dict[str, Callable[[], Case]] = {
    **FORKING,
    "nothing": nothing,
    "listen4": lambda: case(listener(), "LISTEN"),
    "listen6": lambda: case(listener(v6=True), "LISTEN"),
    "any4": lambda: case(listener(everywhere=True), "LISTEN"),
    "any6": lambda: case(listener(v6=True, everywhere=True), "LISTEN"),
    "bound": bound,
    "accepted": accepted,
    "dual-accepted": lambda: accepted(dual=True),
    "close-wait": close_wait,
    "time-wait": time_wait,
    "outgoing": outgoing,
}


def made(name: str) -> Case:
    """Return a case by its name, or why it cannot be made here."""
    if name in FORKING and not hasattr(os, "fork"):
        return {"name": name, "skipped": "this system has no fork"}
    try:
        return {"name": name, **CASES[name]()}
    except OSError as error:
        return {"name": name, "skipped": error.strerror or str(error)}


def main(words: list[str]) -> NoReturn:
    names = [] if IDLE in words else CASES
    uid = os.getuid() if hasattr(os, "getuid") else None
    about = {"pid": os.getpid(), "uid": uid, "folder": os.getcwd()}
    sys.stdout.write(json.dumps(about | {"cases": list(map(made, names))}) + "\n")
    sys.stdout.flush()
    wait()


if __name__ == "__main__":
    main(sys.argv[1:])
