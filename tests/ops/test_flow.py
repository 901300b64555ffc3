"""Ops for the flow of values: apply, choose, compare."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zefnb.core.entity import ET
from zefnb.core.op import Op
from zefnb.core.types import Int, String, match
from zefnb.errors import InvalidValue
from zefnb.ops import (
    F,
    apply,
    collect,
    constant_func,
    equals,
    filter,
    greater_than,
    identity,
    is_a,
    less_than,
    log,
    map,
    match_,
    one_of,
    reduce,
    to_upper_case,
)

calm = settings(deadline=None)
numbers = st.lists(st.integers(-9, 9), max_size=6)


@given(st.integers() | st.text())
def test_identity_returns_its_value(value):
    assert value | identity | collect is value


def test_apply_accepts_a_function_or_a_value_and_a_chain():
    assert "abc" | apply(len) | collect == 3
    assert isinstance(apply(len), Op)
    assert apply("abc", to_upper_case | apply(list)) == ["A", "B", "C"]
    assert apply([1, 2], len) == 2


def test_apply_works_with_values_that_define_the_or_operator():
    class Frame:
        def __or__(self, other):
            raise TypeError("frames are not joined with that")

        columns = 2

    assert apply(Frame(), F.columns | greater_than(1)) is True


@pytest.mark.parametrize("given_values", [(), (1, 2, 3), (5,), (1, 5)])
def test_apply_raises_for_a_value_that_is_not_callable(given_values):
    with pytest.raises(InvalidValue, match="apply"):
        apply(*given_values)


@calm
@given(numbers)
def test_map_filter_and_reduce_work_as_in_python(values):
    assert (values | map(lambda n: n * 2) | collect) == [n * 2 for n in values]
    assert (values | filter(lambda n: n > 0) | collect) == [n for n in values if n > 0]
    assert (values | filter(bool) | collect) == [n for n in values if n]
    assert (values | reduce(lambda a, b: a - b, 7) | collect) == functools.reduce(lambda a, b: a - b, values, 7)


def test_they_accept_chains_and_functions():
    assert ["a", "b"] | map(to_upper_case | equals("A")) | collect == [True, False]
    assert [ET.Guest(age=1), ET.Guest(age=9)] | filter(F.age | greater_than(5)) | collect == [ET.Guest(age=9)]
    assert [1, 2, 3] | reduce(apply(sum), 0) | collect == 6
    assert ((1, 2), (3,)) | map(len) | collect == [2, 1]


def test_filter_keeps_values_that_match_a_pattern():
    mixed = [1, "a", True, None, ET.Guest()]
    assert mixed | filter(String | Int) | collect == [1, "a"]
    assert mixed | filter(ET.Guest) | collect == [ET.Guest()]
    assert mixed | filter({1, None}) | collect == [1, None]
    assert mixed | filter(str | None) | collect == ["a", None]


def test_reduce_without_a_start_uses_the_first_item():
    assert [5, 2] | reduce(lambda a, b: a - b) | collect == 3
    assert [] | reduce(lambda a, b: a - b, None) | collect is None
    with pytest.raises(InvalidValue, match="reduce: value: there are no items"):
        [] | reduce(lambda a, b: a - b) | collect


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (lambda: map(5), "map: function: got 5"),
        (lambda: map("text"), "map: function: got 'text'"),
        (lambda: filter(5), "filter: predicate: got 5.*pattern"),
        (lambda: reduce(None), "reduce: function: got None"),
        (lambda: one_of(), "one_of: alternatives"),
        (lambda: is_a(set()), "at least one"),
        (lambda: match_([]), "match_: cases"),
        (lambda: match_(5), "match_: cases: got 5"),
        (lambda: match_([(1, 2, 3)]), r"match_: cases\[0\]: got \(1, 2, 3\)"),
    ],
)
def test_bad_options_are_refused_when_the_op_is_built(build, told):
    with pytest.raises(InvalidValue, match=told):
        build()


def test_the_first_matching_case_gives_the_result():
    size = match_([(0, "none"), (greater_than(99), "many"), (Int, lambda n: n * 10), (String, to_upper_case)])
    assert [size(value) for value in (0, 100, 4, "few")] == ["none", "many", 40, "FEW"]


def test_cases_can_be_a_dict_and_a_last_case_can_match_anything():
    greeting = match_({ET.Guest: "welcome", ET.Host: F.name, object: None})
    assert [greeting(value) for value in (ET.Guest(), ET.Host(name="Ada"), 5)] == ["welcome", "Ada", None]


def test_a_case_whose_predicate_raises_does_not_match():
    assert "text" | match_([(greater_than(5), "big"), (String, "text")]) | collect == "text"


def test_a_value_that_matches_no_case_raises_and_is_named():
    with pytest.raises(InvalidValue, match=r"match_: value: got 'text' \(str\), which matches none of 1 cases"):
        "text" | match_([(Int, "number")]) | collect


def test_an_error_in_a_result_is_raised():
    with pytest.raises(ZeroDivisionError):
        1 | match_([(Int, lambda n: n / 0), (object, "other")]) | collect


def test_cases_are_compiled_once_when_the_op_is_built():
    cases = [(Int, "number")]
    named = match_(cases)
    cases.insert(0, (object, "anything"))
    assert named(5) == "number"


def test_a_constant_function_returns_the_same_for_every_value():
    assert [1, "a", None] | map(constant_func(ET.Done())) | collect == [ET.Done()] * 3


@calm
@given(st.integers(), st.integers())
def test_comparisons_are_pythons(value, other):
    assert (value | equals(other) | collect) is (value == other)
    assert (value | greater_than(other) | collect) is (value > other)
    assert (value | less_than(other) | collect) is (value < other)


@pytest.mark.parametrize("comparison", [greater_than(5), less_than(5)])
def test_values_that_cannot_be_compared_raise(comparison):
    with pytest.raises(TypeError):
        "text" | comparison | collect


def test_is_a_says_whether_a_value_matches():
    assert 5 | is_a(Int) | collect is True
    assert True | is_a(Int) | collect is False
    assert ET.Guest(x=1) | is_a(ET.Guest(x=1)) | collect is True
    assert 5 | is_a(greater_than(9)) | collect is False


def test_one_of_is_a_pattern():
    assert match(one_of("yes", 1), "yes")
    assert not match(one_of("yes", 1), True)
    assert one_of(String, Int) == String | Int


def test_log_writes_a_line_and_passes_the_value_on(capsys):
    message = {"text": "hello"}
    assert message | log | collect is message
    assert "hello" | log("received:") | collect == "hello"
    assert capsys.readouterr().out == "{'text': 'hello'}\nreceived: hello\n"
