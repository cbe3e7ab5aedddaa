from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from devports.config.load import exceeds_limits
from devports.config.report import Place, locate, scan

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NASTY = '''\
top = 1 # [services.fake]
"quoted key".'single.dot' . bare = "value # no comment"
text = """
[services.backend]
port = 1 \\""" still
""""
raw = \'\'\'
'port' = 2 \\\'\'\'\'
when = 1979-05-27 07:32:00Z
[services.backend] # a comment
port = 8000
env = { A = "}", "B\\u0041" = [1, { x = ']' }], }
"tab\\tkey\\\\" = -1.5e3
depends_on = [
  "db", # "x"
  'cache',
]
[[list]]
name = "first"
[list.sub]
deep = 1
[[list]]
[list.sub]
deep = 2
[[list.inner]]
x.y = true
[ services . "we\\"b" ]
port=5173
'''


def words(text: str, path: tuple[str | int, ...], *, value: bool) -> str | None:
    place = locate(text, scan(text), path, value=value)
    if place is None:
        return None
    return text.split("\n")[place.line - 1][place.column : place.column + place.length]


@pytest.mark.parametrize(
    ("path", "line", "key", "value"),
    [
        pytest.param(("top",), 1, "top", "1", id="the first line"),
        pytest.param(
            ("quoted key", "single.dot", "bare"),
            2,
            "bare",
            '"value # no comment"',
            id="quoted keys",
        ),
        pytest.param(("quoted key",), 2, '"quoted key"', '"quoted key"', id="the start of a path"),
        pytest.param(("text",), 3, "text", '"""', id="a text of several lines"),
        pytest.param(("raw",), 7, "raw", "'''", id="a literal text of several lines"),
        pytest.param(("when",), 9, "when", "1979-05-27 07:32:00Z", id="a date with a blank"),
        pytest.param(("services",), 10, "services", "services", id="a table without a header"),
        pytest.param(("services", "backend"), 10, "backend", "backend", id="a table"),
        pytest.param(("services", "backend", "port"), 11, "port", "8000", id="a key in a table"),
        pytest.param(("services", "backend", "env", "A"), 12, "A", '"}"', id="in an inline table"),
        pytest.param(
            ("services", "backend", "env", "BA", 1, "x"), 12, "x", "']'", id="deep in a value"
        ),
        pytest.param(("services", "backend", "tab\tkey\\"), 13, None, "-1.5e3", id="escapes"),
        pytest.param(("services", "backend", "depends_on", 1), 16, None, "'cache'", id="an item"),
        pytest.param(("list", 0, "name"), 19, "name", '"first"', id="in an array of tables"),
        pytest.param(("list", 0, "sub", "deep"), 21, "deep", "1", id="under its first element"),
        pytest.param(("list", 1, "sub", "deep"), 24, "deep", "2", id="under its second element"),
        pytest.param(("list", 1, "inner", 0, "x", "y"), 26, "y", "true", id="an array in an array"),
        pytest.param(("services", 'we"b', "port"), 28, "port", "5173", id="a quote in a name"),
    ],
)
def test_locate(path: tuple[str | int, ...], line: int, key: str | None, value: str):
    assert words(NASTY, path, value=True) == value
    assert key is None or words(NASTY, path, value=False) == key
    place = locate(NASTY, scan(NASTY), path, value=True)
    assert place is not None
    assert place.line == line


@pytest.mark.parametrize(
    "path",
    [
        pytest.param((), id="the whole file"),
        pytest.param(("services", "fake"), id="in a comment"),
        pytest.param(("port",), id="in a text"),
        pytest.param(("services", "backend", "prot"), id="a missing key"),
        pytest.param(("list", 2), id="a missing element"),
    ],
)
def test_what_is_not_there_has_no_place(path: tuple[str | int, ...]):
    assert locate(NASTY, scan(NASTY), path, value=True) is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a", id="a key without a value"),
        pytest.param("a = [", id="an open list"),
        pytest.param("[", id="an open header"),
        pytest.param("a = " + "[" * 20000, id="lists without end"),
        pytest.param('"\\uzzzz" = 1', id="an escape that is none"),
        pytest.param('"\\UFFFFFFFF" = 1', id="a character that does not exist"),
    ],
)
def test_what_is_not_toml_has_no_places(text: str):
    assert scan(text).keys == {}


# The oracle is tomllib: a value replaced where we say it is must be replaced in the data.

