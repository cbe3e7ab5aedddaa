"""What is said is what the golden files have; see `tests/tools/golden.py`."""

from __future__ import annotations

import pytest

from tests.tools.golden import FOLDER, Family, families

FAMILIES = {family.path.stem: family for family in families()}
CASES = [
    pytest.param(family, case, id=f"{name}, {case}")
    for name, family in FAMILIES.items()
    for case in family
]


@pytest.mark.parametrize(("family", "case"), CASES)
def test_it_is_said_as_the_golden_file_has_it(family: Family, case: str) -> None:
    assert family.said(case) == family.expected().get(case)


def test_no_golden_file_has_more() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == FAMILIES.keys()
    for family in FAMILIES.values():
        assert list(family.expected()) == list(family)
