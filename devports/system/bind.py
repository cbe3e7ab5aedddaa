"""The bind that decides, and the bind that holds.

A probe binds with SO_REUSEADDR as a server does, never listens, and is closed at once. On Linux a
socket that was bound with SO_REUSEADDR and then has the option cleared is *reserved*: nobody else
can bind the port, though nothing listens; with the option set again others may bind beside it who
set it too, and with SO_REUSEPORT set those of the same user who set only that.

On Windows SO_REUSEADDR takes a port that somebody has, so it is never set: a probe asks for the
port alone (learn.microsoft.com, "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE"). That is stricter
than most servers, and says "in use" or "denied" wherever one of them would share or steal.
"""

from __future__ import annotations

import _socket as net  # the half in C: `import socket` costs half a start
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, EINVAL, EPERM
from os import fstat

from devports.core.model import Endpoint
from devports.core.verdict import plain_address

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
    EINVAL: "not-local",  # IPv6: a group of hosts, or one interface's address without that
    10048: "in-use",  # WSAEADDRINUSE; Python gives Winsock's numbers as errno
    10013: "denied",  # WSAEACCES: an excluded port, or an exclusive or foreign wildcard holder
    10049: "not-local",  # WSAEADDRNOTAVAIL
    10022: "not-local",  # WSAEINVAL
    10047: "not-local",  # WSAEAFNOSUPPORT
}

BACKLOG = 511
"""Connections that may wait; a server that calls listen(2) itself sets its own number."""

EXCLUSIVE: int | None = getattr(net, "SO_EXCLUSIVEADDRUSE", None)
"""The option of Windows; None on every other system."""

TWINS: int = getattr(net, "SO_REUSEPORT", 0)
"""The option by which sockets of one user share an address; there is none on Windows."""


def open_bound(endpoint: Endpoint, *, reuse: bool, twin: bool = False) -> net.socket:
    """Return a TCP socket bound to `endpoint`, not inherited by children.

    Args:
        endpoint: where.
        reuse: whether it may be bound beside others that set SO_REUSEADDR.
        twin: whether it may be bound beside those of ours that set SO_REUSEPORT.

    Raises:
        OSError: what the kernel said to socket(2) or bind(2).
    """
    sock = net.socket(net.AF_INET6 if endpoint.is_v6 else net.AF_INET, net.SOCK_STREAM, 0)
    try:
        if endpoint.is_v6:
            # What reaches IPv4 as well: the wildcard, and an IPv4 address in IPv6's clothes.
            both = endpoint.address == "::" or "." in endpoint.address
            sock.setsockopt(net.IPPROTO_IPV6, net.IPV6_V6ONLY, int(not both))
        if EXCLUSIVE is None:
            sock.setsockopt(net.SOL_SOCKET, net.SO_REUSEADDR, int(reuse))
            if twin:
                sock.setsockopt(net.SOL_SOCKET, TWINS, 1)
        else:
            sock.setsockopt(net.SOL_SOCKET, EXCLUSIVE, 1)
        sock.bind((endpoint.address, endpoint.port))
    except OSError:
        sock.close()
        raise
    return sock


def probe(endpoint: Endpoint, *, reuse: bool = True) -> BindResult:
    """Ask the kernel whether `endpoint` can be bound now; nothing is left behind.

    Raises:
        OSError: for anything but the four answers (no more descriptors, for example).
    """
    try:
        open_bound(endpoint, reuse=reuse).close()
    except OSError as error:
        return _result(error)
    return "ok"


def _result(error: OSError) -> BindResult:
    result = RESULTS.get(error.errno or 0)
    if result is None:
        raise error
    return result


