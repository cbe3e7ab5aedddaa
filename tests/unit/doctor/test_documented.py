"""Every code that a rule can give is in the documentation."""

from __future__ import annotations

import ast
from fnmatch import fnmatch
from pathlib import Path
from re import findall

import devports.doctor.setup_rules
from devports.core.verdict import CODES, Free
from devports.doctor.project_rules import STARTABLE

CHECKS = Path(devports.doctor.setup_rules.__file__).parent
PAGE = CHECKS.parent.parent / "docs/doctor.md"


def given() -> set[str]:
    """Return the codes that stand in the rules, and those that come from tables."""
    calls = [
        node
        for path in CHECKS.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args
    ]
    first = [call.args[0] for call in calls if call.func.id == "Problem"]  # type: ignore[attr-defined]
    written = {n.value for arg in first for n in ast.walk(arg) if isinstance(n, ast.Constant)}
    verdicts = {code for verdict, code in CODES.items() if verdict is not Free}
    return {str(code) for code in written if code != "editor-"} | verdicts | {*STARTABLE.values()}


def test_every_code_is_in_the_documentation() -> None:
    codes = findall(r"`([a-z]+(?:-[a-z]+)*-[*a-z]+)`", PAGE.read_text(encoding="utf-8"))
    missing = [c for c in sorted(given()) if not any(fnmatch(c, code) for code in codes)]
    assert len(given()) > 30
    assert missing == []
