"""Bind outcome x socket table -> verdict: the whole table, written as sentences."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from devports.core.model import Endpoint, HolderSearch, Socket, Table, VisibilityGap
from devports.core.verdict import (
    Finding,
    Free,
    Held,
    HolderUnknown,
    LingeringConnections,
    LocalhostConflict,
    NotLocal,
    NotPermitted,
    OutgoingConnection,
    covers,
    diagnose,
    holding,
    is_bindable,
    is_far_end,
    is_other_localhost,
    is_outgoing,
    plain_address,
    sockets_of,
    worst_verdict,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from devports.core.model import BindResult, State
    from devports.core.verdict import Verdict

WANTED = Endpoint("127.0.0.1", 8000)
GAPS = (VisibilityGap("other-users", "3 processes"),)
BINDS: tuple[BindResult, ...] = ("ok", "in-use", "denied", "not-local")


def at(address: str, state: State = "LISTEN", **facts: object) -> Socket:
    plain = Socket(Endpoint(address, 8000), None, state, inode=7, v6only=False)
    return plain.replace(**facts)


def connected(peer: int, state: State = "ESTABLISHED", **facts: object) -> Socket:
    return at("127.0.0.1", state, remote=Endpoint("127.0.0.1", peer), **facts)


# The rows of a table, and what they amount to when the bind works and when it is refused.
ROWS: dict[str, tuple[Socket | None, str, str]] = {
    "nothing": (None, "free", "unexplained"),
    "a listener on the same address": (at("127.0.0.1"), "held", "held"),
    "a listener on every IPv4 address": (at("0.0.0.0"), "held", "held"),
    "a listener on every address": (at("::"), "held", "held"),
    "a listener on every IPv6 address only": (at("::", v6only=True), "shadowed", "unexplained"),
    "a listener on :: that may or may not include IPv4": (
        at("::", v6only=None),
        "shadowed",
        "held",
    ),
    "a listener on ::1": (at("::1"), "shadowed", "unexplained"),
    "a listener on another address": (at("127.0.0.2"), "free", "unexplained"),
    "a listener on the mapped address": (at("::ffff:127.0.0.1"), "held", "held"),
    "a bound socket on the same address": (at("127.0.0.1", "BOUND"), "held", "held"),
    "a bound socket on every address": (at("::", "BOUND"), "held", "held"),
    "a bound socket on :: of unknown reach": (at("::", "BOUND", v6only=None), "free", "held"),
    "a bound socket on ::1": (at("::1", "BOUND"), "free", "unexplained"),
    "a TIME_WAIT": (connected(50000, "TIME_WAIT", inode=0, expires=9.0), "left", "left, blocking"),
    "an orphan": (connected(50000, "FIN_WAIT2", inode=0), "left", "left, blocking"),
    "a leaked connection": (connected(50000, "CLOSE_WAIT"), "left", "left, blocking"),
    "an accepted connection": (connected(50000), "left", "left, blocking"),
    "an accepted connection through ::": (
        connected(50000, local=Endpoint("::ffff:127.0.0.1", 8000)),
        "left",
        "left, blocking",
    ),
    "an accepted connection on another address": (
        connected(50000, local=Endpoint("127.0.0.2", 8000)),
        "free",
        "unexplained",
    ),
    "an outgoing connection": (connected(443), "beside a client", "a client's"),
    "an outgoing connection that starts": (
        connected(50000, "SYN_SENT"),
        "beside a client",
        "a client's",
    ),
    "a listener on another port": (
        Socket(Endpoint("127.0.0.1", 9000), None, "LISTEN"),
        "free",
        "unexplained",
    ),
    "a listener on another port of every address": (
        Socket(Endpoint("::", 9000), None, "LISTEN", v6only=False),
        "free",
        "unexplained",
    ),
}
MEANING: dict[str, Callable[[tuple[Socket, ...]], Verdict]] = {
    "free": lambda _: Free(),
    "held": Held,
    "shadowed": LocalhostConflict,
    "left": lambda sockets: LingeringConnections(sockets, blocking=False),
    "left, blocking": lambda sockets: LingeringConnections(sockets, blocking=True),
    "a client's": OutgoingConnection,
    "beside a client": lambda sockets: OutgoingConnection(sockets, blocking=False),
    "unexplained": lambda _: HolderUnknown(GAPS),
    "forbidden": lambda _: NotPermitted(),
    "not local": lambda _: NotLocal(),
}


def expected(bind: BindResult, row: str) -> str:
    _, works, refused = ROWS[row]
    if works == "held":
        return "held"  # nothing is even probed where the table shows a holder
    return {"ok": works, "in-use": refused, "denied": "forbidden", "not-local": "not local"}[bind]


@pytest.mark.parametrize(
    ("bind", "row"),
    [
        pytest.param(bind, row, id=f"bind {bind}, {row}: {expected(bind, row)}")
        for bind, row in product(BINDS, ROWS)
    ],
)
def test_every_bind_and_every_row_have_a_verdict(bind: BindResult, row: str) -> None:
    socket = ROWS[row][0]
    sockets = () if socket is None else (socket,)
    verdict = diagnose(WANTED, bind, Table(sockets, gaps=GAPS))
    assert verdict == MEANING[expected(bind, row)](sockets)
    assert sockets_of(verdict) == getattr(verdict, "sockets", ())


# Of two rows the graver one counts.
GRAVE = ("held", "a client's", "left, blocking", "unexplained")
GRAVE_OK = ("held", "shadowed", "beside a client", "left", "free")


@pytest.mark.parametrize("bind", ["ok", "in-use"])
def test_of_two_rows_the_graver_one_decides(bind: BindResult) -> None:
    order = GRAVE if bind == "in-use" else GRAVE_OK
    for (a, row_a), (b, row_b) in product(ROWS.items(), ROWS.items()):
        rows = tuple(dict.fromkeys(row for row in (row_a[0], row_b[0]) if row))
        verdict = diagnose(WANTED, bind, Table(rows, gaps=GAPS))
        both = sorted((expected(bind, a), expected(bind, b)), key=order.index)
        assert type(verdict) is type(MEANING[both[0]](rows)), (a, b)


# Measured on Linux for every pair; X: EADDRINUSE at bind (the same whatever either side sets).
ADDRESSES = {
    "127.0.0.1": at("127.0.0.1"),
    "0.0.0.0": at("0.0.0.0"),
    "::1": at("::1"),
    ":: dual": at("::"),
    ":: v6only": at("::", v6only=True),
    "127.0.0.2": at("127.0.0.2"),
}
MATRIX = """
127.0.0.1   X   X   ok  X   ok  ok
0.0.0.0     X   X   ok  X   ok  X
::1         ok  ok  X   X   X   ok
:: dual     X   X   X   X   X   X
:: v6only   ok  ok  X   X   X   ok
127.0.0.2   ok  X   ok  X   ok  X
"""
CELLS = {
    (holder, wanted): cell == "X"
    for line, holder in zip(MATRIX.split("\n")[1:-1], ADDRESSES, strict=True)
    for wanted, cell in zip(ADDRESSES, line.split()[-6:], strict=True)
}
CAUTIOUS = {(holder, ":: v6only") for holder in ("127.0.0.1", "0.0.0.0", "127.0.0.2")}
"""A wanted :: is taken as dual-stack, the kernel's default: these are said to be in the way."""


