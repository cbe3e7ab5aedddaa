"""What a person types for a port: a service, `8000`, `host:8000` or `[::1]:8000`."""

from __future__ import annotations

from devports.core.model import PortSpec
from devports.core.number import LAST_PORT, decimal
from devports.errors import DevportsError


def parse_target(text: str) -> PortSpec | str:
    """Return a port on an address, a port on every address, or the name of a service.

    Raises:
        DevportsError: it is a port, but none that exists.
    """
    if text.isdecimal() and text.isascii():
        return PortSpec("", port_number(text, text))
    host, colon, port = text.rpartition(":")
    if not colon:
        return text
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
