"""Text of files and text of the system."""

from __future__ import annotations

import json
import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devports.core.text import json_text, json_value, native, portable


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


@pytest.fixture(params=["the encoder in C", "json not imported", "an interpreter without C"])
def interpreter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "json not imported":
        monkeypatch.delitem(sys.modules, "json.decoder")
    if request.param == "an interpreter without C":
        monkeypatch.setitem(sys.modules, "_json", None)


def test_json_is_written_and_read_in_c_where_the_interpreter_can(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("_json")
    monkeypatch.setitem(sys.modules, "json", None)  # an import of it fails
    assert json_text({"ports": [8000]}) == '{"ports": [8000]}'
    assert json_value(b'{"ports": [8000]}') == {"ports": [8000]}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)  # fmt: skip


@given(VALUES)
def test_json_is_that_of_the_standard_library(value: object):
    assert json_text(value) == json.dumps(value)
    assert json_value(json_text(value).encode()) == value


@pytest.mark.usefixtures("interpreter")
def test_a_value_is_the_same_after_its_json():
    value = {"name": "pr\udcfcf ä\n", "ports": [8000, 1.5, None, True], "own": {}}
    assert json_text(value) == json.dumps(value)
    assert json_value(b" " + json_text(value).encode() + b"\n") == value


@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize("value", [math.inf, math.nan, {1, 2}, b"x"])
def test_what_json_has_not_is_refused(value: object):
    with pytest.raises((ValueError, TypeError)):
        json_text([value])


@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize(
    "raw", [b"", b"nothing", b"{", b"[1,", b"{} {}", b"{1: 2}", b'"\xff"', b'"\n"', b"1]"]
)
def test_what_is_no_json_has_no_value(raw: bytes):
    with pytest.raises(ValueError, match=r"."):
        json_value(raw)
