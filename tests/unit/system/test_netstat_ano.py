"""`netstat -ano`: never a pid out of a row that is not one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devports.core.model import Endpoint, Socket
from devports.system import windows_tools
from devports.system.identity import EXACT_IN_JSON, identity

LOCAL, PEER = Endpoint("127.0.0.1", 8000), Endpoint("127.0.0.1", 51822)
LISTENS = (77, "LISTEN", LOCAL, None)


def row(
    local: str = "127.0.0.1:8000",
    foreign: str = "0.0.0.0:0",
    state: str = "LISTENING",
    pid: str = "77",
    protocol: str = "TCP",
) -> bytes:
    return f"  {protocol}    {local}   {foreign}   {state}   {pid}\r\n".encode()


def read(raw: bytes) -> list[tuple[int, str, Endpoint, Endpoint | None]]:
    found = [(found.pid, found.socket) for found in windows_tools.netstat(raw)]
    return [(pid, socket.state, socket.local, socket.remote) for pid, socket in found]


ROWS = [
    pytest.param(row(), LISTENS, id="a listener"),
    pytest.param(row(state="ABHÖREN"), LISTENS, id="a listener in German"),
    pytest.param(row(state="IN ASCOLTO"), LISTENS, id="a listener in two words"),
    pytest.param(row(state="BOUND"), (77, "BOUND", LOCAL, None), id="bound and not listening"),
    pytest.param(
        row("[::]:8000", "[::]:0"), (77, "LISTEN", Endpoint("::", 8000), None), id="on IPv6"
    ),
    pytest.param(
        row("[FE80:0::1%11]:8000", "[::]:0"),
        (77, "LISTEN", Endpoint("fe80::1", 8000), None),
        id="an address with a zone, written out",
    ),
    pytest.param(
        row(foreign="127.0.0.1:51822", state="ESTABLISHED"),
        (77, "ESTABLISHED", LOCAL, PEER),
        id="a connection",
    ),
    pytest.param(
        row(foreign="127.0.0.1:51822", state="FIN_WAIT_2"),
        (77, "FIN_WAIT2", LOCAL, PEER),
        id="a state with the kernel's name",
    ),
    pytest.param(
        row(foreign="127.0.0.1:51822", state="HERGESTELLT"),
        (77, "ESTABLISHED", LOCAL, PEER),
        id="a connection in German",
    ),
    pytest.param(
        row(foreign="127.0.0.1:51822", state="WARTEND", pid="0"),
        (0, "TIME_WAIT", LOCAL, PEER),
        id="a connection that nobody has, in German",
    ),
]


@pytest.mark.parametrize(("raw", "expected"), ROWS)
def test_a_row(raw: bytes, expected: object):
    assert read(raw) == [expected]


NO_ROWS = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"  Proto  Local Address  Foreign Address  State  PID\n", id="the heading"),
    pytest.param(row(protocol="UDP"), id="another protocol"),
    pytest.param(row(protocol="TCPX"), id="a protocol that only starts like ours"),
    pytest.param(b"TCP 127.0.0.1:8000 0.0.0.0:0 77\n", id="no state: the pid may be one"),
    pytest.param(row(pid="77x"), id="a pid that is no number"),
    pytest.param(row(pid="-77"), id="a negative pid"),
    pytest.param(row(pid="4294967296"), id="a pid beyond 32 bits"),
    pytest.param(row(pid="9" * 5000), id="a pid too long to be read at all"),
    pytest.param(row(pid="\u0667\u0667"), id="a pid in digits of another script"),
    pytest.param(row("127.0.0.1:65536"), id="a port beyond the last"),
    pytest.param(row("127.0.0.1"), id="an address without a port"),
    pytest.param(row("127.0.0.256:8000"), id="an address that is none"),
    pytest.param(row("127.0.0.1\0:8000"), id="an address with a NUL"),
    pytest.param(row("::1:8000"), id="IPv6 without brackets"),
    pytest.param(row("[127.0.0.1]:8000"), id="IPv4 in brackets"),
    pytest.param(row(foreign="*:*"), id="no foreign address"),
    pytest.param(row(foreign="[::]:0"), id="two families"),
    pytest.param(row(foreign="LISTENING", state="0.0.0.0:0"), id="columns in another order"),
    pytest.param(row()[:30] + b"\n", id="a row that was cut"),
]


@pytest.mark.parametrize("raw", NO_ROWS)
def test_what_is_no_row_names_nobody(raw: bytes):
    assert read(raw) == []
    assert read(row() + raw + row("127.0.0.1:9")) == [
        LISTENS,
        (77, "LISTEN", Endpoint("127.0.0.1", 9), None),
    ]


def test_only_the_ports_in_question():
    raw = row() + row("127.0.0.1:8001")
    assert [r.socket.local.port for r in windows_tools.netstat(raw, {8001})] == [8001]
    assert list(windows_tools.netstat(raw, ())) == []


def test_a_socket_is_known_again_and_not_taken_for_another():
    first = next(windows_tools.netstat(row())).socket
    assert first == Socket(LOCAL, None, "LISTEN", identity(77, LOCAL))
    others = (
        row(pid="78"),
        row("127.0.0.1:8001"),
        row("0.0.0.0:8000"),
        row(foreign="127.0.0.1:51822", state="ESTABLISHED"),
    )
    numbers = {next(windows_tools.netstat(raw)).socket.inode for raw in (row(), *others)}
    assert len(numbers) == len(others) + 1
    assert all(0 < number <= EXACT_IN_JSON for number in numbers)


def test_a_socket_of_nobody_has_no_number():
    raw = row(foreign="127.0.0.1:51822", state="TIME_WAIT", pid="0")
    assert next(windows_tools.netstat(raw)).socket.inode == 0


def test_the_number_of_a_socket_is_the_same_in_every_process():
    assert identity(77, LOCAL) == 0x9A54994D2860A


WORDS = b"TCP UDP 127.0.0.1:8000 [::1]:80 0.0.0.0:0 [::]:0 BOUND ABH\x99REN 77 0 -1 : % [ ]".split()
PIECES = st.sampled_from([*WORDS, b" ", b"  ", b"\r\n", b"\0"])
TEXTS = st.one_of(st.binary(), st.lists(PIECES, max_size=60).map(b"".join))


@given(TEXTS)
def test_whatever_comes_a_pid_is_the_last_word_of_a_row_with_two_addresses(raw: bytes):
    lines = [line.split() for line in raw.split(b"\n")]
    whole = [
        words
        for words in lines
        if words[:1] == [b"TCP"]
        and len(words) >= windows_tools.SHORTEST
        and all(windows_tools.end_of(word) is not None for word in words[1:3])
    ]
    pids = {int(words[-1]) for words in whole if words[-1].isdigit()}
    found = list(windows_tools.netstat(raw))
    assert {row.pid for row in found} <= pids
    assert len(found) <= len(whole)


@given(st.binary(max_size=40))
def test_whatever_an_address_is_it_is_none_or_can_be_written_again(word: bytes):
    found = windows_tools.end_of(word)
    assert found is None or windows_tools.end_of(str(found).encode()) == found
