"""Text of files and text of the system."""

from __future__ import annotations

import pytest

from devports.core.text import native, portable


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        pytest.param("prüf", "utf-8", "prüf", id="the same where the system speaks UTF-8"),
        pytest.param("pr\udcff", "utf-8", "pr\udcff", id="a byte that is no text stays one"),
        pytest.param("prüf", "ascii", "pr\udcc3\udcbcf", id="bytes where it has no such character"),
        pytest.param("pr\udcc3\udcbcf", "ascii", "pr\udcc3\udcbcf", id="once is enough"),
    ],
)
def test_text_of_a_file_becomes_what_the_system_takes(text: str, encoding: str, expected: str):
    assert native(text, encoding) == expected
    assert native(text, encoding).encode(encoding, "surrogateescape") == text.encode(
        "utf-8", "surrogateescape"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("prüf", "prüf", id="text"),
        pytest.param("pr\udcc3\udcbcf", "prüf", id="text that the system could not read"),
        pytest.param("pr\udcff", "pr?", id="a byte that is no text"),
        pytest.param("pr\ud800", "pr?", id="half a character, of Windows"),
    ],
)
def test_a_name_of_the_system_becomes_text_of_a_file(text: str, expected: str):
    assert portable(text) == expected
