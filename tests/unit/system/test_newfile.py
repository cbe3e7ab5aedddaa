"""A new file: whole or not at all, and never over another; and what is no file to be read."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from devports.system.files import read_regular, write_new
from tests.harness.capabilities import NEEDS_FIFO, NEEDS_LINKS, NEEDS_UIDS

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


@NEEDS_FIFO
@pytest.mark.parametrize("name", ["fifo", "folder", os.devnull, "/dev/zero", "/dev/tty"])
def test_what_is_no_regular_file_is_refused_at_once(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    if not (tmp_path / name).exists():
        pytest.skip(f"there is no {name} here")
    with pytest.raises(OSError, match="not a regular file"):
        read_regular(str(tmp_path / name), 100)


def test_of_a_long_file_only_the_beginning_is_read(tmp_path: Path) -> None:
    with open(tmp_path / "long", "wb") as file:
        file.truncate(1 << 40)
    assert read_regular(str(tmp_path / "long"), 100) == bytes(100)


def test_a_file_of_the_kernel_that_has_nothing_to_read_yet_is_not_waited_for() -> None:
    """/proc/kmsg is called a regular file, and blocks."""
    if not os.access("/proc/kmsg", os.R_OK):
        pytest.skip("there is no /proc/kmsg to read here")
    assert isinstance(_or_refused("/proc/kmsg"), bytes | OSError)


def _or_refused(path: str) -> bytes | OSError:
    try:
        return read_regular(path, 10)
    except OSError as error:
        return error
