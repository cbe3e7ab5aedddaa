"""How long something has been so, on a clock that the test sets."""

from __future__ import annotations

import pytest

from devports.system import clock
from devports.system.clock import SteadyCondition

HISTORIES = [
    pytest.param([(0, True)], False, id="it has only begun"),
    pytest.param([(0, True), (0.9, True)], False, id="not for so long yet"),
    pytest.param([(0, True), (1.0, True)], True, id="for so long"),
    pytest.param([(0, True), (0.5, False), (1.2, True)], False, id="a break begins it anew"),
    pytest.param([(0, True), (0.5, False), (1, True), (2, True)], True, id="after a break"),
    pytest.param([(0, True), (1.0, True), (1.1, False)], False, id="it is over"),
]


@pytest.mark.parametrize(("history", "lasted"), HISTORIES)
def test_something_has_lasted_for_a_second(
    history: list[tuple[float, bool]], lasted: bool, monkeypatch: pytest.MonkeyPatch
):
    said, lasting = False, SteadyCondition(1.0)
    for moment, is_so in history:
        monkeypatch.setattr(clock, "monotonic", lambda moment=moment: moment)
        said = lasting.update(is_so)
    assert said is lasted
