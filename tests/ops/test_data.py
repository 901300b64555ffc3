"""Ops for data: the items of any iterable."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zefnb.core.entity import ET
from zefnb.core.types import ByteArray
from zefnb.errors import InvalidValue, UnknownKey
from zefnb.ops import F, collect, drop, first, last, length, nth, reverse, sort, take, unique

calm = settings(deadline=None)
sequences = st.lists(st.integers(), max_size=6) | st.text(max_size=6) | st.binary(max_size=6)
sequences |= st.lists(st.integers(), max_size=6).map(tuple)
counts = st.integers(-8, 8)


@calm
@given(sequences, counts)
def test_take_and_drop_together_give_the_whole(values, n):
    taken, dropped = values | take(n) | collect, values | drop(n) | collect
    assert (taken + dropped if n >= 0 else dropped + taken) == values
    assert type(taken) is type(dropped) is type(values)
    assert len(taken) == min(abs(n), len(values))


@calm
@given(sequences)
def test_first_last_and_length_of_a_sequence(values):
    assert values | length | collect == len(values)
    if values:
        assert values | first | collect == values | nth(0) | collect == values[0]
        assert values | last | collect == values | nth(-1) | collect == values[-1]


@calm
@given(sequences)
def test_reversing_twice_gives_the_original(values):
    assert values | reverse | reverse | collect == values
    assert type(values | reverse | collect) is type(values)


def test_iterators_are_walked_through():
    assert iter([1, 2, 3]) | take(2) | collect == [1, 2]
    assert iter([1, 2, 3]) | take(-2) | collect == [2, 3]
    assert iter([1, 2, 3]) | drop(1) | collect == [2, 3]
    assert iter([1, 2, 3]) | nth(1) | collect == 2
    assert iter([1, 2, 3]) | last | collect == 3
    assert iter([1, 2, 3]) | length | collect == 3
    assert iter([1, 2, 3]) | reverse | collect == [3, 2, 1]
    assert {"a": 1, "b": 2} | first | collect == "a"


def test_taking_from_an_endless_iterator_ends():
    assert iter(int, 1) | take(2) | collect == [0, 0]


def test_a_missing_item_raises_and_the_error_gives_the_length():
    for op, told in ((nth(3), "nth: no item 3; there are 2"), (nth(-3), "nth: no item -3; there are 2")):
        with pytest.raises(UnknownKey, match=told):
            "ab" | op | collect
    for op in (first, last):
        with pytest.raises(UnknownKey, match="there are"):
            [] | op | collect


@pytest.mark.parametrize("op", [take, drop, nth])
@pytest.mark.parametrize("n", ["2", 1.0, True, None])
def test_a_count_must_be_a_whole_number(op, n):
    with pytest.raises(InvalidValue, match=f"{op!r}: n: got .*; allowed: a whole number"):
        op(n)


@calm
@given(st.lists(st.integers()))
def test_sorting_is_pythons(values):
    assert values | sort | collect == sorted(values)
    assert values | sort(reverse=True) | collect == sorted(values, reverse=True)
    assert values | sort(key=lambda n: -n) | collect == sorted(values, key=lambda n: -n)


def test_a_key_can_be_a_chain():
    guests = [ET.Guest(name="Bob"), ET.Guest(name="Ada"), ET.Guest(name="Bob", age=1)]
    assert guests | sort(F.name) | first | F.name | collect == "Ada"
    assert guests | unique(F.name) | length | collect == 2


def test_a_bad_key_or_direction_is_refused():
    with pytest.raises(InvalidValue, match="sort: key: got 5"):
        sort(5)
    with pytest.raises(InvalidValue, match="sort: reverse: got 'yes'"):
        sort(reverse="yes")
    with pytest.raises(InvalidValue, match="unique: key: got 5"):
        unique(5)


@calm
@given(st.lists(st.integers(0, 4) | st.lists(st.integers(0, 1), max_size=1) | st.booleans()))
def test_unique_keeps_the_first_of_equal_items_in_order(values):
    expected = []
    for value in values:
        if value not in expected:
            expected.append(value)
    assert values | unique | collect == expected


def test_arrays_of_bytes_are_split_like_bytes():
    assert ByteArray(b"abc") | take(2) | collect == b"ab"
    assert ByteArray(b"abc") | first | collect == 97
