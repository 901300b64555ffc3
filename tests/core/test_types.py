"""Patterns: the conditions of rules, effect fields and predicates."""

from __future__ import annotations

import collections.abc
import copy
import pickle
import typing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zefnb.core.entity import ET
from zefnb.core.function import zef_function
from zefnb.core.time import Time
from zefnb.core.types import (
    Array1,
    Bool,
    ByteArray,
    Bytes,
    Float,
    Int,
    Nil,
    String,
    Union,
    compile_pattern,
    describe,
    match,
    u8,
)
from zefnb.errors import InvalidValue
from zefnb.ops import equals, greater_than, identity, nth, one_of

calm = settings(deadline=None)
VALUES = [0, 1, 3, True, False, 1.0, "", "a", b"a", bytearray(b"a"), ByteArray(b"a"), None, [1], [], (1, "a"), {"k": 1}]
values = st.sampled_from([*VALUES, ET.A(x=1), ET.A(x=True), ET.B(), Time(0), int, len])
plain_patterns = (
    st.sampled_from([Any, String, Int, Float, Bool, Nil, Bytes, Array1[u8], int, float, str, bytes, list, type(None)])
    | st.sampled_from([list[int], int | str, str | None, dict[str, int], tuple[int, str], typing.Literal[1, "a"]])
    | st.sampled_from([Time(...), Time, ET.A, ET.A(x=1), equals(3), bool, collections.abc.Sized])
    | st.sampled_from([1, 1.0, True, "a", b"a", None, frozenset({1, "a"})])
)
patterns = st.recursive(plain_patterns, lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda p: one_of(*p)))


@pytest.mark.parametrize(
    ("pattern", "admitted"),
    [
        (String, ["", "a"]),
        (Bytes, [b"a", bytearray(b"a"), ByteArray(b"a")]),
        (Int, [0, 1, 3]),
        (Float, [1.0]),
        (Bool, [True, False]),
        (Nil, [None]),
        (Array1[u8], [ByteArray(b"a")]),
        (Any, VALUES),
    ],
)
def test_a_named_type_accepts_its_values_and_no_others(pattern, admitted):
    fitting = [value for value in VALUES if match(pattern, value)]
    assert [(type(value), value) for value in fitting] == [(type(value), value) for value in admitted]
    if pattern is not Any:
        assert [value for value in VALUES if isinstance(value, pattern)] == fitting


def test_annotations_have_their_meaning_in_python():
    assert match(float, 1)
    assert not match(float, True)
    assert not match(int, True)
    assert match(bytes, bytearray(b"x"))
    assert match(str | None, None)
    assert match(list[int], [1, 2])
    assert not match(list[int], [1, "a"])
    assert match(dict[str, int], {"a": 1})
    assert not match(dict[str, int], {1: 1})
    assert match(tuple[int, str], (1, "a"))
    assert not match(tuple[int, str], (1, "a", "b"))
    assert not match(tuple[int, str], ("a", 1))
    assert match(tuple[int, ...], (1, 2, 3))
    assert not match(tuple[int, ...], (1, "a"))
    assert match(typing.Literal["a", 1], 1)
    assert not match(typing.Literal["a", 1], True)
    assert match(collections.abc.Callable[[int], int], len)
    assert match(type[int], bool)


def test_a_pattern_does_not_consume_iterators():
    numbers = iter([1, 2])
    assert match(collections.abc.Iterator[int], numbers)
    assert list(numbers) == [1, 2]


def test_a_literal_matches_by_type_and_value():
    assert match(1, 1)
    assert not match(1, True)
    assert not match(1, 1.0)
    assert not match("a", b"a")
    assert match(None, None)
    assert not match(None, 0)


def test_a_set_is_alternatives():
    assert match({1, "a"}, "a")
    assert match(frozenset({1, "a"}), 1)
    assert not match({1, "a"}, True)


def test_a_predicate_decides_by_its_truth():
    assert match(greater_than(5), 6)
    assert match(lambda value: value, "something")
    assert not match(identity, 0)


def test_a_predicate_that_is_async_or_lacks_an_argument_is_refused():
    async def later(value):
        return value

    with pytest.raises(InvalidValue, match="not an async one"):
        compile_pattern(later)
    with pytest.raises(InvalidValue, match="nth"):
        compile_pattern(nth)


def test_an_empty_set_of_alternatives_raises():
    for empty in (set(), frozenset()):
        with pytest.raises(InvalidValue, match="at least one"):
            compile_pattern(empty)
    with pytest.raises(InvalidValue, match="one_of"):
        one_of()


