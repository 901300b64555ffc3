"""Rules: the first match wins, as if the table were not compiled."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zefnb.core.entity import ET
from zefnb.core.function import ZefFunction
from zefnb.core.rules import RuleTable
from zefnb.core.time import Time
from zefnb.core.types import Array1, ByteArray, Bytes, Int, String, match, u8
from zefnb.errors import InvalidValue
from zefnb.ops import greater_than, one_of

calm = settings(deadline=None)

values = st.sampled_from(
    [0, 1, 3, 5, True, False, 1.0, "a", "b", b"a", ByteArray(b"a"), None, [1], ["a"], (1, "a"), {"k": 1}, {}]
) | st.sampled_from([ET.A(x=1), ET.A(x=True), ET.A("named"), ET.A(), ET.B(t=Time(0)), ET.B(t=5)])
plain_patterns = (
    st.sampled_from([Any, object, String, Int, Bytes, Array1[u8], int, float, str, bool, list[int], dict[str, int]])
    | st.sampled_from([ET.A, ET.B, ET.A(x=1), ET.A("named"), ET.A(), ET.B(t=Time(...)), ET.A | ET.B, ET.A | None])
    | st.sampled_from([1, True, "a", b"a", None, frozenset({1, "a"})])
    | st.sampled_from([greater_than(2), greater_than("a"), lambda v: v["k"], lambda v: 1 / 0, lambda v: v, len])
)
patterns = st.recursive(plain_patterns, lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda p: one_of(*p)))
rules_of_every_kind = st.lists(st.tuples(patterns, patterns), max_size=6)


def handler(name: str) -> ZefFunction:
    def handle(message: Any, state: Any) -> Any:
        return [[], name]

    return ZefFunction(handle)


def from_the_top(rules: list[Any], message: Any, state: Any) -> ZefFunction | None:
    for (wanted_message, wanted_state), found in rules:
        try:
            if match(wanted_message, message) and match(wanted_state, state):
                return found
        except Exception:
            continue
    return None


@settings(deadline=None, max_examples=400)
@given(rules_of_every_kind, st.lists(st.tuples(values, values), min_size=1, max_size=8))
def test_the_compiled_table_gives_the_same_result_as_trying_each_rule(keys, inputs):
    rules = [(key, handler(str(number))) for number, key in enumerate(keys)]
    table = RuleTable(rules)
    for message, state in inputs + inputs:
        assert table.find(message, state) is from_the_top(rules, message, state)


def test_the_first_matching_rule_wins():
    early, late = handler("early"), handler("late")
    assert RuleTable({(Any, Any): early, (String, Any): late}).find("hi", None) is early
    assert RuleTable({(String, Any): early, (Any, Any): late}).find("hi", None) is early
    assert RuleTable({(String, Any): early, (Any, Any): late}).find(b"hi", None) is late


def test_both_message_and_state_must_match():
    table = RuleTable({(String, ET.Connected): handler("chat")})
    assert table.find("hi", ET.Connected()) is not None
    assert table.find("hi", ET.Guest()) is None
    assert table.find(b"hi", ET.Connected()) is None


def test_rules_can_be_pairs_so_that_keys_can_repeat():
    one, true = handler("one"), handler("true")
    table = RuleTable([((1, Any), one), ((True, Any), true)])
    assert table.find(1, None) is one
    assert table.find(True, None) is true
    assert table.find(1.0, None) is None


def test_a_predicate_that_raises_does_not_match_and_is_reported_once():
    reported = []
    fallback = handler("fallback")
    rules = {(greater_than(5), Any): handler("big"), (Any, Any): fallback}
    table = RuleTable(rules, report=lambda rule, error: reported.append((rule.handler, type(error))))
    assert [table.find("text", None) for _ in range(3)] == [fallback] * 3
    assert reported == [(table.handlers[0], TypeError)]


def test_different_values_of_one_type_are_distinguished():
    low, high = handler("low"), handler("high")
    table = RuleTable({(greater_than(5), Any): high, (Int, Any): low})
    assert [table.find(n, None) for n in (9, 1, 9)] == [high, low, high]


def test_more_types_than_the_cache_holds_give_the_same_results():
    wanted = [type(f"Kind{number}", (), {}) for number in range(40)]
    table = RuleTable([((kind, Any), handler(kind.__name__)) for kind in wanted])
    for _ in range(2):
        for kind, found in zip(wanted, table.handlers, strict=True):
            for state in wanted:
                assert table.find(kind(), state()) is found


def test_the_table_lists_its_handlers_and_says_whether_it_calls_user_code():
    first, second = handler("first"), handler("second")
    table = RuleTable({(String, Any): first, (Int, greater_than(5)): second})
    assert table.handlers == [first, second]
    assert table.inline
    assert not RuleTable({(lambda message: True, Any): first}).inline


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ({String: handler("x")}, r"rules\[0\]: key String.*Use Any for a state"),
        ({(String, Any): 5}, "handler of .*got 5"),
        ({(String, Any): lambda a, b, c, d: None}, "takes 4 arguments"),
        ([(String, Any, handler("x"))], r"rules\[0\]: got"),
        (["abc"], r"rules\[0\]"),
        ([((String, Any), handler("x")), ((String, set()), handler("y"))], "at least one"),
    ],
)
def test_a_rule_that_can_never_be_right_is_named(rules, told):
    with pytest.raises(InvalidValue, match=told):
        RuleTable(rules)


def test_a_table_without_rules_finds_no_handler():
    assert RuleTable({}).find("hi", None) is None


def test_a_pattern_that_exists_only_for_a_moment_is_not_taken_for_another():
    class Pair(tuple[Any, ...]):
        def __iter__(self) -> Any:
            return iter([ET.Order(n=super().__getitem__(0)), object])

    handlers = [ZefFunction(lambda input: [[], input]) for _ in range(20)]
    table = RuleTable([(Pair((number, 0)), handler) for number, handler in enumerate(handlers)])
    assert [table.find(ET.Order(n=number), None) for number in range(20)] == handlers
