"""Which programs are called `devports`, told by their files and neighbours."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

import devports
from devports.system import programs
from devports.system.programs import Program
from tests.harness.capabilities import NEEDS_LINKS, NEEDS_UIDS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = NEEDS_UIDS  # where files have modes


def script(folder: Path, text: str = "#!/usr/bin/python3\n", name: str = "devports") -> Path:
    path = folder / "bin" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def package(folder: Path, name: str, kind: str = "site-packages") -> None:
    (folder / "lib" / "python3.12" / kind / f"{name}.dist-info").mkdir(parents=True)


def found(*folders: Path) -> tuple[Program, ...]:
    path = os.pathsep.join(str(folder / "bin") for folder in folders)
    return programs.on_path({"PATH": path})


KINDS = [
    pytest.param("devports_cli-0.0.9", "ours-elsewhere", "devports-cli 0.0.9", id="ours"),
    pytest.param("devports-0.1.0", "foreign", "devports 0.1.0", id="the unrelated package"),
    pytest.param("devports_other-1.0", "unknown", "", id="a package that only begins like it"),
]


@pytest.mark.parametrize("kind", ["site-packages", "dist-packages"])
@pytest.mark.parametrize(("name", "kin", "what"), KINDS)
def test_a_script_is_known_by_the_packages_of_its_environment(
    name: str, kin: str, what: str, kind: str, tmp_path: Path
) -> None:
    path = script(tmp_path)
    package(tmp_path, name, kind)
    assert found(tmp_path) == (Program(str(path), kin, what),)  # type: ignore[arg-type]


def test_both_in_one_environment_is_ours_as_far_as_the_command_goes(tmp_path: Path) -> None:
    script(tmp_path)
    package(tmp_path, "devports-0.1.0")
    package(tmp_path, "devports_cli-0.0.9")
    assert [program.origin for program in found(tmp_path)] == ["ours-elsewhere"]


@pytest.mark.parametrize(
    "line", ["#!/usr/bin/env node\n", "#!/opt/node/bin/node\n", "#! /usr/bin/env node\n"]
)
def test_a_program_for_node_is_not_ours(line: str, tmp_path: Path) -> None:
    script(tmp_path, line)
    assert [(p.origin, p.what) for p in found(tmp_path)] == [("foreign", "a program for node")]


@pytest.mark.parametrize("text", ["", "#!/bin/sh\n", "\x7fELF\n"])
def test_what_does_not_tell_is_not_guessed(text: str, tmp_path: Path) -> None:
    script(tmp_path, text)
    assert [(p.origin, p.what) for p in found(tmp_path)] == [("unknown", "")]


@NEEDS_LINKS
def test_a_link_is_followed_and_counted_once(tmp_path: Path) -> None:
    script(tmp_path / "venv")
    package(tmp_path / "venv", "devports_cli-0.0.9")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "devports").symlink_to(tmp_path / "venv" / "bin" / "devports")
    (program,) = found(tmp_path, tmp_path / "venv")
    assert (program.path, program.origin) == (f"{tmp_path}/bin/devports", "ours-elsewhere")


def test_only_what_can_be_executed_in_a_full_path_counts(tmp_path: Path) -> None:
    script(tmp_path).chmod(0o644)
    (tmp_path / "other" / "bin" / "devports").mkdir(parents=True)
    assert found(tmp_path, tmp_path / "other", tmp_path / "nowhere") == ()
    assert programs.on_path({"PATH": f".{os.pathsep}"}) == ()
    assert programs.on_path({}) == ()


def test_this_very_installation_is_ours() -> None:
    own = os.path.join(programs._own_packages(), "..", "..", "..", "bin", "devports")
    if not os.path.exists(own):
        pytest.skip("not installed as a script in an environment of its own")
    (program,) = programs.on_path({"PATH": os.path.dirname(os.path.abspath(own))})
    assert (program.origin, program.what) == ("ours", f"devports-cli {devports.__version__}")


def test_no_unrelated_package_is_beside_us() -> None:
    assert programs.conflicting_package() is None
