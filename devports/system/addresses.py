"""From a host as a person writes it to the addresses that the kernel binds."""

from __future__ import annotations

from devports.core.diagnosis import plain_address
from devports.core.model import Endpoint
from devports.system import bind
from devports.system.net import net


def of(host: str) -> tuple[str, ...]:
    """Return the numeric addresses of a host; for an empty one the widest wildcard.

    Raises:
        OSError: the name does not resolve.
    """
    if not host:
        return ("::",) if has_ipv6() else ("0.0.0.0",)  # noqa: S104
    if address := canonical(host):
        return (address,)
    found = net.getaddrinfo(host, None, 0, net.SOCK_STREAM)
    addresses = dict.fromkeys(plain_address(str(entry[4][0])) for entry in found)
    # /etc/hosts often names ::1 where IPv6 is switched off.
    local = [address for address in addresses if bind.probe(Endpoint(address, 0)) == "ok"]
    return tuple(local or addresses)


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
