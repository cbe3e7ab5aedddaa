"""Which environment a command needs, and what is the matter with it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from devports.system.programs import lacks_package, needed_by, package

if TYPE_CHECKING:
    from pathlib import Path


def put(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def state(folder: Path, word: str, *, startable: bool = False) -> str:
    found = needed_by(word, str(folder), startable=startable)
    return found.state if found else ""


def test_a_virtual_environment_that_was_never_made(tmp_path: Path) -> None:
    found = needed_by(".venv/bin/uvicorn", str(tmp_path), startable=False)
    assert found is not None
    assert (found.kind, found.state) == ("python", "absent")
    assert found.create_command == f"python3 -m venv {tmp_path}/.venv"


def test_one_whose_python_has_gone(tmp_path: Path) -> None:
    put(tmp_path / ".venv/pyvenv.cfg")
    (tmp_path / ".venv/bin").mkdir()
    (tmp_path / ".venv/bin/python").symlink_to(tmp_path / "gone")
    assert state(tmp_path, ".venv/bin/uvicorn") == "broken"
    put(tmp_path / "gone")
    assert state(tmp_path, ".venv/bin/uvicorn") == "without"
    assert state(tmp_path, ".venv/bin/uvicorn", startable=True) == ""


PACKAGES = "lib/python3.12/site-packages"
KNOWN = [
    pytest.param(("six.py",), "", True, id="other packages only"),
    pytest.param(("debugpy/__init__.py",), "", False, id="its folder"),
    pytest.param(("debugpy-1.8.dist-info/METADATA",), "", False, id="its metadata"),
    pytest.param(("__editable__.debugpy-1.8.pth",), "", False, id="a link to its sources"),
    pytest.param(
        ("six.py",), "Include-System-Site-Packages = TRUE\n", False, id="the system's count too"
    ),
    pytest.param((), "", False, id="nowhere to look"),
]


@pytest.mark.parametrize(("files", "settings", "expected"), KNOWN)
def test_a_package_that_is_certainly_not_there(
    tmp_path: Path, files: tuple[str, ...], settings: str, *, expected: bool
) -> None:
    put(tmp_path / "pyvenv.cfg", settings)
    for name in files:
        put(tmp_path / PACKAGES / name)
    assert lacks_package(str(tmp_path / "bin/python"), "debugpy") is expected


def test_of_what_is_no_virtual_environment_nothing_is_certain(tmp_path: Path) -> None:
    put(tmp_path / PACKAGES / "six.py")
    assert not lacks_package(str(tmp_path / "bin/python"), "debugpy")
    assert not lacks_package("", "debugpy")


NONE_OF_IT = [
    pytest.param("build/bin/serve", id="a folder that is called like none"),
    pytest.param("./serve", id="a program of the project's own"),
    pytest.param("/usr/bin/serve", id="a program of the system"),
    pytest.param("uvicorn", id="a name that PATH has to know"),
]


@pytest.mark.parametrize("word", NONE_OF_IT)
def test_what_needs_no_environment(tmp_path: Path, word: str) -> None:
    assert state(tmp_path, word) == ""


def test_a_folder_that_only_has_the_name_is_taken_for_nothing(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    assert state(tmp_path, ".venv/bin/uvicorn") == ""


def test_a_program_of_node_that_is_not_installed(tmp_path: Path) -> None:
    assert state(tmp_path, "node_modules/.bin/vite") == "absent"
    (tmp_path / "node_modules").mkdir()
    assert state(tmp_path, "node_modules/.bin/vite") == "without"


def test_a_script_without_its_packages(tmp_path: Path) -> None:
    put(tmp_path / "web/package.json", json.dumps({"devDependencies": {"vite": "8"}}))
    assert state(tmp_path / "web", "npm", startable=True) == "absent"
    assert state(tmp_path / "web", "npm") == ""
    assert state(tmp_path / "web", "node", startable=True) == ""
    put(tmp_path / ".pnp.cjs")
    assert state(tmp_path / "web", "yarn", startable=True) == ""


def test_a_script_that_needs_no_packages(tmp_path: Path) -> None:
    put(tmp_path / "package.json", "{}")
    assert state(tmp_path, "npm", startable=True) == ""


def test_packages_above_serve_a_workspace_below(tmp_path: Path) -> None:
    put(tmp_path / "web/package.json", json.dumps({"dependencies": {"vite": "8"}}))
    (tmp_path / "node_modules").mkdir()
    assert state(tmp_path / "web", "npm", startable=True) == ""


@pytest.mark.parametrize(
    ("lock", "manager"), [("pnpm-lock.yaml", "pnpm"), ("yarn.lock", "yarn"), ("other", "npm")]
)
def test_packages_are_installed_by_who_locked_them(tmp_path: Path, lock: str, manager: str) -> None:
    put(tmp_path / lock)
    found = needed_by("node_modules/.bin/vite", str(tmp_path), startable=False)
    assert found is not None
    assert found.create_command == f"cd {tmp_path} && {manager} install"


@pytest.mark.parametrize("text", ["", "[]", "{", "\udcff", "[" * 9000])
def test_a_package_file_that_says_nothing(tmp_path: Path, text: str) -> None:
    with open(tmp_path / "package.json", "wb") as file:
        file.write(os.fsencode(text))
    assert package(str(tmp_path)) == {}