def test_a_pattern_that_calls_user_code_is_not_inline():
    @zef_function(inline=True)
    def quick(value):
        return True

    assert compile_pattern(String | Int).inline
    assert compile_pattern(one_of(greater_than(5), 1)).inline
    assert compile_pattern(quick).inline
    assert not compile_pattern(lambda value: True).inline
    assert not compile_pattern(one_of(String, lambda value: True)).inline
    assert not compile_pattern(ET.A(x=one_of(greater_than(print), 1))).inline


@calm
@given(patterns, values)
def test_a_match_by_type_alone_gives_the_same_result_as_by_value(pattern, value):
    matcher = compile_pattern(pattern)
    by_type = matcher.by_type(type(value)) if matcher.by_type else None
    assert by_type is None or by_type == matcher.test(value)


@calm
@given(patterns, patterns, values)
def test_a_union_matches_what_any_alternative_matches(one, other, value):
    assert match(one_of(one, other), value) == (match(one, value) or match(other, value))


@calm
@given(patterns, patterns, patterns)
def test_order_nesting_and_repetition_do_not_change_a_union(a, b, c):
    union = one_of(a, b, c)
    assert union == one_of(c, a, b) == one_of(one_of(a, b), c) == one_of(a, b, b, c)
    assert hash(union) == hash(one_of(c, a, b)) == hash(one_of(one_of(a, b), c)) == hash(one_of(a, b, b, c))


def test_unions_of_different_alternatives_differ():
    assert one_of(1, 2) != one_of(1, 3)
    assert one_of(1, 2) != one_of(1, 2, 3)
    assert one_of(1, 2) != one_of(True, 2)
    assert String | Int != "String | Int"


def test_an_alternative_that_raises_does_not_hide_later_ones():
    fails = greater_than("text")
    assert match(one_of(fails, 5), 5)
    with pytest.raises(TypeError):
        match(one_of(fails, 5), 6)


@calm
@given(patterns)
def test_the_repr_of_a_union_evaluates_back(pattern):
    namespace = {
        **vars(typing),
        "Sized": collections.abc.Sized,
        "one_of": one_of,
        "equals": equals,
        "ET": ET,
        "Time": Time,
        "Array1": Array1,
        "u8": u8,
    }
    named = {str(kind): kind for kind in (String, Int, Float, Bool, Nil, Bytes)}
    union = one_of(pattern, "b")
    assert eval(repr(union), {**namespace, **named}) == union


def test_the_text_of_a_union_is_its_source():
    assert repr(String | Int) == "String | Int"
    assert repr(ET.A | None) == "ET.A | None"
    assert repr(int | String) == "int | String"
    assert repr(one_of(1, 2)) == "one_of(1, 2)"
    assert repr(one_of(int, str)) == "one_of(int, str)"


def test_a_type_forms_a_union_with_operands_on_either_side():
    for union in (String | 5, 5 | String, ET.A(x=1) | String, {1} | String, (int | str) | String):
        assert isinstance(union, Union)
    assert isinstance("text", String | Int)


def test_named_types_construct_the_plain_value():
    assert String("x") == "x"
    assert type(String("x")) is str
    assert Int("5") == 5
    assert Bytes([1, 2]) == Bytes(b"\x01\x02") == b"\x01\x02"
    assert Nil() is None
    for wrong in ("text", 5):
        with pytest.raises(InvalidValue, match="Bytes"):
            Bytes(wrong)
    with pytest.raises(InvalidValue, match="Nil"):
        Nil(0)


def test_an_array_of_bytes_is_usable_as_bytes():
    array = Array1[u8]([1, 2, 255])
    assert array == b"\x01\x02\xff"
    assert isinstance(array, Array1[u8])
    assert not isinstance(b"\x01", Array1[u8])
    assert eval(repr(array), {"Array1": Array1, "u8": u8}) == array
    with pytest.raises(InvalidValue, match="u8"):
        Array1[int]


@pytest.mark.parametrize("pattern", [String, Array1, Array1[u8], u8])
def test_named_types_pickle_and_copy_as_themselves(pattern):
    assert pickle.loads(pickle.dumps(pattern)) is pattern
    assert copy.deepcopy(pattern) is pattern


def test_values_and_unions_pickle():
    for value in (Array1[u8](b"x"), String | Int, one_of(1, ET.A(x=2))):
        assert pickle.loads(pickle.dumps(value)) == value
        assert type(pickle.loads(pickle.dumps(value))) is type(value)


def test_errors_show_patterns_as_they_are_written():
    assert describe(list[int]) == "list[int]"
    assert describe(str | None) == "str | None"
    assert describe(typing.Optional[int]) == "int | None"  # noqa: UP045
    assert describe(collections.abc.Callable) == "Callable"
