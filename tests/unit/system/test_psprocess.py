"""psutil's connections as rows: a socket without a peer holds its port, whatever its state."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, NamedTuple

import psutil
import pytest

from devports.core.model import Endpoint, Socket
from devports.errors import DevportsError
from devports.system import macos, psutil_backend, windows
from devports.system.identity import NO_PROCESS, Row, identity, plain_form
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


ADDRESSES = [
    pytest.param("::127.0.0.1", "127.0.0.1", id="IPv4 in the last bytes"),
    pytest.param("::ffff:127.0.0.1", "::ffff:127.0.0.1", id="IPv4 as elsewhere"),
    pytest.param("::1", "::1", id="loopback"),
    pytest.param("::", "::", id="every address"),
    pytest.param("fe80:4::1", "fe80::1", id="one link, with its number inside"),
    pytest.param("fe80::1%lo0", "fe80::1", id="one link, with its name"),
    pytest.param("2001:db8::1%x", "2001:db8::1", id="any other"),
    pytest.param("127.0.0.1", "127.0.0.1", id="IPv4"),
]


@pytest.mark.parametrize(("text", "expected"), ADDRESSES)
def test_an_address_in_the_form_of_the_kernel_of_macos(text: str, expected: str):
    assert plain_form(text) == expected


def test_a_connection_to_a_socket_for_both_families_is_one_of_ipv4():
    ends = ("::127.0.0.1", 8000), ("::127.0.0.1", 51822)
    (row,) = rows_of([(7, Entry(*ends, "ESTABLISHED"))])
    assert (row.socket.local, row.socket.remote) == (LOCAL, PEER)


def test_the_zone_of_an_address_is_left_out():
    (row,) = rows_of([(7, Entry(("fe80::1%lo0", 80), (), "LISTEN"))])
    assert row.socket.local == Endpoint("fe80::1", 80)


def refused(*_: object, **__: object) -> Any:
    raise RuntimeError("proc_pidinfo(PROC_PIDLISTFDS) 2/2 syscall failed")


@pytest.mark.parametrize("reads", ["cwd", "name", "net_connections", "create_time"])
def test_an_error_of_psutil_about_a_process_that_changes_is_no_error_of_devports(
    monkeypatch: pytest.MonkeyPatch, reads: str
):
    monkeypatch.setattr(psutil.Process, reads, refused, raising=False)
    me = os.getpid()
    found = psutil_backend.describe(me)
    if reads in ("cwd", "name"):
        assert found is not None
        assert getattr(found, reads) == ""
    assert psutil_backend.listening((me,)) == ()
    assert psutil_backend.uids_of(SimpleNamespace(uids=refused)) == set()
    assert psutil_backend.name_of(me) is None or reads != "name"


def test_nor_about_a_process_or_a_table_that_cannot_be_read_at_that_moment(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(psutil.Process, "net_connections", refused, raising=False)
    monkeypatch.setattr(psutil, "net_connections", refused)
    walk = macos.walk_processes(60)
    assert (walk.rows, walk.read) == ((), frozenset())
    assert walk.unread > 0
    with pytest.raises(DevportsError, match="neither the socket table nor netstat"):
        windows.socket_rows(netstat=False)


@pytest.mark.skipif(not hasattr(psutil.Process, "_get_ident"), reason="this psutil shifts no start")
def test_a_change_of_the_clock_changes_no_identity(monkeypatch: pytest.MonkeyPatch):
    before, old = psutil_backend.key_of(os.getpid()), psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: old(process) + 5)
    found = psutil_backend.describe(os.getpid())
    assert before is not None
    assert psutil_backend.key_of(os.getpid()) == before
    assert found is not None
    assert found.key == before
