"""What only looks like a failure, and searching a stream: prefilter, escapes, tail."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devports.core.bind_errors import (
    NEEDLES,
    PATTERNS,
    BindFailure,
    Pattern,
    Tail,
    bind_failures,
    match_bind_failure,
    may_match,
    strip_ansi,
)

PATTERN = pytest.mark.parametrize("row", PATTERNS.values(), ids=PATTERNS)

INNOCENT = {
    "an access log": '127.0.0.1:54321 - "GET /ports/8000?user=98 HTTP/1.1" 200 OK',
    "an access log on our port": 'http://localhost:8000/ "GET /in-use HTTP/1.1" 404 in 98 ms',
    "somebody's address": "409: user's address already in use by account 42",
    "an e-mail address": "ValidationError: Email address already in use",
    "an address used for something": "Address already in use for order 98",
    "a count of items": "10048 items, 98 pages, 48 errors, code 10013",
    "another error number": "OSError: [Errno 99] Cannot assign requested address",
    "a missing file": "FileNotFoundError: [Errno 2] No such file or directory: '98'",
    "a file that may not be read": "PermissionError: [Errno 13] Permission denied: '/etc/shadow'",
    "a file that node may not read": "Error: EACCES: permission denied, open '/etc/shadow'",
    "a unix socket that exists": "Error: listen EADDRINUSE: address already in use /tmp/app.sock",
    "a unix socket in gunicorn": "[ERROR] Connection in use: /run/app.sock",
    "an exit code": "process exited with code: 125",
    "the ready line": "INFO:     Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)",
    "a port that is free": "Port 8000 is free to use",
    "a worker that runs": "worker is already running",
    "a port used for something": "Port 8000 is used by the reverse proxy",
    "nothing": "",
}

ELSEWHERE = {
    "vite's reload socket": "WebSocket server error: Port 24678 is already in use",
    "uvicorn beside us": "[Errno 98] error while attempting to bind on address ('127.0.0.1', 9090):"
    " address already in use",
    "node beside us": "Error: listen EADDRINUSE: address already in use :::9090\n"
    "  code: 'EADDRINUSE',\n  port: 9090",
    "a longer number": "Port 80000 is already in use",
    "a shorter number": "Error: listen EADDRINUSE: address already in use :::800",
    "moved from elsewhere": "Port 24678 is in use, trying another one...",
    "moved to our number": "Port 7999 is in use, trying 8000 instead.",
    "docker's other port": "Bind for 0.0.0.0:9090 failed: port is already allocated",
}


@pytest.mark.parametrize("text", INNOCENT.values(), ids=INNOCENT)
def test_an_innocent_line_is_no_failure(text: str) -> None:
    assert bind_failures(text) == []


@pytest.mark.parametrize("text", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_line_about_another_port_is_not_ours_but_can_be_listed(text: str) -> None:
    assert match_bind_failure(text, [8000]) is None
    assert all(found.port != 8000 for line in bind_failures(text) for found in line)
    assert bind_failures(text)


@pytest.mark.parametrize("kind", ["moved", "foreign"])
def test_a_more_telling_kind_takes_precedence_over_fatal(kind: str) -> None:
    fatal = "Error: Port 8000 is already in use"
    special = next(row.sample for row in PATTERNS.values() if row.kind == kind)
    ports = [8000, *(f.port for line in bind_failures(special) for f in line if f.port)]
    for text in (f"{fatal}\n{special}", f"{special}\n{fatal}"):
        found = match_bind_failure(text, ports)
        assert found is not None
        assert found.kind == kind


@pytest.mark.parametrize("kind", ["partial", "denied"])
def test_what_is_no_loss_hides_none(kind: str) -> None:
    fatal = "Error: Port 8000 is already in use"
    harmless = next(row.sample for row in PATTERNS.values() if row.kind == kind)
    for text in (f"{fatal}\n{harmless}", f"{harmless}\n{fatal}"):
        found = match_bind_failure(text, [8000])
        assert found is not None
        assert (found.kind, found.line) == ("fatal", fatal)


def test_an_address_of_several_is_no_loss_though_its_line_says_in_use() -> None:
    line = 'LOG:  could not bind IPv4 address "127.0.0.1": Address already in use'
    found = match_bind_failure(line, [8000])
    assert found is not None
    assert found.kind == "partial"


def test_a_line_that_names_the_port_counts_before_one_that_does_not() -> None:
    found = match_bind_failure(
        "OSError: [Errno 98] Address already in use\nConnection in use: ('127.0.0.1', 8000)", [8000]
    )
    line = "Connection in use: ('127.0.0.1', 8000)"
    assert found == BindFailure("fatal", 8000, line)


def test_one_of_several_ports_is_recognised() -> None:
    found = match_bind_failure("Port 5678 is already in use", [8000, 5678])
    assert found is not None
    assert found.port == 5678


# The prefilter: a text that matches has the row's needle, which has one of the prefilter's.


def test_the_needle_of_every_row_holds_one_that_the_prefilter_looks_for() -> None:
    for name, row in PATTERNS.items():
        assert any(needle in row.needle.encode() for needle in NEEDLES), name


@PATTERN
def test_whatever_a_row_matches_has_its_needle(row: Pattern) -> None:
    @settings(max_examples=8, database=None)
    @given(st.from_regex(re.compile(row.regex)))
    def proven(text: str) -> None:
        for match in re.finditer(row.regex, text):
            assert row.needle in match.group()

    proven()


@settings(database=None, max_examples=60)
@given(
    st.sampled_from(list(PATTERNS.values())),
    st.binary(max_size=80),
    st.binary(max_size=80),
)
def test_the_prefilter_passes_every_sample_among_other_bytes(
    row: Pattern, before: bytes, after: bytes
) -> None:
    assert may_match(before + row.sample.encode() + after)


@settings(database=None, max_examples=60)
@given(st.text(max_size=300))
def test_what_the_prefilter_rejects_matches_nothing(text: str) -> None:
    if not may_match(text.encode("utf-8", "replace")):
        assert bind_failures(text) == []


def test_the_prefilter_rejects_an_ordinary_log() -> None:
    assert not may_match(b'INFO:     127.0.0.1:54321 - "GET /api/items/7 HTTP/1.1" 200 OK\n' * 50)


# Terminal sequences.


@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param(b"\x1b[31mError\x1b[0m: x", "Error: x", id="colours"),
        pytest.param(b"\x1b[2K\x1b[1G\x1b[?25lx", "x", id="erase, move, hide the cursor"),
        pytest.param(b"\x1b[38;2;1;2;3mx\x1b[m", "x", id="true colour"),
        pytest.param(b"\x1b]0;title\x07x", "x", id="title ended by BEL"),
        pytest.param(b"\x1b]8;;http://h\x1b\\x\x1b]8;;\x1b\\", "x", id="link ended by ST"),
        pytest.param(b"\x1b]0;title never ended\nx", "0;title never ended\nx", id="open OSC"),
        pytest.param(b"x\x1b[3", "x", id="CSI cut off at the end"),
        pytest.param(b"x\x1b", "x", id="escape cut off at the end"),
        pytest.param(b"\x1b(B\x1b=\x1b7x\x1bM", "x", id="charset, keypad, save, index"),
        pytest.param("\x9b31mx".encode(), "x", id="8-bit CSI"),
        pytest.param(b"10%\r20%\rx", "10%\n20%\nx", id="a lone return ends a line"),
        pytest.param(b"a\r\nb\r\r\nc", "a\nb\nc", id="returns before a newline"),
        pytest.param(b"\xffx\xc3", "\ufffdx\ufffd", id="not UTF-8"),
        pytest.param("⚠ ü".encode(), "⚠ ü", id="UTF-8"),
    ],
)
def test_terminal_sequences_are_taken_out(data: bytes, text: str) -> None:
    assert strip_ansi(data) == text


@settings(database=None, max_examples=60)
@given(st.binary(max_size=200))
def test_any_bytes_become_text_without_escapes(data: bytes) -> None:
    assert not set("\x1b\r") & set(strip_ansi(data))


def test_a_coloured_line_is_understood() -> None:
    data = b"\x1b[31m  Port \x1b[1m8000\x1b[22m is in use, trying another one...\x1b[39m\r\n"
    found = match_bind_failure(strip_ansi(data), [8000])
    assert found is not None
    assert found.line == "Port 8000 is in use, trying another one..."


# The tail of a stream.


def test_the_tail_keeps_the_last_bytes_only() -> None:
    tail = Tail(8)
    for chunk in (b"abc", b"defgh", b"", b"ij"):
        tail.add(chunk)
    assert tail.data == b"cdefghij"
    tail.add(b"0123456789")
    assert tail.data == b"23456789"


@PATTERN
def test_a_text_split_over_chunks_is_noticed(row: Pattern) -> None:
    data = b"log line\n" * 20 + row.sample.encode() + b"\n"
    for size in (1, 7, 30):
        tail = Tail()
        hits = [tail.add(data[at : at + size]) for at in range(0, len(data), size)]
        assert any(hits)
        assert bind_failures(tail.text) == bind_failures(row.sample)


def test_the_tail_says_nothing_of_an_ordinary_log() -> None:
    tail = Tail()
    assert not any(tail.add(b"GET /api/items 200\n") for _ in range(300))
    assert len(tail.data) == tail.limit
