"""Bind outcome x socket table -> verdict. A bind decides; the table explains.

The address rules are Linux's, measured for every pair of addresses; macOS and Windows differ in one
point (there a wildcard listener does not prevent a bind to one address), given by `wildcards`. A
server for every address needs each of them: it is held, though the kernel there would grant the
rest.
"""

from __future__ import annotations

from devports.core.model import PRIVILEGED, WILDCARDS
from devports.core.value import Frozen, unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeAlias

    from devports.core.model import BindResult, Endpoint, HolderSearch, Socket, Table, VisibilityGap

    Trouble: TypeAlias = (
        "Unconfirmed | LingeringConnections | LocalhostConflict | OutgoingConnection"
        " | HolderUnknown | Held | NotPermitted | NotLocal"
    )
    Verdict: TypeAlias = "Free | Trouble"


DEFAULT_EPHEMERAL = (32768, 60999)
"""The default range of ports for outgoing connections (net.ipv4.ip_local_port_range)."""


class Free(Frozen):
    """The bind works and nothing conflicts."""


class Unconfirmed(Frozen):
    """The bind works and no holder was found, by sources that missed sockets in the self-test.

    `sources`: their names. A server may be there that they do not show.
    """

    sources: tuple[str, ...]


class LingeringConnections(Frozen):
    """Only connections of a server that exited or closed the port (TIME_WAIT and others).

    `blocking`: even a server that sets SO_REUSEADDR is refused, since the old one did not set it.
    """

    sockets: tuple[Socket, ...]
    blocking: bool

    @property
    def seconds(self) -> float | None:
        """Seconds until the kernel has dropped all of them; None if one has no such limit."""
        ends = [socket.expires for socket in self.sockets if socket.expires is not None]
        return max(ends) if len(ends) == len(self.sockets) else None


class LocalhostConflict(Frozen):
    """The bind works, but `localhost` may reach another listener, on its other address."""

    sockets: tuple[Socket, ...]


class OutgoingConnection(Frozen):
    """An outgoing connection has the port as its local port. Never signalled.

    `blocking`: even a server that sets SO_REUSEADDR is refused, since the client did not set it.
    """

    sockets: tuple[Socket, ...]
    blocking: bool = True


class HolderUnknown(Frozen):
    """In use, and no holder was found even after a second inspection."""

    gaps: tuple[VisibilityGap, ...] = ()


class Held(Frozen):
    """A process listens here, or is bound and may listen at any moment."""

    sockets: tuple[Socket, ...]

    @property
    def listens(self) -> bool:
        return any(socket.state == "LISTEN" for socket in self.sockets)


class NotPermitted(Frozen):
    """The kernel refuses this port to this user (privileged or excluded)."""


class NotLocal(Frozen):
    """No interface of this machine has the address."""


def plain_address(address: str) -> str:
    """Return an IPv4-mapped IPv6 address (RFC 4291 2.5.5.2) as its IPv4 address."""
    return address[7:] if address.startswith("::ffff:") and "." in address else address


def covers(socket: Socket, wanted: Endpoint, *, wildcards: bool = True) -> bool | None:
    """Return whether `socket` occupies `wanted`: same family reach, and equal or wildcard address.

    A wanted ``::`` is taken as dual-stack, the kernel's default. None: the table does not say
    whether an IPv6 wildcard includes IPv4, so only the bind knows.
    """
    if socket.local.port != wanted.port:
        return False
    theirs, mine = plain_address(socket.local.address), plain_address(wanted.address)
    if theirs == mine:
        return True
    if not wildcards and theirs in WILDCARDS:
        return False
    if mine == "::" or (theirs == "::" and ":" in mine):
        return True
    if theirs == "::":
        return None if socket.v6only is None else not socket.v6only
    return (":" in theirs) == (":" in mine) and "0.0.0.0" in (theirs, mine)  # noqa: S104


LOCALHOST = ("127.0.0.1", "0.0.0.0", "::1", "::")  # noqa: S104
"""Addresses that a client of ``localhost`` may reach."""


def is_other_localhost(socket: Socket, wanted: Endpoint) -> bool:
    """Return whether a client of ``localhost`` may reach `socket` instead of `wanted`."""
    if socket.state != "LISTEN" or socket.local.port != wanted.port:
        return False
    theirs, mine = plain_address(socket.local.address), plain_address(wanted.address)
    return theirs in LOCALHOST and mine in LOCALHOST


def holding(table: Table, wanted: Endpoint, *, wildcards: bool) -> tuple[Socket, ...]:
    """Return the sockets that certainly hold `wanted`: beside them no bind needs to be tried.

    A BOUND one counts: Linux would let a second server bind, but only the first one to listen wins.
    """
    return tuple(
        socket
        for socket in table.sockets
        if socket.state in ("LISTEN", "BOUND") and covers(socket, wanted, wildcards=wildcards)
    )


def is_outgoing(socket: Socket, ephemeral: tuple[int, int], peers: Sequence[Socket] = ()) -> bool:
    """Return whether a connected socket was opened by a client and not accepted by a server.

    The kernel does not keep which side called connect(2). If one of `peers` listens on the remote
    address, this side did. Otherwise: a client's local port comes from the ephemeral range; a
    server's does not, and its peer's does. Where both do, an end on this machine without a listener
    is a client's.
    """
    low, high = ephemeral
    if socket.remote is None or socket.inode == 0:
        return False
    if socket.state == "SYN_SENT":
        return True
    if any(s.state == "LISTEN" and covers(s, socket.remote) for s in peers):
        return True
    if not low <= socket.remote.port <= high:
        return True
    return low <= socket.local.port <= high and not any(is_far_end(s, socket) for s in peers)


