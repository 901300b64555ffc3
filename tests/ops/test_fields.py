"""Ops for the parts of values: fields, keys and paths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zefnb.core.effect import DEFAULT_REGISTRY, FX, effect
from zefnb.core.entity import ET, Topic
from zefnb.core.types import ByteArray
from zefnb.errors import InvalidEffect, InvalidValue, MissingField, UnknownKey, UnknownName
from zefnb.ops import F, array_to_bytes, collect, get, insert, insert_into

calm = settings(deadline=None)
keys = st.text(max_size=2)


@pytest.fixture
def _send() -> Iterator[None]:
    @effect("SendSomewhere")
    def send(runtime: Any, *, target: Topic, content: Any, urgent: bool = False) -> None:
        """Send `content` to `target`."""

    yield
    del DEFAULT_REGISTRY.specs["SendSomewhere"]


def test_f_reads_a_field_or_the_key_of_a_dict():
    assert ET.Guest(name="Ada") | F.name | collect == "Ada"
    assert {"items": 1} | F.items | collect == 1
    assert ET.Table(guest=ET.Guest(name="Ada")) | F.guest | F.name | collect == "Ada"


def test_f_reads_the_attributes_of_other_objects():
    @dataclass
    class Row:
        size: int

    assert Row(5) | F.size | collect == 5


@pytest.mark.usefixtures("_send")
def test_f_reads_the_fields_of_effects():
    assert FX.SendSomewhere(urgent=True) | F.urgent | collect is True


def test_f_refuses_names_with_an_underscore():
    for name in ("_uid", "__class_getitem__", "_repr_html_"):
        with pytest.raises(UnknownName, match="underscore"):
            getattr(F, name)


def test_a_missing_name_raises_and_f_lists_the_existing_ones():
    with pytest.raises(MissingField, match="no field 'age'; fields: name"):
        ET.Guest(name="Ada") | F.age | collect
    with pytest.raises(UnknownKey, match=r"F\.age: no key 'age'; keys: 'name'"):
        {"name": "Ada"} | F.age | collect
    with pytest.raises(AttributeError):
        5 | F.age | collect


def test_readers_are_values():
    assert F.name == F.name
    assert F.name != F.age
    assert repr(F.name | F.age) == "F.name | F.age"


def test_get_reads_keys_indices_fields_and_paths():
    value = {"guests": [ET.Guest(name="Ada", tags={"vip": True})], 5: "five", None: "none"}
    assert value | get(5) | collect == "five"
    assert value | get(None) | collect == "none"
    assert [1, 2] | get(-1) | collect == 2
    assert "abc" | get(1) | collect == "b"
    assert ET.Guest(name="Ada") | get("name") | collect == "Ada"
    assert value | get(["guests", 0, "tags", "vip"]) | collect is True
    assert MappingProxyType({"a": 1}) | get("a") | collect == 1


def test_get_with_a_default_never_raises_for_a_missing_key():
    assert {} | get("a", 0) | collect == 0
    assert {} | get("a", None) | collect is None
    assert [] | get(3, "none") | collect == "none"
    assert ET.Guest() | get("name", default="nobody") | collect == "nobody"
    assert {"a": {}} | get(["a", "b", "c"], 0) | collect == 0


@pytest.mark.parametrize(
    ("value", "key", "error", "told"),
    [
        ({"a": 1, "b": 2}, "c", UnknownKey, "get: no key 'c'; keys: 'a', 'b'"),
        ({}, "c", UnknownKey, "keys: there are none"),
        ({n: n for n in range(99)}, "c", UnknownKey, "18, 19, …"),
        ([1, 2], 7, UnknownKey, "get: no item 7; there are 2"),
        (ET.Guest(name="Ada"), "nam", MissingField, "no field 'nam'; fields: name. did you mean 'name'"),
        (ET.Guest(name="Ada"), "_uid", AttributeError, "_uid"),
        (ET.Guest(name="Ada"), 5, InvalidValue, "get: key: got 5"),
        ([1, 2], "a", InvalidValue, "get: key: got 'a'"),
        (5, "a", InvalidValue, "get: key: got 'a'"),
    ],
)
def test_a_missing_key_raises_and_get_lists_the_existing_ones(value, key, error, told):
    with pytest.raises(error) as caught:
        value | get(key) | collect
    assert told in str(caught.value)


def test_an_empty_path_is_refused():
    for build in (lambda: get([]), lambda: insert_into({}, [])):
        with pytest.raises(InvalidValue, match="path is empty"):
            build()


@calm
@given(st.dictionaries(keys, st.integers()), keys, st.integers())
def test_an_inserted_value_is_present_and_the_rest_is_unchanged(before, key, value):
    original = dict(before)
    after = before | insert(key, value) | collect
    assert before == original
    assert after | get(key) | collect == value
    assert {k: v for k, v in after.items() if k != key} == {k: v for k, v in before.items() if k != key}


def test_insert_gives_a_changed_copy_of_a_record():
    ada = ET.Guest("🍃-87f83f06bfec2ba79b96", name="Ada")
    older = ada | insert("age", 36) | collect
    assert repr(older) == "ET.Guest('🍃-87f83f06bfec2ba79b96', name='Ada', age=36)"
    assert not hasattr(ada, "age")


def test_insert_follows_a_path_and_creates_missing_dicts():
    value = {"routes": [ET.Route(options={"a": 1})]}
    changed = value | insert(["routes", 0, "options", "b", "c"], 2) | collect
    assert changed == {"routes": [ET.Route(options={"a": 1, "b": {"c": 2}})]}
    assert value == {"routes": [ET.Route(options={"a": 1})]}


def test_in_a_list_an_item_is_replaced():
    assert [1, 2, 3] | insert(1, "two") | collect == [1, "two", 3]
    with pytest.raises(UnknownKey, match="insert: no item 3; there are 3"):
        [1, 2, 3] | insert(3, 4) | collect


@pytest.mark.parametrize(("value", "key"), [(5, "a"), ("text", 0), ((1, 2), 0), (ET.Guest(), 5), ([1], "a")])
def test_inserting_into_a_value_without_keys_raises(value, key):
    with pytest.raises(InvalidValue, match="insert: key: got"):
        value | insert(key, 1) | collect


def test_insert_into_puts_the_value_into_a_template():
    assert "Ada" | insert_into({"greeting": "hello"}, "name") | collect == {"greeting": "hello", "name": "Ada"}
    assert "Ada" | insert_into(ET.Guest(age=36), "name") | collect == ET.Guest(age=36, name="Ada")
    assert 5 | insert_into({"a": {"b": 1}}, ["a", "c"]) | collect == {"a": {"b": 1, "c": 5}}
    assert 5 | insert_into(ET.Guest(tags={}), ["tags", "x"]) | collect == ET.Guest(tags={"x": 5})


@pytest.mark.usefixtures("_send")
def test_an_incomplete_effect_is_a_template():
    to_all = insert_into(FX.SendSomewhere(target=ET.Topic("all")), "content")
    sent = ByteArray(b"hi") | array_to_bytes | to_all | collect
    assert sent == FX.SendSomewhere(target=ET.Topic("all"), content=b"hi")
    assert (array_to_bytes | to_all).inline


@pytest.mark.usefixtures("_send")
def test_a_template_that_can_never_be_right_is_refused_when_the_op_is_built():
    with pytest.raises(InvalidValue, match=r"has no field 'contnet'; allowed: .*did you mean 'content'"):
        insert_into(FX.SendSomewhere(), "contnet")
    with pytest.raises(InvalidValue, match="insert_into: template: got 5"):
        insert_into(5, "content")


@pytest.mark.usefixtures("_send")
def test_a_value_of_the_wrong_type_is_refused_by_the_effect():
    with pytest.raises(InvalidEffect, match="urgent: got 'very'"):
        "very" | insert_into(FX.SendSomewhere(), "urgent") | collect


def test_an_underscore_field_of_an_entity_raises():
    with pytest.raises(InvalidValue, match="underscore"):
        "x" | insert_into(ET.Guest(), "_uid") | collect
