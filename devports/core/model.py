"""Sockets and processes, in the kernel's terms, and targets of the command line.

Addresses are plain text and states constants: ``ipaddress`` and ``enum`` each cost half a Python
start, and `devports check` must cost about one.
"""

from __future__ import annotations

from devports.core.text import LAST_PORT, decimal, is_address
from devports.core.value import Frozen
from devports.errors import DevportsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Literal

    Platform = Literal["linux", "darwin", "win32"]
    BindResult = Literal["ok", "in-use", "denied", "not-local"]
    State = Literal[
        "LISTEN",
        "BOUND",
        "ESTABLISHED",
        "SYN_SENT",
        "SYN_RECV",
        "FIN_WAIT1",
        "FIN_WAIT2",
        "TIME_WAIT",
        "CLOSE",
        "CLOSE_WAIT",
        "LAST_ACK",
        "CLOSING",
    ]


CURRENT_USER = 1
"""The uid of the current user where the system does not number its users (Windows)."""
WILDCARDS = ("0.0.0.0", "::")  # noqa: S104  # compared with, never bound
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
"""The address that reaches a listener on a wildcard."""
PRIVILEGED = 1024
"""Ports below need a privilege, RFC 6335 6; on macOS only on a single address."""


class Endpoint(Frozen):
    """Address and port as the kernel binds them; the address is numeric text (inet_ntop(3))."""

    address: str
    port: int

    @property
    def is_v6(self) -> bool:
        return ":" in self.address

    @property
    def is_wildcard(self) -> bool:
        return self.address in WILDCARDS

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if self.is_v6 else f"{self.address}:{self.port}"


DEBUGGER_PORT = "debug"
"""Name of the additional port for a debugger."""


class PortSpec(Frozen):
    """A port as the user wrote it. An empty host means the port on every address."""

    host: str
    port: int

    def __str__(self) -> str:
        return str(Endpoint(self.host, self.port)) if self.host else f"port {self.port}"


class Socket(Frozen):
    """A TCP socket whose *local* port is in question.

    Attributes:
        local: where it is bound.
        remote: its peer; None for LISTEN and BOUND.
        state: kernel name; BOUND is bound and not listening (macOS calls it CLOSED).
        inode: the socket's identity on Linux; 0 when no process has it (TIME_WAIT, orphans, a
            connection still in the accept queue).
        uid: of the process that made it; None where unknown or meaningless (inode 0).
        v6only: whether an IPv6 wildcard excludes IPv4; None where the source does not say.
        cgroup: id of the control group in which it was made (Linux), 0 where unknown.
        expires: seconds until the kernel drops it (TIME_WAIT); None where it does not.
        queue: connections on a listening socket that no process has accepted yet.
    """

    local: Endpoint
    remote: Endpoint | None
    state: State
    inode: int = 0
    uid: int | None = None
    v6only: bool | None = None
    cgroup: int = 0
    expires: float | None = None
    queue: int = 0


class VisibilityGap(Frozen):
    """Information that this user cannot read, and what it hides."""

    code: str
    detail: str


class Table(Frozen):
    """The sockets on the ports in question, and what the source of this table cannot show.

    `shows_bound` is False where sockets that are bound and not listening are invisible (Linux
    before 6.8, /proc/net/tcp): there an empty table proves less.
    """

    sockets: tuple[Socket, ...]
    shows_bound: bool = True
    gaps: tuple[VisibilityGap, ...] = ()


class ProcessKey(Frozen):
    """The identity of a process: a pid alone is reused.

    `start` is opaque and only compared: clock ticks since boot on Linux (proc(5), field 22).
    """

    pid: int
    start: int


class JobControl(Frozen):
    """The job control of a process (credentials(7), tty_ioctl(4)).

    `group`: its process group. `foreground`: the group that reads the keys and gets Ctrl-C, -1 if
    there is none. `terminal`: the device's number, 0 for none.
    """

    group: int
    foreground: int
    terminal: int


class Process(Frozen):
    """Facts about a process. Texts come from outside: escape them before printing.

    `environment_marks`: variables that supervisors set, on Linux, and under ``launchd`` the label
    of its job on macOS; read only of holders in a thorough inspection. `job`: None where the system
    does not tell. `listens_elsewhere`: it listens on other ports than those in question; read of
    holders' ancestors before something is stopped.
    """

    key: ProcessKey
    ppid: int
    uid: int
    user: str
    name: str
    argv: tuple[str, ...] = ()
    cwd: str = ""
    exe: str = ""
    state: str = "S"
    started: float = 0.0
    cgroup: str = ""
    environment_marks: tuple[tuple[str, str], ...] = ()
    job: JobControl | None = None
    listens_elsewhere: bool = False

    @property
    def pid(self) -> int:
        return self.key.pid

    @property
    def is_suspended(self) -> bool:
        """Whether it is stopped by a signal or a debugger (T and t in proc_pid_stat(5))."""
        return self.state in ("T", "t")


