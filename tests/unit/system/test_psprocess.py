"""psutil's connections as rows: a socket without a peer holds its port, whatever its state."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from devports.core.model import Endpoint, Socket
from devports.system.identity import NO_PROCESS, Row, identity
from devports.system.psutil_backend import rows_of

LOCAL, PEER = Endpoint("127.0.0.1", 8000), Endpoint("127.0.0.1", 51822)
NEAR, FAR = ("127.0.0.1", 8000), ("127.0.0.1", 51822)


class Entry(NamedTuple):
    """The part of psutil's `sconn` that is looked at."""

    laddr: tuple[Any, ...]
    raddr: tuple[Any, ...]
    status: str


ROWS = [
    pytest.param(Entry(NEAR, (), "LISTEN"), "LISTEN", None, id="a listener"),
    pytest.param(Entry(NEAR, (), "CLOSE"), "BOUND", None, id="bound and not listening"),
    pytest.param(Entry(NEAR, (), "NONE"), "BOUND", None, id="in a state without a name"),
    pytest.param(Entry(NEAR, ("0.0.0.0", 0), "LISTEN"), "LISTEN", None, id="a peer without port"),
    pytest.param(Entry(NEAR, FAR, "ESTABLISHED"), "ESTABLISHED", PEER, id="a connection"),
    pytest.param(Entry(NEAR, FAR, "CLOSE"), "CLOSE", PEER, id="an ended connection, still open"),
    pytest.param(Entry(NEAR, FAR, "DELETE_TCB"), "CLOSING", PEER, id="Windows takes it down"),
]


@pytest.mark.parametrize(("entry", "state", "remote"), ROWS)
def test_a_connection_is_a_row(entry: Entry, state: str, remote: Endpoint | None):
    (row,) = rows_of([(7, entry)])
    assert row == Row(7, Socket(LOCAL, remote, state, identity(7, LOCAL, remote)))  # type: ignore[arg-type]


def test_an_ended_connection_in_wait_belongs_to_nobody():
    (row,) = rows_of([(7, Entry(NEAR, FAR, "TIME_WAIT"))])
    assert (row.pid, row.socket.inode) == (NO_PROCESS, 0)


def test_before_a_bind_there_is_nothing_in_the_way():
    assert rows_of([(7, Entry((), (), "CLOSE")), (7, Entry(("0.0.0.0", 0), (), "CLOSE"))]) == []


def test_a_copied_descriptor_is_no_second_socket():
    assert len(rows_of([(7, Entry(NEAR, (), "LISTEN"))] * 2)) == 1


def test_the_zone_of_an_address_is_left_out():
    (row,) = rows_of([(7, Entry(("fe80::1%lo0", 80), (), "LISTEN"))])
    assert row.socket.local == Endpoint("fe80::1", 80)
