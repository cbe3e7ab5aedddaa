"""What a person types for a port."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devports.core.hint import text_of
from devports.core.model import PortSpec, parse_target
from devports.errors import DevportsError

GOOD = [
    pytest.param("8000", PortSpec("", 8000), id="a number is that port on every address"),
    pytest.param("1", PortSpec("", 1), id="the first port"),
    pytest.param("65535", PortSpec("", 65535), id="the last port"),
    pytest.param("127.0.0.1:80", PortSpec("127.0.0.1", 80), id="an address and a port"),
    pytest.param("localhost:80", PortSpec("localhost", 80), id="a name and a port"),
    pytest.param("[::1]:80", PortSpec("::1", 80), id="an IPv6 address in brackets"),
    pytest.param("[fe8::1]:80", PortSpec("fe8::1", 80), id="an address that is not link-local"),
    pytest.param("fe80:80", PortSpec("fe80", 80), id="a name that looks like one"),
    pytest.param("backend", "backend", id="a word is a service"),
    pytest.param("http://localhost:80", PortSpec("localhost", 80), id="a URL"),
    pytest.param("HTTP://[::1]:80/a:9?b=/", PortSpec("::1", 80), id="with what is behind it"),
    pytest.param("ws://ann:x@127.0.0.1:80#a", PortSpec("127.0.0.1", 80), id="with a user"),
    pytest.param("http://localhost/", PortSpec("localhost", 80), id="the usual port of http"),
    pytest.param("https://[::1]?a:1", PortSpec("::1", 443), id="the usual port of https"),
    pytest.param("8000a", "8000a", id="a word that starts with digits is a service"),
]


@pytest.mark.parametrize(("text", "expected"), GOOD)
def test_a_target_is_understood(text: str, expected: PortSpec | str):
    assert parse_target(text) == expected


BAD = [
    pytest.param("0", "1 to 65535", id="port 0 means any port"),
    pytest.param("[::1:80", "brackets", id="a bracket that is not closed"),
    pytest.param("00000008000", "1 to 65535", id="a port of eleven digits"),
    pytest.param("65536", "1 to 65535", id="one too many"),
    pytest.param("9" * 5000, "1 to 65535", id="a number of 5000 digits"),
    pytest.param("127.0.0.1:", "1 to 65535", id="no port after the colon"),
    pytest.param("127.0.0.1:http", "1 to 65535", id="a service name for a port"),
    pytest.param("::1:80", "brackets", id="an IPv6 address without brackets"),
    pytest.param(":80", "the host before", id="no host before the colon"),
    pytest.param("http://", "the host before", id="a URL of nothing"),
    pytest.param("http://:80", "the host before", id="a URL without a host"),
    pytest.param("http://a:x", "1 to 65535", id="a URL with a word for a port"),
    pytest.param("http://::1:80/", "brackets", id="a URL with a bare IPv6 address"),
    pytest.param("redis://localhost/0", "no port", id="a URL whose port nobody knows here"),
    pytest.param(
        "[fe80::1]:80", "belongs to one interface", id="an address that many interfaces have"
    ),
    pytest.param("[fe80::1%eth0]:80", "belongs to one interface", id="the same with its interface"),
    pytest.param(
        "[::1%lo]:80", "belongs to one interface", id="an interface for an address without need"
    ),
]


@pytest.mark.parametrize(("text", "why"), BAD)
def test_what_is_no_port_is_refused_with_the_reason_and_an_example(text: str, why: str):
    with pytest.raises(DevportsError) as caught:
        parse_target(text)
    error = caught.value
    assert error.exit_code == 2
    assert why in error.facts[0]
    assert error.code == "target-invalid"
    example = text_of(error.hints[0]).removeprefix("for example `").removesuffix("`")
    assert isinstance(parse_target(example), PortSpec)
    assert len(error.message) < 120


EXAMPLES = [
    pytest.param("70000", "8000", id="a port"),
    pytest.param("::1:80", "[::1]:80", id="the same address in brackets"),
    pytest.param("127.0.0.1:8000:3", "127.0.0.1:3", id="a port twice"),
    pytest.param("a:b:c", "a:8000", id="colons in a name"),
    pytest.param("fe80::1%eth0:80", "[::]:80", id="every interface"),
    pytest.param("x://[fe80::1]", "localhost:8000", id="a URL of one interface"),
    pytest.param(":80", "80", id="the port alone"),
    pytest.param(":", "8000", id="nothing to take over"),
    pytest.param("redis://db/0", "db:8000", id="the host of a URL"),
    pytest.param("redis:///0", "localhost:8000", id="a URL of this machine"),
]


@pytest.mark.parametrize(("text", "example"), EXAMPLES)
def test_the_example_is_what_was_probably_meant(text: str, example: str):
    with pytest.raises(DevportsError) as caught:
        parse_target(text)
    assert caught.value.hints == (f"for example `{example}`",)


@given(st.text())
def test_any_text_is_a_target_or_one_clear_error(text: str):
    parsed: PortSpec | str | None = None
    with contextlib.suppress(DevportsError):
        parsed = parse_target(text)
    assert parsed is None or parsed == text or isinstance(parsed, PortSpec)
