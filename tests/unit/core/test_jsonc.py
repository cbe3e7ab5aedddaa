"""JSON with comments is read as it is, or refused with the place that is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devports.core.jsonc import JsoncError, find, parse, place, plain, same
from tests.harness import jsonc

READ = [
    pytest.param('{"a": 1}', {"a": 1}, id="plain JSON"),
    pytest.param("// top\n[1, /* two */ 2] // end", [1, 2], id="comments of both kinds"),
    pytest.param('{"a": [1, 2,], }', {"a": [1, 2]}, id="trailing commas"),
    pytest.param('\ufeff{"a": null}', {"a": None}, id="a byte order mark"),
    pytest.param('{\r\n"a":\ttrue\r\n}\r\n', {"a": True}, id="lines of Windows"),
    pytest.param('{"a": 1, "a": 2}', {"a": 2}, id="of equal keys the last counts"),
    pytest.param(r'"\u00e9\ud83d\ude80\/"', "é🚀/", id="escapes"),
    pytest.param('["// no", "/* no */"]', ["// no", "/* no */"], id="no comment in a string"),
    pytest.param("/**/[/***/]/* * / */", [], id="comments made of stars"),
    pytest.param("[-0, 1.5e3, 123456789012345678901234567890]",
                 [0, 1500.0, 123456789012345678901234567890], id="numbers"),
    pytest.param("", None, id="nothing"),
    pytest.param("\ufeff// only\n/* comments */\n", None, id="only comments"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "data"), READ)
def test_what_can_be_read(text: str, data: Any) -> None:
    assert plain(parse(text)) == data


REFUSED = [
    pytest.param('{\n  "a": 1\n  "b": 2\n}', 3, 3, "a comma or `}`", id="a missing comma"),
    pytest.param('{ "a": [1, 2 }', 1, 14, "a comma or `]`", id="the wrong bracket"),
    pytest.param('{ "a": 1', 1, 9, "ends too early", id="a missing brace"),
    pytest.param("{ 'a': 1 }", 1, 3, "double quotes", id="single quotes"),
    pytest.param("{ a: 1 }", 1, 3, "double quotes", id="a key without quotes"),
    pytest.param('{ "a" 1 }', 1, 7, "a colon", id="a missing colon"),
    pytest.param('{ "a": }', 1, 8, "a value", id="a missing value"),
    pytest.param("[1,,2]", 1, 4, "a value", id="two commas"),
    pytest.param("[,]", 1, 2, "a value", id="only a comma"),
    pytest.param("[01]", 1, 2, "a value", id="a number with a leading zero"),
    pytest.param("[1.]", 1, 2, "a value", id="half a number"),
    pytest.param("[nul]", 1, 2, "a value", id="half a word"),
    pytest.param("[1, " + "9" * 5000 + "]", 1, 5, "too many digits", id="more than Python reads"),
    pytest.param("[\u0661]", 1, 2, "a value", id="digits of another script"),
    pytest.param('["a\tb"]', 1, 2, "a value", id="a control character in a string"),
    pytest.param(r'["\x41"]', 1, 2, "a value", id="an escape that JSON has not"),
    pytest.param("[1] [2]", 1, 5, "after the end", id="a second document"),
    pytest.param("[1] /* open", 1, 5, "that is not closed", id="an open comment"),
    pytest.param("\r\n\r\n[\r\n1 2]", 4, 3, "a comma", id="lines of Windows are counted once"),
    pytest.param("\ufeff[1 2]", 1, 4, "a comma", id="a byte order mark is no column"),
    pytest.param("[" * 102, 1, 102, "nested more than", id="deeper than anybody writes"),
]


@pytest.mark.parametrize(("text", "line", "column", "reason"), REFUSED)
def test_what_is_refused_is_told_with_its_place(
    text: str, line: int, column: int, reason: str
) -> None:
    with pytest.raises(JsoncError, match=f"in line {line}, column {column}$") as caught:
        parse(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert reason in caught.value.reason


def test_a_place_between_the_two_characters_of_a_line_end() -> None:
    assert [place("a\r\nb", offset) for offset in range(5)] == [
        (1, 1), (1, 2), (1, 3), (2, 1), (2, 2),
    ]  # fmt: skip


@given(jsonc.untidy())
def test_another_reader_reads_the_same(untidy: tuple[Any, str]) -> None:
    data, text = untidy
    assert same(jsonc.read(text), data)
    assert same(plain(parse(text)), data)


@given(st.text('{}[]",:/*\\ab1 \n\r\ufeff-.eE', max_size=30))
def test_whatever_comes_it_is_read_or_refused(text: str) -> None:
    try:
        data = plain(parse(text))
    except JsoncError:
        return
    assert data is None or same(jsonc.read(text), data)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(("a", 1, "b"), 2, id="through a list"),
        pytest.param(("a", 5), None, id="behind the end"),
        pytest.param(("a", -1), None, id="before the begin"),
        pytest.param(("a", "b"), None, id="a key of a list"),
        pytest.param((0,), None, id="a position in an object"),
        pytest.param(("x", "y"), None, id="below what is not there"),
        pytest.param(("c",), 4, id="the last of equal keys"),
    ],
)
def test_what_stands_at_a_path(path: tuple[str | int, ...], value: object) -> None:
    text = '{"a": [0, {"b": 2}], "c": 3, "c": 4}'
    assert plain(find(parse(text), path)) == value


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        pytest.param(1, True, False, id="a number is no truth value"),
        pytest.param([1], [True], False, id="at whatever depth"),
        pytest.param({"a": 1, "b": 2}, {"b": 2, "a": 1}, True, id="the order of keys is nothing"),
        pytest.param([1, 2], [2, 1], False, id="the order of a list is something"),
        pytest.param([1], [1, 2], False, id="a longer list"),
        pytest.param({}, [], False, id="an object is no list"),
    ],
)
def test_equality_as_json(one: object, other: object, equal: bool) -> None:
    assert same(one, other) is equal
