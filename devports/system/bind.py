"""Binding a socket: the probe that decides whether a port is free, and the reservation of a port.

A probe binds with SO_REUSEADDR as a server does, never listens, and is closed at once. On Linux a
socket that was bound with SO_REUSEADDR and then has the option cleared is *reserved*: no other
socket can bind the port, though nothing listens. With the option set again, sockets that set it too
may bind beside it; with SO_REUSEPORT set, so may sockets of the same user that set only that.

On Windows SO_REUSEADDR takes over a port that is in use, so it is never set: a probe asks for
exclusive use (learn.microsoft.com, "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE"). That is stricter
than most servers: it is refused beside connections of the last server. So a refused probe is
repeated without any option, as most servers bind.
"""

from __future__ import annotations

import _socket as net  # the C half of `socket`: importing all of it costs half a Python start
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, EINVAL, EPERM
from os import fstat

from devports.core.model import LOOPBACK, Endpoint
from devports.core.verdict import plain_address
from devports.errors import raise_limit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devports.core.model import BindResult

RESULTS: dict[int, BindResult] = {
    EADDRINUSE: "in-use",
    EACCES: "denied",
    EPERM: "denied",
    EADDRNOTAVAIL: "not-local",
    EAFNOSUPPORT: "not-local",
    EINVAL: "not-local",  # IPv6: a multicast address, or a link-local one without its interface
    10048: "in-use",  # WSAEADDRINUSE; Python gives Winsock's numbers as errno
    10013: "denied",  # WSAEACCES: an excluded port, or an exclusive or other user's wildcard
    10049: "not-local",  # WSAEADDRNOTAVAIL
    10022: "not-local",  # WSAEINVAL
    10047: "not-local",  # WSAEAFNOSUPPORT
}

BACKLOG = 511
"""Connections that may wait to be accepted; a server that calls listen(2) sets its own number."""

EXCLUSIVE: int | None = getattr(net, "SO_EXCLUSIVEADDRUSE", None)
"""The socket option of Windows; None on every other system."""

REUSE_PORT: int = getattr(net, "SO_REUSEPORT", 0)
"""The option by which sockets of one user share an address; 0 on Windows, which has none."""


def open_bound(
    endpoint: Endpoint, *, reuse: bool, reuse_port: bool = False, exclusive: bool = True
) -> net.socket:
    """Return a TCP socket bound to `endpoint`, not inherited by child processes.

    Args:
        endpoint: address and port.
        reuse: set SO_REUSEADDR, so that other sockets with that option may bind beside it.
        reuse_port: set SO_REUSEPORT, for other sockets of this user that set it too.
        exclusive: on Windows, set `EXCLUSIVE` and no other option; else none at all.

    Raises:
        OSError: socket(2) or bind(2) failed.
    """
    sock = net.socket(net.AF_INET6 if endpoint.is_v6 else net.AF_INET, net.SOCK_STREAM, 0)
    try:
        if endpoint.is_v6:
            # Both reach IPv4 as well: the wildcard, and an IPv4-mapped address.
            both = endpoint.address == "::" or "." in endpoint.address
            sock.setsockopt(net.IPPROTO_IPV6, net.IPV6_V6ONLY, int(not both))
        if EXCLUSIVE is None:
            sock.setsockopt(net.SOL_SOCKET, net.SO_REUSEADDR, int(reuse))
            if reuse_port:
                sock.setsockopt(net.SOL_SOCKET, REUSE_PORT, 1)
        elif exclusive:
            sock.setsockopt(net.SOL_SOCKET, EXCLUSIVE, 1)
        sock.bind((endpoint.address, endpoint.port))
    except OSError:
        sock.close()
        raise
    return sock


def probe(endpoint: Endpoint, *, reuse: bool = True) -> BindResult:
    """Return whether `endpoint` can be bound now; the socket is closed at once.

    Args:
        endpoint: address and port.
        reuse: bind as a server does. Without it only a port without any socket can be bound.

    Raises:
        OSError: an error that is not in `RESULTS` (no more descriptors, for example).
    """
    result = _tried(endpoint, reuse=reuse)
    if result == "in-use" and reuse and EXCLUSIVE is not None:
        return _tried(endpoint, reuse=reuse, exclusive=False)
    return result


def _tried(endpoint: Endpoint, *, reuse: bool, exclusive: bool = True) -> BindResult:
    try:
        open_bound(endpoint, reuse=reuse, exclusive=exclusive).close()
    except OSError as error:
        return _result(error)
    return "ok"


def _result(error: OSError) -> BindResult:
    result = RESULTS.get(error.errno or 0)
    if result is None:
        raise error
    return result


CONNECT_TIMEOUT = 0.2
"""Seconds; on loopback a connection is accepted or refused at once, unless packets are dropped."""


def is_redirected(endpoint: Endpoint) -> bool:
    """Return whether a connection to an address without a listener is accepted all the same.

    The packets go elsewhere then, by a NAT rule of the kernel for example, as the portmap plugin of
    CNI writes it (cni.dev/plugins/current/meta/portmap). A connection with the port at both of its
    ends has only met itself (RFC 9293, 3.5).
    """
    sock = net.socket(net.AF_INET6 if endpoint.is_v6 else net.AF_INET, net.SOCK_STREAM, 0)
    try:
        sock.settimeout(CONNECT_TIMEOUT)
        sock.connect((LOOPBACK.get(endpoint.address, endpoint.address), endpoint.port))
        mine: int = sock.getsockname()[1]
    except OSError:
        return False
    finally:
        sock.close()
    return mine != endpoint.port


