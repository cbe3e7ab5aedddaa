"""Process descriptors (pidfd_open(2)): a signal through one reaches that process or none.

They work also where Python was built without them. A socket of another process is copied through
one (pidfd_getfd(2)): the copy of a bound one that no table shows (before Linux 6.8, or where
netlink is refused) answers getsockname(2).
"""

from __future__ import annotations

import _socket as net
import os

from devports.core.model import Endpoint, Socket
from devports.system.linux import processes
from devports.system.signals import no_such_process, pin_verified, readable, sent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import TypeVar

    from devports.core.model import ProcessKey, Table
    from devports.system import ProcessHandle, Sent

    Answer = TypeVar("Answer")

SYS_PIDFD_SEND_SIGNAL, SYS_PIDFD_OPEN, SYS_PIDFD_GETFD = 424, 434, 438  # the same on every CPU


def _syscall(number: int, *args: int) -> int:
    import ctypes  # a third of a Python start

    libc = ctypes.CDLL(None, use_errno=True)
    result = int(libc.syscall(number, *args))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def open_pid(pid: int) -> int:
    """Return a descriptor of this process; it never refers to a later process with its pid.

    Raises:
        OSError: ESRCH where there is no such process, ENOSYS before Linux 5.3.
    """
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    return _syscall(SYS_PIDFD_OPEN, pid, 0)


def send(descriptor: int, number: int) -> None:
    """Signal the process of a descriptor (pidfd_send_signal(2)).

    Raises:
        OSError: ESRCH where it has exited, EPERM without permission.
    """
    import signal  # a third of a Python start

    if hasattr(signal, "pidfd_send_signal"):
        signal.pidfd_send_signal(descriptor, number)  # noqa: TID251  # by a handle
    else:
        _syscall(SYS_PIDFD_SEND_SIGNAL, descriptor, number, 0, 0)


def take_fd(descriptor: int, number: int) -> int:
    """Return a copy of another process's descriptor `number` (needs ptrace permission)."""
    return _syscall(SYS_PIDFD_GETFD, descriptor, number, 0)


class PidfdHandle:
    """A `ProcessHandle` that is a process descriptor."""

    def __init__(self, key: ProcessKey) -> None:
        self.key = key
        self._descriptor = open_pid(key.pid)

    def send(self, number: int) -> Sent:
        if self.exited:
            return "gone"  # also a zombie, which ignores signals
        return sent(lambda: send(self._descriptor, number))

    @property
    def exited(self) -> bool:
        return bool(wait_for_exit((self,), 0))

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        os.close(self._descriptor)


def pin(key: ProcessKey) -> PidfdHandle | None:
    """Return a handle of the process with this identity, as `pin_verified` does.

    Raises:
        DevportsError: the system has no process descriptors (before Linux 5.3, some sandboxes).
    """
    note = "without a process descriptor a signal could reach another process"
    return pin_verified(key, processes.key, PidfdHandle, is_gone=no_such_process, note=note)


def wait_for_exit(pins: Sequence[ProcessHandle], seconds: float) -> tuple[ProcessHandle, ...]:
    ready = readable([each.fileno() for each in pins], seconds)
    return tuple(each for each in pins if each.fileno() in ready)


SO_ACCEPTCONN = 30
TCP_NAMES = b"TCP"  # TCP and TCPv6


def unlisted_sockets(port: int, known: Table) -> tuple[Socket, ...]:
    """Return the sockets bound to `port` that no table lists."""
    listed = {socket.inode for socket in known.sockets}
    found: dict[int, Socket] = {}
    for pid in processes.pids():
        for name, inode in processes.sockets(pid) if pid != os.getpid() else ():
            if inode not in listed and inode not in found and _is_tcp(pid, name):
                bound = _ask(pid, name, _bound)
                if bound is not None and bound.local.port == port:
                    found[inode] = bound.replace(inode=inode, uid=processes.uid_of(pid))
    return tuple(found.values())


def unfit(pids: Collection[int]) -> bool:
    """Return whether one of these processes has a TCP socket that cannot bind beside a reservation.

    Such a socket has no address yet, and neither SO_REUSEADDR nor SO_REUSEPORT: it is about to
    bind, or its bind has failed. A client's socket looks the same until it connects.
    """
    return any(
        _is_tcp(pid, name) and _ask(pid, name, _is_unfit)
        for pid in pids
        for name, _ in processes.sockets(pid)
    )


def _is_tcp(pid: int, name: str) -> bool:
    try:
        protocol = os.getxattr(f"/proc/{pid}/fd/{name}", "system.sockprotoname")
    except OSError:
        return False
    return protocol.startswith(TCP_NAMES)


def _ask(pid: int, name: str, question: Callable[[net.socket], Answer]) -> Answer | None:
    """Return the answer of a copy of another process's socket; None where that is not permitted."""
    try:
        descriptor = open_pid(pid)
        try:
            copy = net.socket(fileno=take_fd(descriptor, int(name)))
        finally:
            os.close(descriptor)
        try:
            return question(copy)
        finally:
            copy.close()
    except OSError:
        return None


def _is_unfit(sock: net.socket) -> bool:
    options = (net.SO_REUSEADDR, net.SO_REUSEPORT)
    shared = any(sock.getsockopt(net.SOL_SOCKET, option) for option in options)
    return not shared and not sock.getsockname()[1]


def _bound(sock: net.socket) -> Socket | None:
    """Return the address of a socket that is bound and neither listens nor is connected."""
    name = sock.getsockname()
    if sock.getsockopt(net.SOL_SOCKET, SO_ACCEPTCONN) or not name[1]:
        return None
    v6only = None
    if sock.family == net.AF_INET6:
        v6only = bool(sock.getsockopt(net.IPPROTO_IPV6, net.IPV6_V6ONLY))
    return Socket(Endpoint(name[0], name[1]), None, "BOUND", v6only=v6only)
