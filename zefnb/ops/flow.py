"""Ops for the flow of values: apply, choose, compare, and look at what passes by."""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable, Iterable
from typing import Any

from zefnb.core.op import Op, OpFactory, as_chain, collect, compile_chain, op
from zefnb.core.types import Union, compile_pattern
from zefnb.errors import FieldError, InvalidValue, shown

__all__ = [
    "apply",
    "collect",
    "constant_func",
    "equals",
    "filter",
    "greater_than",
    "identity",
    "is_a",
    "less_than",
    "log",
    "map",
    "match_",
    "one_of",
    "reduce",
]

_NO_INITIAL: Any = object()


@op(inline=True)
def identity(value: Any) -> Any:
    """The value itself.

    >>> 5 | identity | collect
    5
    """
    return value


def apply(*given: Any) -> Any:
    """With a function: the op that applies it. With a value and a chain: what the chain makes of the value.

    The second form is for values that keep `|` for themselves, such as polars frames.

    >>> 'abc' | apply(len) | collect
    3
    >>> apply('abc', apply(list) | map(str.upper))
    ['A', 'B', 'C']
    """
    if len(given) == 1:
        return as_chain(given[0], "apply", "function")
    if len(given) == 2:
        return as_chain(given[1], "apply", "chain")(given[0])
    raise InvalidValue(
        "apply", [FieldError("", f"got {len(given)} arguments", "apply(function) or apply(value, chain)")]
    )


@op(inline=True, curried=True)
def map(function: Any) -> Callable[[Any], list[Any]]:
    """A list of what `function`, a callable or a chain, makes of each item.

    >>> ['a', 'bc'] | map(len) | collect
    [1, 2]
    """
    call = compile_chain(as_chain(function, "map", "function"))
    return lambda values: [call(value) for value in values]


@op(inline=True, curried=True)
def filter(predicate: Any) -> Callable[[Any], list[Any]]:
    """A list of the items for which `predicate` is true, or which fit it where it is a pattern.

    A type is a pattern and keeps its instances, except `bool`, which keeps what is true, as it does in Python.

    >>> [1, 5, 9] | filter(greater_than(4)) | collect, [1, 'a'] | filter(str) | collect
    ([5, 9], ['a'])
    """
    if not (callable(predicate) or _is_pattern(predicate)):
        raise InvalidValue(
            "filter", [FieldError("predicate", f"got {shown(predicate)}", "a function, an op or a pattern")]
        )
    keeps = bool if predicate is bool else compile_pattern(predicate).test
    return lambda values: [value for value in values if keeps(value)]


def _is_pattern(given: Any) -> bool:
    return isinstance(given, set | frozenset) or hasattr(given, "__pattern__") or typing.get_origin(given) is not None


@op(inline=True, curried=True)
def reduce(function: Any, initial: Any = _NO_INITIAL) -> Callable[[Any], Any]:
    """All items made one: `function` is called with what there is so far, at first `initial`, and the next item.

    A chain gets both as a pair. Without `initial` the first item takes its place, and no items are an error.

    >>> [1, 2, 3] | reduce(lambda total, n: total + n, 10) | collect
    16
    """
    chain = as_chain(function, "reduce", "function")
    call = (lambda so_far, item: chain((so_far, item))) if isinstance(function, Op | OpFactory) else function

    def reduced(values: Iterable[Any]) -> Any:
        items = iter(values)
        start = next(items, _NO_INITIAL) if initial is _NO_INITIAL else initial
        if start is _NO_INITIAL:
            raise InvalidValue("reduce", [FieldError("value", "there are no items", "at least one, or `initial`")])
        return functools.reduce(call, items, start)

    return reduced


@op(inline=True)
def constant_func(value: Any, answer: Any) -> Any:
    """Always `answer`, whatever the value.

    >>> 'anything' | constant_func(5) | collect
    5
    """
    return answer


def one_of(*alternatives: Any) -> Union:
    """The pattern that any of the alternatives fits: literals, types or other patterns.

    >>> 'yes' | is_a(one_of('yes', 'y', 1)) | collect
    True
    """
    if not alternatives:
        raise InvalidValue("one_of", [FieldError("alternatives", "there are none", "at least one")])
    return Union.of(*alternatives)


@op(inline=True, curried=True)
def is_a(pattern: Any) -> Callable[[Any], bool]:
    """Whether the value fits `pattern`: a type, a union, a literal, a predicate.

    >>> 5 | is_a(int) | collect, True | is_a(int) | collect
    (True, False)
    """
    return compile_pattern(pattern).test


@op(inline=True, curried=True)
def match_(cases: Any) -> Callable[[Any], Any]:
    """The answer of the first of the `(pattern, answer)` cases that the value fits.

    An op or function is applied to the value, anything else is the answer itself. A predicate that
    raises does not fit; a value that fits no case is an `InvalidValue`.

    >>> size = match_([(greater_than(99), 'big'), (int, lambda n: n * 10)])
    >>> 100 | size | collect, 4 | size | collect
    ('big', 40)
    """
    compiled = [_case(case, number) for number, case in enumerate(_pairs(cases))]

    def matched(value: Any) -> Any:
        for fits, answer in compiled:
            try:
                found = fits(value)
            except Exception:
                continue
            if found:
                return answer(value)
        raise InvalidValue(
            "match_", [FieldError("value", f"got {shown(value)}, which fits none of {len(compiled)} cases")]
        )

    return matched


def _pairs(cases: Any) -> list[Any]:
    pairs = list(cases.items()) if isinstance(cases, dict) else cases
    if not isinstance(pairs, list | tuple) or not pairs:
        raise InvalidValue("match_", [FieldError("cases", f"got {shown(cases)}", "a list of (pattern, answer)")])
    return list(pairs)


def _case(case: Any, number: int) -> tuple[Callable[[Any], bool], Callable[[Any], Any]]:
    if not isinstance(case, tuple | list) or len(case) != 2:
        raise InvalidValue("match_", [FieldError(f"cases[{number}]", f"got {shown(case)}", "(pattern, answer)")])
    pattern, answer = case
    if callable(answer):
        return compile_pattern(pattern).test, compile_chain(as_chain(answer))
    return compile_pattern(pattern).test, lambda value: answer


@op(inline=True)
def equals(value: Any, other: Any) -> bool:
    """Whether the value equals `other`, as `==` does.

    >>> 5 | equals(5.0) | collect
    True
    """
    return bool(value == other)


@op(inline=True)
def greater_than(value: Any, other: Any) -> bool:
    """Whether the value is greater than `other`; `TypeError` for what does not compare.

    >>> 5 | greater_than(3) | collect
    True
    """
    return bool(value > other)


@op(inline=True)
def less_than(value: Any, other: Any) -> bool:
    """Whether the value is less than `other`; `TypeError` for what does not compare.

    >>> 5 | less_than(3) | collect
    False
    """
    return bool(value < other)


@op(inline=True)
def log(value: Any, prefix: str = "") -> Any:
    """Write the value as a line on the output, after `prefix`, and pass it on unchanged.

    >>> 'hello' | log('received:') | collect
    received: hello
    'hello'
    """
    from zefnb.engine.printing import log_value

    log_value(value, prefix=prefix)
    return value
