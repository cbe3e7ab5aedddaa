"""Sockets that are held for a server: exclusive until they are shared, replaced without a gap."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from devports.core.model import Endpoint
from devports.records import RunRecords
from devports.run.reservation import MAX_REMEMBERED, StartMemory, overlap
from devports.system import native
from devports.system.bind import (
    Reservation,
    is_redirected,
    open_bound,
    probe,
    replace,
    reserve,
)
from tests.harness import tables
from tests.harness.capabilities import NEEDS_FORK, NEEDS_IPV6

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Zoo

pytestmark = [NEEDS_FORK]


def held(address: str, port: int) -> Reservation:
    taken = reserve(Endpoint(address, port))
    assert isinstance(taken, Reservation)
    return taken


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("127.0.0.1", id="the same address"),
        pytest.param("0.0.0.0", id="every address"),
        pytest.param("::", id="every address of both families", marks=NEEDS_IPV6),
        pytest.param("::ffff:127.0.0.1", id="the same written as IPv6", marks=NEEDS_IPV6),
    ],
)
def test_at_no_moment_of_a_replacement_can_another_bind_come_in(address: str, port: int) -> None:
    here = Endpoint("127.0.0.1", port)
    old = held("127.0.0.1", port)
    assert probe(here) == "in-use"
    old.allow_reuse_port()
    assert probe(here) == "in-use", "what lets our own socket in lets nobody else in"
    fresh = replace([old], Endpoint(address, port))
    assert isinstance(fresh, Reservation)
    assert old.fileno() == -1
    assert probe(here) == "in-use"
    assert probe(Endpoint(address, port)) == "in-use"
    fresh.close()
    assert probe(here) == "ok"


def test_a_replacement_that_somebody_has_is_refused_and_the_old_one_kept(
    port: int, zoo: Zoo
) -> None:
    zoo("listener", port, "--host", "127.0.0.2")
    old = held("127.0.0.1", port)
    assert replace([old], Endpoint("0.0.0.0", port)) == "in-use"
    assert probe(Endpoint("127.0.0.1", port)) == "in-use"
    with pytest.raises(OSError, match="in use"):
        open_bound(Endpoint("127.0.0.1", port), reuse=True, reuse_port=True)
    old.close()


def test_a_socket_that_was_handed_over_and_listens_can_be_replaced(port: int) -> None:
    """A server that only probed has closed its copy, and ours would listen for nobody."""
    old = held("127.0.0.1", port)
    old.listen()
    fresh = replace([old], Endpoint("127.0.0.1", port))
    assert isinstance(fresh, Reservation)
    assert not tables.connectable(port)
    fresh.close()


def test_beside_a_time_wait_nobody_else_can_listen_first(
    port: int, zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoo("time_wait_maker", port).gone()
    here = Endpoint("127.0.0.1", port)
    answers: list[str] = []

    def sharing(reservation: Reservation) -> None:
        share(reservation)
        answers.append(probe(here))

    share = Reservation.allow_reuse
    monkeypatch.setattr(Reservation, "allow_reuse", sharing)
    taken = held("127.0.0.1", port)
    taken.listen()
    assert answers == ["in-use"]
    assert probe(here) == "in-use"
    assert tables.connectable(port)
    taken.close()


def test_beside_a_time_wait_it_listens_all_the_same(port: int, zoo: Zoo) -> None:
    zoo("time_wait_maker", port).gone()
    taken = held("127.0.0.1", port)
    taken.listen()
    assert tables.connectable(port)
    taken.close()


@pytest.mark.parametrize(
    ("one", "other", "yes"),
    [
        pytest.param("127.0.0.1", "0.0.0.0", True, id="a wildcard and an address"),
        pytest.param("::1", "0.0.0.0", False, id="the wildcard of the other family"),
        pytest.param("::", "127.0.0.1", True, id="a dual-stack wildcard"),
        pytest.param("127.0.0.1", "127.0.0.2", False, id="two addresses"),
    ],
)
def test_what_is_in_the_way_of_what(one: str, other: str, *, yes: bool) -> None:
    assert overlap(Endpoint(one, 8000), Endpoint(other, 8000)) is yes
    assert overlap(Endpoint(other, 8000), Endpoint(one, 8000)) is yes


def test_sockets_of_ours_are_not_inherited_unless_they_are_handed_over(port: int) -> None:
    taken = held("127.0.0.1", port)
    assert not os.get_inheritable(taken.fileno())
    taken.close()


@pytest.mark.parametrize(
    ("options", "alone", "shared"),
    [
        pytest.param((), False, False, id="no option"),
        pytest.param(("SO_REUSEADDR",), False, True, id="SO_REUSEADDR"),
        pytest.param(("SO_REUSEPORT",), False, True, id="SO_REUSEPORT alone, as cpp-httplib"),
    ],
)
def test_beside_a_shared_hold_binds_and_listens_who_sets_either_option(
    options: tuple[str, ...], port: int, *, alone: bool, shared: bool
) -> None:
    hold = held("127.0.0.1", port)
    assert can_listen(port, options) is alone
    hold.share()
    assert can_listen(port, options) is shared
    hold.close()


def can_listen(port: int, options: tuple[str, ...]) -> bool:
    with socket.socket() as server:
        for option in options:
            server.setsockopt(socket.SOL_SOCKET, getattr(socket, option), 1)
        try:
            server.bind(("127.0.0.1", port))
            server.listen()
        except OSError:
            return False
        return True


def test_a_hold_that_was_handed_over_is_not_shared_by_reuseport(port: int) -> None:
    """Whoever listens by it would share its connections with everybody who sets that too."""
    hold = held("127.0.0.1", port)
    hold.given = True
    hold.share()
    assert not can_listen(port, ("SO_REUSEPORT",))
    hold.close()


@pytest.fixture
def records(tmp_path: Path) -> RunRecords:
    return RunRecords(str(tmp_path / "state"), native())


def test_what_a_start_has_shown_is_remembered_for_its_words_and_folder(records: RunRecords) -> None:
    words = ("perl", "--password=hunter2")
    StartMemory(records, words, "/web").note("bare")
    assert StartMemory(records, words, "/web").needs_bare
    assert not StartMemory(records, words, "/api").needs_bare
    assert not StartMemory(records, (*words, "-v"), "/web").needs_bare
    with open(os.path.join(records.path, "starts"), encoding="ascii") as file:
        assert "hunter2" not in file.read()
    StartMemory(records, words, "/web").note("")
    assert StartMemory(records, words, "/web").shown == ""


def test_the_oldest_are_forgotten(records: RunRecords) -> None:
    for number in range(MAX_REMEMBERED + 1):
        StartMemory(records, (str(number),), "/").note("beside")
    assert StartMemory(records, ("0",), "/").shown == ""
    assert StartMemory(records, ("1",), "/").shown == "beside"


def test_what_cannot_be_read_or_written_is_not_remembered(records: RunRecords) -> None:
    memory = StartMemory(records, ("x",), "/")
    memory.note("bare")
    path = os.path.join(records.path, "starts")
    os.rename(path, f"{path}.moved")
    os.symlink(f"{path}.moved", path)
    assert StartMemory(records, ("x",), "/").shown == ""
    nowhere = RunRecords(os.devnull, native())
    StartMemory(nowhere, ("x",), "/").note("bare")
    assert StartMemory(nowhere, ("x",), "/").shown == ""


def test_a_connection_to_a_port_without_a_listener_is_answered_by_none(port: int) -> None:
    """A listener stands for what a NAT rule leads to: no test makes one on this machine."""
    end = Endpoint("127.0.0.1", port)
    assert not is_redirected(end)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", port))
        assert not is_redirected(end.replace(address="0.0.0.0"))
        sock.listen()
        assert is_redirected(end)
        assert is_redirected(end.replace(address="0.0.0.0"))
