"""Frozen objects."""

from __future__ import annotations

from typing import Any

import pytest

from zefnb.core.frozen import Frozen


class Point(Frozen):
    x: int
    y: int = 0


def test_fields_are_given_by_place_or_by_name_and_have_defaults():
    assert (Point(1).x, Point(1).y) == (1, 0)
    assert Point(1, 2) == Point(y=2, x=1)


def test_objects_are_equal_when_their_fields_are_and_they_can_be_keys():
    assert Point(1) == Point(1, 0)
    assert Point(1) != Point(2)
    assert {Point(1): "one"}[Point(1, y=0)] == "one"

    class Other(Frozen):
        x: int
        y: int = 0

    assert Point(1) != Other(1)


def test_the_fields_cannot_be_changed():
    point: Any = Point(1)
    with pytest.raises(AttributeError, match="Point is immutable"):
        point.x = 2
    with pytest.raises(AttributeError, match="Point is immutable"):
        del point.x
    assert point == Point(1)


@pytest.mark.parametrize(
    ("args", "given", "said"),
    [
        ((), {}, "Point needs x"),
        ((1, 2, 3), {}, "Point takes 2 fields, and got 3"),
        ((1,), {"x": 2}, "Point got x, twice"),
        ((1,), {"z": 2}, "Point got z, which is no field"),
    ],
)
def test_wrong_fields_raise(args, given, said):
    with pytest.raises(TypeError, match=said):
        Point(*args, **given)


def test_the_repr_shows_all_fields():
    assert repr(Point(1)).endswith("Point(x=1, y=0)")
