"""macOS: what is believed of a pid that only netstat names. Nothing, unless the name agrees."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from devports.core.model import Endpoint, Socket
from devports.system.identity import NO_PROCESS, UNKNOWN, Row, identity
from devports.system.macos import merge_rows, names_match, shared, unified

if TYPE_CHECKING:
    from devports.core.model import State

PORT = Endpoint("127.0.0.1", 8000)
PEER = Endpoint("127.0.0.1", 51822)
NAMES = {10: "nginx", 11: "nginx", 20: "Code Helper (Plugin)", 30: "postgres"}


def row(
    pid: int,
    name: str = "",
    *,
    local: Endpoint = PORT,
    remote: Endpoint | None = None,
    state: State = "LISTEN",
    proven: bool = False,
) -> Row:
    number = identity(pid, local, remote)
    return Row(pid, Socket(local, remote, state, number), name, proven=proven)


def opened(pid: int, *, local: Endpoint = PORT, remote: Endpoint | None = None) -> Row:
    state: State = "LISTEN" if remote is None else "ESTABLISHED"
    return row(pid, local=local, remote=remote, state=state, proven=True)


def met(own: tuple[Row, ...], *listed: Row, read: tuple[int, ...] = ()) -> set[tuple[int, bool]]:
    """Return pid and proof of what comes out, where `read` are the processes looked at."""
    looked_at = {*read, *(each.pid for each in own)}
    return {(r.pid, r.proven) for r in merge_rows(own, listed, looked_at, NAMES.get)}


ALONE = [
    pytest.param(row(10, "nginx"), True, id="a process of that name is there: it is believed"),
    pytest.param(row(10, "httpd"), False, id="the process has another name: it is not"),
    pytest.param(row(99, "nginx"), False, id="there is no such process: it is not"),
    pytest.param(row(10), False, id="no name beside the pid: it is not"),
    pytest.param(row(20, "Code Helper (Plu"), True, id="the name is cut as netstat cuts it"),
    pytest.param(row(20, "Code"), False, id="the name is the beginning of another"),
    pytest.param(row(UNKNOWN), False, id="no pid at all"),
]


@pytest.mark.parametrize(("listed", "proven"), ALONE)
def test_a_pid_that_only_netstat_names(listed: Row, proven: bool):
    assert met((), listed) == {(listed.pid, proven)}


def test_a_process_that_was_looked_at_and_has_it_not_is_never_believed():
    assert met((), row(10, "nginx"), read=(10,)) == {(10, False)}
    assert met((opened(30),), row(10, "nginx"), read=(10,)) == {(30, True)}


def test_what_a_process_has_open_is_not_told_twice():
    assert met((opened(10),), row(10, "nginx")) == {(10, True)}
    assert met((opened(10), opened(10)), row(10, "httpd")) == {(10, True)}


def test_another_user_with_a_copy_of_the_socket_is_named_beside_the_one_we_see():
    assert met((opened(11),), row(10, "nginx")) == {(11, True), (10, True)}
    assert met((opened(11),), row(10, "httpd")) == {(11, True), (10, False)}


def test_a_listener_of_somebody_is_one_that_we_see_on_the_same_address():
    assert met((opened(11),), row(UNKNOWN)) == {(11, True)}
    elsewhere = row(UNKNOWN, local=Endpoint("::1", 8000))
    assert met((opened(11),), elsewhere) == {(11, True), (UNKNOWN, False)}


def test_what_nobody_has_is_kept_as_nobodys():
    left = row(NO_PROCESS, remote=PEER, state="TIME_WAIT")
    (found,) = merge_rows((), (left,), (), NAMES.get)
    assert (found.pid, found.socket.inode) == (NO_PROCESS, 0)


def test_the_same_connection_is_known_in_both_ways_to_write_its_addresses():
    mapped = Endpoint("::ffff:127.0.0.1", 8000), Endpoint("::ffff:127.0.0.1", 51822)
    own = opened(11, local=mapped[0], remote=mapped[1])
    assert met((own,), row(11, "nginx", remote=PEER, state="ESTABLISHED")) == {(11, True)}


AGREE = [
    pytest.param("node", "node", True, id="the same"),
    pytest.param("node", "Node", False, id="another letter"),
    pytest.param("Google Chrome He", "Google Chrome Helper (Renderer)", True, id="cut at 16"),
    pytest.param("Google Chrome H", "Google Chrome Helper", True, id="cut at 15"),
    pytest.param("Google Chrome", "Google Chrome Helper", False, id="not so long that it is cut"),
    pytest.param("Google Chrome He", "Google Chrome", False, id="longer than the name"),
    pytest.param("", "", False, id="nothing said of a process without a name"),
    pytest.param("", "node", False, id="nothing said"),
    pytest.param("node", None, False, id="nobody there"),
]


@pytest.mark.parametrize(("listed", "name", "expected"), AGREE)
def test_a_name_agrees(listed: str, name: str | None, expected: bool):
    assert names_match(listed, name) is expected


ENDS = ((PORT.address, PORT.port), None)
DEVICES: dict[tuple[int, object], str] = {
    (10, ENDS): "0xabc",
    (11, ENDS): "0xabc",
    (12, ENDS): "0xdef",
}


def inodes(*rows: Row) -> list[int]:
    return [each.socket.inode for each in unified(rows, DEVICES)]


def test_one_socket_of_several_processes_is_one_socket():
    one, same, other = inodes(opened(10), opened(11), opened(12))
    assert one == same != other


def test_one_process_keeps_the_identity_that_needs_no_lsof():
    assert inodes(opened(10)) == [opened(10).socket.inode]


def test_where_lsof_does_not_tell_each_process_has_a_socket_of_its_own():
    first, second = opened(30), opened(31)
    assert inodes(first, second) == [first.socket.inode, second.socket.inode]


def test_which_sockets_are_of_several_processes():
    assert shared((opened(10), opened(11))) == {(10, ENDS), (11, ENDS)}
    assert shared((opened(10), opened(10))) == set()
    assert shared((opened(10), row(11, "nginx"))) == set()
    assert shared((opened(10, remote=PEER), opened(11, remote=PEER))) == set()
    assert shared((opened(10), opened(os.getpid()))) == set()
