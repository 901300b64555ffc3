"""Outlines: the beginnings of values, which show later what a handler received."""

from __future__ import annotations

from typing import Any

import pytest

from zefnb.core.entity import ET
from zefnb.core.outline import outline
from zefnb.core.record import fields_of
from zefnb.text.short_repr import LONGEST, short_repr

VALUES: dict[str, Any] = {
    "a flat dict": {"a": 1, "b": "two"},
    "a nested dict": {"user": {"name": "Ada", "tags": ["a", "b"]}, "n": (1, [2])},
    "many rows": [{"x": n, "y": [n]} for n in range(1_000)],
    "a list in lists": [[[[["deep"]]]]],
    "many empty lists": [[] for _ in range(1_000)],
    "a set": {1},
    "a frozenset": frozenset({"a"}),
    "a bytearray": bytearray(b"abc" * 1_000),
    "an entity": ET.Table(rows=[1, {"a": [2]}], name="chat"),
    "an entity of many fields": ET.Table(**{f"field_{n}": [n] for n in range(100)}),
    "an entity in a dict": {"row": ET.Row(cells={"a": []})},
}


@pytest.mark.parametrize("kind", VALUES)
def test_an_outline_looks_like_the_value_and_has_its_type(kind: str):
    value = VALUES[kind]
    assert type(outline(value)) is type(value)
    assert short_repr(outline(value)) == short_repr(value)


@pytest.mark.parametrize("filling", [[], (), {}, "x", 1])
def test_an_outline_has_as_many_items_as_a_line_of_the_journal_can_show(filling: Any):
    value = [filling] * 100_000
    assert LONGEST // 3 < len(outline(value)) < 100
    assert short_repr(outline(value), LONGEST) == short_repr(value, LONGEST)


def test_an_outline_copies_few_containers_of_many():
    def count(value: Any) -> int:
        return 1 + sum(map(count, value)) if isinstance(value, list) else 0

    def copied(kept: Any, original: Any) -> int:
        if kept is original or not isinstance(kept, list):
            return 0
        return 1 + sum(map(copied, kept, original))

    wide = [[[[] for _ in range(20)] for _ in range(20)] for _ in range(20)]
    assert count(wide) > 8_000
    assert copied(outline(wide), wide) < 100


def test_no_change_of_the_original_reaches_an_outline():
    said = ["hello"]
    table = ET.Table(rows=said, by_name={"ada": said})
    kept = [outline(value) for value in (said, {"said": said}, (said, 1), table)]
    before = repr(kept)
    said.append("changed")
    fields_of(table)["by_name"]["bob"] = said
    assert repr(kept) == before


def test_an_outline_of_immutable_values_is_the_value():
    for value in ("text", 5, None, ET.Guest(name="Ada"), ET.Topic("chat"), object(), len):
        assert outline(value) is value


def test_a_value_that_contains_itself_contains_its_outline():
    ring: list[Any] = [1]
    ring.append({"ring": ring})
    kept = outline(ring)
    assert kept is not ring
    assert kept[1]["ring"] is kept
    room: dict[str, Any] = {"n": 1}
    room["inner"] = {"room": room}
    inner = outline(room)["inner"]
    assert inner["room"]["inner"] is inner is not room["inner"]


def test_a_value_that_is_nested_too_deeply_to_be_copied_has_an_outline():
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert short_repr(outline(deep)) == short_repr(deep)


def test_fields_that_the_journal_does_not_show_are_not_copied():
    arrived = ET.HTTPRequest(method="GET", headers={"cookie": "a=b"}, query_params={})
    assert outline(arrived) is arrived
