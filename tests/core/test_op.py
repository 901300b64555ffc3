"""Ops: chains of steps as data."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zefnb.ops
from zefnb.core.entity import ET
from zefnb.core.function import zef_function
from zefnb.core.op import Applied, Op, as_chain, collect, compile_chain, op
from zefnb.core.types import Array1, Int, String, match, u8
from zefnb.errors import InvalidValue
from zefnb.ops import (
    F,
    array_to_bytes,
    contains,
    drop,
    equals,
    first,
    get,
    greater_than,
    identity,
    insert,
    insert_into,
    is_a,
    join,
    one_of,
    reverse,
    sort,
    split,
    take,
    to_json,
    to_upper_case,
)

calm = settings(deadline=None)


@op
def shouted(text: str, times: int = 1) -> str:
    """A text, with exclamation marks."""
    return text + "!" * times


@op
def doubled(text: str) -> str:
    """A text twice."""
    return text * 2


small = st.integers(-3, 3)
literals = st.recursive(
    st.none() | st.booleans() | small | st.text(max_size=3) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=3,
)
single_ops = (
    st.sampled_from([first, reverse, identity, to_upper_case, array_to_bytes, to_json, F.name, F.other, doubled])
    | st.sampled_from([is_a(String | Int), is_a(one_of(1, "a")), is_a(Array1[u8]), sort(reverse=True), sort(), join()])
    | st.builds(take, small)
    | st.builds(lambda n: drop(n=n), small)
    | st.builds(split, st.text(min_size=1, max_size=2))
    | st.builds(equals, literals)
    | st.builds(lambda value: insert("key", value), literals)
    | st.builds(lambda value: insert_into(ET.Guest(other=value), "name"), literals)
    | st.builds(get, st.text(max_size=2), literals)
    | st.builds(shouted, small)
)
chains = st.lists(single_ops, min_size=1, max_size=4).map(lambda ops: functools.reduce(lambda a, b: a | b, ops))


def test_a_chain_evaluates_from_the_left():
    assert "a,b" | split(",") | first | to_upper_case | collect == "A"


def test_nothing_is_evaluated_before_collect():
    waiting = "a,b" | split(",")
    assert isinstance(waiting, Applied)
    assert repr(waiting) == "'a,b' | split(',')   # add `| collect` to evaluate"
    assert waiting | collect == ["a", "b"]


def test_calling_a_chain_with_a_value_evaluates_it():
    assert (split(",") | first)("a,b") == "a"
    assert compile_chain(split(",") | first | to_upper_case)("a,b") == "A"
    assert 5 | collect == 5


@calm
@given(st.lists(single_ops, min_size=3, max_size=6), st.data())
def test_joining_is_associative(ops, data):
    cut = data.draw(st.integers(1, len(ops) - 1))
    joined = functools.partial(functools.reduce, lambda a, b: a | b)
    assert joined(ops[:cut]) | joined(ops[cut:]) == joined(ops)


@calm
@given(st.text(max_size=6), st.lists(st.sampled_from([doubled, shouted(2), reverse, take(2)]), min_size=1))
def test_a_chain_applies_its_steps_in_order(text, ops):
    expected = functools.reduce(lambda value, step: step(value), ops, text)
    chain = functools.reduce(lambda a, b: a | b, ops)
    assert (text | chain | collect) == chain(text) == expected


@calm
@given(chains)
def test_repr_evaluates_back(chain):
    own = {"shouted": shouted, "doubled": doubled}
    names = {**vars(zefnb.ops), "ET": ET, "String": String, "Int": Int, "Array1": Array1, "u8": u8, **own}
    assert eval(repr(chain), names) == chain


@calm
@given(chains)
def test_chains_pickle_copy_and_hash_like_values(chain):
    for twin in (pickle.loads(pickle.dumps(chain)), copy.copy(chain), copy.deepcopy(chain)):
        assert twin == chain
        assert hash(twin) == hash(chain)
        assert repr(twin) == repr(chain)
        assert twin.inline == chain.inline


def test_an_unpickled_chain_still_works():
    chain = split(",") | take(1) | join("-") | shouted(2)
    assert pickle.loads(pickle.dumps(chain))("a,b") == "a!!"


def test_chains_with_different_options_differ():
    assert take(1) != take(2)
    assert take(1) != drop(1)
    assert take(1) | first != first | take(1)
    assert F.name != F.other
    assert len({take(1), take(1), take(2)}) == 2


def test_library_ops_pickle_as_themselves():
    for library_op in (take, first, collect, F, shouted, doubled):
        assert pickle.loads(pickle.dumps(library_op)) is library_op


def test_an_op_with_only_optional_arguments_works_without_a_call():
    assert "a" | shouted | collect == "a!"
    assert "a" | shouted(3) | collect == "a!!!"
    assert "a" | (shouted | doubled) | collect == "a!a!"
    assert "a" | (doubled | shouted) | collect == "aa!"
    assert [2, 1] | sort | collect == [1, 2]


def test_an_op_without_a_required_argument_names_it():
    with pytest.raises(InvalidValue, match=r"take: missing a required argument: 'n'; allowed: take\(n\)$"):
        [1] | take | collect
    with pytest.raises(InvalidValue, match="unexpected keyword argument 'm'"):
        sort(m=1)
    with pytest.raises(InvalidValue, match="too many"):
        take(1, 2)


def test_any_callable_can_be_a_step_of_a_chain():
    class Adder:
        def __call__(self, value: int) -> int:
            return value + 1

    assert "abc" | doubled | len | collect == 6
    assert (len | as_chain(str))("abc") == "3"
    assert 1 | as_chain(Adder()) | Adder() | collect == 3
    assert "7" | as_chain(int) | collect == 7


@pytest.mark.parametrize("function", [len, lambda text: 3, functools.partial(max, 3), zef_function(lambda text: 3)])
def test_a_function_on_the_left_starts_a_chain(function):
    chain = function | equals(3)
    assert isinstance(chain, Op)
    assert len(chain.steps) == 2


def test_a_step_that_is_not_callable_raises_with_a_hint():
    with pytest.raises(InvalidValue, match=r"chain: step: got 5.*was a name such as `run` or `collect`"):
        take(1) | 5
    with pytest.raises(InvalidValue, match=r"FX\.SubscribeFX: op: got None"):
        as_chain(None, "FX.SubscribeFX", "op")


def test_a_type_or_an_entity_can_be_the_value_of_a_chain():
    assert ET.Guest(name="Ada") | F.name | collect == "Ada"
    assert int | identity | collect is int
    assert {"a": 1} | get("a") | collect == 1
    assert {1, 2} | contains(2) | collect is True


def test_library_ops_are_inline_and_a_user_s_function_is_not():
    @zef_function(inline=True)
    def quick(value: Any) -> Any:
        return value

    @zef_function
    def slow(value: Any) -> Any:
        return value

    assert (split(",") | take(1) | insert_into({}, "x")).inline
    assert is_a(String | Int).inline
    assert is_a(one_of(1, greater_than(5))).inline
    assert (first | quick).inline
    assert zefnb.ops.map(quick).inline
    assert zefnb.ops.map(take(1)).inline
    assert not (first | slow).inline
    assert not zefnb.ops.map(slow).inline
    assert not zefnb.ops.match_([(String, slow)]).inline
    assert not is_a(one_of(1, lambda value: True)).inline
    assert not shouted(1).inline


def test_an_op_that_returns_true_or_false_is_a_pattern():
    assert match(greater_than(5), 6)
    assert match(F.age | greater_than(5), ET.Guest(age=6))
    assert not match(F.age | greater_than(5), ET.Guest(age=5))
    assert match(String | greater_than(5), "text")


def test_an_op_shows_its_function_s_help_and_its_options():
    assert shouted.__doc__ == "A text, with exclamation marks."
    assert str(inspect.signature(shouted)) == "(times: 'int' = 1)"
    assert doubled.__doc__ == "A text twice."
    assert repr(shouted) == "shouted"
    assert repr(doubled) == "doubled"


def test_a_curried_op_prepares_once_and_bad_options_raise_at_once():
    prepared = []

    @op(curried=True)
    def scaled(factor: int = 2) -> Any:
        if factor == 0:
            raise InvalidValue("scaled", "factor must not be 0")
        prepared.append(factor)
        return lambda value: value * factor

    triple = scaled(3)
    assert [triple(n) for n in range(3)] == [0, 3, 6]
    assert (triple | identity)(5) == 15
    assert prepared == [3]
    assert 5 | scaled | collect == 10
    with pytest.raises(InvalidValue):
        scaled(0)


def test_an_op_needs_a_value():
    with pytest.raises(InvalidValue, match="parameters"):

        @op
        def nothing() -> None: ...


def test_a_chain_with_a_zef_function_uses_its_newest_code():
    @zef_function
    def step(value: int) -> int:
        return value + 1

    chain = as_chain(step) | identity
    assert chain(1) == 2
    step.become(lambda value: value + 10, False, None)
    assert chain(1) == 11


def test_a_numpy_value_reaches_the_op_as_a_whole():
    numpy = pytest.importorskip("numpy")
    assert numpy.array([1, 2, 3]) | as_chain(len) | collect == 3
    assert numpy.array([1, 2]) | collect | array_to_bytes | collect == b"\x01\x02"
    assert numpy.int64(5) | greater_than(3) | collect


def test_a_pandas_value_reaches_the_op_as_a_whole():
    pandas = pytest.importorskip("pandas")
    assert pandas.Series([1, 2, 3]) | as_chain(len) | collect == 3
    assert pandas.DataFrame({"a": [1]}) | as_chain(len) | collect == 1


def test_an_op_is_only_of_the_library_if_no_function_of_the_user_can_be_called():
    def spoil(value: Any) -> Any:
        value.append(1)
        return value

    quick, mine = zef_function(spoil, inline=True), op(spoil, inline=True)
    for chain in (first, take(3), first | reverse, insert_into(ET.Said(), "content"), equals("a")):
        assert as_chain(chain).is_library_only
    ops = zefnb.ops
    for chain in (spoil, quick, [].append, first | mine, ops.map(quick), ops.map(spoil), sort(key=mine), is_a(mine)):
        assert not as_chain(chain).is_library_only
