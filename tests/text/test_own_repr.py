"""A class's own `__repr__` is called for an object with few parts, and not for one with many."""

from __future__ import annotations

import collections
import uuid
from typing import Any

import numpy
import pandas
import pytest

from zefnb.text.own_repr import MOST_PARTS, is_small
from zefnb.text.short_repr import short_repr


class Basket:
    def __init__(self, *fields: Any) -> None:
        self.fields = fields[0] if len(fields) == 1 else fields

    def __repr__(self) -> str:
        return f"Basket({self.fields!r})"


class Slotted:
    __slots__ = ("fields", "unset")

    def __init__(self, fields: Any) -> None:
        self.fields = fields

    def __repr__(self) -> str:
        return f"Basket({self.fields!r})"


class Names(list):  # type: ignore[type-arg]
    def __repr__(self) -> str:
        return f"Basket({list(self)!r})"


class Table(dict):  # type: ignore[type-arg]
    def __repr__(self) -> str:
        return f"Basket({dict(self)!r})"


class Evasive:
    """Its attributes are not what they seem."""

    def __init__(self, fields: Any) -> None:
        object.__setattr__(self, "fields", fields)

    def __getattribute__(self, name: str) -> Any:
        return {} if name == "__dict__" else object.__getattribute__(self, name)

    def __len__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return f"Basket({self.fields!r})"


# Each makes an object with so many parts.
MADE: dict[str, Any] = {
    "a list": lambda parts: Basket([0] * (parts - 1)),
    "a tuple": lambda parts: Basket((0,) * (parts - 1)),
    "a set": lambda parts: Basket(set(range(parts - 1))),
    "a deque": lambda parts: Basket(collections.deque([0] * (parts - 1))),
    "a dict": lambda parts: Basket(dict.fromkeys(range((parts - 1) // 2)), *[0] * (1 - parts % 2)),
    "lists in a list": lambda parts: Basket([[0] * 99] * ((parts - 1) // 100) + [0] * ((parts - 1) % 100)),
    "a basket in a basket": lambda parts: Basket(Basket([0] * (parts - 2))),
    "a long text": lambda parts: Basket("x" * ((parts - 1) * 64)),
    "long bytes": lambda parts: Basket(bytes((parts - 1) * 64)),
    "slots": lambda parts: Slotted([0] * (parts - 1)),
    "a kind of list": lambda parts: Names([0] * parts),
    "a kind of dict": lambda parts: Table(dict.fromkeys(range(parts // 2))),
    "an evasive class": lambda parts: Evasive([0] * (parts - 1)),
}


@pytest.mark.parametrize("kind", [kind for kind in MADE if "dict" not in kind])
def test_an_object_is_small_up_to_this_many_parts(kind: str):
    assert [is_small(MADE[kind](MOST_PARTS + more)) for more in (-1, 0, 1)] == [True, True, False]


@pytest.mark.parametrize("kind", MADE)
def test_an_object_with_more_parts_is_shown_without_its_own_repr(kind: str):
    few, many = MADE[kind](100), MADE[kind](10 * MOST_PARTS)
    assert short_repr(few).startswith("Basket(")
    assert short_repr(many) == f"<{type(many).__name__} object with over 100,000 parts>"
    assert short_repr([1, many], longest=200) == f"[1, <{type(many).__name__} object with over 100,000 parts>]"


def test_what_shortens_its_own_text_is_shown_as_it_is():
    frame = pandas.DataFrame({"n": range(200_000), "name": ["Ada"] * 200_000})
    assert is_small(frame)
    assert is_small(frame["name"])
    assert is_small(numpy.zeros(1_000_000))
    assert is_small(Basket(numpy.zeros(1_000_000)))
    assert short_repr(frame, longest=500).endswith("[200000 rows x 2 columns]")


def test_objects_that_refer_to_each_other_or_to_their_classes_are_small():
    basket = Basket([])
    basket.fields.append(basket)
    crowd = [Basket() for _ in range(20)]
    for each in crowd:
        each.fields = crowd
    for value in (basket, crowd[0], uuid.uuid4(), uuid.SafeUUID.safe, Basket(uuid.SafeUUID, Basket, uuid)):
        assert is_small(value)
    assert short_repr(uuid.UUID(int=0)) == repr(uuid.UUID(int=0))
