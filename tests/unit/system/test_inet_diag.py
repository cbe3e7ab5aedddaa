"""Messages of the socket monitor. The captured ones are of Linux 6.18."""

from __future__ import annotations

import errno
import os
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devports.core.model import Endpoint, Socket
from devports.system.linux import inet_diag
from devports.system.linux.inet_diag import Malformed, parse, request

if TYPE_CHECKING:
    from typing import Any

RECORDED = os.path.join(os.path.dirname(__file__), "..", "..", "recorded", "linux-6.18")


def attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def message(
    state: int = 10,
    *,
    local: tuple[bytes, int] = (b"\x7f\0\0\1", 8000),
    remote: tuple[bytes, int] = (b"\0\0\0\0", 0),
    timer: int = 0,
    expires: int = 0,
    uid: int = 1000,
    inode: int = 77,
    queue: int = 0,
    attributes: bytes = b"",
) -> bytes:
    """Build one answer as linux/inet_diag.h lays it out."""
    family = 2 if len(local[0]) == 4 else 10
    body = struct.pack("=BBBB", family, state, timer, 0)
    body += struct.pack("!HH", local[1], remote[1])
    body += local[0].ljust(16, b"\0") + remote[0].ljust(16, b"\0") + struct.pack("=III", 0, 0, 0)
    body += struct.pack("=IIIII", expires, queue, 0, uid, inode) + attributes
    head = struct.pack("=IHHII", 16 + len(body), 18, 2, 1, 0)
    return head + body + b"\0" * (-len(body) % 4)


DONE = struct.pack("=IHHII", 20, 3, 2, 1, 0) + b"\0\0\0\0"
V6 = b"\0" * 15 + b"\1"
HERE = Endpoint("127.0.0.1", 8000)

ROWS = [
    pytest.param({}, Socket(HERE, None, "LISTEN", 77, 1000), id="a listener has no remote end"),
    pytest.param(
        {"queue": 2},
        Socket(HERE, None, "LISTEN", 77, 1000, queue=2),
        id="connections that nobody has accepted wait at a listener",
    ),
    pytest.param(
        {"state": 7, "queue": 2},
        Socket(HERE, None, "BOUND", 77, 1000),
        id="and nowhere else",
    ),
    pytest.param(
        {"state": 7},
        Socket(HERE, None, "BOUND", 77, 1000),
        id="a closed socket that is dumped is a bound one",
    ),
    pytest.param(
        {"local": (V6, 8000), "attributes": attribute(11, b"\1")},
        Socket(Endpoint("::1", 8000), None, "LISTEN", 77, 1000, v6only=True),
        id="IPv6, with the v6only attribute",
    ),
    pytest.param(
        {"local": (b"\0" * 16, 8000), "attributes": attribute(11, b"\0")},
        Socket(Endpoint("::", 8000), None, "LISTEN", 77, 1000, v6only=False),
        id="a dual-stack wildcard",
    ),
    pytest.param(
        {"attributes": attribute(8, b"\0") + attribute(21, struct.pack("=Q", 4096))},
        Socket(HERE, None, "LISTEN", 77, 1000, cgroup=4096),
        id="the control group stands behind another attribute",
    ),
    pytest.param(
        {
            "state": 6,
            "timer": 3,
            "expires": 43250,
            "uid": 0,
            "inode": 0,
            "remote": (b"\x7f\0\0\1", 50000),
        },
        Socket(HERE, Endpoint("127.0.0.1", 50000), "TIME_WAIT", expires=43.25),
        id="TIME_WAIT has seconds left, no process and no user: the kernel's uid 0 is not root",
    ),
    pytest.param(
        {"state": 1, "timer": 2, "expires": 7000, "remote": (b"\x01\2\3\4", 443)},
        Socket(HERE, Endpoint("1.2.3.4", 443), "ESTABLISHED", 77, 1000),
        id="a keep-alive timer is not the end of a connection",
    ),
    pytest.param(
        {"attributes": struct.pack("=HH", 2, 11)},
        Socket(HERE, None, "LISTEN", 77, 1000),
        id="an attribute shorter than its header ends the attributes",
    ),
]