@pytest.mark.parametrize(
    "cell", CELLS, ids=lambda cell: f"{cell[0]} stops {cell[1]}: {CELLS[cell]}"
)
def test_addresses_are_in_each_others_way_as_measured(cell: tuple[str, str]) -> None:
    holder, wanted = cell
    endpoint = Endpoint(wanted.split()[0], 8000)
    assert covers(ADDRESSES[holder], endpoint) is (CELLS[cell] or cell in CAUTIOUS)
    assert covers(ADDRESSES[holder], endpoint.replace(port=8001)) is False


@pytest.mark.parametrize("wanted", ["127.0.0.1", "0.0.0.0", "::1", "::", "127.0.0.2"])
def test_without_wildcard_rules_a_wildcard_is_in_the_way_of_itself_alone(wanted: str) -> None:
    endpoint = Endpoint(wanted, 8000)
    for holder in ADDRESSES.values():
        same = holder.local.address == wanted
        expected = same if holder.local.is_wildcard else covers(holder, endpoint)
        assert covers(holder, endpoint, wildcards=False) is expected


def test_only_the_bind_knows_whether_an_ipv6_wildcard_includes_ipv4() -> None:
    unknown = at("::", v6only=None)
    assert covers(unknown, WANTED) is None
    assert covers(unknown, Endpoint("::1", 8000)) is True
    assert holding(Table((unknown,)), WANTED, wildcards=True) == ()


