"""From what each detector finds to services that can live together: one each, own name, own port.

A port that a file names is a fact, one that is a server's default is a guess, and a container's
cannot be moved from here: so they are given out in the order container, named, default.
"""

from __future__ import annotations

import re

from devports.core.number import LAST_PORT, decimal
from devports.core.value import Value
from devports.detect.found import Found, LeftOut, upwards
from devports.detect.python import ASGI, WSGI
from devports.detect.servers import PYTHON

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from devports.detect.found import File, Tree

MOST_SERVICES = 50
"""More is a folder of many projects, for each of which init is meant."""
LONGEST_NAME = 64

_PYTHONS = frozenset(server.kind for server in PYTHON) | {*map(str.lower, ASGI | WSGI)}
_BY_NODE = frozenset("npm npx yarn pnpm bun node".split())
_PORT = re.compile(r"""^[ \t]*(?:export[ \t]+)?PORT[ \t]*=[ \t]*["']?(\d{1,5})["']?[ \t]*(?:#|$)""")
_ENV_FILES = (".env", ".env.local", ".env.development")


class Settled(Value):
    """What is to be written, and what is left out with the reason."""

    services: tuple[Found, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def settled(tree: Tree, finds: Iterable[Found | LeftOut]) -> Settled:
    """Return the services of everything that was found.

    Args:
        tree: for `.env` files.
        finds: from the detectors, the ones that know most first.
    """
    every = list(finds)
    merged = merge(find for find in every if isinstance(find, Found))
    kept, other_ways = without_other_ways(merged[:MOST_SERVICES])
    services = with_ports(with_names([from_env_file(tree, each, kept) for each in kept]))
    left = [find for find in every if isinstance(find, LeftOut)]
    return Settled(tuple(services), (*left, *other_ways))


def merge(finds: Iterable[Found]) -> list[Found]:
    """Make one of the finds that are about one service; the first one says how it is started."""
    merged: dict[tuple[str, str], Found] = {}
    for find in finds:
        known = merged.get(find.key)
        merged[find.key] = _both(known, find) if known else find
    return list(merged.values())


def _both(known: Found, more: Found) -> Found:
    """Return `known` with what `more` has seen besides: a port that a file names, and where."""
    sources = tuple(dict.fromkeys((*known.sources, *more.sources)))
    if more.stated and not known.stated and known.takes_port:
        known = known.but(port=more.port, stated=True)
    notes = tuple(dict.fromkeys((*known.notes, *more.notes)))
    return known.but(sources=sources, notes=notes)


def without_other_ways(finds: Sequence[Found]) -> tuple[list[Found], list[LeftOut]]:
    """Leave out what starts something that is there already in another way.

    A production server in the folder of a development server; a container that is built from this
    project and publishes the port of a server in it.
    """
    working = [find for find in finds if find.command and not find.production]
    kept, left = [], []
    for find in finds:
        other = next((each for each in working if _another_way(find, each)), None)
        if other is None:
            kept.append(find)
        else:
            how = "a container of what" if find.built else "the production server of what"
            left.append(LeftOut(find.sources[0], f"{how} `{other.name}` starts"))
    return kept, left


def _another_way(find: Found, other: Found) -> bool:
    """Say whether `find` is what `other` is, started in another way."""
    if find.built:
        return find.port == other.port
    same = find.target == other.target and find.folder in upwards(other.folder)
    together = find.folder == other.folder and family(find) == family(other)
    return find.production and (same or together)


def family(find: Found) -> str:
    """Return what kind of server a service is, the same for those that may start one program."""
    if find.kind in _PYTHONS:
        return "python"
    by_node = find.command.split(" ", 1)[0] in _BY_NODE
    return "node" if by_node and find.kind in ("node", "program") else find.kind


def from_env_file(tree: Tree, find: Found, every: Sequence[Found]) -> Found:
    """Return the service with the PORT of the `.env` beside it, if that can only be its own."""
    alone = sum(bool(each.command) and each.folder == find.folder for each in every) == 1
    if find.stated or not find.command or not find.takes_port or not alone:
        return find
    for file in (file for name in _ENV_FILES for file in tree.called(name)):
        if file.folder == find.folder and (said := env_port(file)):
            port, number = said
            sources = (*find.sources, file.line(number, f"PORT={port}"))
            return find.but(port=port, stated=True, sources=sources)
    return find


def env_port(file: File) -> tuple[int, int] | None:
    """Return the PORT that an env file sets, and its line. No other line of it is looked at."""
    for number, line in enumerate(file.text.splitlines(), 1):
        match = _PORT.match(line)
        if match and (port := decimal(match[1], LAST_PORT)):
            return port, number
    return None


def with_names(finds: Sequence[Found]) -> list[Found]:
    """Give each service a valid name of its own: the first of its names that is not taken."""
    taken: set[str] = set()
    named = []
    for find in finds:
        name = next(name for name in _names(find) if name.lower() not in taken)
        taken.add(name.lower())
        named.append(find.but(names=(name,)))
    return named


def _names(find: Found) -> Iterator[str]:
    valid = [valid_name(name) for name in find.names]
    yield from (name for name in valid if name)
    base = next((name for name in valid if name), "service")
    yield base
    number = 2
    while True:
        yield f"{base[: LONGEST_NAME - 4]}-{number}"
        number += 1


def valid_name(text: str) -> str:
    """Return the nearest name that a service may have; empty if nothing is left."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:LONGEST_NAME]


def with_ports(finds: Sequence[Found]) -> list[Found]:
    """See to it that no two services have one port; the order of the services stays."""
    taken: dict[int, str] = {}
    placed: dict[int, Found] = {}
    for place in sorted(range(len(finds)), key=lambda place: _firmness(finds[place])):
        placed[place] = _placed(finds[place], taken)
        for port in (placed[place].port, *dict(placed[place].ports).values()):
            taken.setdefault(port, finds[place].name)
    return [placed[place] for place in range(len(finds)) if placed[place].port >= 0]


def _firmness(find: Found) -> int:
    if not find.command:
        return 0
    return 1 if not find.takes_port else 2 if find.stated else 3


def _placed(find: Found, taken: dict[int, str]) -> Found:
    """Return the service with a port that is not taken; -1: it cannot have another."""
    further = tuple((name, port) for name, port in find.ports if port not in taken)
    find = find.but(ports=tuple((n, p) for n, p in further if p != find.port))
    if not find.port or find.port not in taken:
        return find
    if not find.command or not find.takes_port:
        return find.but(port=0 if find.command else -1)
    port = next((p for p in range(find.port + 1, LAST_PORT + 1) if p not in taken), 0)
    return find.but(
        port=port, notes=(*find.notes, f"{find.port} is the port of `{taken[find.port]}`.")
    )
