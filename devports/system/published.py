"""What `docker ps` and `podman ps` print about published ports, parsed. Opens nothing.

Each answer is compared with the port again: the filter of docker before 20.10 looked at the port
inside the container (github.com/moby/moby/issues/40405), and podman has none.
"""

from __future__ import annotations

from devports.core.containers import Published, is_identity, is_name
from devports.core.number import LAST_PORT, decimal
from devports.core.standing import STOP_TIMEOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

FORMAT = "{{.ID}}\t{{.Names}}\t{{.Image}}\t{{.Ports}}"
"""For docker. Not `{{json .}}`: that asks for the size of every container, which takes seconds."""
FIELDS = 4
STOP_TIMEOUT_FORMAT = "{{.Config.StopTimeout}}"
"""For `inspect` of both (docs.docker.com/reference/api/engine, podman-inspect(1))."""
LONGEST_STOP = 3600
"""Seconds that we wait for a container at most: one may be made to have all the time it wants."""


def docker(raw: bytes, port: int) -> tuple[Published, ...]:
    """Return the containers that publish a TCP port, from lines in `FORMAT`."""
    rows = [line.split("\t") for line in raw.decode("utf-8", "replace").splitlines()]
    return tuple(
        Published("docker", name, image, identity)
        for identity, names, image, ports in (row for row in rows if len(row) == FIELDS)
        if is_identity(identity) and port in docker_ports(ports)
        for name in (_own_name(names),)
        if is_name(name)
    )


def _own_name(names: str) -> str:
    """Return a container's own name of those that links gave it: ``web/db,db`` (docker-run(1))."""
    return next((name for name in names.split(",") if "/" not in name), names)


def docker_ports(text: str) -> set[int]:
    """Return the host's TCP ports of ``0.0.0.0:8000->80/tcp, [::]:90-91->80-81/tcp, 443/tcp``."""
    found: set[int] = set()
    for part in text.split(", "):
        outside, arrow, inside = part.partition("->")
        if arrow and inside.endswith("/tcp"):
            first, _, last = outside.rpartition(":")[2].partition("-")
            found |= _span(first, last or first)
    return found


def _span(first: str, last: str) -> set[int]:
    begin, end = decimal(first, LAST_PORT), decimal(last, LAST_PORT)
    return set() if begin is None or end is None else set(range(begin, end + 1))


def podman(raw: bytes, port: int) -> tuple[Published, ...] | None:
    """Return the containers that publish a TCP port, from ``--format json``; None if it is none."""
    import json  # noqa: PLC0415  # only where podman forwards

    try:
        rows = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(rows, list):
        return None
    return tuple(_podman(rows, port))


def _podman(rows: Iterable[Any], port: int) -> Iterator[Published]:
    for row in rows:
        facts = row if isinstance(row, dict) else {}
        identity, image, names = facts.get("Id"), facts.get("Image"), facts.get("Names")
        name = names[0] if isinstance(names, list) and names else names
        if not (isinstance(identity, str) and isinstance(name, str)):
            continue
        if not (is_identity(identity) and is_name(name)):
            continue
        if any(port in _mapped(entry) for entry in _list(facts.get("Ports"))):
            yield Published("podman", name, image if isinstance(image, str) else "", identity)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapped(entry: Any) -> range:
    """Return the host's ports of one mapping: ``range`` of them from ``host_port`` on."""
    facts = entry if isinstance(entry, dict) else {}
    first, number = facts.get("host_port"), facts.get("range", 1)
    if facts.get("protocol", "tcp") != "tcp" or type(first) is not int or type(number) is not int:
        return range(0)
    return range(first, first + max(number, 1))


def stop_timeout(raw: bytes) -> int:
    """Return the seconds of an answer to `STOP_TIMEOUT_FORMAT`; as usual where there is none.

    docker says ``<nil>`` where the container has no time of its own, and -1 where it has no end.
    """
    text = raw.decode("ascii", "replace").strip()
    if not text.removeprefix("-").isdecimal():
        return STOP_TIMEOUT
    seconds = decimal(text, LONGEST_STOP)
    return LONGEST_STOP if seconds is None else seconds
