"""Whether this is Linux under Windows, by the name of its kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports.system.linux import is_wsl

if TYPE_CHECKING:
    from pathlib import Path

KERNELS = [
    pytest.param("5.15.153.1-microsoft-standard-WSL2", True, id="WSL 2"),
    pytest.param("4.4.0-19041-Microsoft", True, id="WSL 1"),
    pytest.param("6.8.0-45-generic", False, id="Linux by itself"),
]


@pytest.mark.parametrize(("release", "under_windows"), KERNELS)
def test_kernels(tmp_path: Path, release: str, *, under_windows: bool) -> None:
    (tmp_path / "osrelease").write_text(f"{release}\n")
    assert is_wsl(str(tmp_path / "osrelease")) is under_windows


def test_a_system_that_does_not_say(tmp_path: Path) -> None:
    assert not is_wsl(str(tmp_path / "osrelease"))
