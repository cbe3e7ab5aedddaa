"""Hosts as they are written: what is acceptable, and when two of them meet on a port. Pure."""

from __future__ import annotations

from devports.core.target import is_of_one_interface

_USUAL = ("127.0.0.1", "localhost", "0.0.0.0", "::1", "::")  # noqa: S104  # never bound here
_LOOPBACKS = ("127.0.0.1", "::1")
_NAME = r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?\.?"


def wrong_host(host: str) -> str:
    """Return what is wrong with `host`, as the end of "`host` ..."; empty if nothing is."""
    if host in _USUAL:
        return ""
    if not host:
        return 'is empty: write "0.0.0.0" or "::" for every address'
    if "/" in host:
        return "must be a name or an address, not a URL or a network"
    if host.startswith("["):
        return "must be an address without brackets"
    if ":" in host:
        return _wrong_v6(host)
    if host.replace(".", "").isdecimal():
        return "" if _is_v4(host) else "is not a numeric IPv4 address: four numbers from 0 to 255"
    import re  # noqa: PLC0415  # loaded by tomllib anyway, but not by who imports this

    return "" if re.fullmatch(_NAME, host) else "must be a host name or a numeric address"


def _is_v4(host: str) -> bool:
    """Dotted quad only: what inet_aton(3) reads into `127.1` or `010.0.0.1` surprises people."""
    octets = frozenset(map(str, range(256)))
    return host.count(".") == 3 and octets.issuperset(host.split("."))  # noqa: PLR2004  # the dots


def _wrong_v6(host: str) -> str:
    if is_of_one_interface(host):
        return 'is link-local, one interface\'s: write "::" for every address'
    if _v6(host):
        return ""
    name, _, port = host.rpartition(":")
    if port.isdecimal() and ":" not in name:
        return "must not contain a port: `port` is its own key"
    return "is not a numeric IPv6 address"


def _v6(host: str) -> str:
    """Return the address in its one form, an IPv4 one where it stands for that; empty if none."""
    import ipaddress  # noqa: PLC0415  # half a Python start, only for an unusual address

    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return ""
    return str(address.ipv4_mapped or address)


def claims(host: str) -> tuple[str, ...]:
    """Return what a server on `host` occupies: its addresses, and the kinds they are of."""
    addresses = _addresses(host)
    v4 = ("any v4",) if any(":" not in address for address in addresses) else ()
    return (*addresses, "any", *v4)


def rivals(host: str) -> tuple[str, ...]:
    """Return which claims of another server leave no room on `host`, on the same port.

    `::` meets IPv4 as well: servers leave IPV6_V6ONLY off unless told otherwise.
    """
    addresses = _addresses(host)
    if "::" in addresses:
        return ("any",)
    if "0.0.0.0" in addresses:  # noqa: S104  # compared with, never bound
        return ("any v4", "::")
    v4 = ("0.0.0.0",) if any(":" not in address for address in addresses) else ()  # noqa: S104
    return (*addresses, "::", *v4)


def _addresses(host: str) -> tuple[str, ...]:
    name = host.lower().rstrip(".")
    if name == "localhost":
        return _LOOPBACKS
    return (_v6(name) or name,) if ":" in name and name not in _USUAL else (name,)
