"""`netsh int ipv4 show ...`: numbers in columns, whatever the language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devports.core.text import LAST_PORT
from devports.system import windows_tools
from devports.system.windows_tools import Excluded

ROWS = [
    pytest.param(b"   5357    5357  \r\n", (Excluded(5357, 5357),), id="one port"),
    pytest.param(b" 50000  50059     *", (Excluded(50000, 50059),), id="reserved by name"),
    pytest.param(b"0 65535", (Excluded(0, 65535),), id="every port there is"),
    pytest.param(b"Start Port    End Port", (), id="a heading"),
    pytest.param(b"----------    --------", (), id="a line under the heading"),
    pytest.param(b"* - Administered port exclusions.", (), id="a footnote"),
    pytest.param(b"50059 50000", (), id="a range that ends before it starts"),
    pytest.param(b"50000", (), id="half a row"),
    pytest.param(b"50000 50059 60000", (), id="a third number"),
    pytest.param(b"50000 50059 * *", (), id="a word too many"),
    pytest.param(b"50000 65536", (), id="beyond the last port"),
    pytest.param(b"-1 5", (), id="below the first port"),
    pytest.param(b"5_0 60", (), id="what Python would take for a number"),
    pytest.param("\u0665\u0660 \u0666\u0660".encode(), (), id="digits of another script"),
    pytest.param(b"9" * 5000 + b" 1", (), id="a number too long to be read at all"),
]


@pytest.mark.parametrize(("raw", "ranges"), ROWS)
def test_a_row_of_excluded_ports(raw: bytes, ranges: tuple[Excluded, ...]):
    assert windows_tools.excluded_ranges(raw) == ranges


def test_a_range_covers_its_ends():
    found = Excluded(50000, 50059)
    assert [found.covers(port) for port in (49999, 50000, 50059, 50060)] == [
        False,
        True,
        True,
        False,
    ]


DYNAMIC = [
    pytest.param(b"Start Port : 49152\r\nNumber of Ports : 16384\r\n", (49152, 65535), id="usual"),
    pytest.param(b"a: 1024\nb: 64511", (1024, 65534), id="words do not matter"),
    pytest.param(b"a: 49152", None, id="a number missing"),
    pytest.param(b"a: 1\nb: 2\nc: 3", None, id="a number too many"),
    pytest.param(b"a: 49152\nb: 16385", None, id="beyond the last port"),
    pytest.param(b"a: 49152\nb: 0", None, id="an empty range"),
    pytest.param(b"a: 0\nb: 10", None, id="from port 0 on"),
    pytest.param(b"80 80\n5357 5357", None, id="a table of ranges"),
    pytest.param(b"", None, id="nothing"),
]


@pytest.mark.parametrize(("raw", "expected"), DYNAMIC)
def test_the_range_of_outgoing_connections(raw: bytes, expected: tuple[int, int] | None):
    assert windows_tools.dynamic_range(raw) == expected


WORDS = st.sampled_from([b" ", b"\n", b"\r\n", b"*", b":", b"50000", b"65536", b"-1", b"\xff"])
TEXTS = st.one_of(st.binary(), st.lists(WORDS).map(b"".join))


@given(TEXTS)
def test_whatever_comes_only_ranges_of_ports_come_out(raw: bytes):
    for found in windows_tools.excluded_ranges(raw):
        assert 0 <= found.first <= found.last <= LAST_PORT
    found_range = windows_tools.dynamic_range(raw)
    assert found_range is None or 0 < found_range[0] <= found_range[1] <= LAST_PORT