@pytest.mark.parametrize(("fields", "expected"), ROWS)
def test_a_message_is_read(fields: dict[str, Any], expected: Socket):
    assert parse(message(**fields) + DONE) == ([expected], True)


def test_several_messages_in_one_datagram_and_a_dump_that_goes_on():
    found, complete = parse(message(inode=1) + message(inode=2))
    assert [socket.inode for socket in found] == [1, 2]
    assert not complete


def test_a_refusal_is_the_kernels_own_error():
    refused = struct.pack("=IHHIIi", 20, 2, 0, 1, 0, -errno.EPERM)
    with pytest.raises(PermissionError):
        parse(refused)


def test_a_dump_that_could_not_begin_is_an_error_and_not_an_empty_table():
    done = struct.pack("=IHHIIi", 20, 3, 2, 1, 0, -errno.ENOENT)
    with pytest.raises(FileNotFoundError):
        parse(done)


MALFORMED = [
    pytest.param(message()[:-8], id="cut in the middle"),
    pytest.param(b"\1\2\3", id="shorter than a header"),
    pytest.param(struct.pack("=IHHII", 16, 18, 2, 1, 0), id="a header without a message"),
    pytest.param(message(state=99), id="a state nobody has heard of"),
    pytest.param(struct.pack("=IHHII", 16, 2, 0, 1, 0), id="an error without a number"),
]


@pytest.mark.parametrize("data", MALFORMED)
def test_what_is_not_of_the_layout_is_said_to_be_malformed(data: bytes):
    with pytest.raises(Malformed):
        parse(data)


@given(
    st.binary(max_size=400) | st.builds(lambda a, b: message() + a + b, st.binary(), st.binary())
)
def test_any_bytes_are_sockets_or_one_of_two_errors(data: bytes):
    try:
        found, _ = parse(data)
    except (Malformed, OSError):
        return
    assert all(isinstance(socket, Socket) for socket in found)


def test_the_request_names_every_port_and_its_own_length():
    data = request({8000, 443, 9000})
    length, kind, flags = struct.unpack_from("=IHH", data)
    assert (length, kind, flags) == (len(data), 18, 0x301)
    code = data[16 + 60 + 4 :]
    ports = [struct.unpack_from("=H", code, at + 6)[0] for at in (0, 12, 24)]
    assert ports == [443, 8000, 9000]


def test_a_request_for_no_port_in_particular_has_no_filter():
    data = request((), inet_diag.LISTEN_ONLY)
    assert len(data) == struct.unpack_from("=I", data)[0] == 16 + 60
    assert struct.unpack_from("=I", data, 16 + 52)[0] == inet_diag.LISTEN_ONLY


def run_filter(code: bytes, port: int) -> bool:
    """Interpret filter code as the kernel does (inet_diag_bc_run): accepted at its exact end."""
    at = 0
    while at < len(code):
        operation, yes, no = struct.unpack_from("=BBH", code, at)
        if operation == 1:
            at += no
        elif operation == 11:
            matches = struct.unpack_from("=H", code, at + 6)[0] == port
            at += yes if matches else no
        else:
            return False
    return at == len(code)


@given(st.sets(st.integers(1, 65535), min_size=1, max_size=60), st.integers(1, 65535))
def test_the_filter_accepts_exactly_the_ports_it_was_made_for(ports: set[int], other: int):
    code = request(ports)[16 + 60 + 4 :]
    assert all(run_filter(code, port) for port in ports)
    assert run_filter(code, other) == (other in ports)


def test_a_captured_dump_of_linux_6_18():
    with open(os.path.join(RECORDED, "sock_diag-18001.hex"), encoding="ascii") as file:
        data = bytes.fromhex(file.read())
    found, complete = parse(data)
    assert complete
    facts = [(s.state, str(s.local), s.v6only) for s in found]
    assert facts == [
        ("LISTEN", "127.0.0.1:18001", None),
        ("LISTEN", "[::1]:18001", True),
        ("BOUND", "127.0.0.2:18001", None),
        ("TIME_WAIT", "127.0.0.1:18001", None),
    ]
    assert 0 < (found[3].expires or 0) <= 60
    assert inet_diag.LISTEN_ONLY == 1 << 10
