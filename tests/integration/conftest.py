"""What several tests of sockets and servers share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.integration.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator

# It imports what is for POSIX only.
collect_ignore = [] if hasattr(os, "fork") else ["test_wakeup.py"]


@pytest.fixture
def desk(port: int) -> Iterator[Desk]:
    made = Desk(port)
    yield made
    made.leave()
