"""The socket table: netlink's dump, else /proc/net/tcp."""

from __future__ import annotations

import os

from devports.core.model import Table, VisibilityGap
from devports.core.verdict import DEFAULT_EPHEMERAL
from devports.system.bind import net
from devports.system.linux import inet_diag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from devports.core.model import Socket

NETLINK_SOCK_DIAG = 4
FIRST_WITH_BOUND = (6, 8)  # "tcp: Dump bound-only sockets in inet_diag", Linux 6.8
RECEIVE = 1 << 16
MOST_PORTS = 4000
"""Ports in one request: the filter's length is a 16-bit number, at 12 bytes a port."""

NO_BOUND = VisibilityGap(
    "bound-not-shown",
    "this kernel (before 6.8) does not list sockets that are bound but do not listen",
)
NO_NETLINK = VisibilityGap(
    "no-netlink",
    "the kernel's socket monitor is not available here; /proc/net/tcp shows less",
)


def dump(ports: Collection[int], states: int = inet_diag.ALL_STATES) -> tuple[Socket, ...]:
    """Return the sockets on these local ports, from the kernel's socket monitor, in one dump.

    Raises:
        OSError: netlink or its socket monitor is not available (gVisor, seccomp, an old kernel).
        inet_diag.Malformed: the answer is of an unknown layout.
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
    """Say whether a kernel of this release (uname -r) lists bound sockets that do not listen."""
    numbers = release.partition("-")[0].split(".")[:2]
    return all(n.isdecimal() for n in numbers) and tuple(map(int, numbers)) >= FIRST_WITH_BOUND


def read(
    ports: Collection[int],
    *,
    netlink: bool = True,
    bound: bool = True,
    only_listening: bool = False,
) -> Table:
    """Return the table for these ports from the best source that answers.

    Args:
        ports: those in question.
        netlink: False switches this source off, to see what is left without it.
        bound: False leaves out what kernels before 6.8 do.
        only_listening: who listens is enough, which costs the kernel a look-up instead of a walk.
    """
    if netlink:
        try:
            sockets = dump(ports, inet_diag.LISTEN_ONLY if only_listening else inet_diag.ALL_STATES)
        except (OSError, inet_diag.Malformed):
            pass
        else:
            return _as_shown(sockets, bound=bound)
    return Table(tuple(_text(ports)), shows_bound=False, gaps=(NO_NETLINK,))


def listeners(*, netlink: bool = True, bound: bool = True) -> Table:
    """Return whoever listens or is bound without a peer, on any port, in one dump.

    `netlink` and `bound` switch a source off, as in `read`.
    """
    if netlink:
        try:
            sockets = dump((), inet_diag.LISTEN_AND_BOUND)
        except (OSError, inet_diag.Malformed):
            pass
        else:
            return _as_shown(sockets, bound=bound)
    found = tuple(socket for socket in _text(range(1 << 16)) if socket.state == "LISTEN")
    return Table(found, shows_bound=False, gaps=(NO_NETLINK,))


def _as_shown(sockets: tuple[Socket, ...], *, bound: bool) -> Table:
    """Return a dump as a table, with what this kernel leaves out of one."""
    if bound and kernel_shows_bound(os.uname().release):
        return Table(sockets)
    listed = tuple(socket for socket in sockets if socket.state != "BOUND")
    return Table(listed, shows_bound=False, gaps=(NO_BOUND,))


def listening(inodes: Collection[int]) -> tuple[Socket, ...]:
    """Return those of these sockets that listen, on any port; none where netlink is refused."""
    try:
        found = dump((), inet_diag.LISTEN_ONLY)
    except (OSError, inet_diag.Malformed):
        return ()
    return tuple(socket for socket in found if socket.inode in inodes)


def _text(ports: Collection[int]) -> list[Socket]:
    from devports.system.linux import procfs  # only without netlink

    wanted = ports if isinstance(ports, range) else frozenset(ports)
    raw = (slurp_all("/proc/net/tcp"), slurp_all("/proc/net/tcp6"))
    return [socket for text in raw for socket in procfs.net_tcp(text, wanted)]


def slurp_all(path: str) -> bytes:
    """Return a whole table of /proc/net, which has no size of its own."""
    try:
        with open(path, "rb", buffering=1 << 16) as file:
            return file.read()
    except OSError:
        return b""


def ephemeral() -> tuple[int, int]:
    """Return the range of local ports for outgoing connections (ip(7))."""
    from devports.system.linux.processes import slurp  # only for connections

    words = slurp("/proc/sys/net/ipv4/ip_local_port_range").split()
    return (int(words[0]), int(words[1])) if len(words) == 2 else DEFAULT_EPHEMERAL  # noqa: PLR2004
