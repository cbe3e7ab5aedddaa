"""Files of the project are replaced whole or not at all, and never outside the project."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from devports.errors import DevportsError
from devports.system import files
from devports.system.files import opened, try_lock
from tests.harness.capabilities import (
    NEEDS_FIFO,
    NEEDS_LIMITS,
    NEEDS_LINKS,
    NEEDS_NOFOLLOW,
    NEEDS_UIDS,
)
from tests.harness.limits import limited

if TYPE_CHECKING:
    from pathlib import Path


def write(root: Path, before: str | None, after: str, name: str = "tasks.json") -> None:
    with opened(str(root), ".vscode", make=True) as folder:
        assert folder is not None
        folder.exchange(name, before, after)


def read(root: Path, name: str = "tasks.json") -> str | None:
    with opened(str(root), ".vscode") as folder:
        return folder.read(name) if folder else None


def test_a_folder_is_made_only_where_it_is_asked_for(tmp_path: Path) -> None:
    assert read(tmp_path) is None
    assert os.listdir(tmp_path) == []
    write(tmp_path, None, "new\r\n")
    assert read(tmp_path) == "new\r\n"
    assert os.listdir(tmp_path / ".vscode") == ["tasks.json"]


@NEEDS_UIDS
@pytest.mark.parametrize("mode", [0o644, 0o664, 0o600])
def test_the_mode_is_kept(tmp_path: Path, mode: int) -> None:
    write(tmp_path, None, "old")
    path = tmp_path / ".vscode" / "tasks.json"
    path.chmod(mode)
    write(tmp_path, "old", "new")
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_bytes() == b"new"


def test_what_has_changed_in_between_stays(tmp_path: Path) -> None:
    write(tmp_path, None, "theirs")
    with pytest.raises(
        DevportsError, match="it changed while devports worked on it; run the command again"
    ):
        write(tmp_path, "what we had read", "ours")
    assert read(tmp_path) == "theirs"
    with pytest.raises(
        DevportsError, match="it changed while devports worked on it; run the command again"
    ):
        write(tmp_path, None, "ours")


@NEEDS_LINKS
def test_a_folder_that_is_a_link_is_left_alone(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    (root / ".vscode").symlink_to(outside)
    with pytest.raises(DevportsError, match="is a link or not a folder; left unchanged"):
        write(root, None, "ours")
    with pytest.raises(DevportsError, match="is a link or not a folder; left unchanged"):
        read(root)
    assert os.listdir(outside) == []


@NEEDS_LINKS
def test_a_file_that_is_a_link_is_left_alone(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("theirs")
    (tmp_path / ".vscode").mkdir()
    (tmp_path / ".vscode" / "tasks.json").symlink_to(victim)
    with pytest.raises(DevportsError, match="not a regular file"):
        write(tmp_path, "theirs", "ours")
    assert victim.read_text() == "theirs"
    assert (tmp_path / ".vscode" / "tasks.json").is_symlink()


@NEEDS_NOFOLLOW
def test_a_folder_that_is_swapped_for_a_link_under_us_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with opened(str(tmp_path), ".vscode", make=True) as folder:
        assert folder is not None
        (tmp_path / ".vscode").rename(tmp_path / "moved")
        (tmp_path / ".vscode").symlink_to(outside)
        folder.exchange("tasks.json", None, "ours")
    assert os.listdir(outside) == []
    assert os.listdir(tmp_path / "moved") == ["tasks.json"]


@NEEDS_FIFO
def test_a_fifo_does_not_make_us_wait(tmp_path: Path) -> None:
    (tmp_path / ".vscode").mkdir()
    os.mkfifo(tmp_path / ".vscode" / "tasks.json")
    with pytest.raises(DevportsError, match="not a regular file"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(b"\xff\xfe{\x00", "is not UTF-8", id="UTF-16"),
        pytest.param(b" " * (files.MAX_BYTES + 1), "larger than 1024 KiB", id="too large"),
    ],
)
def test_what_cannot_be_read_is_left_alone(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / ".vscode").mkdir()
    (tmp_path / ".vscode" / "tasks.json").write_bytes(content)
    with pytest.raises(DevportsError, match=why):
        read(tmp_path)


@NEEDS_NOFOLLOW
def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / ".vscode").write_text("")
    with pytest.raises(DevportsError, match="is a link or not a folder; left unchanged"):
        write(tmp_path, None, "ours")


@NEEDS_NOFOLLOW
@NEEDS_LIMITS
def test_a_write_that_fails_leaves_the_file_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, None, "old")
    with opened(str(tmp_path), ".vscode", make=True) as folder:
        assert folder is not None
        with (
            limited("RLIMIT_FSIZE", 1),
            pytest.raises(DevportsError, match="file too large") as caught,
        ):
            folder.exchange("tasks.json", "old", "new")
    assert caught.value.exit_code == exitcodes.NO
    assert read(tmp_path) == "old"
    assert os.listdir(tmp_path / ".vscode") == ["tasks.json"]


DRAFT = ".launch.json.devports-0123456789abcdef"


@NEEDS_NOFOLLOW
@pytest.mark.parametrize(
    ("name", "locked", "stays"),
    [
        pytest.param(DRAFT, False, False, id="a draft of a writer that was killed is removed"),
        pytest.param(DRAFT, True, True, id="a draft that is being written stays"),
        pytest.param(".launch.json.tmp", False, True, id="what another program left stays"),
    ],
)
def test_drafts_in_the_folder(tmp_path: Path, name: str, locked: bool, stays: bool) -> None:
    draft = tmp_path / ".vscode" / name
    draft.parent.mkdir()
    draft.write_bytes(b"half")
    with open(draft, "rb") as file:
        assert not locked or try_lock(file.fileno())
        write(tmp_path, None, "ours")
    assert draft.exists() == stays


WRITER = textwrap.dedent(
    """
    import sys
    from devports.system.files import opened
    for _ in range(int(sys.argv[2])):
        with opened(sys.argv[1], ".vscode", make=True) as folder:
            before = folder.read("tasks.json")
            folder.exchange("tasks.json", before, (before or "") + sys.argv[3])
    """
)


@NEEDS_NOFOLLOW
def test_two_writers_lose_nothing_of_each_other(tmp_path: Path) -> None:
    """Without the lock 41 of 80 updates survived, or a writer gave up."""
    argv = [sys.executable, "-c", WRITER, str(tmp_path), "40"]
    writers = [subprocess.Popen([*argv, letter]) for letter in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    text = read(tmp_path) or ""
    assert (text.count("a"), text.count("b")) == (40, 40)
    assert os.listdir(tmp_path / ".vscode") == ["tasks.json"]
