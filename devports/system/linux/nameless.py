"""Bound sockets that no table shows: before Linux 6.8, or where netlink is refused.

Such a socket is still a descriptor of some process. Where we may read that process, its protocol
comes from the ``system.sockprotoname`` attribute, and a copy of the descriptor (pidfd_getfd(2))
answers getsockname(2).
"""

from __future__ import annotations

import os

from devports.core.model import Endpoint, Socket
from devports.system.linux import pidfd, process
from devports.system.net import net

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

SO_ACCEPTCONN = 30
TCP_NAMES = b"TCP"  # TCP and TCPv6


def find(port: int, known: Collection[int]) -> tuple[Socket, ...]:
    """Return the sockets bound to `port` that no table lists. `known`: inodes it does list."""
    found: dict[int, Socket] = {}
    for pid in process.pids():
        if pid == os.getpid():
            continue
        for number, inode in _tcp_sockets(pid):
            if inode not in known and inode not in found:
                socket = _look(pid, number, inode)
                if socket is not None and socket.local.port == port:
                    found[inode] = socket
    return tuple(found.values())


def _tcp_sockets(pid: int) -> Iterator[tuple[int, int]]:
    """Yield (descriptor number, inode) of the TCP sockets of a process, as far as readable."""
    for name in process.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{name}"
        target = process.link(path)
        if target.startswith("socket:[") and _protocol(path).startswith(TCP_NAMES):
            yield int(name), int(target[8:-1])


def _protocol(path: str) -> bytes:
    try:
        return os.getxattr(path, "system.sockprotoname")
    except OSError:
        return b""


def _look(pid: int, number: int, inode: int) -> Socket | None:
    """Return the socket behind a descriptor if it is bound and neither listens nor is connected."""
    try:
        descriptor = pidfd.open_pid(pid)
    except OSError:
        return None
    try:
        copy = net.socket(fileno=pidfd.take_fd(descriptor, number))
    except OSError:
        return None
    finally:
        os.close(descriptor)
    try:
        return _bound(copy, inode, os.stat(f"/proc/{pid}").st_uid)
    except OSError:
        return None
    finally:
        copy.close()


def _bound(sock: net.socket, inode: int, uid: int) -> Socket | None:
    listening = sock.getsockopt(net.SOL_SOCKET, SO_ACCEPTCONN)
    name = sock.getsockname()
    if listening or not name[1]:
        return None
    v6only = None
    if sock.family == net.AF_INET6:
        v6only = bool(sock.getsockopt(net.IPPROTO_IPV6, net.IPV6_V6ONLY))
    return Socket(Endpoint(name[0], name[1]), None, "BOUND", inode, uid, v6only)