class Holder(Frozen):
    """A process that has one of the sockets open, and its ancestors, parent first."""

    process: Process
    inodes: tuple[int, ...] = ()
    ancestors: tuple[Process, ...] = ()

    @property
    def with_ancestors(self) -> tuple[Process, ...]:
        return (self.process, *self.ancestors)


def merged(holders: Iterable[Holder]) -> tuple[Holder, ...]:
    """Return every process once, with all its sockets."""
    found: dict[ProcessKey, Holder] = {}
    for holder in holders:
        known = found.setdefault(holder.process.key, holder)
        inodes = tuple(dict.fromkeys((*known.inodes, *holder.inodes)))
        found[holder.process.key] = known.replace(inodes=inodes)
    return tuple(found.values())


class HiddenSocket(Frozen):
    """A socket whose process could not be read, and what is known of it.

    Attributes:
        user: the owner of the socket; empty if unknown.
        cgroup: path of the control group it was made in (cgroups(7)); empty if unknown.
        likely: the processes in that group.
    """

    socket: Socket
    user: str = ""
    cgroup: str = ""
    likely: tuple[Process, ...] = ()

    @property
    def unit(self) -> str:
        """The last part of its control group: mostly a systemd unit or a container."""
        return self.cgroup.rpartition("/")[2]


class HolderSearch(Frozen):
    """The holders of the sockets in question. `complete`: every readable process was inspected."""

    holders: tuple[Holder, ...] = ()
    hidden: tuple[HiddenSocket, ...] = ()
    complete: bool = True
    gaps: tuple[VisibilityGap, ...] = ()

    def about(self, sockets: Collection[Socket]) -> HolderSearch:
        """Return the part that concerns these sockets."""
        if not sockets:
            return HolderSearch()
        inodes = {socket.inode for socket in sockets}
        return self.replace(
            holders=tuple(
                holder.replace(inodes=tuple(inode for inode in holder.inodes if inode in inodes))
                for holder in self.holders
                if inodes & set(holder.inodes)
            ),
            hidden=tuple(hidden for hidden in self.hidden if hidden.socket.inode in inodes),
        )


BY_SCHEME = {"http": "80", "https": "443"}
"""Default ports of URLs."""


def parse_target(text: str) -> PortSpec | str:
    """Return a port on an address, a port on every address, or the name of a service.

    Raises:
        DevportsError: it is a port that does not exist.
    """
    if text.isdecimal() and text.isascii():
        return PortSpec("", port_number(text, text))
    if "://" in text:
        return _of_url(text)
    host, colon, port = text.rpartition(":")
    if not colon:
        return text
    return _spec(host, port, text)


def _of_url(text: str) -> PortSpec:
    """Return the port of a URL as copied from a browser; its path and query are ignored."""
    scheme, _, rest = text.partition("://")
    address = rest.replace("?", "/").replace("#", "/").partition("/")[0].rpartition("@")[2]
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]"):
        host, port = address, BY_SCHEME.get(scheme.lower(), "")
    if not port:
        known = "" if is_of_one_interface(host.strip("[]")) else host
        raise _wrong(text, "this URL has no port", f"{known or 'localhost'}:8000")
    return _spec(host, port, text)


def _spec(host: str, port: str, text: str) -> PortSpec:
    bare = host.strip("[]")
    bracketed = host == f"[{bare}]"
    host = bare if bracketed else host
    known = port if decimal(port, LAST_PORT) else "8000"
    if is_of_one_interface(host):
        raise _wrong(text, ONE_INTERFACE, f"[::]:{known}")
    if ":" in host and not bracketed:
        if bare.count(":") > 1 and is_address(bare):
            raise _wrong(text, "write an IPv6 address in brackets", f"[{bare}]:{known}")
        first = bare.partition(":")[0]
        raise _wrong(text, "a name has no colon", f"{first or 'localhost'}:{known}")
    if not host:
        raise _wrong(text, "the host before the colon is missing", known)
    return PortSpec(host, port_number(port, text))


ONE_INTERFACE = (
    "a link-local address belongs to one interface, and devports does not distinguish interfaces"
)


def is_of_one_interface(host: str) -> bool:
    """Return whether an address needs its interface (RFC 4007; fe80::/10), or names one.

    Tables name the interface in many ways or not at all, so two sockets on the same address could
    not be told apart, and the wrong holder could be stopped.
    """
    first, colon, _ = host.partition(":")
    link_local = len(first) == len("fe80") and first[:3].lower() in ("fe8", "fe9", "fea", "feb")
    return bool(colon) and (link_local or "%" in host)


def port_number(digits: str, text: str) -> int:
    """Return a port from 1 to 65535, by its digits in the typed `text`.

    Raises:
        DevportsError: it is not one.
    """
    if port := decimal(digits, LAST_PORT):
        return port
    raise _wrong(text, f"a port is a number from 1 to {LAST_PORT}", "8000")


def _wrong(text: str, why: str, example: str) -> DevportsError:
    return DevportsError(
        "target-invalid",
        f"`{text[:80]}` is not a port or address",
        facts=(why,),
        hints=(f"for example `{example}`",),
    )
