"""A right is taken from others on the file that was looked at, and on no other."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from devports.errors import DevportsError
from devports.system.files import remove_write_permission
from tests.harness.capabilities import NEEDS_LINKS, NEEDS_NOFOLLOW, NEEDS_UIDS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = NEEDS_UIDS


@pytest.mark.parametrize(("before", "after"), [(0o666, 0o664), (0o640, 0o640), (0o777, 0o775)])
def test_only_that_right_is_taken(tmp_path: Path, before: int, after: int) -> None:
    path = tmp_path / "devports.toml"
    path.write_text("")
    path.chmod(before)
    remove_write_permission(str(path))
    assert stat.S_IMODE(path.stat().st_mode) == after


def test_a_folder_keeps_its_sticky_bit(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    remove_write_permission(str(tmp_path))
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1775


@NEEDS_LINKS
@NEEDS_NOFOLLOW
def test_what_has_become_a_link_is_left_alone(tmp_path: Path) -> None:
    real = tmp_path / "other"
    real.write_text("")
    real.chmod(0o666)
    (tmp_path / "devports.toml").symlink_to(real)
    with pytest.raises(DevportsError) as caught:
        remove_write_permission(str(tmp_path / "devports.toml"))
    assert caught.value.code == "not-permitted"
    assert stat.S_IMODE(real.stat().st_mode) == 0o666


def test_what_has_gone_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(DevportsError, match="cannot change the mode"):
        remove_write_permission(str(tmp_path / "gone"))
