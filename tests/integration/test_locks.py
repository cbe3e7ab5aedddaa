"""The lock of this system, between two that want it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from devports.system.files import try_lock

if TYPE_CHECKING:
    from pathlib import Path


def test_one_has_the_lock_until_it_closes_the_file(tmp_path: Path):
    path = str(tmp_path / "port-8000.lock")
    first = os.open(path, os.O_RDWR | os.O_CREAT)
    second = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        assert try_lock(first)
        assert not try_lock(second)
    finally:
        os.close(first)
    assert try_lock(second)
    os.close(second)
