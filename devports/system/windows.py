"""Windows: the table of psutil or netstat, netsh for the ports that the system reserves.

Both tables name the process that opened a socket, even after that process has exited and a child
has the socket: then its children are named as likely holders. Neither shows a socket that is bound
and does not listen; `netstat -q` does, since Windows 10.

An open handle keeps the pid of a process from being reused. There are no signals: SIGTERM and
SIGKILL both mean TerminateProcess, which gives a program no chance to clean up. A Ctrl-Break event
would, but reaches only processes that share the console of devports, and then all of them; WM_CLOSE
reaches only windows. A server of another program has neither.
"""

from __future__ import annotations

import os

from devports import exitcodes
from devports.core.model import CURRENT_USER, VisibilityGap
from devports.errors import DevportsError
from devports.system import bind, psutil_backend, signals, windows_tools
from devports.system.identity import NO_PROCESS
from devports.system.psutil_backend import PsMachine, SocketScan
from devports.system.subprocesses import ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from typing import Any, Protocol

    from devports.core.model import BindResult, Endpoint, Platform, ProcessKey, Socket, Table
    from devports.system import ProcessHandle, Sent
    from devports.system.identity import Row
    from devports.system.signals import KeyOf

    class Kernel(Protocol):
        """The four functions of kernel32 that a handle needs."""

        def open(self, pid: int, access: int) -> int:
            """Return a handle of a process (OpenProcess).

            Raises:
                OSError: `winerror` 5 without permission, 87 where there is no such process.
            """

        def wait(self, handles: Sequence[int], milliseconds: int) -> bool:
            """Wait until one of up to 64 handles is signalled; return False at the time limit."""

        def terminate(self, handle: int, code: int) -> None:
            """Terminate a process (TerminateProcess).

            Raises:
                OSError: `winerror` 5 without permission, or where it is exiting already.
            """

        def close(self, handle: int) -> None: ...


TERMINATE, WATCH = 0x0001, 0x1000 | 0x00100000
"""Access rights: PROCESS_TERMINATE; PROCESS_QUERY_LIMITED_INFORMATION and SYNCHRONIZE
(Microsoft Learn: Process Security and Access Rights)."""
ACCESS_DENIED, INVALID_PARAMETER = 5, 87
WAIT_FAILED = 0xFFFFFFFF
MOST_HANDLES = 64
"""MAXIMUM_WAIT_OBJECTS of WaitForMultipleObjects."""
EXIT_CODE = 1
"""The exit code of a terminated process, as with `taskkill /F`."""

DYNAMIC = (49152, 65535)
"""Default ports of outgoing connections (RFC 6335 6)."""
NOT_BOUND = VisibilityGap(
    "bound-not-shown", "only `netstat -q` lists a socket that is bound and does not listen"
)


class Kernel32:
    """kernel32 with declared types: a handle is as wide as a pointer."""

    def __init__(self) -> None:
        import ctypes

        self._ctypes: Any = ctypes  # its Windows part has no types on other systems
        self._dll = self._ctypes.WinDLL("kernel32", use_last_error=True)
        handle, number = ctypes.c_void_p, ctypes.c_uint32
        signatures = {
            "OpenProcess": (handle, number, ctypes.c_int, number),
            "WaitForMultipleObjects": (number, number, handle, ctypes.c_int, number),
            "TerminateProcess": (ctypes.c_int, handle, number),
            "CloseHandle": (ctypes.c_int, handle),
        }
        for name, (result, *arguments) in signatures.items():
            function = getattr(self._dll, name)
            function.restype, function.argtypes = result, arguments

    def open(self, pid: int, access: int) -> int:
        handle = self._dll.OpenProcess(access, 0, pid)
        if not handle:
            raise self._error()
        return int(handle)

    def wait(self, handles: Sequence[int], milliseconds: int) -> bool:
        array = (self._ctypes.c_void_p * len(handles))(*handles)
        found = self._dll.WaitForMultipleObjects(len(handles), array, 0, milliseconds)
        if found == WAIT_FAILED:
            raise self._error()
        return bool(found < len(handles))  # WAIT_OBJECT_0 + index; WAIT_TIMEOUT is 258

    def terminate(self, handle: int, code: int) -> None:
        if not self._dll.TerminateProcess(handle, code):
            raise self._error()

    def close(self, handle: int) -> None:
        self._dll.CloseHandle(handle)

    def _error(self) -> OSError:
        """Return the last error of this thread."""
        error: OSError = self._ctypes.WinError(self._ctypes.get_last_error())
        return error


