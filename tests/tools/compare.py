"""Compare the end-to-end tests of two trees: what has gone, and what asserts less than before.

    python -m tests.tools.compare OLD NEW [FOLDER]

Each tree is collected by its own `.venv/bin/python` if it has one, else by ours. A test is known by
its name, whichever file it is in. Ends with 1 if a test has gone, or has fewer cases or assertions.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Test:
    """What is counted of one test function."""

    assertions: int = 0
    cases: int = 0


def assertions(function: ast.AST) -> int:
    """Count asserts, expected exceptions, and waits and checks that fail by themselves."""
    asserts = sum(isinstance(node, ast.Assert) for node in ast.walk(function))
    calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    names = [getattr(call, "attr", getattr(call, "id", "")) for call in calls]
    return asserts + sum(name in CHECKS for name in names)


CHECKS = frozenset(
    "raises eventually never says expect ends given_back served check fits validate stop".split()
)


def tests(root: Path, folder: str) -> dict[str, Test]:
    """Return the test functions below a folder, by name."""
    found: dict[str, int] = {}
    for path in sorted((root / folder).rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found[node.name] = found.get(node.name, 0) + assertions(node)
    cases = collected(root, folder)
    return {name: Test(number, cases[name]) for name, number in found.items()}


def collected(root: Path, folder: str) -> Counter[str]:
    """Return how many cases pytest finds of each test."""
    own = root / ".venv" / "bin" / "python"
    python = str(own) if own.exists() else sys.executable
    argv = [python, "-m", "pytest", "--collect-only", "-q", folder]
    done = subprocess.run(argv, cwd=root, capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if "::" in line]
    return Counter(line.partition("[")[0].rpartition("::")[2] for line in lines)


def main(old: str, new: str, folder: str = "tests/e2e") -> int:
    before, after = tests(Path(old), folder), tests(Path(new), folder)
    worse = 0
    print("| test | assertions | cases |\n|---|---|---|")
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        if was is None or now is None:
            print(f"| {name} | {'new' if was is None else 'gone'} | |")
        else:
            print(f"| {name} | {was.assertions} -> {now.assertions} | {was.cases} -> {now.cases} |")
        lost = now is None or (
            was is not None and (now.assertions < was.assertions or now.cases < was.cases)
        )
        worse += lost
    for what, table in (("before", before), ("after", after)):
        every = table.values()
        print(
            f"{what}: {len(table)} functions, {sum(t.cases for t in every)} cases,"
            f" {sum(t.assertions for t in every)} assertions"
        )
    print(f"{worse} of them gone or weaker")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
