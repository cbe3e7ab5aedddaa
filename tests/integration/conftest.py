"""What several tests of sockets and servers share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def desk(port: int) -> Iterator[Desk]:
    made = Desk(port)
    yield made
    made.leave()
