"""Encoding: JSON text and the content of frames."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zefnb.core.entity import ET
from zefnb.core.time import Time
from zefnb.core.types import ByteArray
from zefnb.core.wire import encode_content, to_json_text
from zefnb.errors import InvalidValue

calm = settings(deadline=None)
UID = "🍃-87f83f06bfec2ba79b96"
finite = st.floats(allow_nan=False, allow_infinity=False)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)


@calm
@given(json_values)
def test_plain_values_round_trip_through_json(value):
    assert json.loads(to_json_text(value)) == value


def test_an_entity_becomes_its_type_its_uid_and_its_fields():
    assert json.loads(to_json_text(ET.Guest(name="Ada"))) == {"type": "Guest", "name": "Ada"}
    named = ET.Actor(UID, input=ET.Topic("chat"))
    assert json.loads(to_json_text([named])) == [
        {"type": "Actor", "uid": UID, "input": {"type": "Topic", "uid": "chat"}}
    ]


def test_a_field_named_like_the_type_key_is_not_lost():
    assert json.loads(to_json_text(ET.Guest(type="vip"))) == {"type": "vip"}


def test_times_sets_and_tuples_have_a_place_in_json():
    assert to_json_text(Time(0)) == '"1970-01-01T00:00:00Z"'
    assert json.loads(to_json_text({"a": {1}, "b": frozenset(), "c": (1, "é")})) == {"a": [1], "b": [], "c": [1, "é"]}


def test_text_stays_readable():
    assert to_json_text("größe 🍃") == '"größe 🍃"'


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_numbers_without_a_json_form_raise(number):
    with pytest.raises(InvalidValue, match="NaN and infinity are not in JSON"):
        to_json_text({"a": [number]})
    with pytest.raises(InvalidValue, match="NaN"):
        encode_content(number)


@pytest.mark.parametrize("value", [b"abc", bytearray(b"abc"), memoryview(b"abc"), ByteArray(b"abc")])
def test_bytes_are_refused_inside_json(value):
    with pytest.raises(InvalidValue, match="no bytes"):
        to_json_text({"picture": value})


@pytest.mark.parametrize("value", [object(), Fraction(1, 2), len, ET.Guest, 1j, {(1, 2): 3}, {b"key": 1}])
def test_an_error_names_any_other_type(value):
    named = type(next(iter(value)) if isinstance(value, dict) else value).__name__
    with pytest.raises(TypeError, match=named):
        to_json_text([value])


def test_cycles_and_endless_nesting_raise():
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidValue, match="contains itself"):
        to_json_text(endless)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidValue, match="too deeply"):
        encode_content(deep)


def test_numpy_numbers_are_numbers():
    numpy = pytest.importorskip("numpy")
    assert to_json_text([numpy.int64(5), numpy.float32(0.5), numpy.bool_(True)]) == "[5, 0.5, true]"
    with pytest.raises(InvalidValue, match="NaN"):
        to_json_text(numpy.float32("nan"))
    assert to_json_text(numpy.array([5])) == "[5]"


def test_text_becomes_a_text_frame_and_bytes_a_binary_frame():
    assert encode_content("größe") == (1, "größe".encode())
    for content in (b"\x00\xff", bytearray(b"\x00\xff"), memoryview(b"\x00\xff"), ByteArray(b"\x00\xff")):
        assert encode_content(content) == (2, b"\x00\xff")
        assert isinstance(encode_content(content)[1], bytes)


@calm
@given(json_values.filter(lambda value: not isinstance(value, str)))
def test_other_plain_values_are_json_in_a_text_frame(value):
    opcode, payload = encode_content(value)
    assert opcode == 1
    assert json.loads(payload) == value


def test_entities_and_times_are_json_in_a_text_frame():
    assert encode_content(ET.Guest(name="Ada")) == (1, b'{"type": "Guest", "name": "Ada"}')
    assert encode_content(Time(0)) == (1, b'"1970-01-01T00:00:00Z"')


@pytest.mark.parametrize("content", [object(), 1j, len, [object()], {"a": {"b": 1j}}, ET.Guest(x=len), {(1,): 2}])
def test_a_value_that_no_frame_can_carry_raises_and_the_error_lists_allowed_types(content):
    with pytest.raises(InvalidValue, match="allowed: text, bytes, or as JSON"):
        encode_content(content)


def test_the_refusal_names_the_type():
    with pytest.raises(InvalidValue, match="Fraction"):
        encode_content(Fraction(1, 2))
    with pytest.raises(InvalidValue, match="Fraction"):
        encode_content([Fraction(1, 2)])


def test_a_lone_surrogate_is_not_utf_8():
    for content in ("\ud800", {"a": "\ud800"}):
        with pytest.raises(InvalidValue, match="surrogate"):
            encode_content(content)