def test_on_macos_a_wildcard_listener_shadows_and_does_not_hold() -> None:
    table = Table((at("0.0.0.0"),))
    assert diagnose(WANTED, "ok", table, wildcards=False) == LocalhostConflict(table.sockets)
    assert diagnose(WANTED, "in-use", table, wildcards=False) == Held(table.sockets)


def test_on_macos_who_wants_every_address_wants_the_one_that_is_held() -> None:
    everywhere = Endpoint("::", 8000)
    for table in (Table((at("127.0.0.1"),)), Table((at("127.0.0.1", "BOUND"),))):
        assert diagnose(everywhere, "ok", table, wildcards=False) == Held(table.sockets)


def test_on_macos_a_bound_wildcard_is_a_rival_and_no_leftover() -> None:
    table = Table((at("0.0.0.0", "BOUND"), connected(50000, "TIME_WAIT", inode=0)))
    assert diagnose(WANTED, "ok", table, wildcards=False) == LocalhostConflict(table.sockets[:1])


def test_several_holders_are_one_verdict() -> None:
    twins = (at("127.0.0.1"), at("127.0.0.1", inode=8), at("0.0.0.0", "BOUND", inode=9))
    assert diagnose(WANTED, "in-use", Table((*twins, connected(443)))) == Held(twins)


@pytest.mark.parametrize(
    ("socket", "outgoing"),
    [
        pytest.param(at("127.0.0.1"), False, id="a listener has no peer"),
        pytest.param(connected(443), True, id="a known port on the other side"),
        pytest.param(connected(40000), False, id="a client's port on the other side"),
        pytest.param(connected(32768), False, id="the first port of the range"),
        pytest.param(connected(60999), False, id="the last port of the range"),
        pytest.param(connected(61000), True, id="beyond the range"),
        pytest.param(connected(40000, "SYN_SENT"), True, id="it is still asking"),
        pytest.param(connected(443, inode=0), False, id="nobody has it"),
        pytest.param(
            connected(40000, local=Endpoint("127.0.0.1", 50051)),
            True,
            id="its own port is one for outgoing connections",
        ),
    ],
)
def test_who_called_is_told_by_the_ephemeral_range(socket: Socket, outgoing: bool) -> None:
    assert is_outgoing(socket, (32768, 60999)) is outgoing


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        pytest.param("::ffff:127.0.0.1", "127.0.0.1", id="mapped"),
        pytest.param("::ffff:0.0.0.0", "0.0.0.0", id="the mapped wildcard"),
        pytest.param("::ffff:7f00:1", "::ffff:7f00:1", id="another way to write it"),
        pytest.param("::1", "::1", id="IPv6"),
        pytest.param("127.0.0.1", "127.0.0.1", id="IPv4"),
    ],
)
def test_a_mapped_address_is_the_ipv4_address_it_stands_for(address: str, plain: str) -> None:
    assert plain_address(address) == plain


def test_only_a_listener_where_localhost_leads_is_a_sister() -> None:
    assert is_other_localhost(at("::1"), WANTED)
    assert not is_other_localhost(at("::1", "BOUND"), WANTED)
    assert not is_other_localhost(at("192.0.2.1"), WANTED)
    assert not is_other_localhost(at("::1"), Endpoint("192.0.2.1", 8000))
    assert not is_other_localhost(at("::1"), WANTED.replace(port=8001))


LEFT = connected(50000, "TIME_WAIT", inode=0, expires=9.0)


@pytest.mark.parametrize(
    ("sockets", "seconds"),
    [
        pytest.param((LEFT,), 9.0, id="one"),
        pytest.param((LEFT, LEFT.replace(expires=42.0)), 42.0, id="the last of two"),
        pytest.param((LEFT, connected(50000)), None, id="a connection has no such end"),
    ],
)
def test_leftovers_are_gone_when_the_last_is(
    sockets: tuple[Socket, ...], seconds: float | None
) -> None:
    assert LingeringConnections(sockets, blocking=True).seconds == seconds


# From the best to the worst, and whether a server that sets SO_REUSEADDR can start.
LADDER: list[tuple[Verdict, bool]] = [
    (Free(), True),
    (LocalhostConflict((at("::1"),)), True),
    (LingeringConnections((LEFT,), blocking=False), True),
    (OutgoingConnection((connected(443),), blocking=False), True),
    (LingeringConnections((LEFT,), blocking=True), False),
    (OutgoingConnection((connected(443),)), False),
    (HolderUnknown(), False),
    (Held((at("127.0.0.1"),)), False),
    (NotPermitted(), False),
    (NotLocal(), False),
]


