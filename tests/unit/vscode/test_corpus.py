"""Whatever people write into their files, nothing outside of generated entries changes.

The files are split by a scanner that shares nothing with that of devports.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from devports.vscode.merge import plan
from tests.harness import jsonc
from tests.unit.vscode import corpus
from tests.unit.vscode.conftest import config, parts, service, vscode

if TYPE_CHECKING:
    from devports.vscode.tasks import Template

BACKEND = service(ports=(("debug", 5678),), vscode=vscode(debug="debugpy"))
WEB = service("web", 5173, ports=(("debug", 9229),), vscode=vscode(debug="node"))
BOTH = config(BACKEND, WEB)
STAGES = (
    ("the first run", BOTH),
    ("the second run", BOTH),
    ("the third run", BOTH),
    ("a service was renamed", config(BACKEND.replace(name="shop"), WEB)),
    ("a service went", config(WEB)),
    ("all services went", config()),
)
HERE = "\0"
"""Where a generated entry was."""
MARKS = {"tasks": '(devports vscode)"', "configurations": '"devports"', "compounds": '"devports"'}
TASKS = corpus.texts(corpus.TASKS, 3)
LAUNCH = corpus.texts(corpus.LAUNCH, 3)


def outside(text: str, lists: tuple[str, ...], added: set[str]) -> str:
    """Return a text with a mark for each generated entry, and for each added key of the top."""
    found, depth, start, key, key_at = list[str](), 0, 0, "", 0
    pieces, entries = jsonc.pieces(text), False
    for number, (piece, is_comment) in enumerate(pieces):
        found.append(piece)
        if is_comment or piece.isspace():
            continue
        if depth == 1 and piece.startswith('"'):
            rest = (each for each, comment in pieces[number + 1 :] if not comment)
            if next((each for each in rest if not each.isspace()), "") == ":":
                key, key_at = piece.strip('"'), len(found) - 1
        if piece in "{[":
            entries = depth == 1 and piece == "[" if depth < 2 else entries
            start = len(found) - 1 if depth == 2 else start
            depth += 1
        elif piece in "}]":
            depth -= 1
        closes = depth == 2 and piece == "}" and entries and key in lists
        if closes and is_ours("".join(found[start:]), key):
            found[start:] = [HERE]
        elif depth == 1 and key in added and (piece == "]" or piece.startswith('"2.0')):
            assert all(each in HERE + "[]:, \t\r\n" for each in found[key_at + 1 : -1]), found
            found[key_at:] = [HERE]
    return "".join(found)


def is_ours(entry: str, key: str) -> bool:
    data = jsonc.read(entry)
    if key == "tasks":
        return str(data.get("detail", "")).endswith("(devports vscode)")
    shown = data.get("presentation")
    return isinstance(shown, dict) and shown.get("group") == "devports"


def differs(before: str, after: str) -> str:
    """Return where `after` is not `before` with separators added around marks; empty: nowhere."""
    at = 0
    commas = after.count(HERE)
    for number, char in enumerate(after):
        if at < len(before) and char == before[at] and char != HERE:
            at += 1
        elif char == "," and commas:
            commas -= 1
        elif char != HERE and not (char in " \t\r\n" and beside(after, number)):
            return f"{after[max(0, number - 40) : number + 20]!r} is not {before[at : at + 20]!r}"
    return "" if at == len(before) else f"lost: {before[at:]!r}"


def beside(text: str, number: int) -> bool:
    """Return whether nothing but separators is between a place and a mark."""
    left, right = text[:number].rstrip(" \t\r\n,"), text[number:].lstrip(" \t\r\n,")
    return left.endswith(HERE) or right.startswith(HERE)


def followed(text: str, key: str) -> str:
    """Return a text of a person's with the new names of what is generated."""
    data = jsonc.read(text).get(key, [])
    own = {each.get(k) for each in data if isinstance(each, dict) for k in ("label", "name")}
    for kind in ("Run {}", "Debug {}: server", "Debug {}"):
        if kind.format("Backend") not in own:
            text = text.replace(f'"{kind.format("Backend")}"', f'"{kind.format("Shop")}"')
    return text


def before_brackets(text: str) -> str:
    """Return a text without the blanks before brackets: those where an entry was may change."""
    return re.sub(r"[ \t\r\n]+(?=\])", "", text)


def play(text: str, template: Template, index: int, lists: tuple[str, ...]) -> list[str]:
    files: list[str | None] = [None, None]
    files[index] = text
    expected, found = text, []
    data = jsonc.read(text)
    added = {key for key in (*lists, "version") if key not in data}
    for name, what in STAGES:
        files = [file.after for file in plan(parts(what), template, *files).files]
        now = files[index] or ""
        expected = followed(expected, lists[0]) if "renamed" in name else expected
        pair = expected, outside(now, lists, added)
        if wrong := differs(*(map(before_brackets, pair) if "went" in name else pair)):
            found.append(f"{name}: {wrong}")
        assert jsonc.comments(now)[: len(jsonc.comments(text))] == jsonc.comments(text)
    return found


def test_the_corpus_is_large() -> None:
    assert len(corpus.TASKS) + len(corpus.LAUNCH) >= 40
    assert len({*TASKS.values(), *LAUNCH.values()}) >= 200


@pytest.mark.parametrize("text", TASKS.values(), ids=TASKS)
def test_a_tasks_json_keeps_every_byte_of_a_person(text: str, template: Template) -> None:
    assert play(text, template, 0, ("tasks",)) == []


@pytest.mark.parametrize("text", LAUNCH.values(), ids=LAUNCH)
def test_a_launch_json_keeps_every_byte_of_a_person(text: str, template: Template) -> None:
    assert play(text, template, 1, ("configurations", "compounds")) == []


@pytest.mark.parametrize(
    ("after", "wrong"),
    [
        pytest.param('{"tasks": [{"a": 1}, \0]}', False, id="an entry was added"),
        pytest.param('{"tasks": [{"a": 1},\n\0\n]}', False, id="with line ends"),
        pytest.param('{"tasks": [{"a":  1}, \0]}', True, id="a blank within an entry"),
        pytest.param('{"tasks": [{"a": 2}, \0]}', True, id="another value"),
        pytest.param('{"tasks": [\0]}', True, id="an entry went"),
    ],
)
def test_the_comparison_sees_a_difference(after: str, wrong: bool) -> None:
    assert bool(differs('{"tasks": [{"a": 1}]}', after)) is wrong
