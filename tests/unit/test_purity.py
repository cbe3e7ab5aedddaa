"""What calls itself pure is pure: the docstrings are the list, the imports are the proof."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import devports

ROOT = Path(devports.__file__).parents[1]
CLAIMS = ("Pure.", "Pure,", "Pure judgement", "Opens nothing")
TOUCHES = set(
    "os sys io pathlib socket _socket subprocess signal select threading random logging shutil"
    " tempfile psutil rich questionary prompt_toolkit".split()
)
"""What reaches the machine. `time` is not here: to write a moment as a date is no effect."""
ALLOWED = {"devports.system.linux.procfs -> sys": "byteorder"}
NET = "devports.system.bind"
"""The socket module by another name: inet_ntop(3) opens nothing."""


def path_of(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(path_of(module).read_text(encoding="utf-8"))


def claiming() -> list[str]:
    paths = [path for path in (ROOT / "devports").rglob("*.py") if "hooks" not in path.parts]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]
    return sorted(name for name in names if any(claim in docstring(name) for claim in CLAIMS))


def docstring(module: str) -> str:
    """Return what a file begins with, without the price of parsing it."""
    return path_of(module).read_text(encoding="utf-8").partition('"""')[2].partition('"""')[0]


@cache
def imported(module: str) -> set[str]:
    """Return what is imported when it runs, at its top or in a function."""
    found: set[str] = set()
    waiting: list[ast.AST] = [tree_of(module)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            waiting += node.orelse
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inside = (f"{node.module}.{alias.name}" for alias in node.names)
            found |= {str(node.module), *filter(is_ours, inside)}
        else:
            waiting += ast.iter_child_nodes(node)
    return found


@cache
def is_ours(name: str) -> bool:
    return name.startswith("devports.") and path_of(name).exists()


@pytest.mark.parametrize("module", claiming())
def test_what_calls_itself_pure_imports_nothing_that_reaches_the_machine(module: str) -> None:
    seen, waiting = {NET}, [module]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            names = imported(name)
            reached |= {f"{name} -> {each}" for each in names if each.partition(".")[0] in TOUCHES}
            waiting += filter(is_ours, names)
    assert reached <= set(ALLOWED)


def test_the_claims_are_found() -> None:
    rooms = {"devports.core.containers", "devports.ui.messages", "devports.config.validate"}
    assert rooms <= set(claiming())
