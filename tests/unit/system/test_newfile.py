"""A new file: whole or not at all, and never over another."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from devports.system.files import write_new
from tests.harness.capabilities import NEEDS_LINKS, NEEDS_UIDS

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_written_and_nothing_else(tmp_path: Path) -> None:
    write_new(str(tmp_path / "a"), "é\n")
    assert (tmp_path / "a").read_bytes() == "é\n".encode()
    assert os.listdir(tmp_path) == ["a"]


@NEEDS_UIDS
@pytest.mark.parametrize(("mask", "mode"), [(0o000, 0o644), (0o022, 0o644), (0o077, 0o600)])
def test_the_mode_is_the_umask_s(mask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        write_new(str(tmp_path / "a"), "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("theirs", encoding="utf-8")
    with pytest.raises(FileExistsError):
        write_new(str(tmp_path / "a"), "ours")
    assert (tmp_path / "a").read_text(encoding="utf-8") == "theirs"
    assert os.listdir(tmp_path) == ["a"]


@NEEDS_LINKS
def test_a_link_that_leads_nowhere_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    with pytest.raises(FileExistsError):
        write_new(str(tmp_path / "a"), "ours")
    assert os.listdir(tmp_path) == ["a"]


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_new(str(tmp_path / "a"), "\ud800")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("there", [False, True], ids=["a new name", "a name that is taken"])
def test_a_file_system_without_hard_links(there: bool, tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    if there:
        (tmp_path / "a").write_text("theirs", encoding="utf-8")
        with pytest.raises(FileExistsError):
            write_new(str(tmp_path / "a"), "ours", link=refuse)
    else:
        write_new(str(tmp_path / "a"), "ours", link=refuse)
    expected = "theirs" if there else "ours"
    assert (tmp_path / "a").read_text(encoding="utf-8") == expected
    assert os.listdir(tmp_path) == ["a"]
