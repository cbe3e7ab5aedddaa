"""`lsof -F`: every file with its own process, or with none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devports.core.model import Endpoint, Socket
from devports.system import macos_tools
from devports.system.identity import Row, identity

LOCAL, PEER = Endpoint("127.0.0.1", 8000), Endpoint("127.0.0.1", 51822)
PROCESS = ("p4211", "cpython3", "u501", "Lana")


def file(name: str = "n127.0.0.1:8000", *more: str, number: int = 5, kind: str = "IPv4"):
    return (f"f{number}", f"t{kind}", name, *more, "TQR=0", "TQS=0")


def read(*lines: str) -> list[Row]:
    return list(macos_tools.lsof("\n".join((*lines, "")).encode()))


FILES = [
    pytest.param(file("n127.0.0.1:8000", "TST=LISTEN"), "LISTEN", None, id="a listener"),
    pytest.param(
        file("n127.0.0.1:8000", "TST=CLOSED"), "BOUND", None, id="closed: bound and not listening"
    ),
    pytest.param(
        file("n127.0.0.1:8000->127.0.0.1:51822", "TST=CLOSED"),
        "CLOSE",
        PEER,
        id="closed, with a peer: an ended connection",
    ),
    pytest.param(
        file("n127.0.0.1:8000->127.0.0.1:51822", "TST=ESTABLISHED"),
        "ESTABLISHED",
        PEER,
        id="a connection",
    ),
    pytest.param(
        file("n127.0.0.1:8000->127.0.0.1:51822", "TST=FIN_WAIT_2"),
        "FIN_WAIT2",
        PEER,
        id="a state as macOS writes it",
    ),
    pytest.param(
        file("n127.0.0.1:8000->127.0.0.1:51822", "TST=SYN_RECV"),
        "SYN_RECV",
        PEER,
        id="a state as Linux writes it",
    ),
    pytest.param(file(), "BOUND", None, id="no state, no peer: it holds the port"),
    pytest.param(
        file("n127.0.0.1:8000->127.0.0.1:51822"), "CLOSE", PEER, id="no state, with a peer"
    ),
    pytest.param(file("n127.0.0.1:8000", "TST=NEW"), "BOUND", None, id="an unknown state"),
]


@pytest.mark.parametrize(("fields", "state", "remote"), FILES)
def test_a_socket(fields: tuple[str, ...], state: str, remote: Endpoint | None):
    (row,) = read(*PROCESS, *fields)
    assert (row.pid, row.name, row.proven) == (4211, "python3", True)
    assert row.socket == Socket(LOCAL, remote, state, identity(4211, LOCAL, remote))  # type: ignore[arg-type]


ENDS = [
    pytest.param("n*:5000", "IPv4", Endpoint("0.0.0.0", 5000), id="every address of IPv4"),
    pytest.param("n*:5000", "IPv6", Endpoint("::", 5000), id="every address of IPv6"),
    pytest.param("n[::1]:5000", "IPv6", Endpoint("::1", 5000), id="IPv6"),
    pytest.param("n[fe80::1%en0]:5000", "IPv6", Endpoint("fe80::1", 5000), id="with a zone"),
    pytest.param("n127.0.0.1:5000", "IPv6", Endpoint("127.0.0.1", 5000), id="IPv4 on IPv6"),
]


@pytest.mark.parametrize(("name", "kind", "local"), ENDS)
def test_an_end(name: str, kind: str, local: Endpoint):
    (row,) = read(*PROCESS, *file(name, "TST=LISTEN", kind=kind))
    assert row.socket.local == local


def test_a_wildcard_of_no_family_counts_as_ipv4():
    (row,) = read("p1", "f3", "n*:80", "TST=LISTEN")
    assert row.socket.local == Endpoint("0.0.0.0", 80)


HARMLESS = [
    pytest.param(file("n*:*", "TST=CLOSED"), id="bound to no port"),
    pytest.param(file("n/tmp/socket"), id="no address"),
    pytest.param(file("n127.0.0.1:http"), id="a port by name"),
    pytest.param(file("n127.0.0.1:65536"), id="a port beyond the last"),
    pytest.param(file("nlocalhost:8000"), id="a host by name"),
    pytest.param(file("n::1:8000", kind="IPv6"), id="IPv6 without brackets"),
    pytest.param(file("n[127.0.0.1]:8000"), id="IPv4 in brackets"),
    pytest.param(file("n127.0.0.1:8000->"), id="an arrow to nowhere"),
    pytest.param(("f5", "TST=LISTEN"), id="no name"),
    pytest.param(file("n127.0.0.1:8000", "n127.0.0.1:8001"), id="two names"),
    pytest.param(file("n127.0.0.1:8000", "TST=LISTEN", "TST=CLOSED"), id="two states"),
]


@pytest.mark.parametrize("fields", HARMLESS)
def test_what_is_no_socket_on_a_port_is_passed_over(fields: tuple[str, ...]):
    rows = read(*PROCESS, *fields, *file("n127.0.0.1:9", "TST=LISTEN", number=6))
    assert [(row.pid, row.socket.local.port) for row in rows] == [(4211, 9)]


GOOD = file("n127.0.0.1:8000", "TST=LISTEN")
NOBODYS = [
    pytest.param(GOOD, id="a file before any process"),
    pytest.param((*PROCESS, *GOOD[1:]), id="fields before any file"),
    pytest.param(("px", *GOOD), id="a pid that is no number"),
    pytest.param(("p", *GOOD), id="an empty pid"),
    pytest.param(("p0", *GOOD), id="pid 0"),
    pytest.param(("p-7", *GOOD), id="a negative pid"),
    pytest.param(("p2147483648", *GOOD), id="a pid beyond 31 bits"),
    pytest.param(("p" + "9" * 5000, *GOOD), id="a pid too long to be read"),
    pytest.param(("p\u0667", *GOOD), id="digits of another script"),
]


@pytest.mark.parametrize("lines", NOBODYS)
def test_a_file_of_no_process_names_nobody(lines: tuple[str, ...]):
    assert read(*lines) == []


def test_a_process_whose_first_line_is_lost_is_not_taken_for_the_one_before():
    other = ("cnode", "u501", "Lana", *file("n127.0.0.1:3000", "TST=LISTEN"))
    rows = read(*PROCESS, *GOOD, *other, "p77", *file("n*:9", "TST=LISTEN"))
    assert [(row.pid, row.socket.local.port) for row in rows] == [(4211, 8000), (77, 9)]


def test_only_the_ports_in_question():
    raw = "\n".join((*PROCESS, *GOOD, *file("n*:9", number=6))).encode()
    assert [row.socket.local.port for row in macos_tools.lsof(raw, {9})] == [9]
    assert list(macos_tools.lsof(raw, ())) == []


NAMES = [
    pytest.param(r"Google\x20Chrome", "Google Chrome", id="a space"),
    pytest.param(r"dev server\\1", "dev server\\1", id="a backslash"),
    pytest.param(r"a\\x20b", r"a\x20b", id="a backslash before what looks like an escape"),
    pytest.param(r"caf\xc3\xa9", "café", id="a letter of two bytes"),
    pytest.param("café", "café", id="the same letter as it is"),
    pytest.param(r"two\nlines", "two\nlines", id="a line break"),
    pytest.param("a^[[31m", "a^[[31m", id="a control character, or just that"),
    pytest.param(r"a\q\x2", r"a\q\x2", id="no escape of lsof's"),
    pytest.param("a\\", "a\\", id="a backslash at the end"),
    pytest.param(r"\xff", "\ufffd", id="a byte that is no text"),
]


@pytest.mark.parametrize(("written", "name"), NAMES)
def test_a_name_is_read_without_its_escapes(written: str, name: str):
    (row,) = read("p7", f"c{written}", *GOOD)
    assert row.name == name


LINES = st.lists(
    st.one_of(
        st.binary(max_size=6),
        st.sampled_from([b"p", b"p7", b"p4211", b"cx", b"u0", b"f5", b"fcwd", b"n*:*", b"tIPv6"]),
        st.sampled_from([line.encode() for line in (*PROCESS, *GOOD)]),
    )
).map(b"\n".join)


@given(LINES)
def test_whatever_comes_a_pid_comes_from_a_line_that_says_so(raw: bytes):
    said = {int(line[1:]) for line in raw.split(b"\n") if line[:1] == b"p" and line[1:].isdigit()}
    for row in macos_tools.lsof(raw):
        assert row.pid in said
        assert 0 < row.socket.local.port <= 65535


TWO = [*PROCESS, *GOOD, "p733", "cnode", "u501", "Lana", *file("n*:3000", "TST=LISTEN", number=8)]
HAS = {8000: 4211, 3000: 733}


@given(st.sampled_from(("drop", "twice")), st.integers(0, len(TWO) - 1))
def test_a_line_lost_or_doubled_gives_no_process_the_socket_of_another(deed: str, at: int):
    lines = [*TWO[:at], *([] if deed == "drop" else [TWO[at]] * 2), *TWO[at + 1 :]]
    for row in read(*lines):
        assert row.pid == HAS[row.socket.local.port]


def test_the_lines_about_a_port_are_quoted_with_their_process():
    text = b"p1\ncnginx\nf3\nn*:80\nf4\nn*:8000\np2\ncnode\nf5\nn*:9\n"
    assert [*macos_tools.lsof_lines(text, 8000)] == ["p1", "cnginx", "f4", "n*:8000"]


def test_the_device_of_a_socket_is_read():
    text = b"p7\nf3\ntIPv4\nd0xabc\nn127.0.0.1:8000\nTST=LISTEN\n"
    assert [row.device for row in macos_tools.lsof(text)] == ["0xabc"]
