"""What users read is plain technical English: no pronouns for processes, no idioms.

The words of other programs are exempt (`core/bind_errors.py` reads them), and so are codes and
keys, which are words joined by hyphens or underscores.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "devports"
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.name != "bind_errors.py"]
PAGES = [
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
]
FILES = [
    *sorted((ROOT / ".vscode-template").glob("*.json")),
    *sorted((PACKAGE / "schemas").glob("*.json")),
    *sorted((PACKAGE / "completions").iterdir()),
    ROOT / "devports.toml.example",
    ROOT / ".pre-commit-hooks.yaml",
]
PRONOUNS = r"we|our|ours|somebody|someone|nobody|everybody|whoever|whom|anew|meanwhile"
IDIOMS = (
    r"mend\w*|heirs?|let go|lets go|goes on|went (?:to|into)|as you said|to be seen"
    r"|takes? (?:it|them) apart|one day|looked? at|looked after|has gone|in charge|left behind"
    r"|by itself|for good|turns? up"
)
BANNED = re.compile(rf"\b(?:(?i:{PRONOUNS}|{IDIOMS})|us)\b")
JOINED = re.compile(r"\w+(?:[-_]\w+)+")
"""A code, a key or an option: part of the contract with scripts."""


ARGUMENT = re.compile(r"^ *\w+:|`[^`]*`", re.MULTILINE)
"""The name of an argument, and of anything else in the code."""


def banned(text: str) -> list[str]:
    """Return the words of a text that are not to be used."""
    return BANNED.findall(JOINED.sub("X", " ".join(text.split())))


def text_of(node: ast.AST) -> str:
    """Return the text of an expression, its placeholders as X; empty if it is none."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(text_of(part) for part in parts)
        case ast.FormattedValue():
            return "X"
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return (text_of(left) or "X") + (text_of(right) or "X")
        case _:
            return ""


def messages(source: str) -> list[tuple[int, str]]:
    """Return line and text of what a module may say; docstrings are for its readers."""
    tree = ast.parse(source)
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr | ast.BinOp) and text_of(node):
            skipped |= {id(part) for part in ast.walk(node) if part is not node}
    found = [
        (node.lineno, text_of(node))
        for node in ast.walk(tree)
        if isinstance(node, ast.expr) and id(node) not in skipped
    ]
    return [(line, text) for line, text in found if " " in text.strip()]


def remarks(source: str) -> list[tuple[int, str]]:
    """Return line and text of what a module says to its readers: docstrings and comments."""
    tree, lines = ast.parse(source), io.StringIO(source).readline
    found = [
        (node.lineno, ARGUMENT.sub("", node.value.value))
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    comments = (
        token for token in tokenize.generate_tokens(lines) if token.type == tokenize.COMMENT
    )
    return found + [(token.start[0], token.string) for token in comments]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_messages_are_plain_english(path: Path) -> None:
    said = messages(path.read_text(encoding="utf-8"))
    assert [(line, text) for line, text in said if banned(text)] == []


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=name)
def test_docstrings_and_comments_are_plain_english(path: Path) -> None:
    said = remarks(path.read_text(encoding="utf-8"))
    assert [(line, banned(text)) for line, text in said if banned(text)] == []


@pytest.mark.parametrize("path", [*PAGES, *FILES], ids=name)
def test_pages_and_shipped_files_are_plain_english(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [(number, banned(line)) for number, line in enumerate(lines, 1)]
    assert [(number, words) for number, words in found if words] == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        pytest.param('x = "it is our port"', ["our"], id="a string"),
        pytest.param('x = f"{a} our {b}"', ["our"], id="between two placeholders"),
        pytest.param('x = f"it {a} goes " f"on here"', ["goes on"], id="across two pieces"),
        pytest.param('x = "the port is let " + word + " go on"', [], id="across a variable"),
        pytest.param('x = a + " of nobody"', ["nobody"], id="added to a variable"),
        pytest.param('x = "Nobody has it"', ["Nobody"], id="at the start of a sentence"),
        pytest.param('x = "left-behind and nobody-to-ask"', [], id="codes"),
        pytest.param('def f():\n    """Return our port."""', [], id="a docstring"),
        pytest.param('x = "US dollars, a user, focus"', [], id="words that only contain one"),
    ],
)
def test_what_is_found(source: str, found: list[str]) -> None:
    assert [word for _, text in messages(source) for word in banned(text)] == found
