"""Records without dataclasses: what we use of them, and nothing else."""

from __future__ import annotations

import pytest

from devports.core.value import Frozen, unreachable


class Point(Frozen):
    x: int
    y: int = 2

    def doubled(self) -> Point:
        return self.replace(x=self.x * 2)


class Named(Point):
    name: str = "p"
    y: int = 5


class Twin(Frozen):
    x: int
    y: int = 2


class Nothing(Frozen):
    pass


def test_fields_are_the_annotations_in_order_parents_first() -> None:
    assert Point.__match_args__ == ("x", "y")
    assert Named.__match_args__ == ("x", "y", "name")
    assert Nothing.__match_args__ == ()


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(Point(1, 2), id="by position"),
        pytest.param(Point(1, y=2), id="by name"),
        pytest.param(Point(y=2, x=1), id="by name in any order"),
        pytest.param(Point(1), id="with a default"),
        pytest.param(Named(1, 9).replace(y=2), id="changed from another"),
    ],
)
def test_a_record_is_made_in_any_way(point: Point) -> None:
    assert (point.x, point.y) == (1, 2)


def test_a_child_may_change_a_default_and_adds_its_own() -> None:
    assert (Named(1).y, Named(1).name) == (5, "p")


@pytest.mark.parametrize(
    ("args", "fields", "complaint"),
    [
        pytest.param((1, 2, 3), {}, "takes 2 fields, got 3", id="too many"),
        pytest.param((1,), {"x": 1}, "repeated field 'x'", id="twice"),
        pytest.param((1,), {"z": 1}, "unexpected or repeated field 'z'", id="unknown"),
        pytest.param((), {"y": 1}, "field 'x' is missing", id="missing"),
    ],
)
def test_wrong_fields_are_refused(
    args: tuple[int, ...], fields: dict[str, int], complaint: str
) -> None:
    with pytest.raises(TypeError, match=complaint):
        Point(*args, **fields)


def test_nothing_can_be_assigned_or_deleted() -> None:
    point = Point(1)
    with pytest.raises(AttributeError, match="Point is immutable"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError, match="Point is immutable"):
        del point.x
    with pytest.raises(AttributeError, match="Point is immutable"):
        point.z = 2
    assert point == Point(1)


def test_records_compare_and_hash_by_type_and_fields() -> None:
    assert Point(1) == Point(1, 2)
    assert Point(1) != Point(2)
    assert Point(1) != Twin(1)
    assert Point(1) != Named(1, 2)
    assert Point(1) != (1, 2)
    assert len({Point(1), Point(1, 2), Twin(1), Nothing(), Nothing()}) == 3


def test_a_copy_changes_only_what_is_named_and_keeps_its_type() -> None:
    assert Named(1, name="q").doubled() == Named(2, name="q")
    with pytest.raises(TypeError, match="unexpected"):
        Point(1).replace(z=1)


def test_a_record_says_what_it_is() -> None:
    assert repr(Point(1)) == "Point(x=1, y=2)"
    assert repr(Nothing()) == "Nothing()"


def test_a_record_matches_by_position() -> None:
    record: Frozen = Point(1, 7)
    match record:
        case Point(1, y):
            assert y == 7
        case _:
            pytest.fail("it did not match")


def test_what_a_union_does_not_cover_is_named() -> None:
    with pytest.raises(AssertionError, match=r"not covered: Nothing"):
        unreachable(Nothing())  # type: ignore[arg-type]
