"""One value changes and every other byte stays."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devports.core.jsonc import Style, append, drop, parse, plain, put, same, style_of, written
from tests.harness import jsonc

TASKS = """{
  // above
  "tasks": [ // behind
    { "label": "a" }, // of a
    // of b
    { "label": "b" } // behind b
    // at the end
  ]
}
"""
APPENDED = [
    pytest.param("[]", "[\n    1\n]", id="into nothing"),
    pytest.param("[ ]", "[\n    1\n]", id="into a blank"),
    pytest.param("[0]", "[0, 1]", id="on one line"),
    pytest.param("[0,]", "[0, 1,]", id="a trailing comma on one line stays one"),
    pytest.param("[\n  0\n]", "[\n  0,\n  1\n]", id="on a line of its own"),
    pytest.param("[\n  0,\n]", "[\n  0,\n  1,\n]", id="with a trailing comma where they are used"),
    pytest.param("[\n\t0 // x\n]", "[\n\t0, // x\n\t1\n]", id="behind a comment, with tabs"),
    pytest.param("[\r\n  0\r\n]", "[\r\n  0,\r\n  1\r\n]", id="with lines of Windows"),
    pytest.param("[ // none yet  \n]", "[ // none yet  \n    1\n]", id="behind a comment alone"),
    pytest.param("[\n  0 /* x */ ]", "[\n  0,\n  1 /* x */ ]", id="the bracket on the same line"),
    pytest.param("[\n  0 /* x */ /* y */\n]", "[\n  0, /* x */ /* y */\n  1\n]", id="two comments"),
    pytest.param("[\n  0 /* x */ , // y\n]", "[\n  0 /* x */ , // y\n  1,\n]", id="an odd comma"),
    pytest.param("[/* ] */]", "[/* ] */\n    1\n]", id="a bracket in a comment"),
]


@pytest.mark.parametrize(("before", "after"), APPENDED)
def test_append(before: str, after: str) -> None:
    assert append(before, (), 1) == after


@pytest.mark.parametrize(("before", "after"), APPENDED)
def test_several_at_once_are_as_if_one_after_another(before: str, after: str) -> None:
    assert append(before, (), 1, {"k": [2]}, 3) == append(append(after, (), {"k": [2]}), (), 3)
    assert append(before, ()) == before


SET = [
    pytest.param('{"a": 1}', ("a",), 2, '{"a": 2}', id="a value"),
    pytest.param('{"a": 1, "a": 1}', ("a",), 2, '{"a": 1, "a": 2}', id="the one that counts"),
    pytest.param('{ /* x */ "a" /* y */ : /* z */ 1 // w\n}', ("a",), [1],
                 '{ /* x */ "a" /* y */ : /* z */ [1] // w\n}', id="comments all around"),
    pytest.param("{}", ("a",), 1, '{\n    "a": 1\n}', id="the first key"),
    pytest.param('{"a": 1}', ("b",), 2, '{"a": 1, "b": 2}', id="a further key on one line"),
    pytest.param('{\n  "a": 1 // x\n}', ("b",), 2, '{\n  "a": 1, // x\n  "b": 2\n}',
                 id="a further key on a line of its own"),
    pytest.param("[[1], [2]]", (1, 0), {"k": "ü"}, '[[1], [{ "k": "ü" }]]', id="in a list"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "path", "value", "after"), SET)
def test_put(before: str, path: tuple[str | int, ...], value: object, after: str) -> None:
    assert put(before, path, value) == after


DROPPED = [
    pytest.param("[1]", (0,), "[]", id="the only one"),
    pytest.param("[\n  1,\n]", (0,), "[]", id="the only one of several lines"),
    pytest.param("[\n  // x\n  1\n]", (0,), "[\n  // x\n]", id="the only one has a comment above"),
    pytest.param("[1, 2]", (0,), "[ 2]", id="the first of a line"),
    pytest.param("[1, 2]", (1,), "[1]", id="the last of a line"),
    pytest.param("[\n  1,\n  2\n]", (0,), "[\n  2\n]", id="a line goes"),
    pytest.param("[\n  1,\n  2\n]", (1,), "[\n  1\n]", id="and the comma before the last"),
    pytest.param("[\n  1,\n  2,\n]", (1,), "[\n  1,\n]", id="a habit of trailing commas"),
    pytest.param("[\n  1, // x\n  2 // y\n]", (0,), "[\n  // x\n  2 // y\n]", id="comments stay"),
    pytest.param("[1 /* x */ , 2]", (0,), "[ /* x */  2]", id="a comment before the comma stays"),
    pytest.param('{"a": 1, "b": 2}', ("a",), '{ "b": 2}', id="a key with its value"),
    pytest.param("[\n 1\n , 2\n]", (1,), "[\n 1\n]", id="a comma that leads a line"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "path", "after"), DROPPED)
def test_drop(before: str, path: tuple[str | int, ...], after: str) -> None:
    assert drop(before, path) == after
    parse(after)


def test_only_the_lines_of_the_task_change() -> None:
    assert append(TASKS, ("tasks",), {"label": "c"}).splitlines() == [
        *TASKS.splitlines()[:5],
        '    { "label": "b" }, // behind b',
        '    { "label": "c" }',
        *TASKS.splitlines()[6:],
    ]


WRONG = [
    pytest.param(lambda: put("{}", ("a", "b"), 1), id="a key of what is not there"),
    pytest.param(lambda: put("[1]", (7,), 1), id="a position behind the end"),
    pytest.param(lambda: put("[1]", ("a",), 1), id="a key of a list"),
    pytest.param(lambda: put("1", ("a",), 1), id="a key of a number"),
    pytest.param(lambda: append("{}", (), 1), id="the end of an object"),
    pytest.param(lambda: append("", (), 1), id="the end of nothing"),
    pytest.param(lambda: drop("{}", ("a",)), id="what is not there"),
]


@pytest.mark.parametrize("edit", WRONG)
def test_what_is_not_there_cannot_be_edited(edit: Any) -> None:
    with pytest.raises(KeyError):
        edit()


STYLES = [
    pytest.param("", Style("    ", "\n"), id="nothing is like VS Code's own files"),
    pytest.param('{\n  "a": 1\n}', Style("  ", "\n"), id="two blanks"),
    pytest.param('{ // x\r\n\t"a": 1\r\n}', Style("\t", "\r\n"), id="tabs, lines of Windows"),
    pytest.param('{\r "a": 1\r}', Style(" ", "\r"), id="lines of an old Mac"),
    pytest.param('{"a": 1}\n', Style("    ", "\n"), id="one line shows no indentation"),
    pytest.param('  {\n     "a": [ /* x */\n 1] }', Style("   ", "\n"), id="all of it indented"),
    pytest.param('  {\n "a": 1 }', Style(" ", "\n"), id="less than what is outside"),
    pytest.param('  {\n  "a": 1 }', Style("    ", "\n"), id="no step at all"),
]


@pytest.mark.parametrize(("text", "style"), STYLES)
def test_the_style_is_that_of_the_file(text: str, style: Style) -> None:
    assert style_of(text) == style


def test_short_values_are_written_on_one_line_and_long_ones_are_not() -> None:
    long = {"a": ["x" * 60, "y" * 60], "b": {}, "c": "z" * 80}
    assert written({"a": [1, {"b": None}]}, Style()) == '{ "a": [1, { "b": null }] }'
    assert written(long, Style("  ", "\r\n"), " ").split("\r\n") == [
        "{",
        '   "a": [',
        f'     "{"x" * 60}",',
        f'     "{"y" * 60}"',
        "   ],",
        '   "b": {},',
        f'   "c": "{"z" * 80}"',
        " }",
    ]


EDITS = st.tuples(
    st.sampled_from(["append", "put", "set", "drop", "drop key"]),
    st.integers(0, 3),
    jsonc.KEYS,
    jsonc.VALUES,
)


def edited(  # noqa: PLR0917  # an edit is drawn as a tuple
    data: Any, text: str, how: str, number: int, key: str, value: Any
) -> tuple[Any, str]:
    """Make the same edit in the data and in the text."""
    data = copy.deepcopy(data)
    tasks = data["tasks"]
    if how == "append":
        tasks.append(value)
        return data, append(text, ("tasks",), value)
    if how == "put" and key != "tasks":
        data[key] = value
        return data, put(text, (key,), value)
    if number >= len(tasks):
        return data, text
    if how == "set" and isinstance(tasks[number], dict):
        tasks[number][key] = value
        return data, put(text, ("tasks", number, key), value)
    if how == "drop":
        del tasks[number]
        return data, drop(text, ("tasks", number))
    if how == "drop key" and isinstance(tasks[number], dict) and key in tasks[number]:
        del tasks[number][key]
        return data, drop(text, ("tasks", number, key))
    return data, text


@settings(max_examples=50)
@given(jsonc.untidy(), st.lists(EDITS, min_size=1, max_size=4))
def test_whatever_is_edited_another_reader_agrees(
    untidy: tuple[Any, str], edits: list[tuple[str, int, str, Any]]
) -> None:
    data, text = untidy
    for edit in edits:
        data, after = edited(data, text, *edit)
        assert same(jsonc.read(after), data), (text, edit, after)
        assert same(plain(parse(after)), data)
        if edit[0] == "append":
            assert jsonc.comments(after) == jsonc.comments(text)
        assert ("\r\n" in after) <= ("\r\n" in text)
        assert after.startswith("\ufeff") == text.startswith("\ufeff")
        text = after


@settings(max_examples=50)
@given(jsonc.untidy())
def test_a_key_that_is_added_and_removed_leaves_every_comment(untidy: tuple[Any, str]) -> None:
    _, text = untidy
    there = put(text, ("a new key",), {"x": [1]})
    gone = drop(there, ("a new key",))
    assert jsonc.comments(there) == jsonc.comments(text)
    assert jsonc.comments(gone) == jsonc.comments(text)
