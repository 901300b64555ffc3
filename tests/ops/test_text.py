"""Ops for text and JSON."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zefnb.core.entity import ET
from zefnb.core.types import ByteArray
from zefnb.errors import InvalidValue
from zefnb.ops import (
    collect,
    contains,
    join,
    parse_json,
    replace_text,
    split,
    starts_with,
    to_json,
    to_lower_case,
    to_upper_case,
    trim,
)

calm = settings(deadline=None)
finite = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@calm
@given(st.text(), st.text(min_size=1, max_size=2))
def test_split_text_can_be_joined(text, separator):
    assert text | split(separator) | join(separator) | collect == text


def test_without_a_separator_words_are_split_and_parts_are_joined():
    assert " two  words " | split | collect == ["two", "words"]
    assert ["a", "b"] | join | collect == "ab"
    assert (part for part in "ab") | join("-") | collect == "a-b"


def test_trim_removes_white_space_or_the_given_characters():
    assert "\t hi \n" | trim | collect == "hi"
    assert "--=hi=-" | trim("-=") | collect == "hi"


def test_every_occurrence_is_replaced():
    assert "a-b-c" | replace_text("-", "") | collect == "abc"


@calm
@given(st.text())
def test_letter_case_changes_as_in_python(text):
    assert text | to_upper_case | collect == text.upper()
    assert text | to_lower_case | collect == text.lower()


@pytest.mark.parametrize(
    "chain", [split(","), trim, replace_text("a", "b"), to_upper_case, to_lower_case, split, trim("x")]
)
@pytest.mark.parametrize("value", [5, b"text", None, ["a"]])
def test_a_value_that_is_not_text_raises_and_is_named(chain, value):
    with pytest.raises(InvalidValue, match=r"value: got .*; allowed: text"):
        value | chain | collect


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (lambda: split(""), "split: separator: it is empty"),
        (lambda: split(5), "split: separator: got 5"),
        (lambda: trim(""), "trim: characters: it is empty"),
        (lambda: replace_text("", "x"), "replace_text: old: it is empty"),
        (lambda: replace_text("x", None), "replace_text: new: got None"),
        (lambda: join(5), "join: separator: got 5"),
        (lambda: ["a", 5] | join | collect, "join: item: got 5"),
    ],
)
def test_bad_options_and_items_are_named(build, told):
    with pytest.raises(InvalidValue, match=told):
        build()


def test_contains_works_as_the_in_operator():
    assert "hello" | contains("ell") | collect is True
    assert [1, 2] | contains(3) | collect is False
    assert {"a": 1} | contains("a") | collect is True
    with pytest.raises(TypeError):
        "hello" | contains(5) | collect


def test_starts_with_compares_values_of_one_kind():
    assert "/name Ada" | starts_with("/name") | collect is True
    assert ByteArray(b"GIF89") | starts_with(b"GIF") | collect is True
    assert [1, 2, 3] | starts_with([1, 2]) | collect is True
    assert "a" | starts_with("ab") | collect is False
    assert "a" | starts_with(b"a") | collect is False
    with pytest.raises(InvalidValue, match="starts_with: value: got 5"):
        5 | starts_with("5") | collect


@calm
@given(json_values)
def test_json_round_trips(value):
    assert value | to_json | parse_json | collect == value


def test_json_can_be_bytes():
    for text in (b'{"a": 1}', bytearray(b'{"a": 1}'), memoryview(b'{"a": 1}'), ByteArray(b'{"a": 1}')):
        assert text | parse_json | collect == {"a": 1}


def test_an_entity_becomes_an_object():
    assert ET.Guest(name="Ada") | to_json | parse_json | collect == {"type": "Guest", "name": "Ada"}


@pytest.mark.parametrize("text", ["", "{", "{'a': 1}", "NaN", "[Infinity]", "1 2", b"\xff", "[" * 100_000, "9" * 5_000])
def test_invalid_json_raises(text):
    with pytest.raises(InvalidValue, match=r"parse_json: value: .*allowed: JSON"):
        text | parse_json | collect


def test_the_error_gives_the_position():
    with pytest.raises(InvalidValue, match="line 2 column 1"):
        '{"a":\n}' | parse_json | collect


def test_only_text_and_bytes_can_be_parsed():
    with pytest.raises(InvalidValue, match="parse_json: value: got 5"):
        5 | parse_json | collect


def test_a_value_without_a_json_form_raises():
    with pytest.raises(InvalidValue):
        {"a": b"x"} | to_json | collect
    with pytest.raises(InvalidValue):
        float("nan") | to_json | collect
    with pytest.raises(TypeError, match="object"):
        object() | to_json | collect
