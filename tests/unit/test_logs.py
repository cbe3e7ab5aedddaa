"""The log of a run in the background, as `devports logs` reads it."""

from __future__ import annotations

import io

import pytest

from devports.commands.logs import last_lines


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        pytest.param(b"a\nb\nc\n", 2, b"b\nc\n", id="no more than asked for"),
        pytest.param(b"a\nb\n", 9, b"a\nb\n", id="all that there are"),
        pytest.param(b"a\n1 %\r2 %\nb", 2, b"1 %\r2 %\nb", id="a carriage return ends no line"),
        pytest.param(b"a\nb", 0, b"", id="none"),
    ],
)
def test_the_last_lines_of_a_log(text: bytes, count: int, expected: bytes):
    file = io.BytesIO(text)
    assert last_lines(file, count) == expected
    assert file.read() == b""
