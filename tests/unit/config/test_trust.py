from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from devports.config.load import (
    can_restrict,
    is_unprotected_folder,
    load,
    load_with_warnings,
    on_foreign_mount,
    permission_error,
    trusted_uids,
)
from devports.errors import DevportsError
from tests.harness.capabilities import NEEDS_UIDS

if TYPE_CHECKING:
    from pathlib import Path

WEB = "[services.web]\nport = 8000\n"


def write(path: Path, text: str | bytes = WEB) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(0o644)
    return path


def refused(project: Path) -> DevportsError:
    with pytest.raises(DevportsError) as caught:
        load(None, str(project))
    return caught.value


def status(mode: int, uid: int, gid: int = 0) -> os.stat_result:
    return os.stat_result((0o100000 | mode, 0, 0, 1, uid, gid, 0, 0, 0, 0))


pytestmark = NEEDS_UIDS
ME = getattr(os, "geteuid", int)()
STRANGER = 54321


def test_a_file_that_everybody_can_write_is_refused(project: Path):
    path = write(project / "devports.toml")
    path.chmod(0o666)
    error = refused(project)
    assert error.code == "config-unsafe"
    assert error.message == f"`{path}` can be written by any user"
    assert error.facts == ("mode: 0666",)
    assert error.hints == (f"review the file, then run `chmod o-w {path}`",)


@pytest.mark.skipif(ME != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(project: Path):
    path = write(project / "devports.toml")
    os.chown(path, STRANGER, -1)
    assert refused(project).code == "config-unsafe"


def test_the_owner_is_named_and_the_command_can_be_pasted():
    with pytest.raises(DevportsError) as caught:
        permission_error("/p/it's here", status(0o644, STRANGER))
    assert caught.value.message == "`/p/it's here` belongs to another user"
    assert caught.value.facts[0] == f"owner: uid {STRANGER}, you: uid {ME}"
    chown = f"""`sudo chown {ME} '/p/it'"'"'s here'`"""
    assert caught.value.hints[0] == f"review the file, then run {chown}"


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "warning"),
    [
        pytest.param(0o644, ME, 1, "", id="an ordinary file"),
        pytest.param(0o644, 0, 0, "", id="a file of root's"),
        pytest.param(0o664, ME, ME, "", id="a group of the user's own"),
        pytest.param(0o664, ME, STRANGER, "written by the group 54321", id="another group"),
    ],
)
def test_doubts_are_warnings(mode: int, uid: int, gid: int, warning: str):
    assert warning in permission_error("/p/devports.toml", status(mode, uid, gid), "")


def test_where_modes_are_made_up_they_only_cause_a_warning():
    mounts = "/dev/sda / ext4 rw 0 0\nC: /mnt/c 9p rw 0 0\n"
    assert "without file permissions" in permission_error(
        "/mnt/c/x/devports.toml", status(0o777, ME), mounts
    )
    with pytest.raises(DevportsError):
        permission_error("/home/x/devports.toml", status(0o777, ME), mounts)


@pytest.mark.parametrize(
    ("path", "mounts", "foreign"),
    [
        pytest.param("/mnt/c/x", "a / ext4 0\nb /mnt/c 9p 0", True, id="WSL's view of Windows"),
        pytest.param("/mnt/cx", "a / ext4 0\nb /mnt/c 9p 0", False, id="a folder beside it"),
        pytest.param("/m/x", "a / 9p 0\nb /m ext4 0", False, id="a native one inside it"),
        pytest.param("/m/x", "a /m ext4 0\nb /m vfat 0", True, id="the last one on a folder"),
        pytest.param("/a b/x", "c /a\\040b vfat 0", True, id="a folder with a blank"),
        pytest.param("/x", "", False, id="nothing is known"),
        pytest.param("/x", "\njunk\n", False, id="lines that say nothing"),
    ],
)
def test_file_systems(path: str, mounts: str, foreign: bool):
    assert on_foreign_mount(path, mounts) is foreign


@pytest.mark.parametrize(
    ("euid", "sudo_uid", "trusted"),
    [
        pytest.param(1000, "", (1000, 1000, 0), id="a user trusts himself and root"),
        pytest.param(0, "1000", (1000, 0, 0), id="under sudo also the invoking user"),
        pytest.param(1000, "1001", (1000, 1000, 0), id="only root is under sudo"),
        pytest.param(0, "", (0, 0, 0), id="root without sudo"),
        pytest.param(0, "x", (0, 0, 0), id="a variable that is no number"),
    ],
)
def test_whose_files_are_read(euid: int, sudo_uid: str, trusted: tuple[int, ...]):
    assert trusted_uids(euid, sudo_uid) == trusted


def test_a_warning_comes_with_the_config(project: Path):
    path = write(project / "devports.toml")
    assert load_with_warnings(None, str(project)).warnings == ()
    path.chmod(0o664)
    gid = path.stat().st_gid
    expected = () if gid == ME else (f"`{path}` can be written by the group {gid}",)
    assert load_with_warnings(None, str(project)).warnings == expected


NATIVE, SHARED = "/dev/sda / ext4 rw\n", "C: /mnt/c 9p rw\n"
FOLDERS = [
    pytest.param(0o777, NATIVE, True, id="everybody may rename and remove in it"),
    pytest.param(0o1777, NATIVE, False, id="everybody may put something in, as into /tmp"),
    pytest.param(0o775, NATIVE, False, id="its group may"),
    pytest.param(0o777, SHARED, False, id="a file system that makes modes up"),
]


@pytest.mark.parametrize(("mode", "mounts", "is_open"), FOLDERS)
def test_a_folder_in_which_everybody_can_replace_a_file(mode: int, mounts: str, *, is_open: bool):
    assert is_unprotected_folder("/mnt/c/shop", status(mode, ME), mounts) is is_open


def test_the_mounts_of_this_machine_are_asked_where_it_matters(tmp_path: Path):
    assert not is_unprotected_folder(str(tmp_path), status(0o755, ME))
    assert is_unprotected_folder("/", status(0o777, ME))


def test_only_an_owner_takes_writing_away():
    assert can_restrict(status(0o666, ME))
    assert not can_restrict(status(0o644, ME))
    assert can_restrict(status(0o666, STRANGER)) is (ME == 0)
