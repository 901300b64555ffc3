"""JSON of peers: what is refused, and that the time to refuse it grows with its length only."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zefnb.core.json_text import DEEPEST, LONGEST_NUMBER, NotJSON, _depth, from_json_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=40, deadline=None)
@given(VALUES)
def test_every_value_of_json_is_read_as_it_was_written(value: Any):
    assert from_json_text(json.dumps(value, ensure_ascii=False)) == value
    assert from_json_text(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Expecting value"),
        ("hello", "Expecting value"),
        ("{} {}", "Extra data"),
        ("\ufeff1", "Expecting value"),
        ("NaN", "NaN is not in JSON"),
        ("[-Infinity]", "-Infinity is not in JSON"),
        ("1e999", "too large"),
        ("9" * (LONGEST_NUMBER + 1), "digits"),
        ('"\\ud800"', "surrogate"),
        ('{"\\uDFFF": 1}', "surrogate"),
        ('"\n"', "Invalid control character"),
        ("[" * 100_000, "nested"),
        ('{"a":' * (DEEPEST + 1) + "1" + "}" * (DEEPEST + 1), "nested"),
    ],
)
def test_text_that_is_not_json_or_exceeds_a_limit_is_refused(text: str, problem: str):
    with pytest.raises(NotJSON, match=problem):
        from_json_text(text)


def test_values_within_the_limits_are_read():
    assert from_json_text("[" * DEEPEST + "]" * DEEPEST)
    assert from_json_text("9" * LONGEST_NUMBER) == int("9" * LONGEST_NUMBER)
    assert from_json_text('"\\ud83c\\udf43"') == "🍃"
    assert from_json_text('{"a": 1, "a": 2}') == {"a": 2}
    brackets = "[{" * 1_000 + '\\"'
    assert from_json_text(json.dumps([brackets])) == [brackets]


def test_brackets_in_strings_do_not_count():
    assert _depth(b'["[[[\\"[[", {"]": []}]') == 3
    assert _depth(b'["[[[[') == 1


@pytest.mark.parametrize(
    "piece", ['"', '\\"', "[", "[]", '"",', "9", "[9],", '"\\', '{"":', "\\ud800"], ids=lambda piece: ascii(piece)
)
def test_the_time_to_read_hostile_text_grows_with_its_length_only(piece: str):
    def taken(size: int) -> float:
        text = f"[{'[],' * DEEPEST}" + piece * (size // len(piece))
        times = []
        for _ in range(5):
            start = time.process_time()
            with pytest.raises(NotJSON):
                from_json_text(text)
            times.append(time.process_time() - start)
        return min(times)

    # Sixteen times the text: with its square, the time would be 256 times as long.
    assert taken(1 << 20) < 100 * max(taken(1 << 16), 0.0005)