KEYS = st.sampled_from(["a", "b", '"a.b"', "'c d'", '"\\u0061"', '"x\\"y"', "a.b", "b . c", "1.2"])
STRINGS = st.sampled_from(
    ['"#"', "'[a]'", '"""\n[b]\na = 1\n"""', "'''x'''''", '"""\\""""', '"\\\\"', "''", '""""""']
)
SCALARS = st.sampled_from(["1", "-1.5", "true", "1979-05-27 07:32:00", "inf"]) | STRINGS
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[ # ]\n" + " ,\n".join(items) + "\n]")
        | st.dictionaries(KEYS, inner, max_size=2).map(
            lambda d: "{ " + ", ".join(f"{k} = {v}" for k, v in d.items()) + " }"
        )
    ),
    max_leaves=4,
)
LINES = (
    st.builds("{} = {}".format, KEYS, VALUES)
    | KEYS.map("[{}] # = [x]".format)
    | KEYS.map("[[ {} ]]".format)
    | st.sampled_from(["", "# a = 1", "\t"])
)
MARK = "the mark"


def replaced(data: Any, path: tuple[str | int, ...]) -> Any:
    """The data with the mark at the path; KeyError or IndexError if there is no such path."""
    if not path:
        return MARK
    first, rest = path[0], path[1:]
    if isinstance(data, list):
        assert isinstance(first, int)
        return [*data[:first], replaced(data[first], rest), *data[first + 1 :]]
    return {**data, first: replaced(data[first], rest)}


@settings(max_examples=200)
@given(st.lists(LINES, max_size=6), st.sampled_from(["\n", "\n\n"]))
def test_every_value_is_where_we_say(lines: list[str], end: str):
    text = end.join(lines)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assume(False)
    spans = scan(text)
    assert bool(spans.keys) is bool(data)
    for path, span in spans.values.items():
        marked = tomllib.loads(text[: span.start] + f'"{MARK}"' + text[span.end :])
        assert repr(marked) == repr(replaced(data, path))
    for path, span in spans.keys.items():
        renamed = tomllib.loads(f"{text[span.start : span.end]} = 0")
        assert list(renamed) == [path[-1]]
        replaced(data, path)


@given(st.text(alphabet="ab=.[]{}\"'\\#\n, 1u", max_size=60))
def test_a_place_is_inside_the_text_whatever_it_is(text: str):
    spans = scan(text)
    for path in (*spans.keys, *spans.values):
        place = locate(text, spans, path, value=True)
        assert place is not None
        line = text.split("\n")[place.line - 1]
        assert 0 <= place.column <= place.column + place.length <= len(line)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a." * 31 + "b = 1", None, id="32 parts"),
        pytest.param(
            "\n" + "a." * 32 + "b = 1",
            (Place(2, 63, 1), "a dotted key of more than 32 parts"),
            id="33 parts",
        ),
        pytest.param('"' + "a." * 90 + '" = 1', None, id="dots in a quoted key"),
        pytest.param("a = [" + "1.5, " * 90 + "]", None, id="dots in numbers"),
        pytest.param("# " + "a." * 90, None, id="dots in a comment"),
        pytest.param('a = """\n' + "a." * 90 + '"""', None, id="dots in a text"),
        pytest.param("a.b = 1\n" * 90, None, id="many short keys"),
        pytest.param("a = " + "[" * 32 + "]" * 32, None, id="32 lists"),
        pytest.param(
            "a = " + "[" * 33,
            (Place(1, 36, 1), "nested more than 32 levels deep"),
            id="33 lists",
        ),
        pytest.param("a = []\n" * 90, None, id="lists beside each other"),
        pytest.param("a = " + "1" * 1024, None, id="a number of 1024 digits"),
        pytest.param(
            "a = " + "1" * 1025,
            (Place(1, 4, 1025), "more than 1024 characters without a break"),
            id="a number of 1025 digits",
        ),
        pytest.param("a = '" + "1" * 2000 + "'", None, id="a long text"),
    ],
)
def test_limits(text: str, expected: tuple[Place, str] | None):
    assert exceeds_limits(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('a="""' + '\\"""' * 20000, id="quotes that never end"),
        pytest.param('"\\"' * 20000 + "\\\n", id="escapes before the end of a line"),
        pytest.param("'''" + "''x" * 20000, id="literal quotes that never end"),
    ],
)
def test_hostile_quotes_are_read_once(text: str):
    # Quadratic reading would take minutes here: the test ends, or it does not.
    assert exceeds_limits(text) is None