class Reservation:
    """An endpoint that is ours: bound, exclusive, not listening. Close it to give it back."""

    def __init__(self, endpoint: Endpoint, sock: net.socket, inode: int) -> None:
        self.endpoint = endpoint
        self.inode = inode
        self.given = False
        """Whether somebody else has this very socket too: our server, if it is still there."""
        self.listening = False
        """Whether we made it listen: then LISTEN alone does not say that anybody serves."""
        self._socket = sock

    def fileno(self) -> int:
        return self._socket.fileno()

    def share(self) -> None:
        """Let others bind beside us that set SO_REUSEADDR or SO_REUSEPORT: our server is about to.

        A socket that we handed over is the server's, and is not made to share its connections.
        """
        self.reuse()
        if not self.given:
            self.pair()

    def reuse(self) -> None:
        """Let others that set SO_REUSEADDR bind beside us.

        On a socket that listens, connections accepted from now on leave a TIME_WAIT that stands in
        nobody's way.
        """
        self._socket.setsockopt(net.SOL_SOCKET, net.SO_REUSEADDR, 1)

    def exclude(self) -> None:
        """Let nobody bind beside us. Where EXCLUSIVE is set nobody can, nor touch this option."""
        if EXCLUSIVE is None:
            self._socket.setsockopt(net.SOL_SOCKET, net.SO_REUSEADDR, 0)

    def pair(self) -> None:
        """Let another socket of ours bind beside this one, and any that sets SO_REUSEPORT too."""
        self._socket.setsockopt(net.SOL_SOCKET, TWINS, 1)

    def unpair(self) -> None:
        self._socket.setsockopt(net.SOL_SOCKET, TWINS, 0)

    def listen(self) -> None:
        """Listen, for a server that does not do so itself. Connections wait until it accepts.

        Without SO_REUSEADDR a TIME_WAIT on the port forbids to listen, and with it somebody else
        could listen first: so meanwhile an exclusive twin of this socket keeps others away.

        Raises:
            OSError: somebody listens here already.
        """
        twin = _twin([self], self.endpoint)
        try:
            self.reuse()
            self._socket.listen(BACKLOG)
        finally:
            twin.close()
            self.unpair()
        self.listening = True

    def close(self) -> None:
        self._socket.close()


def reserve(endpoint: Endpoint, inode: int | None = None) -> Reservation | BindResult:
    """Take `endpoint`, or say what the kernel said. Linux; elsewhere the hold is shared anyway.

    Args:
        endpoint: what is bound.
        inode: the socket's identity in the table, where that is not the inode of its descriptor.

    Raises:
        OSError: as `probe`.
    """
    try:
        sock = open_bound(endpoint, reuse=True)
    except OSError as error:
        return _result(error)
    reservation = Reservation(endpoint, sock, inode_of(sock) if inode is None else inode)
    reservation.exclude()
    return reservation


def replace(old: Sequence[Reservation], endpoint: Endpoint) -> Reservation | BindResult:
    """Take `endpoint` in the place of reservations of ours that overlap it, and close those.

    At no moment can another bind come in between: the new socket is bound while the old ones are
    still exclusive.

    Raises:
        OSError: as `probe`.
    """
    try:
        fresh = _twin(old, endpoint)
    except OSError as error:
        return _result(error)
    for reservation in old:
        reservation.close()
    fresh.unpair()
    return fresh


def _twin(old: Sequence[Reservation], endpoint: Endpoint) -> Reservation:
    """Take `endpoint` beside reservations of ours that overlap it, exclusively but for those.

    SO_REUSEPORT on all of them allows that to sockets of one user (socket(7)). Whoever sets that
    option too is let in by us as by everybody.

    Raises:
        OSError: what the kernel said to bind(2).
    """
    for reservation in old:
        reservation.pair()
    try:
        sock = open_bound(endpoint, reuse=True, twin=True)
    except OSError:
        for reservation in old:
            reservation.unpair()
        raise
    twin = Reservation(endpoint, sock, inode_of(sock))
    twin.exclude()
    return twin


def inode_of(sock: net.socket) -> int:
    """Return the identity of a socket of ours, as the socket table shows it."""
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
    found = net.getaddrinfo(host, None, 0, net.SOCK_STREAM)
    every = dict.fromkeys(plain_address(str(entry[4][0])) for entry in found)
    # /etc/hosts often names ::1 where IPv6 is switched off.
    local = [address for address in every if probe(Endpoint(address, 0)) == "ok"]
    return tuple(local or every)


def has_ipv6() -> bool:
    """Say whether this kernel makes IPv6 sockets at all."""
    try:
        net.socket(net.AF_INET6, net.SOCK_STREAM, 0).close()
    except OSError:
        return False
    return True


def canonical(host: str) -> str:
    """Return an address as tables write it, so that they can be compared; empty for a name.

    ``::ffff:127.0.0.1`` is 127.0.0.1 to the kernel: whoever has one of them has the other.
    """
    family = net.AF_INET6 if ":" in host else net.AF_INET
    try:
        return plain_address(net.inet_ntop(family, net.inet_pton(family, host)))
    except OSError:
        return ""
