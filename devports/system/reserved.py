"""Local ports that the kernel keeps out of what it gives to outgoing connections."""

from __future__ import annotations

from devports.system.procfs import port_ranges

SETTING = "/proc/sys/net/ipv4/ip_local_reserved_ports"


def reserved(path: str = SETTING) -> tuple[tuple[int, int], ...]:
    """Return the ranges, first and last port each; none where the system has no such setting."""
    try:
        with open(path, "rb") as file:
            return port_ranges(file.read())
    except OSError:
        return ()
