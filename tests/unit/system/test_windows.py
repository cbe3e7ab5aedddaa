"""Windows: what its machine decides by itself. The tables have tests of their own."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

import pytest

from devports.core.model import Endpoint, Socket
from devports.system import bind, windows, windows_tools
from devports.system.identity import Row
from devports.system.psutil_backend import SocketScan
from devports.system.windows import Windows, distinguish_denied

if TYPE_CHECKING:
    from collections.abc import Collection

    from devports.core.model import BindResult

HERE = Endpoint("127.0.0.1", 8000)
GONE = 2**22 + 1
"""A pid that no process has."""
DENIED = [
    pytest.param("denied", True, "denied", id="an excluded port is forbidden"),
    pytest.param("denied", False, "in-use", id="any other that is denied has an exclusive holder"),
    pytest.param("denied", None, "denied", id="netsh does not answer: forbidden, as Windows says"),
    pytest.param("in-use", True, "in-use", id="in use is in use"),
    pytest.param("ok", True, "ok", id="what can be bound can be bound"),
]


@pytest.mark.parametrize(("said", "excluded", "result"), DENIED)
def test_a_refusal(said: BindResult, excluded: bool | None, result: str):
    assert distinguish_denied(said, lambda: excluded) == result


def test_netsh_is_asked_only_where_a_bind_was_denied():
    def asked() -> bool:
        raise AssertionError

    assert distinguish_denied("in-use", asked) == "in-use"


def test_without_netsh_the_range_of_outgoing_connections_is_the_usual_one():
    machine = Windows()
    assert machine.ephemeral() == windows.DYNAMIC
    assert machine.ephemeral() == windows.DYNAMIC


def test_a_port_is_probed_as_a_server_binds_it_where_exclusive_use_is_refused(
    monkeypatch: pytest.MonkeyPatch,
):
    def opened(_end: Endpoint, *, reuse: bool, exclusive: bool) -> socket.socket:
        if exclusive:
            raise OSError(errno.EADDRINUSE, "beside connections of the last server")
        return socket.socket()

    monkeypatch.setattr(bind, "EXCLUSIVE", 1)
    monkeypatch.setattr(bind, "open_bound", opened)
    assert bind.probe(HERE) == "ok"
    assert bind.probe(HERE, reuse=False) == "in-use"


class LeftBehind(Windows):
    """A machine whose only listener was opened by a process that has exited."""

    left_by = staticmethod(lambda pid: [os.getpid()] if pid == GONE else [])

    def scan(self, ports: Collection[int]) -> SocketScan:
        return SocketScan((Row(GONE, Socket(HERE, None, "LISTEN", 9)),))


def test_the_children_of_an_opener_that_has_exited_are_likely_holders():
    machine = LeftBehind()
    found = machine.holding(machine.table({HERE.port}).sockets, thorough=False)
    assert found.holders == ()
    assert [process.pid for process in found.hidden[0].likely] == [os.getpid()]
    assert "opener-gone" in {gap.code for gap in found.gaps}


LISTED = b"""
  TCP    127.0.0.1:8000   0.0.0.0:0        ABH\x99REN      7
  TCP    127.0.0.1:9000   127.0.0.1:8000   HERGESTELLT  8
"""
WITH_BOUND = (
    LISTED
    + b"""
  TCP    127.0.0.1:8000   0.0.0.0:0        GEBUNDEN     9
  TCP    127.0.0.1:9000   0.0.0.0:0        GEBUNDEN     8
"""
)


def test_a_bound_socket_is_told_from_a_listener_and_a_client_in_any_language(
    monkeypatch: pytest.MonkeyPatch,
):
    asked: list[str] = []

    def ask(argv: tuple[str, ...]) -> bytes:
        asked.append(argv[-1])
        return WITH_BOUND

    def rows() -> list[Row]:
        asked.append("table")
        return [*windows_tools.netstat(LISTED)]

    monkeypatch.setattr(windows, "ask", ask)
    monkeypatch.setattr(windows, "socket_rows", rows)
    found = [*windows.bound_sockets({8000, 9000})]
    assert [(row.pid, row.socket.local, row.socket.state) for row in found] == [(9, HERE, "BOUND")]
    assert asked == ["-anoq", "table"], "what begins to listen in between is in the later list"
