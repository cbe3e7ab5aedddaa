"""Who touches a port without holding it: clients of the server, and other users of its number.

They are counted and named, so that a person sees before the question and after the deed that
nobody of them was signalled.
"""

from __future__ import annotations

from devports.core.diagnosis import covers, plain_end
from devports.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from typing import Literal

    from devports.core.model import Endpoint, Holder, Holding, Process, ProcessKey, Socket

    Touch = Literal["client", "outgoing"]


class Spared(Value):
    """A process that is left alone, whatever happens to the port.

    `why`: it is a client of the server, or has the number as its own end of another connection.
    """

    process: Process
    why: Touch


class Bystanders(Value):
    """`clients`: connections that the server has, from wherever. `spared`: who of them is here."""

    clients: int = 0
    spared: tuple[Spared, ...] = ()


def connections(sockets: Iterable[Socket], endpoints: Sequence[Endpoint]) -> tuple[Socket, ...]:
    """Return the established connections whose near end is one of these endpoints."""
    return tuple(
        socket
        for socket in sockets
        if socket.state == "ESTABLISHED" and any(covers(socket, end) for end in endpoints)
    )


def callers(served: Iterable[Socket], peers: Iterable[Socket]) -> tuple[Socket, ...]:
    """Return those of `peers` that are the far end of a served connection: same pair, turned."""
    ends = {(plain_end(s.remote), plain_end(s.local)) for s in served if s.remote is not None}
    return tuple(
        s
        for s in peers
        if s.remote is not None and (plain_end(s.local), plain_end(s.remote)) in ends
    )


def sorted_out(
    served: Sequence[Socket],
    calling: Iterable[Socket],
    holding: Holding,
    ending: Collection[ProcessKey],
) -> Bystanders:
    """Tell clients from those who merely use the number; who ends or hangs below is neither.

    Args:
        served: connections whose near end is the port.
        calling: the far ends of some of them on this machine.
        holding: who has these sockets.
        ending: the processes that are to end.
    """
    far = {socket.inode for socket in calling}
    left = [h for h in holding.holders if not _is_within(h, ending)]
    elsewhere = {inode for h in left for inode in h.inodes} - far
    return Bystanders(
        sum(socket.inode not in elsewhere for socket in served),
        tuple(Spared(h.process, "client" if far & set(h.inodes) else "outgoing") for h in left),
    )


def _is_within(holder: Holder, family: Collection[ProcessKey]) -> bool:
    return any(process.key in family for process in holder.line)
