"""Check what is going to be published: python -m tests.tools.package FOLDER.

FOLDER has one sdist and one wheel. What is wrong is written to stderr, and the exit code is 1.
"""

from __future__ import annotations

import pathlib
import re
import sys
import tarfile
import zipfile
from email import message_from_string
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)
RELATIVE = re.compile(r"\]\((?!https?:|#)[^)]*\)")
"""A link that leads nowhere outside of the repository."""
IN_WHEEL = (
    *("devports/__init__.py", "devports/py.typed", "devports/system/self_test_actors.py"),
    *("devports/run/hooks/node.cjs", "devports/run/hooks/python/sitecustomize.py"),
    *("devports/schemas/result.schema.json", "devports/completions/devports.fish"),
    "devports/vscode-template/tasks.json",
)
IN_SDIST = (
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "pyproject.toml"),
    *(
        "devports.toml.example",
        ".vscode-template/tasks.json",
        "tests/conftest.py",
        "docs/doctor.md",
    ),
)


def version() -> str:
    """Return the version, which is written in one place."""
    text = (ROOT / "devports" / "__init__.py").read_text(encoding="utf-8")
    (found,) = VERSION.findall(text)
    return str(found)


def wrong(folder: pathlib.Path) -> Iterator[str]:
    """Yield what is wrong with the two files of a folder."""
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    top = f"devports_cli-{version()}"
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
        yield from (f"the sdist has no {name}" for name in IN_SDIST if f"{top}/{name}" not in names)
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        about = f"{top}.dist-info"
        yield from (f"the wheel has no {name}" for name in IN_WHEEL if name not in names)
        strange = [name for name in names if not name.startswith(("devports/", f"{about}/"))]
        yield from (f"the wheel has {name}" for name in strange)
        entry = archive.read(f"{about}/entry_points.txt").decode()
        if "devports = devports.cli:start" not in entry:
            yield "the wheel starts no command `devports`"
        yield from wrong_metadata(message_from_string(archive.read(f"{about}/METADATA").decode()))


def wrong_metadata(facts: Message) -> Iterator[str]:
    """Yield what a package index would show wrong."""
    expected = {
        "Name": "devports-cli",
        "Version": version(),
        "License-Expression": "MIT",
        "Requires-Python": ">=3.10",
        "Description-Content-Type": "text/markdown",
    }
    for key, value in expected.items():
        if facts[key] != value:
            yield f"{key} is {facts[key]}, and should be {value}"
    readme = str(facts.get_payload())
    if not readme.startswith("# devports"):
        yield "the description is not README.md"
    yield from (f"the description has a relative link: {link}" for link in RELATIVE.findall(readme))


if __name__ == "__main__":
    sys.exit("\n".join(wrong(pathlib.Path(sys.argv[1]))) or None)
