"""Write again what devports says, whole: tests/unit/ui/golden/, a file for each family of messages.

After a change of words, its difference is to be read: python -m tests.tools.golden
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

TESTS = Path(__file__).parents[1] / "unit" / "ui"
FOLDER = TESTS / "golden"
MARK = "== "


class Family:
    """Cases with a name each, what makes their text, and the file that has the text."""

    def __init__(self, name: str) -> None:
        self.path = FOLDER / f"{name}.txt"
        self._cases: dict[str, tuple[Callable[[Any], str | Iterable[str]], Any]] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._cases)

    def says(
        self, about: str, say: Callable[[Any], str | Iterable[str]], cases: Mapping[str, Any]
    ) -> None:
        """Add `cases`, of which `say` makes a text, or its lines."""
        added = {f"{about}: {name}": (say, case) for name, case in cases.items()}
        assert not added.keys() & self._cases.keys()
        self._cases |= added

    def said(self, name: str) -> str:
        say, case = self._cases[name]
        text = say(case)
        return text if isinstance(text, str) else "\n".join(text)

    def expected(self) -> dict[str, str]:
        """Return what the file has, case by case."""
        parts = self.path.read_text(encoding="utf-8").removeprefix(MARK).split(f"\n\n{MARK}")
        split = [part.removesuffix("\n").partition("\n") for part in parts]
        return {name: text for name, _, text in split}

    def write(self) -> None:
        texts = (f"{MARK}{name}\n{self.said(name)}".rstrip("\n") + "\n" for name in self._cases)
        self.path.write_text("\n".join(texts), encoding="utf-8", newline="\n")


def families() -> list[Family]:
    """Return those of the test modules beside this one."""
    mark = "\nFAMILY = "
    paths = sorted(path for path in TESTS.glob("test_*.py") if mark in path.read_text("utf-8"))
    return [importlib.import_module(f"tests.unit.ui.{path.stem}").FAMILY for path in paths]


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for family in families():
        family.write()


if __name__ == "__main__":
    main()
