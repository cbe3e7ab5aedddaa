"""Windows: what its machine decides by itself. The tables have tests of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports.system import windows
from devports.system.windows import Windows, distinguish_denied

if TYPE_CHECKING:
    from devports.core.model import BindResult

DENIED = [
    pytest.param("denied", True, "denied", id="an excluded port is forbidden"),
    pytest.param("denied", False, "in-use", id="any other that is denied has an exclusive holder"),
    pytest.param("denied", None, "denied", id="netsh does not answer: forbidden, as Windows says"),
    pytest.param("in-use", True, "in-use", id="in use is in use"),
    pytest.param("ok", True, "ok", id="what can be bound can be bound"),
]


@pytest.mark.parametrize(("said", "excluded", "result"), DENIED)
def test_a_refusal(said: BindResult, excluded: bool | None, result: str):
    assert distinguish_denied(said, lambda: excluded) == result


def test_netsh_is_asked_only_where_a_bind_was_denied():
    def asked() -> bool:
        raise AssertionError

    assert distinguish_denied("in-use", asked) == "in-use"


def test_without_netsh_the_range_of_outgoing_connections_is_the_usual_one():
    machine = Windows()
    assert machine.ephemeral() == windows.DYNAMIC
    assert machine.ephemeral() == windows.DYNAMIC
