"""Which ports each checkout of a project has, for `port_per = "worktree"`. Pure.

All ports of a checkout are those of the file, shifted by one number, its offset: the smallest that
suits all of them. It is found once and then recorded, never computed again: a hash of the path
gives two of ten worktrees the same number in every twelfth case, and a count of worktrees gives a
number that is in use to the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from devports.core.text import LAST_PORT
from devports.core.value import Frozen

Bindable = Callable[[int, int], bool]

LAST_OFFSET = 999


class Checkout(Frozen):
    """A checkout of a project: a configuration's folder in a repository.

    Attributes:
        folder: of the configuration, links resolved.
        project: what all checkouts share: the repository, and the folder in it.
        gitdir: its git folder, which `git worktree move` keeps.
        linked: a linked worktree of a repository whose main checkout has the ports of the file.
    """

    folder: str
    project: str
    gitdir: str
    linked: bool = False


class Entry(Frozen):
    """What a checkout was assigned. `ports`: by the declared port."""

    project: str
    gitdir: str
    offset: int
    ports: Mapping[int, int]


class NoRoomError(Exception):
    """No port is left for the declared port `base`."""

    def __init__(self, base: int) -> None:
        super().__init__(base)
        self.base = base


def entry_of(entries: Mapping[str, Entry], here: Checkout, bases: Sequence[int]) -> Entry | None:
    """Return the entry of a checkout; None unless it has all these ports.

    With another git folder, the path was used before by another checkout.
    """
    mine = entries.get(here.folder)
    if mine is None or (mine.gitdir, mine.project) != (here.gitdir, here.project):
        return None
    return mine if mine.ports.keys() >= set(bases) else None


def assign(
    entries: Mapping[str, Entry],
    here: Checkout,
    bases: Sequence[int],
    *,
    declared: Collection[int],
    exists: Callable[[str], bool],
    bindable: Bindable,
) -> dict[str, Entry]:
    """Return the entries, with one of `here` that has all of `bases`.

    Args:
        entries: of every project, by folder.
        here: the checkout.
        bases: the declared ports that differ from checkout to checkout.
        declared: all ports of the configuration, none of which is assigned.
        exists: whether a folder exists; entries of others are dropped.
        bindable: whether a port can be bound now, on the address of a declared one (the first
            argument). It is called last, since it costs most.

    Raises:
        NoRoomError: there is no offset, or no port, left.
    """
    kept = {folder: entry for folder, entry in entries.items() if exists(folder)}
    gone = [entry for folder, entry in entries.items() if folder not in kept]
    before = kept.pop(here.folder, None)
    siblings = {entry.offset for entry in kept.values() if entry.project == here.project}
    mine = _own(before, gone, here, siblings)
    taken = {*declared, *(port for entry in kept.values() for port in entry.ports.values())}

    def free(base: int, port: int) -> bool:
        return port <= LAST_PORT and port not in taken and bindable(base, port)

    if mine is None:
        is_first = not here.linked and 0 not in siblings
        offset = 0 if is_first else _smallest(bases, siblings, free)
        ports = {base: base + offset for base in bases}
        return {**kept, here.folder: Entry(here.project, here.gitdir, offset, ports)}
    ports = dict(mine.ports)
    for base in bases:
        if base not in ports:
            taken |= set(ports.values())
            ports[base] = _near(base, mine.offset, free)
    return {**kept, here.folder: mine.replace(ports=ports)}


def _own(
    before: Entry | None, gone: Sequence[Entry], here: Checkout, siblings: Collection[int]
) -> Entry | None:
    """Return the entry that a checkout has already, or had in the folder it was moved from.

    One whose `origin` was changed keeps its ports, unless a checkout of the new one has its offset.
    """
    if before is not None and before.gitdir == here.gitdir:
        if before.project == here.project or before.offset not in siblings:
            return before.replace(project=here.project)
        return None
    same = (each for each in gone if (each.gitdir, each.project) == (here.gitdir, here.project))
    return next(same, None)


def _smallest(bases: Sequence[int], siblings: Collection[int], free: Bindable) -> int:
    for offset in range(1, LAST_OFFSET + 1):
        if offset not in siblings and all(free(base, base + offset) for base in bases):
            return offset
    raise NoRoomError(max(bases))


def _near(base: int, offset: int, free: Bindable) -> int:
    """Return the port of a base that was added later: shifted, or the next free one above."""
    if not offset:
        return base
    found = (port for port in range(base + offset, LAST_PORT + 1) if free(base, port))
    if (port := next(found, 0)) == 0:
        raise NoRoomError(base)
    return port