def is_far_end(other: Socket, socket: Socket) -> bool:
    """Return whether both are one connection: the same pair of addresses, turned."""
    if other.remote is None or socket.remote is None:
        return False
    turned = (plain_end(other.remote), plain_end(other.local))
    return turned == (plain_end(socket.local), plain_end(socket.remote))


def plain_end(endpoint: Endpoint) -> tuple[str, int]:
    """Return an end of a connection in a form that compares equal for both of its ends."""
    return plain_address(endpoint.address), endpoint.port


def diagnose(
    wanted: Endpoint,
    bind: BindResult,
    table: Table,
    *,
    ephemeral: tuple[int, int] = DEFAULT_EPHEMERAL,
    wildcards: bool = True,
    peers: Sequence[Socket] = (),
) -> Verdict:
    """Return the verdict on `wanted`.

    Args:
        wanted: the address that the server has to bind.
        bind: the result of devports' bind; any value where `holding` finds sockets.
        table: the sockets on this port, without those of devports.
        ephemeral: first and last port of the range for outgoing connections.
        wildcards: whether a wildcard listener prevents a bind to one address (on Linux only).
        peers: the sockets on the remote ports of the connections in the table.
    """
    if certain := holding(table, wanted, wildcards=wildcards):
        return Held(certain)
    match bind:
        case "denied":
            return NotPermitted()
        case "not-local":
            return NotLocal()
        case "in-use":
            return _refused(wanted, table, ephemeral, peers)
        case "ok":
            return _accepted(wanted, table, ephemeral, peers)
        case _:
            unreachable(bind)


def _refused(
    wanted: Endpoint, table: Table, ephemeral: tuple[int, int], peers: Sequence[Socket]
) -> Verdict:
    possible = [s for s in table.sockets if covers(s, wanted) is not False]
    if holders := tuple(s for s in possible if s.state in ("LISTEN", "BOUND")):
        return Held(holders)
    if clients := tuple(s for s in possible if is_outgoing(s, ephemeral, peers)):
        return OutgoingConnection(clients)
    if possible:
        return LingeringConnections(tuple(possible), blocking=True)
    return HolderUnknown(table.gaps)


def _accepted(
    wanted: Endpoint, table: Table, ephemeral: tuple[int, int], peers: Sequence[Socket]
) -> Verdict:
    left = tuple(s for s in table.sockets if covers(s, wanted))
    # A bound one is only left where wildcards leave an address to others: it may still listen.
    rivals = [s for s in left if s.state == "BOUND"]
    if sisters := tuple(s for s in table.sockets if is_other_localhost(s, wanted) or s in rivals):
        return LocalhostConflict(sisters)
    if clients := tuple(s for s in left if is_outgoing(s, ephemeral, peers)):
        return OutgoingConnection(clients, blocking=False)
    return LingeringConnections(left, blocking=False) if left else Free()


def is_bindable(verdict: Verdict) -> bool:
    """Return whether a server that sets SO_REUSEADDR can start now."""
    match verdict:
        case Free() | Unconfirmed() | LocalhostConflict():
            return True
        case LingeringConnections(blocking=blocking) | OutgoingConnection(blocking=blocking):
            return not blocking
        case HolderUnknown() | Held() | NotPermitted() | NotLocal():
            return False
        case _:
            unreachable(verdict)


SEVERITY = (
    Free,
    Unconfirmed,
    LocalhostConflict,
    LingeringConnections,
    OutgoingConnection,
    HolderUnknown,
    Held,
    NotPermitted,
    NotLocal,
)


def worst_verdict(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict that decides for a port on several addresses."""
    return max(verdicts, key=lambda v: (not is_bindable(v), SEVERITY.index(type(v))))


def deciding_finding(findings: Sequence[Finding]) -> Finding:
    """Return the finding that decides for a port on several addresses."""
    verdict = worst_verdict(finding.verdict for finding in findings)
    return next(finding for finding in findings if finding.verdict is verdict)


def sockets_of(verdict: Verdict) -> tuple[Socket, ...]:
    """Return the sockets that the verdict is based on."""
    match verdict:
        case (
            Held(sockets=found)
            | OutgoingConnection(sockets=found)
            | LocalhostConflict(sockets=found)
            | LingeringConnections(sockets=found)
        ):
            return found
        case Free() | Unconfirmed() | HolderUnknown() | NotPermitted() | NotLocal():
            return ()
        case _:
            unreachable(verdict)


class Finding(Frozen):
    """The verdict on one endpoint, and the holders."""

    endpoint: Endpoint
    verdict: Verdict
    holding: HolderSearch


def local_ends(findings: Iterable[Finding]) -> dict[int, Endpoint]:
    """Return the local end of each socket in question, by inode."""
    return {s.inode: s.local for finding in findings for s in sockets_of(finding.verdict)}


def all_bindable(findings: Iterable[Finding]) -> bool:
    """Return whether a server that sets SO_REUSEADDR can start now on all of these endpoints."""
    return all(is_bindable(finding.verdict) for finding in findings)


CODES: dict[type[Verdict], str] = {
    Free: "free",
    Unconfirmed: "source-untrue",
    LingeringConnections: "port-lingering",
    LocalhostConflict: "port-shadowed",
    OutgoingConnection: "held-by-client",
    HolderUnknown: "bind-unexplained",
    Held: "port-held",
    NotPermitted: "privileged-port",
    NotLocal: "address-not-local",
}
"""The name of each verdict: one table for text, JSON, docs and tests."""

EXCLUDED = "port-excluded"
"""Not permitted either, but no privilege helps: the system reserves the port."""
EVERY = (*CODES.values(), EXCLUDED)


def code_of(finding: Finding) -> str:
    if isinstance(finding.verdict, NotPermitted) and finding.endpoint.port >= PRIVILEGED:
        return EXCLUDED
    return CODES[type(finding.verdict)]
