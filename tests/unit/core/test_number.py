"""Decimal numbers within bounds."""

from __future__ import annotations

import pytest

from devports.core.text import LAST_PORT, decimal


@pytest.mark.parametrize(
    ("text", "number"),
    [
        pytest.param("0", 0, id="the lowest"),
        pytest.param("65535", 65535, id="the highest"),
        pytest.param(b"8000", 8000, id="bytes"),
        pytest.param("08000", 8000, id="a zero in front"),
        pytest.param("65536", None, id="one too many"),
        pytest.param("008000", None, id="more digits than the highest has"),
        pytest.param("9" * 5000, None, id="more digits than Python takes"),
        pytest.param("", None, id="nothing"),
        pytest.param("-1", None, id="a sign"),
        pytest.param("1_0", None, id="Python's own way to write numbers"),
        pytest.param(" 1", None, id="a blank"),
        pytest.param("٣", None, id="another script's digits"),
        pytest.param("²", None, id="a digit that is no number"),
        pytest.param(b"\xb2", None, id="a byte that is no digit"),
    ],
)
def test_only_what_is_a_number_within_bounds_is_one(text: str | bytes, number: int | None) -> None:
    assert decimal(text, LAST_PORT) == number
