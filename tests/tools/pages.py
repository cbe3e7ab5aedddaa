"""Write again what is made in the pages of docs/ from the code: tables of what it knows.

A made part stands between `<!-- made: NAME, by ... -->` and `<!-- end -->`. Run it from anywhere
after a change of what it is made from: python tests/tools/pages.py
"""

from __future__ import annotations

import ast
import functools
import inspect
import pathlib
import re
import sys
from typing import TYPE_CHECKING, Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from devports import exitcodes  # noqa: E402  # found by the line above
from devports.config import keys  # noqa: E402
from devports.core.value import unreachable  # noqa: E402
from devports.system import refusal  # noqa: E402
from tests.tools import schemas  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from devports.config.keys import Key

PART = re.compile(r"(<!-- made: (\w+), by [^>]* -->\n).*?(<!-- end -->)", re.DOTALL)


def code(text: str) -> str:
    """Return a text as code in a table."""
    return "`" + text.replace("|", "\\|") + "`"


def table(head: str, rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table, with `head` as its first line."""
    bar = "|" + "---|" * (head.count("|") - 1)
    lines = [head, bar, *("| " + " | ".join(row) + " |" for row in rows)]
    return "".join(f"{line}\n" for line in lines)


def data() -> str:
    """Return what `data` of a result holds, by command."""
    shapes = {name: schemas.shape_of(shape) for name, shape in schemas.DATA.items()}
    return table("| command | keys |", ((code(name), _keys(it)) for name, it in shapes.items()))


def _keys(shape: dict[str, Any]) -> str:
    """Return the keys of a shape, and in brackets those of its lists of objects."""
    found = []
    for name, field in shape["properties"].items():
        inner = field.get("items", {}).get("properties", {})
        found.append(code(name) + (f" (each: {', '.join(map(code, inner))})" if inner else ""))
    return ", ".join(found)


def events() -> str:
    rows = (
        (code(it["properties"]["event"]["const"]), it["description"], _codes_of(it["required"]))
        for it in schemas.event_schema()["oneOf"]
    )
    return table("| event | meaning | further keys |", rows)


def _codes_of(names: Iterable[str]) -> str:
    return ", ".join(map(code, names))


def inner(name: str) -> str:
    """Return what a table inside a service is for, and its keys."""
    key = keys.SERVICE[name]
    text = f"{_sentence(key.doc)} Written inline or as `[services.NAME.{name}]`."
    return f"{text}\n\n{rows_of(key.keys)}"


def rows_of(keys: Mapping[str, Key]) -> str:
    """Return the keys of a table of `devports.toml`."""
    rows = (
        (
            code(name),
            _allowed(key),
            "required" if key.required else _default(key.default),
            _sentence(key.doc) + (f" Example: `{key.example}`" if key.example else ""),
        )
        for name, key in keys.items()
    )
    return table("| key | value | default | meaning |", rows)


def _sentence(doc: str) -> str:
    first = doc if doc.startswith("`") else doc[0].upper() + doc[1:]
    return first + "."


def _default(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value:g}`"


def _allowed(key: Key) -> str:
    match key.kind:
        case "integer" | "number":
            return f"{key.kind}, {key.low:g} to {key.high:g}"
        case "text" if key.choices:
            return ", ".join(f'`"{choice}"`' for choice in key.choices)
        case "command":
            return "string or list of strings"
        case "texts":
            return "list of strings"
        case "env":
            return "table of strings"
        case "ports":
            return f"table of integers, {key.low:g} to {key.high:g}"
        case "boolean":
            return "`true` or `false`"
        case "table":
            return "table"
        case "host" | "path" | "text":
            return "string"
        case _:
            unreachable(key.kind)


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
    return table("| code | severity | text | why it matters |", sorted(rows))


REFUSED, REFUSED_CODE = (
    inspect.signature(refusal).parameters[name].default for name in ("what", "exit_code")
)


def raised() -> dict[str, tuple[set[str], list[str]]]:
    """Return every error that the source raises by a name of its own: exit codes and texts."""
    found: dict[str, tuple[set[str], list[str]]] = {}
    for path in sorted((ROOT / "devports").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in ("DevportsError", "refusal"):
                code, said = _parts(node)
                for name in _codes(code):
                    exits, texts = found.setdefault(name, (set(), []))
                    exits |= _exits(node, tree)
                    text = _text(said)
                    if text not in texts and (re.search("[a-z]", text) or not texts):
                        texts.append(text)
    return found


def _parts(node: ast.Call) -> tuple[ast.expr, ast.expr]:
    """Return code and text of an error; those of a refusal by the machine have defaults."""
    if _name(node.func) == "DevportsError":
        return node.args[0], node.args[1]
    given = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
    what = node.args[1] if len(node.args) > 1 else ast.Constant(REFUSED)
    return (
        given[0] if given else ast.Constant("system-refused"),
        ast.JoinedStr([what, ast.Constant(": ...")]),
    )


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
        default = exitcodes.USAGE if _name(node.func) == "DevportsError" else REFUSED_CODE
        return {str(default)}
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
    "errors": errors,
    "findings": findings,
    "service": functools.partial(rows_of, keys.SERVICE),
    "ready": functools.partial(inner, "ready"),
    "vscode": functools.partial(inner, "vscode"),
    "defaults": functools.partial(rows_of, keys.DEFAULTS),
}


def made(text: str) -> str:
    """Return a page with its made parts made anew."""
    return PART.sub(lambda part: f"{part[1]}{SECTIONS[part[2]]()}{part[3]}", text)


if __name__ == "__main__":
    for page in sorted((ROOT / "docs").glob("*.md")):
        page.write_bytes(made(page.read_text(encoding="utf-8")).encode())
