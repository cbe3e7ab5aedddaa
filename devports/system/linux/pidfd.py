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
    from collections.abc import Collection, Sequence

    from devports.core.model import ProcessKey, Table
    from devports.system import ProcessHandle, Sent

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
        if pid == os.getpid():
            continue
        for name, inode in processes.socket_descriptors(pid):
            if inode not in listed and inode not in found and _is_tcp(f"/proc/{pid}/fd/{name}"):
                socket = _bound_socket(pid, int(name), inode)
                if socket is not None and socket.local.port == port:
                    found[inode] = socket
    return tuple(found.values())


def _is_tcp(path: str) -> bool:
    try:
        return os.getxattr(path, "system.sockprotoname").startswith(TCP_NAMES)
    except OSError:
        return False


def _bound_socket(pid: int, number: int, inode: int) -> Socket | None:
    """Return the socket of a descriptor if it is bound and neither listens nor is connected."""
    copy = _copy(pid, number)
    if copy is None:
        return None
    try:
        return _bound(copy, inode, os.stat(f"/proc/{pid}").st_uid)
    except OSError:
        return None
    finally:
        copy.close()


def _copy(pid: int, number: int) -> net.socket | None:
    """Return a copy of another process's socket; None where that is not permitted."""
    try:
        descriptor = open_pid(pid)
    except OSError:
        return None
    try:
        return net.socket(fileno=take_fd(descriptor, number))
    except OSError:
        return None
    finally:
        os.close(descriptor)


def unfit(pids: Collection[int]) -> bool:
    """Return whether one of these processes has a TCP socket that cannot bind beside a reservation.

    Such a socket has no address yet, and neither SO_REUSEADDR nor SO_REUSEPORT: it is about to
    bind, or its bind has failed. A client's socket looks the same until it connects.
    """
    return any(
        _is_tcp(f"/proc/{pid}/fd/{name}") and _is_unfit(pid, int(name))
        for pid in pids
        for name, _ in processes.socket_descriptors(pid)
    )


def _is_unfit(pid: int, number: int) -> bool:
    copy = _copy(pid, number)
    if copy is None:
        return False
    try:
        options = (net.SO_REUSEADDR, net.SO_REUSEPORT)
        shared = any(copy.getsockopt(net.SOL_SOCKET, option) for option in options)
        return not shared and not copy.getsockname()[1]
    except OSError:
        return False
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
