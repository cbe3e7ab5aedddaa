from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devports.core.text import cells
from devports.ui.text import (
    OutputStyle,
    aligned,
    duration,
    ending,
    hang_of,
    join_words,
    pad,
    paint,
    wrap,
)


@pytest.mark.parametrize(
    ("text", "width"),
    [
        pytest.param("abc", 3, id="Latin"),
        pytest.param("日本", 4, id="ideographs take two cells"),
        pytest.param("e\u0301", 1, id="a combining mark takes none"),
    ],
)
def test_cells(text: str, width: int) -> None:
    assert cells(text) == width
    assert cells(pad(text, 6)) == 6


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        pytest.param("/shop/web", 9, "/shop/web", id="it fits"),
        pytest.param("/home/ann/shop/web", 9, "…shop/web", id="its end tells most"),
        pytest.param("/x/日本語", 6, "…本語", id="by cells, not by characters"),
        pytest.param("日本語", 2, "…", id="no room for a wide character"),
    ],
)
def test_ending(text: str, width: int, shown: str) -> None:
    assert ending(text, width) == shown
    assert cells(shown) <= width


@given(st.text(max_size=30), st.integers(min_value=3, max_value=20), st.sampled_from(["…", "..."]))
def test_ending_is_never_too_wide(text: str, width: int, mark: str) -> None:
    assert cells(ending(text, width, mark)) <= width


def test_aligned() -> None:
    assert aligned((("a", "1"), ("bcd", "2"), ("e", ""))) == ("a    1", "bcd  2", "e")
    assert aligned(()) == ()


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        pytest.param("one two", ["one two"], id="short enough"),
        pytest.param(
            "one two three four five", ["one two three four", "five"], id="broken at a space"
        ),
        pytest.param(
            "  key  one two three four",
            ["  key  one two three", "       four"],
            id="the value stays under the value",
        ),
        pytest.param(
            "  one two three four five",
            ["  one two three four", "  five"],
            id="the indent is kept",
        ),
        pytest.param(
            "to stop it, run `devports free backend`",
            ["to stop it, run", "`devports free backend`"],
            id="a command is never broken",
        ),
        pytest.param(
            "a` lone tick is only a character",
            ["a` lone tick is only", "a character"],
            id="a lone backtick quotes nothing",
        ),
        pytest.param(
            "abcdefghijklmnopqrstuvwxyz", ["abcdefghijklmnopqrstuvwxyz"], id="no place to break"
        ),
    ],
)
def test_wrap(line: str, lines: list[str]) -> None:
    assert wrap(line, 20) == lines
    assert wrap(line, None) == [line]


@given(st.text("ab `日", max_size=60), st.integers(1, 40))
def test_wrapping_loses_nothing_but_spaces(text: str, width: int) -> None:
    assert "".join("".join(wrap(text, width)).split()) == "".join(text.split())


def test_hang_of_a_line_of_spaces() -> None:
    assert hang_of("   ") == 3
    assert hang_of("ab") == 0


def test_paint() -> None:
    assert paint("x", "error", OutputStyle(colour=True)) == "\x1b[1;31mx\x1b[0m"
    assert paint("", "error", OutputStyle(colour=True)) == ""
    assert paint("x", "error", OutputStyle()) == "x"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(0.4, "less than 1 s", id="a blink"),
        pytest.param(8.9, "8 s", id="seconds"),
        pytest.param(60, "1 min", id="a minute"),
        pytest.param(299, "4 min", id="minutes"),
        pytest.param(7300, "2 h", id="hours"),
        pytest.param(86400, "1 day", id="a day"),
        pytest.param(300_000, "3 days", id="days"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("words", "text"),
    [
        pytest.param([], "", id="nothing"),
        pytest.param(["a"], "a", id="one"),
        pytest.param(["a", "b"], "a and b", id="two"),
        pytest.param(["a", "b", "c"], "a, b and c", id="three"),
    ],
)
def test_listed(words: list[str], text: str) -> None:
    assert join_words(words) == text
