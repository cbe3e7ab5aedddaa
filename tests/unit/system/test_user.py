"""Who called sudo is who asks, where it is certain that sudo says so."""

from __future__ import annotations

import pytest

from devports.system.user import sudo_caller


@pytest.mark.parametrize(
    ("uid", "variable", "who"),
    [
        pytest.param(0, "1000", 1000, id="root, by sudo"),
        pytest.param(0, "0", 0, id="root, by root's own sudo"),
        pytest.param(0, "", 0, id="root without sudo"),
        pytest.param(1000, "0", 1000, id="a variable that anybody can set"),
        pytest.param(1000, "", 1000, id="a user"),
        pytest.param(0, "ann", 0, id="a name"),
        pytest.param(0, "-1", 0, id="a sign"),
        pytest.param(0, "4294967295", 0, id="nobody's number"),
        pytest.param(0, "9" * 5000, 0, id="a number that Python does not read"),
    ],
)
def test_the_variable_of_sudo_counts_for_root(uid: int, variable: str, who: int) -> None:
    assert sudo_caller(uid, variable) == who
