"""A folder read within bounds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from devports.system.project import MAX_BYTES, Bounds, scan
from tests.harness.capabilities import NEEDS_FIFO, NEEDS_LINKS, NEEDS_NOFOLLOW

if TYPE_CHECKING:
    from pathlib import Path


def put(root: Path, *paths: str, text: str = "x") -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def read(root: Path) -> list[str]:
    return [path for path, _ in scan(str(root), lambda name: name.endswith(".py")).texts]


def test_near_files_come_first_and_the_others_are_only_named(tmp_path: Path) -> None:
    put(tmp_path, "z.py", "a/b.py", "a/c.txt", ".vscode/t.py", text="one\r\ntwo")
    looked = scan(str(tmp_path), lambda name: name.endswith(".py"))
    assert looked.texts == tuple((p, "one\ntwo") for p in ("z.py", ".vscode/t.py", "a/b.py"))
    assert looked.names == {"z.py", "a/b.py", "a/c.txt", ".vscode/t.py"}
    assert looked.complete


def test_what_others_have_written_is_not_looked_at(tmp_path: Path) -> None:
    put(tmp_path, "a.py", *(f"{name}/a.py" for name in (".git", "node_modules", ".tox", "dist")))
    put(tmp_path, ".venv/pyvenv.cfg", ".venv/lib/a.py", "env/pyvenv.cfg", "env/a.py")
    looked = scan(str(tmp_path), lambda _: True)
    assert looked.names == {"a.py", ".venv/pyvenv.cfg", "env/pyvenv.cfg"}


@NEEDS_LINKS
def test_links_are_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "project"
    put(root, "a.py")
    put(tmp_path, "secret/b.py")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "b.py").symlink_to(tmp_path / "secret" / "b.py")
    (root / "round").symlink_to(root)
    assert read(root) == ["a.py"]


@NEEDS_NOFOLLOW
@NEEDS_LINKS
def test_a_file_that_becomes_a_link_is_not_read(tmp_path: Path) -> None:
    put(tmp_path, "secret.py", "project/a.py")

    def swap(name: str) -> bool:
        (tmp_path / "project" / "a.py").unlink()
        (tmp_path / "project" / "a.py").symlink_to(tmp_path / "secret.py")
        return True

    assert scan(str(tmp_path / "project"), swap).texts == ()


@NEEDS_FIFO
def test_a_file_that_becomes_a_fifo_stops_nobody(tmp_path: Path) -> None:
    put(tmp_path, "a.py")

    def swap(name: str) -> bool:
        (tmp_path / "a.py").unlink()
        os.mkfifo(tmp_path / "a.py")
        return True

    assert scan(str(tmp_path), swap).texts == ()


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"\xff\x00ok")
    assert scan(str(tmp_path), lambda _: True).texts == (("a.py", "\ufffd\x00ok"),)


@pytest.mark.parametrize(
    "bounds",
    [
        pytest.param(Bounds(files=3), id="many files to read"),
        pytest.param(Bounds(names=3), id="many names"),
        pytest.param(Bounds(depth=0), id="folders in it"),
    ],
)
def test_it_says_that_it_has_not_seen_all(bounds: Bounds, tmp_path: Path) -> None:
    put(tmp_path, *(f"{n}.py" for n in range(5)), *(f"d/{n}.py" for n in range(5)))
    looked = scan(str(tmp_path), lambda _: True, bounds)
    assert not looked.complete
    assert "d/0.py" not in dict(looked.texts)


def test_a_file_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    put(tmp_path, "a.py", text="x" * (MAX_BYTES + 1))
    assert read(tmp_path) == []


def test_a_folder_that_is_too_deep_is_not_read_but_named(tmp_path: Path) -> None:
    deep = "/".join(map(str, range(1, 11)))
    put(tmp_path, f"{deep}/a.py", f"{deep}/11/b.py")
    looked = scan(str(tmp_path), lambda _: True)
    assert looked.names == {f"{deep}/a.py"}
    assert looked.unread == (f"{deep}/11 (more than 10 folders deep)",)


def test_what_is_beyond_a_limit_is_named(tmp_path: Path) -> None:
    put(tmp_path, "a.py", "b.py", "c/d.py", "c/e/f.py")
    assert scan(str(tmp_path), lambda _: 1, Bounds(files=2)).unread == (
        *("c/d.py (after 2 files)", "c/e/f.py (after 2 files)"),
    )
    assert scan(str(tmp_path), lambda _: 1, Bounds(names=3)).unread == (*("c/e (after 3 files)",),)
    assert scan(str(tmp_path), lambda _: 1, Bounds(names=2)).unread == (
        *(". (after 2 files)", "c (after 2 files)"),
    )


def test_what_defines_services_is_read_before_code(tmp_path: Path) -> None:
    put(tmp_path, "a.py", "b.py", "c/package.json")
    looked = scan(str(tmp_path), lambda name: 1 + name.endswith(".py"), Bounds(files=2))
    assert dict(looked.texts).keys() == {"a.py", "c/package.json"}


def test_deep_trees_of_java_packages_are_no_part_that_is_missing(tmp_path: Path) -> None:
    put(tmp_path, "pom.xml", "src/main/java/a/b/c/d/e/F.java", "src/main/resources/x.yml")
    looked = scan(str(tmp_path), lambda _: 1)
    assert looked.names == {"pom.xml", "src/main/resources/x.yml"}
    assert looked.complete


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert scan(str(tmp_path / "gone"), lambda _: True).names == frozenset()
