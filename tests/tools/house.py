"""Measure the house: modules, lines, functions, circles. The bounds are in `test_house.py`.

python -m tests.tools.house [ROOT ...]    a table, one column a tree
"""

from __future__ import annotations

import ast
import re
import statistics
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PACKAGE = "devports"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Module:
    """One file of the package: its dotted name, its path and its text."""

    name: str
    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    @cached_property
    def functions(self) -> list[int]:
        """The length of each function in lines, without decorators."""
        return [
            (node.end_lineno or node.lineno) - node.lineno + 1
            for node in ast.walk(self.tree)
            if isinstance(node, FUNCTIONS)
        ]

    @cached_property
    def late_imports(self) -> int:
        """The import statements inside functions."""
        inside = {
            id(inner)
            for node in ast.walk(self.tree)
            if isinstance(node, FUNCTIONS)
            for inner in ast.walk(node)
            if isinstance(inner, ast.Import | ast.ImportFrom)
        }
        return len(inside)

    def imports(self, known: frozenset[str], *, late: bool) -> set[str]:
        """Return the modules of ours that are imported at run time; `late`: in functions too."""
        found: set[str] = set()
        waiting: list[ast.AST] = [self.tree]
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
                waiting += node.orelse
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                inside = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= {str(node.module)} if inside - known else set()
                found |= inside
            elif late or not isinstance(node, FUNCTIONS):
                waiting += ast.iter_child_nodes(node)
        return (found & known) - {self.name}


class House:
    """All modules of the package below a root."""

    def __init__(self, root: Path) -> None:
        self.modules = [
            Module(dotted(path.relative_to(root)), path, path.read_text(encoding="utf-8"))
            for path in sorted((root / PACKAGE).rglob("*.py"))
        ]
        self.names = frozenset(module.name for module in self.modules)

    @property
    def lines(self) -> int:
        return sum(module.lines for module in self.modules)

    @property
    def functions(self) -> list[int]:
        return [length for module in self.modules for length in module.functions]

    def count(self, pattern: str) -> int:
        return sum(len(re.findall(pattern, m.text, re.MULTILINE)) for m in self.modules)

    def circles(self, *, late: bool) -> list[list[str]]:
        """Return the groups of modules that import each other in a circle."""
        graph = {m.name: m.imports(self.names, late=late) for m in self.modules}
        reach = {name: reachable(graph, name) for name in graph}
        groups = {
            tuple(sorted(other for other in reach[name] if name in reach[other]))
            for name in graph
            if name in reach[name]
        }
        return sorted(map(list, groups))

    def used_once(self) -> list[str]:
        """Return the modules that exactly one other one imports at run time."""
        users: dict[str, int] = dict.fromkeys(self.names, 0)
        for module in self.modules:
            for name in module.imports(self.names, late=True):
                users[name] += 1
        return sorted(name for name, number in users.items() if number == 1)


def dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    """Return what is reached from `start` in one step or more."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for name in graph[waiting.pop()] - found:
            found.add(name)
            waiting.append(name)
    return found


def measures(house: House) -> dict[str, str]:
    """Return the rows of the table."""
    files = [module.lines for module in house.modules]
    return {
        "modules / lines": f"{len(files)} / {house.lines}",
        "file, median / max lines": f"{statistics.median(files):.0f} / {max(files)}",
        "functions": str(len(house.functions)),
        "function, median / max lines": (
            f"{statistics.median(house.functions):.0f} / {max(house.functions)}"
        ),
        "imports inside functions": str(sum(m.late_imports for m in house.modules)),
        "TYPE_CHECKING blocks": str(house.count(r"^\s*if TYPE_CHECKING:")),
        "noqa": str(house.count("# noqa")),
        "modules under 60 lines": str(sum(lines < 60 for lines in files)),
        "modules imported by one other": str(len(house.used_once())),
        "circles at import / when called": " / ".join(
            str(len(house.circles(late=late))) for late in (False, True)
        ),
    }


def main(roots: list[str]) -> None:
    tables = [measures(House(Path(root))) for root in roots or ["."]]
    print("|  |" + "".join(f" {root} |" for root in roots or ["."]))
    print("|---|" + "---|" * len(tables))
    for row in tables[0]:
        print(f"| {row} |" + "".join(f" {table[row]} |" for table in tables))


if __name__ == "__main__":
    main(sys.argv[1:])
