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
    if not host:
        raise _wrong(text, "there is no host before the colon", port or "8000")
    return PortSpec(host, port_number(port, text))


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
