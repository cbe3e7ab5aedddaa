"""Write again what is made in the pages of docs/ from the code: tables of what it knows.

A made part stands between `<!-- made: NAME, by ... -->` and `<!-- end -->`. Run it from anywhere
after a change of what it is made from: python tests/unit/docs/regenerate.py
"""

from __future__ import annotations

import ast
import pathlib
import re
import sys
from typing import TYPE_CHECKING, Any

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from devports import exitcodes  # noqa: E402  # found by the line above
from devports.core.bind_errors import PATTERNS  # noqa: E402
from devports.ui.json_schema import DATA, EVENTS  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PART = re.compile(r"(<!-- made: (\w+), by [^>]* -->\n).*?(<!-- end -->)", re.DOTALL)
MEANINGS = {
    "fatal": "it did not get its port",
    "moved": "it took another one",
    "partial": "it got some of its addresses",
    "foreign": "a container engine speaks: the holder may be a container",
    "denied": "it may not have this port; freeing cannot help",
}


def code(text: str) -> str:
    """Return a text as code in a table."""
    return "`" + text.replace("|", "\\|") + "`"


def table(head: str, rows: Iterator[tuple[str, ...]]) -> str:
    """Return a table, with `head` as its first line."""
    bar = "|" + "---|" * (head.count("|") - 1)
    lines = [head, bar, *("| " + " | ".join(row) + " |" for row in rows)]
    return "".join(f"{line}\n" for line in lines)


def data() -> str:
    """Return what `data` of a result holds, by command."""
    rows = ((code(name), _keys(shape)) for name, shape in DATA.items())
    return table("| command | keys |", rows)


def _keys(shape: dict[str, Any]) -> str:
    """Return the keys of a shape, and in brackets those of its lists of objects."""
    found = []
    for name, field in shape["properties"].items():
        inner = field.get("items", {}).get("properties", {})
        found.append(code(name) + (f" (each: {', '.join(map(code, inner))})" if inner else ""))
    return ", ".join(found)


def events() -> str:
    rows = ((code(name), text, ", ".join(map(code, keys))) for name, (text, keys) in EVENTS.items())
    return table("| event | meaning | further keys |", rows)


def wordings() -> str:
    rows = ((code(row.sample), code(row.name), MEANINGS[row.kind]) for row in PATTERNS)
    return table("| an example | name | meaning |", rows)


def errors() -> str:
    rows = (
        (code(name), ", ".join(sorted(exits)), "<br>".join(texts))
        for name, (exits, texts) in sorted(raised().items())
    )
    return table("| code | exit code | text |", rows)


def findings() -> str:
    """Return what the doctor finds beside verdicts and the editor's files, by its rules."""
    rows = []
    for path in sorted((ROOT / "devports" / "doctor").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) == "Problem" and node.args[2:]:
                why = "".join(_text(each.value) for each in node.keywords if each.arg == "why")
                rows += [
                    (code(name), _text(node.args[1]), _text(node.args[2]), why)
                    for name in _codes(node.args[0])
                    if "..." not in name
                ]
    return table("| code | severity | text | why it matters |", iter(sorted(rows)))


def raised() -> dict[str, tuple[set[str], list[str]]]:
    """Return every error that the source raises by a name of its own: exit codes and texts."""
    found: dict[str, tuple[set[str], list[str]]] = {}
    for path in sorted((ROOT / "devports").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) == "DevportsError":
                for name in _codes(node.args[0]):
                    exits, texts = found.setdefault(name, (set(), []))
                    exits |= _exits(node, tree)
                    text = _text(node.args[1])
                    if text not in texts and (re.search("[a-z]", text) or not texts):
                        texts.append(text)
    return found


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _codes(node: ast.expr) -> list[str]:
    """Return the codes that an expression stands for; none where it is a variable."""
    text = _text(node)
    if text.startswith("..."):
        return [kind + text[3:] for kind in ("config", "env-file")] if text[3:] else []
    return [text]


def _text(node: ast.expr) -> str:
    """Return a text of the source, `...` for what is filled in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, node.values))
    return str(node.value) if isinstance(node, ast.Constant) else "..."


def _exits(node: ast.Call, tree: ast.Module) -> set[str]:
    """Return the exit codes of an error, by their numbers."""
    given = [keyword.value for keyword in node.keywords if keyword.arg == "exit_code"]
    if not given:
        return {str(exitcodes.USAGE)}
    if isinstance(given[0], ast.Call):
        return {"128+n"}
    if isinstance(given[0], ast.Attribute):
        return {str(getattr(exitcodes, given[0].attr))}
    variable = _name(given[0])
    values = [
        each.value
        for each in ast.walk(tree)
        if isinstance(each, ast.Assign) and any(_name(to) == variable for to in each.targets)
    ]
    names = {_name(each) for value in values for each in ast.walk(value)}
    return {str(getattr(exitcodes, name)) for name in names if hasattr(exitcodes, name)}


SECTIONS: dict[str, Callable[[], str]] = {
    "data": data,
    "events": events,
    "wordings": wordings,
    "errors": errors,
    "findings": findings,
}


def made(text: str) -> str:
    """Return a page with its made parts made anew."""
    return PART.sub(lambda part: f"{part[1]}{SECTIONS[part[2]]()}{part[3]}", text)


if __name__ == "__main__":
    for page in sorted((ROOT / "docs").glob("*.md")):
        page.write_bytes(made(page.read_text(encoding="utf-8")).encode())