class WindowsHandle:
    """A `ProcessHandle` that is an open handle: the pid is not reused before it is closed."""

    def __init__(self, key: ProcessKey, kernel: Kernel) -> None:
        self.key, self._kernel = key, kernel
        self._handle, self._permitted = _open(kernel, key.pid)

    def send(self, number: int) -> Sent:
        """Terminate the process, for SIGTERM as for SIGKILL; there are no other signals.

        TerminateProcess returns before the process has exited: wait for it.
        """
        if self.exited:
            return "gone"
        if not self._permitted or number not in (signals.TERM, signals.KILL):
            return "denied"
        try:
            self._kernel.terminate(self._handle, EXIT_CODE)
        except OSError as error:
            if _code(error) != ACCESS_DENIED:
                raise
            # Also the error for a process that is exiting already.
            return "gone" if self._kernel.wait((self._handle,), 100) else "denied"
        return "sent"

    @property
    def exited(self) -> bool:
        return self._kernel.wait((self._handle,), 0)

    def fileno(self) -> int:
        """Return the handle, which poll(2) does not support; `wait_for_exit` does."""
        return self._handle

    def close(self) -> None:
        self._kernel.close(self._handle)


def pin_by_handle(
    key: ProcessKey, key_of: KeyOf = psutil_backend.key_of, kernel: Kernel | None = None
) -> WindowsHandle | None:
    """Return a handle of the process with this identity, as `signals.pin_verified` does.

    Args:
        key: the process.
        key_of: returns the identity of the process that has a pid now.
        kernel: the functions of kernel32; a fake on another system.

    Raises:
        DevportsError: the system opens no handle of it (a protected process).
    """
    calls = kernel or Kernel32()
    pinned = signals.pin_verified(
        key,
        key_of,
        lambda key: WindowsHandle(key, calls),
        is_gone=lambda error: _code(error) == INVALID_PARAMETER,
        note="without a handle its pid could be reused by another process",
    )
    if pinned is not None and pinned.exited:
        pinned.close()
        return None
    return pinned


def _open(kernel: Kernel, pid: int) -> tuple[int, bool]:
    """Return a handle, and whether it permits to terminate the process."""
    try:
        return kernel.open(pid, WATCH | TERMINATE), True
    except OSError as error:
        if _code(error) != ACCESS_DENIED:
            raise
    return kernel.open(pid, WATCH), False


def _code(error: OSError) -> int:
    """Return the system's own number of an error, which OSError has on Windows only."""
    return int(getattr(error, "winerror", 0))


def wait_for_handles(
    pins: Sequence[ProcessHandle], seconds: float, kernel: Kernel | None = None
) -> tuple[ProcessHandle, ...]:
    handles = [each.fileno() for each in pins[:MOST_HANDLES]]
    if handles:
        (kernel or Kernel32()).wait(handles, round(seconds * 1000))
    return tuple(each for each in pins if each.exited)


def distinguish_denied(result: BindResult, is_excluded: Callable[[], bool | None]) -> BindResult:
    """Return the result of a bind, with "denied" only for a port that no process may bind.

    Windows reports WSAEACCES for an excluded port, but also for one whose holder is exclusive or
    another user's. Where the excluded ports are unknown, the result stays "denied".
    """
    return "in-use" if result == "denied" and is_excluded() is False else result


def system32(name: str) -> str:
    """Return the path of a Windows program; a bare name is searched in the working directory."""
    return os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", name)