class Reservation:
    """A socket of devports that is bound, exclusive and not listening. `close` releases it."""

    def __init__(self, endpoint: Endpoint, sock: net.socket, inode: int) -> None:
        self.endpoint = endpoint
        self.inode = inode
        self.given = False
        """Whether the server has this very socket too, if it still runs."""
        self.listening = False
        """Whether devports made it listen: then LISTEN alone does not prove that a server
        accepts."""
        self._socket = sock

    def fileno(self) -> int:
        return self._socket.fileno()

    def share(self) -> None:
        """Allow sockets with SO_REUSEADDR or SO_REUSEPORT to bind beside this one.

        A socket that was handed over is the server's, and is not made to share its connections.
        """
        self.allow_reuse()
        if not self.given:
            self.allow_reuse_port()

    def allow_reuse(self) -> None:
        """Allow sockets with SO_REUSEADDR to bind beside this one.

        On a listening socket, connections accepted from now on leave a TIME_WAIT that blocks no
        bind.
        """
        self._socket.setsockopt(net.SOL_SOCKET, net.SO_REUSEADDR, 1)

    def forbid_reuse(self) -> None:
        """Stop other sockets from binding beside this one; with `EXCLUSIVE` set they never can."""
        if EXCLUSIVE is None:
            self._socket.setsockopt(net.SOL_SOCKET, net.SO_REUSEADDR, 0)

    def allow_reuse_port(self) -> None:
        """Allow sockets of this user with SO_REUSEPORT to bind beside this one."""
        self._socket.setsockopt(net.SOL_SOCKET, REUSE_PORT, 1)

    def forbid_reuse_port(self) -> None:
        self._socket.setsockopt(net.SOL_SOCKET, REUSE_PORT, 0)

    def listen(self) -> None:
        """Start to listen for a server that does not do so itself: connections wait for it.

        Without SO_REUSEADDR a TIME_WAIT on the port makes listen(2) fail; with it another process
        could listen first. So a second, exclusive socket keeps others away while the option is set.

        Raises:
            OSError: another socket listens here already.
        """
        twin = _reserve_beside([self], self.endpoint)
        try:
            self.allow_reuse()
            self._socket.listen(BACKLOG)
        finally:
            twin.close()
            self.forbid_reuse_port()
        self.listening = True

    def close(self) -> None:
        self._socket.close()


def reserve(endpoint: Endpoint, inode: int | None = None) -> Reservation | BindResult:
    """Return a reservation of `endpoint`, or why it cannot be bound.

    It is exclusive on Linux; other systems share it with sockets that set SO_REUSEADDR.

    Args:
        endpoint: address and port.
        inode: the socket's identity in the table, where that is not the inode of its descriptor.

    Raises:
        OSError: as `probe`.
    """
    try:
        sock = open_bound(endpoint, reuse=True)
    except OSError as error:
        return _result(error)
    reservation = Reservation(endpoint, sock, inode_of(sock) if inode is None else inode)
    reservation.forbid_reuse()
    return reservation


def replace(old: Sequence[Reservation], endpoint: Endpoint) -> Reservation | BindResult:
    """Reserve `endpoint` in place of reservations that overlap it, and close those.

    No other socket can bind in between: the old ones are closed only after the new one is bound.

    Raises:
        OSError: as `probe`.
    """
    try:
        fresh = _reserve_beside(old, endpoint)
    except OSError as error:
        return _result(error)
    for reservation in old:
        reservation.close()
    fresh.forbid_reuse_port()
    return fresh


def _reserve_beside(old: Sequence[Reservation], endpoint: Endpoint) -> Reservation:
    """Reserve `endpoint` beside reservations that overlap it.

    SO_REUSEPORT on all of them allows that to sockets of one user (socket(7)). Another process of
    this user that sets the option too could bind at that moment.

    Raises:
        OSError: bind(2) failed.
    """
    for reservation in old:
        reservation.allow_reuse_port()
    try:
        sock = open_bound(endpoint, reuse=True, reuse_port=True)
    except OSError:
        for reservation in old:
            reservation.forbid_reuse_port()
        raise
    twin = Reservation(endpoint, sock, inode_of(sock))
    twin.forbid_reuse()
    return twin


def inode_of(sock: net.socket) -> int:
    """Return the identity of a socket, as the socket table shows it."""
    return fstat(sock.fileno()).st_ino


def addresses(host: str) -> tuple[str, ...]:
    """Return the numeric addresses of a host; for an empty one the widest wildcard.

    Raises:
        OSError: the name does not resolve.
    """
    if not host:
        return ("::",) if has_ipv6() else ("0.0.0.0",)  # noqa: S104
    if address := canonical(host):
        return (address,)
    # As bytes: for text the codec of international names (IDNA) is loaded, a third of a start.
    name = host.encode() if host.isascii() else host
    found = net.getaddrinfo(name, None, 0, net.SOCK_STREAM)
    every = dict.fromkeys(plain_address(str(entry[4][0])) for entry in found)
    # /etc/hosts often names ::1 where IPv6 is switched off.
    local = [address for address in every if probe(Endpoint(address, 0)) == "ok"]
    return tuple(local or every)


def has_ipv6() -> bool:
    """Return whether this kernel supports IPv6 sockets.

    Raises:
        OSError: a limit (`errors.LIMITS`).
    """
    try:
        net.socket(net.AF_INET6, net.SOCK_STREAM, 0).close()
    except OSError as error:
        raise_limit(error)
        return False
    return True


def canonical(host: str) -> str:
    """Return an address as socket tables write it; empty for a host name.

    ``::ffff:127.0.0.1`` becomes 127.0.0.1: the kernel treats both as one address.
    """
    family = net.AF_INET6 if ":" in host else net.AF_INET
    try:
        return plain_address(net.inet_ntop(family, net.inet_pton(family, host)))
    except OSError:
        return ""
