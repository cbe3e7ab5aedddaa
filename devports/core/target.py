"""What a person types for a port: a service, `8000`, `host:8000`, `[::1]:8000` or a URL."""

from __future__ import annotations

from devports.core.model import PortSpec
from devports.core.number import LAST_PORT, decimal
from devports.errors import DevportsError

BY_SCHEME = {"http": "80", "https": "443"}
"""The ports that a URL means which names none."""


def parse_target(text: str) -> PortSpec | str:
    """Return a port on an address, a port on every address, or the name of a service.

    Raises:
        DevportsError: it is a port, but none that exists.
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
    """Return the port of a URL, as it is copied from a browser: what is behind it is left out."""
    scheme, _, rest = text.partition("://")
    address = rest.replace("?", "/").replace("#", "/").partition("/")[0].rpartition("@")[2]
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]"):
        host, port = address, BY_SCHEME.get(scheme.lower(), "")
    if not port:
        raise _wrong(text, "this URL names no port", f"{host or 'localhost'}:8000")
    return _spec(host, port, text)


def _spec(host: str, port: str, text: str) -> PortSpec:
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise _wrong(text, "an IPv6 address is written in brackets", f"[{host}]:{port}")
    if is_of_one_interface(host):
        raise _wrong(text, ONE_INTERFACE, f"[::]:{port}")
    if not host:
        raise _wrong(text, "there is no host before the colon", port or "8000")
    return PortSpec(host, port_number(port, text))


ONE_INTERFACE = "a link-local address is one interface's, and devports does not tell those apart"


def is_of_one_interface(host: str) -> bool:
    """Say whether an address means nothing without its interface (RFC 4007; fe80::/10), or has one.

    Tables name the interface in many ways or not at all, so two sockets on the same address could
    not be told apart, and the holder that is not in the way would be ended.
    """
    first, colon, _ = host.partition(":")
    link_local = len(first) == len("fe80") and first[:3].lower() in ("fe8", "fe9", "fea", "feb")
    return bool(colon) and (link_local or "%" in host)


def port_number(digits: str, text: str) -> int:
    """Return a port from 1 to 65535, given as the digits in what was typed, `text`.

    Raises:
        DevportsError: it is not one.
    """
    if port := decimal(digits, LAST_PORT):
        return port
    raise _wrong(text, f"a port is a number from 1 to {LAST_PORT}", "8000")


def _wrong(text: str, why: str, example: str) -> DevportsError:
    return DevportsError(
        "target-invalid",
        f"`{text[:80]}` is not a port",
        facts=(why,),
        hints=(f"write for example `{example}`",),
    )