def socket_rows(*, table: bool = True, netstat: bool = True) -> list[Row]:
    """Return every TCP socket of this machine with the pid that opened it.

    Args:
        table: read the socket table of the system, by psutil.
        netstat: ask netstat, where that table cannot be read.

    Raises:
        DevportsError: no source answers, so no port can be checked.
    """
    import psutil  # not for a parser or a help text

    look = psutil_backend.tried
    found = look(lambda: psutil.net_connections(kind="tcp"), None) if table else None
    if found is not None:
        return psutil_backend.rows_of((entry.pid or NO_PROCESS, entry) for entry in found)
    raw = ask((system32("netstat.exe"), "-ano")) if netstat else None
    if raw is None:
        raise DevportsError(
            "no-table",
            "neither the socket table nor netstat responds",
            note="devports needs one of them to find holders",
            exit_code=exitcodes.CANNOT_INSPECT,
        )
    return list(windows_tools.netstat(raw))


def children_left_by(pid: int, /) -> list[int]:
    """Return the processes whose parent has, or had, this pid: Windows gives them no other."""
    import psutil

    found = psutil.process_iter(["ppid"])
    return [each.pid for each in found if each.info["ppid"] == pid and each.pid != pid]


def bound_sockets(ports: Collection[int]) -> Iterator[Row]:
    """Yield the sockets on these ports that are bound and neither listen nor belong to a client.

    An outgoing connection appears twice: connected, and as the bound socket that it was before.
    """
    raw = ask((system32("netstat.exe"), "-anoq"))
    listed = socket_rows()
    known = {row.socket.inode for row in listed}
    connected = {(row.pid, row.socket.local.port) for row in listed if row.socket.remote}
    for row in windows_tools.netstat(raw or b"", ports):
        alone = row.socket.remote is None and row.socket.inode not in known
        if alone and (row.pid, row.socket.local.port) not in connected:
            yield row.replace(socket=row.socket.replace(state="BOUND"))


def is_excluded(endpoint: Endpoint) -> bool | None:
    """Return whether no process may bind this port (Hyper-V, WSL, reserved); None if unknown."""
    family = "ipv6" if endpoint.is_v6 else "ipv4"
    raw = _netsh(family, "show", "excludedportrange", "protocol=tcp")
    if raw is None:
        return None
    return any(each.covers(endpoint.port) for each in windows_tools.excluded_ranges(raw))


def dynamic_range() -> tuple[int, int]:
    """Return first and last port of outgoing connections."""
    raw = _netsh("ipv4", "show", "dynamicport", "tcp")
    return windows_tools.dynamic_range(raw or b"") or DYNAMIC


def _netsh(*words: str) -> bytes | None:
    return ask((system32("netsh.exe"), "int", *words))


class Windows(PsMachine):
    """A `devports.system.Machine`. `table` and `netstat`: see `socket_rows`.

    A listener on a wildcard does not stop a bind to one address, unless it is exclusive
    (learn.microsoft.com, "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE").
    """

    platform: Platform = "win32"
    adopts_orphans = False
    who = staticmethod(psutil_backend.user_by_name)
    pin = staticmethod(pin_by_handle)
    wait_for_exit = staticmethod(wait_for_handles)

    left_by = staticmethod(children_left_by)

    def __init__(self, *, table: bool = True, netstat: bool = True) -> None:
        super().__init__()
        self._sources = {"table": table, "netstat": netstat}
        self._dynamic: tuple[int, int] | None = None

    def scan(self, ports: Collection[int]) -> SocketScan:
        rows = socket_rows(**self._sources)
        found = tuple(row for row in rows if row.socket.local.port in ports)
        return SocketScan(found, shows_bound=False, gaps=(NOT_BOUND,))

    def unlisted_sockets(self, port: int, known: Table) -> tuple[Socket, ...]:
        inodes = {socket.inode for socket in known.sockets}
        found = [row for row in bound_sockets({port}) if row.socket.inode not in inodes]
        self.remember(found)
        return tuple(row.socket for row in found)

    def probe(self, endpoint: Endpoint, *, reuse: bool = True) -> BindResult:
        return distinguish_denied(bind.probe(endpoint, reuse=reuse), lambda: is_excluded(endpoint))

    def ephemeral(self) -> tuple[int, int]:
        if self._dynamic is None:
            self._dynamic = dynamic_range()
        return self._dynamic

    def boot(self) -> str:
        """Return nothing: a start time is absolute here, so no identity occurs in two boots.

        Windows computes its boot time from the current time, and it differs by a second from one
        call to the next.
        """
        return ""

    @staticmethod
    def uids() -> tuple[int, int]:
        return CURRENT_USER, CURRENT_USER
