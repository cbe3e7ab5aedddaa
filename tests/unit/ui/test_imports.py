"""`devports check` must cost about one bare Python start: what it loads is chosen with care."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import devports

ROOT = Path(devports.__file__).parents[1]
HEAVY = set(
    "dataclasses enum typing re json datetime rich questionary prompt_toolkit textwrap shutil"
    " pathlib subprocess inspect argparse tomllib unicodedata shlex".split()
)


def loaded_by(module: str, seen: set[str]) -> set[str]:
    """Return everything that the import of `module` loads, own_command followed all the way."""
    if module in seen:
        return seen
    seen.add(module)
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if module.startswith("devports"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            for name in _names(node):
                loaded_by(name, seen)
    return seen


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        inside = [f"{node.module}.{alias.name}" for alias in node.names]
        return [node.module, *(name for name in inside if _is_module(name))]
    return []


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").exists()


@pytest.mark.parametrize(
    "module",
    [pytest.param(f"devports.ui.{name}", id=name) for name in ("messages", "console")],
)
def test_what_check_loads_is_light(module: str) -> None:
    loaded = {name.partition(".")[0] for name in loaded_by(module, set())}
    assert loaded & HEAVY == set()


@pytest.mark.parametrize(
    "module", [pytest.param(f"devports.ui.{name}", id=name) for name in ("processes", "prompts")]
)
def test_tables_and_questions_load_their_libraries_when_used(module: str) -> None:
    loaded = {name.partition(".")[0] for name in loaded_by(module, set())}
    assert loaded & {"rich", "questionary", "prompt_toolkit"} == set()


@pytest.mark.parametrize(
    "module", [pytest.param(f"devports.ui.{name}", id=name) for name in ("json_output", "events")]
)
def test_the_shapes_of_json_are_for_the_type_checker_alone(module: str) -> None:
    assert loaded_by(module, set()) & {"devports.ui.json_types", "typing"} == set()


def test_only_the_screen_writes() -> None:
    calls = [
        f"{path.name}:{node.lineno}"
        for path in (ROOT / "devports" / "ui").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
    ]
    assert calls == []


def test_check_knows_nothing_of_checkouts() -> None:
    """Whose a holder is matters when it is to be ended, and is read then."""
    loaded = loaded_by("devports.commands.check", set())
    assert loaded & {"devports.core.checkout", "devports.system.project"} == set()
    assert "devports.core.checkout" in loaded_by("devports.commands.free", set())
