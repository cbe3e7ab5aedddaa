"""Node's word on what we edit: Microsoft's reader of JSON with comments."""

from __future__ import annotations

import json
import random
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from devports.core.jsonc import JsoncError, parse, plain, same
from tests.harness import node
from tests.harness.jsonc import Untidy
from tests.unit.vscode.test_edits import edited

if TYPE_CHECKING:
    from collections.abc import Sequence

READ = """
const { parse } = require(process.argv[1] + '/jsonc-parser');
const texts = JSON.parse(require('fs').readFileSync(0, 'utf8'));
console.log(JSON.stringify(texts.map(text => {
  const errors = [];
  const data = parse(text.replace(/^\\ufeff/, ''), errors, { allowTrailingComma: true });
  return { data, errors: errors.length };
})));
"""
DOCUMENTS = 1500


@pytest.fixture(scope="module")
def modules() -> str:
    try:
        return node.modules()
    except node.MissingError as missing:
        pytest.skip(str(missing))


def ask(program: str, question: Sequence[object], *words: str) -> list[Any]:
    done = subprocess.run(
        ["node", "-e", program, *words],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    answer = json.loads(done.stdout)
    assert len(answer) == len(question)
    assert isinstance(answer, list)
    return answer


def some_value(lot: random.Random, depth: int = 0) -> Any:
    if depth > 2 or lot.random() < 0.5:
        return lot.choice([None, True, False, 0, -5, 2**40, "", 'a"b', "//x", "/*]", "é🚀", "}"])
    if lot.random() < 0.5:
        return [some_value(lot, depth + 1) for _ in range(lot.randrange(4))]
    return {key: some_value(lot, depth + 1) for key in lot.sample(["a", "b", '"c', "/*"], 2)}


def test_microsofts_reader_finds_no_error_in_what_was_edited(modules: str) -> None:
    lot, texts, expected = random.Random(11), [], []
    for _ in range(DOCUMENTS):
        data = {"a": some_value(lot), "tasks": [some_value(lot) for _ in range(lot.randrange(5))]}
        text = Untidy(lot.randrange(2**32)).document(data)
        for _ in range(lot.randrange(4)):
            how = lot.choice(["append", "put", "set", "drop", "drop key"])
            data, text = edited(
                data, text, how, lot.randrange(4), lot.choice("ab"), some_value(lot)
            )
        texts.append(text)
        expected.append(data)
    for text, data, read in zip(texts, expected, ask(READ, texts, modules), strict=True):
        assert read["errors"] == 0, text
        assert same(read["data"], data), text


def test_what_microsofts_reader_refuses_we_refuse_too(modules: str) -> None:
    lot = random.Random(12)
    texts = [
        "".join(lot.choices('{}[]",:/*\\ab1 \n-.e', k=lot.randrange(1, 12))) for _ in range(9000)
    ]
    ours = [readable(text) for text in texts]
    theirs = [read["errors"] == 0 for read in ask(READ, texts, modules)]
    wrong = [text for text, we, they in zip(texts, ours, theirs, strict=True) if we and not they]
    assert wrong == []
    assert sum(ours) > 20


def readable(text: str) -> bool:
    try:
        return plain(parse(text)) is not None
    except JsoncError:
        return False
