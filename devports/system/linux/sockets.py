"""The socket table: a netlink dump, else /proc/net/tcp."""

from __future__ import annotations

import _socket as net
import os

from devports.core.model import Table, VisibilityGap
from devports.core.verdict import DEFAULT_EPHEMERAL
from devports.errors import raise_limit
from devports.system.linux import inet_diag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from devports.core.model import Socket

NETLINK_SOCK_DIAG = 4
FIRST_WITH_BOUND = (6, 8)  # "tcp: Dump bound-only sockets in inet_diag", Linux 6.8
RECEIVE = 1 << 16
MOST_PORTS = 4000
"""Ports in one request: the filter's length is a 16-bit number, at 12 bytes a port."""

MOST_TEXT = 1 << 28
"""Bytes of /proc/net/tcp: one row for every port of every address."""

NO_BOUND = VisibilityGap(
    "bound-not-shown",
    "this kernel (before 6.8) does not list sockets that are bound but do not listen",
)
NO_NETLINK = VisibilityGap(
    "no-netlink",
    "the socket monitor of the kernel is not available here; /proc/net/tcp shows less",
)


def dump(ports: Collection[int], states: int = inet_diag.ALL_STATES) -> tuple[Socket, ...]:
    """Return the sockets on these local ports, from the kernel's socket monitor.

    Raises:
        OSError: netlink or its socket monitor is not available (gVisor, seccomp, an old kernel).
        inet_diag.Malformed: the answer has an unknown layout.
    """
    found: list[Socket] = []
    wanted = sorted(ports)
    if len(wanted) > MOST_PORTS:
        head, tail = wanted[:MOST_PORTS], wanted[MOST_PORTS:]
        return (*dump(head, states), *dump(tail, states))
    kind = net.SOCK_RAW | net.SOCK_CLOEXEC
    channel = net.socket(net.AF_NETLINK, kind, NETLINK_SOCK_DIAG)
    try:
        channel.settimeout(2)
        channel.send(inet_diag.request(wanted, states))
        complete = False
        while not complete:
            sockets, complete = inet_diag.parse(channel.recv(RECEIVE))
            found += sockets
    finally:
        channel.close()
    return tuple(found)


def kernel_shows_bound(release: str) -> bool:
    """Return whether a kernel of this release (uname -r) lists bound sockets that do not listen."""
    numbers = release.partition("-")[0].split(".")[:2]
    return all(n.isdecimal() for n in numbers) and tuple(map(int, numbers)) >= FIRST_WITH_BOUND


def table(ports: Collection[int]) -> Table:
    """Return all sockets on these local ports, from the best source that answers."""
    return _dumped(ports, inet_diag.ALL_STATES) or text_table(ports)


def listening_on(ports: Collection[int]) -> Table:
    """Return the listeners on these ports: a look-up for the kernel instead of a walk."""
    return _dumped(ports, inet_diag.LISTEN_ONLY) or text_table(ports)


def listening_below(ports: Collection[int]) -> tuple[Socket, ...]:
    """Return the listeners on these ports, of any process."""
    return listening_on(ports).sockets


def listeners() -> Table:
    """Return the sockets on any port that listen or are bound without a peer."""
    return _dumped((), inet_diag.LISTEN_AND_BOUND) or text_listeners()


def _dumped(ports: Collection[int], states: int) -> Table | None:
    """Return a netlink dump as a table, None if that fails.

    Raises:
        OSError: a limit (`errors.LIMITS`), which would show in every other source too.
    """
    try:
        sockets = dump(ports, states)
    except OSError as error:
        raise_limit(error)
        return None
    except inet_diag.Malformed:
        return None
    return Table(sockets) if kernel_shows_bound(os.uname().release) else without_bound(sockets)


def without_bound(sockets: Iterable[Socket]) -> Table:
    """Return a dump as kernels before 6.8 make it."""
    listed = tuple(socket for socket in sockets if socket.state != "BOUND")
    return Table(listed, shows_bound=False, gaps=(NO_BOUND,))


def text_table(ports: Collection[int]) -> Table:
    """Return the sockets of /proc/net/tcp and tcp6, for systems without netlink."""
    from devports.system.linux import processes, procfs  # rarely needed

    wanted = ports if isinstance(ports, range) else frozenset(ports)
    raw = (processes.read_file(f"/proc/net/{name}", MOST_TEXT) for name in ("tcp", "tcp6"))
    found = tuple(socket for text in raw for socket in procfs.net_tcp(text, wanted))
    return Table(found, shows_bound=False, gaps=(NO_NETLINK,))


def text_listeners() -> Table:
    """Return the listeners of /proc/net/tcp and tcp6 on any port."""
    found = text_table(range(1 << 16))
    return found.replace(sockets=tuple(s for s in found.sockets if s.state == "LISTEN"))


def ephemeral() -> tuple[int, int]:
    """Return the first and last local port of outgoing connections (ip(7))."""
    from devports.system.linux.processes import read_file  # only needed with connections

    words = read_file("/proc/sys/net/ipv4/ip_local_port_range").split()
    return (int(words[0]), int(words[1])) if len(words) == 2 else DEFAULT_EPHEMERAL  # noqa: PLR2004


RESERVED = "/proc/sys/net/ipv4/ip_local_reserved_ports"


def reserved(path: str = RESERVED) -> tuple[tuple[int, int], ...]:
    """Return the port ranges, first and last each, that are reserved from outgoing connections."""
    from devports.system.linux import processes, procfs  # only for `doctor`

    return procfs.port_ranges(processes.read_file(path))
