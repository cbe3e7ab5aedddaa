"""The state that started it: bound, not listening, CLOSED in lsof, and the next server fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devports import exitcodes
from tests.harness.capabilities import NEEDS_FORK
from tests.harness.ports import nobody_has

if TYPE_CHECKING:
    from tests.conftest import Zoo
    from tests.harness.command import Command

pytestmark = NEEDS_FORK


@pytest.mark.parametrize("host", ["", "127.0.0.1:"], ids=["the port anywhere", "its address"])
def test_a_holder_that_does_not_listen_is_found_named_and_ended(
    devports: Command, port: int, zoo: Zoo, host: str
):
    holder = zoo("bound_only", port)
    target = f"{host}{port}"

    seen = devports("check", target, "--json")
    assert seen.code == exitcodes.NO, seen
    (result,) = seen.json()["data"]["targets"]
    assert result["verdict"] == "port-held", seen
    (finding,) = result["endpoints"]
    assert [socket["state"] for socket in finding["sockets"]] == ["BOUND"]
    assert [each["pid"] for each in finding["holders"]] == [holder.pid]

    freed = devports("free", target, "--yes")
    assert freed.code == exitcodes.OK, freed
    holder.gone()
    assert nobody_has(port)
    assert devports("check", target).code == exitcodes.OK