@pytest.mark.parametrize(("verdict", "bindable"), LADDER)
def test_a_server_can_start_or_not(verdict: Verdict, bindable: bool) -> None:
    assert is_bindable(verdict) is bindable


def test_of_several_addresses_the_worst_decides() -> None:
    for (better, a), (worse, b) in product(enumerate(LADDER), enumerate(LADDER)):
        if better < worse:
            assert worst_verdict([a[0], b[0]]) == worst_verdict([b[0], a[0]]) == b[0]


def test_a_finding_keeps_what_belongs_together() -> None:
    finding = Finding(WANTED, Free(), HolderSearch())
    assert (finding.endpoint, finding.verdict, finding.holding) == (WANTED, Free(), HolderSearch())


def test_a_connection_to_a_listener_of_this_machine_was_called_from_here():
    """A client bound to a port of its own choice looks like an accepted connection otherwise."""
    here, peer = Endpoint("127.0.0.1", 8000), Endpoint("127.0.0.1", 40000)
    called = Socket(here, peer, "ESTABLISHED", inode=5)
    listener = Socket(Endpoint("0.0.0.0", 40000), None, "LISTEN", inode=6)
    bound = listener.replace(state="BOUND")
    elsewhere = listener.replace(local=Endpoint("0.0.0.0", 40001))
    assert diagnose(here, "in-use", Table((called,)), peers=(listener,)) == OutgoingConnection(
        (called,)
    )
    for peers in ((), (bound,), (elsewhere,)):
        verdict = diagnose(here, "in-use", Table((called,)), peers=peers)
        assert verdict == LingeringConnections((called,), blocking=True)


@pytest.mark.parametrize("port", [32768, 60999, 40000], ids=["the first", "the last", "between"])
def test_a_local_port_of_the_range_for_clients_belongs_to_a_client(port: int):
    here, peer = Endpoint("127.0.0.1", port), Endpoint("192.0.2.1", 50000)
    socket = Socket(here, peer, "ESTABLISHED", inode=5)
    assert diagnose(here, "in-use", Table((socket,))) == OutgoingConnection((socket,))


@pytest.mark.parametrize("port", [32767, 61000], ids=["before the first", "after the last"])
def test_a_local_port_beside_that_range_belongs_to_a_server(port: int):
    here, peer = Endpoint("127.0.0.1", port), Endpoint("192.0.2.1", 50000)
    socket = Socket(here, peer, "ESTABLISHED", inode=5)
    assert diagnose(here, "in-use", Table((socket,))) == LingeringConnections(
        (socket,), blocking=True
    )


def test_of_two_ends_in_that_range_the_one_without_a_listener_called() -> None:
    """A server that drains on a port of the range is no client of its own clients."""
    server = connected(50051, local=Endpoint("127.0.0.1", 40000))
    caller = connected(40000, local=Endpoint("127.0.0.1", 50051))
    listener = at("0.0.0.0", local=Endpoint("0.0.0.0", 40000))
    somebody = caller.replace(local=Endpoint("127.0.0.1", 50052))
    assert not is_outgoing(server, (32768, 60999), (caller,))
    assert is_outgoing(caller, (32768, 60999), (server, listener))
    assert is_outgoing(server, (32768, 60999), (somebody, listener))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(("127.0.0.1", 443, "127.0.0.1", 8000), True, id="the same pair, turned"),
        pytest.param(("::ffff:127.0.0.1", 443, "::ffff:127.0.0.1", 8000), True, id="mapped"),
        pytest.param(("127.0.0.1", 8000, "127.0.0.1", 443), False, id="not turned"),
        pytest.param(("127.0.0.1", 443, "127.0.0.1", 8001), False, id="another connection"),
    ],
)
def test_two_ends_of_one_connection(other: tuple[str, int, str, int], same: bool) -> None:
    near, far = Endpoint(*other[:2]), Endpoint(*other[2:])
    assert is_far_end(connected(443).replace(local=near, remote=far), connected(443)) is same


def test_a_listener_is_no_end_of_a_connection() -> None:
    assert not is_far_end(at("127.0.0.1"), connected(443))
    assert not is_far_end(connected(443), at("127.0.0.1"))
