"""Hints of a bind that failed, in what programs print; and searching a stream for them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devports.core import bind_errors
from devports.core.bind_errors import (
    FAILURE,
    SYSTEM_ERROR,
    BindFailure,
    Tail,
    bind_failures,
    match_bind_failure,
    may_match,
    strip_ansi,
)

LINES = (Path(__file__).parent / "wordings.txt").read_text(encoding="utf-8").splitlines()
ROWS = [line.split("\t", 1) for line in LINES if line and not line.startswith("#")]
WORDINGS = [
    (port, re.sub(r"\\(.)", lambda escape: {"n": "\n"}.get(escape[1], escape[1]), text))
    for port, text in ROWS
]
NAMED = [(text, int(port)) for port, text in WORDINGS if port.isdigit()]
UNNAMED = [text for port, text in WORDINGS if port == "in-use"]
NO_HINT = [text for port, text in WORDINGS if port == "-"]


def numbers_in(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


@pytest.mark.parametrize(("text", "port"), NAMED)
def test_the_port_whose_bind_failed_is_read(text: str, port: int) -> None:
    """Whatever other numbers stand in the text, and whichever of them are ports of ours."""
    for ports in ([port], numbers_in(text)):
        found = match_bind_failure(text, ports)
        assert found is not None
        assert found.port == port
        assert found.line in text
    assert may_match(text.encode())


@pytest.mark.parametrize(("text", "port"), NAMED)
def test_of_another_port_it_is_no_hint(text: str, port: int) -> None:
    found = match_bind_failure(text, [port + 1])
    assert found is None or found.port is None, "another of its lines names none"


@pytest.mark.parametrize("text", UNNAMED)
def test_a_bind_failed_of_which_port_is_not_said(text: str) -> None:
    found = match_bind_failure(text, [8000])
    assert found is not None
    assert found.port is None
    assert may_match(text.encode())


@pytest.mark.parametrize("text", NO_HINT)
def test_it_is_no_hint(text: str) -> None:
    assert match_bind_failure(text, [8000, *numbers_in(text)]) is None
    assert not list(bind_failures(text))


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


@pytest.mark.parametrize("text", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_line_about_another_port_is_not_ours_but_can_be_listed(text: str) -> None:
    assert match_bind_failure(text, [8000]) is None
    assert all(found.port != 8000 for found in bind_failures(text))
    assert list(bind_failures(text))


def test_a_line_that_names_the_port_counts_before_one_that_does_not() -> None:
    found = match_bind_failure(
        "OSError: [Errno 98] Address already in use\nConnection in use: ('127.0.0.1', 8000)", [8000]
    )
    assert found == BindFailure(8000, "Connection in use: ('127.0.0.1', 8000)")


def test_one_of_several_ports_is_recognised() -> None:
    found = match_bind_failure("Port 5678 is already in use", [8000, 5678])
    assert found is not None
    assert found.port == 5678


# The prefilter.


@settings(database=None, max_examples=60)
@given(st.sampled_from(NAMED), st.binary(max_size=80), st.binary(max_size=80))
def test_the_prefilter_passes_every_wording_among_other_bytes(
    row: tuple[str, int], before: bytes, after: bytes
) -> None:
    assert may_match(before + row[0].encode() + after)


@settings(database=None, max_examples=200)
@given(st.from_regex(SYSTEM_ERROR) | st.from_regex(FAILURE))
def test_whatever_is_looked_for_holds_what_the_prefilter_looks_for(text: str) -> None:
    assert may_match(text.encode())


@settings(database=None, max_examples=60)
@given(st.text(max_size=300))
def test_what_the_prefilter_rejects_matches_nothing(text: str) -> None:
    if not may_match(text.encode("utf-8", "replace")):
        assert not list(bind_failures(text))


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
    assert found == BindFailure(8000, "Port 8000 is in use, trying another one...")


# The tail of a stream.


def test_the_tail_keeps_the_last_bytes_only() -> None:
    tail = Tail(8)
    for chunk in (b"abc", b"defgh", b"", b"ij"):
        tail.add(chunk)
    assert tail.data == b"cdefghij"
    tail.add(b"0123456789")
    assert tail.data == b"23456789"


@pytest.mark.parametrize("text", [text for text, _ in NAMED])
def test_a_text_split_over_chunks_is_noticed(text: str) -> None:
    data = b"log line\n" * 20 + text.encode() + b"\n"
    for size in (1, 7, 30):
        tail = Tail()
        hits = [tail.add(data[at : at + size]) for at in range(0, len(data), size)]
        assert any(hits)
        assert list(bind_failures(tail.text)) == list(bind_failures(text))


def test_the_tail_says_nothing_of_an_ordinary_log() -> None:
    tail = Tail()
    assert not any(tail.add(b"GET /api/items 200\n") for _ in range(300))
    assert len(tail.data) == tail.limit


def test_no_pattern_is_compiled_before_it_is_needed() -> None:
    """The module is imported before each start; its patterns take longer than all of the rest."""
    assert not [name for name, of in vars(bind_errors).items() if isinstance(of, re.Pattern)]
