"""Ops for the flow of values: apply, choose, compare and log."""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable, Iterable
from typing import Any

from zefnb.core.op import Op, OpFactory, as_chain, collect, compile_chain, op
from zefnb.core.types import Union, compile_pattern
from zefnb.errors import FieldError, InvalidValue, shown

__all__ = [
    "add",
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
    """Return the value itself.

    Args:
        value: Any value.

    Returns:
        The value.

    >>> 5 | identity | collect
    5
    """
    return value


def apply(*given: Any) -> Any:
    """Apply a function or chain: as an op, `apply(function)`, or directly, `apply(value, chain)`.

    The second form is for values that define `|` themselves, such as polars frames.

    Args:
        given: A function or chain; or a value and a function or chain.

    Returns:
        An op, or the result for the value.

    Raises:
        InvalidValue: There are not one or two arguments, or the function is not callable.

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
    """Apply a function to each item.

    Args:
        function: A callable or a chain.

    Returns:
        A list of the results.

    Raises:
        InvalidValue: The function is not callable.

    >>> ['a', 'bc'] | map(len) | collect
    [1, 2]
    """
    call = compile_chain(as_chain(function, "map", "function"))
    return lambda values: [call(value) for value in values]


@op(inline=True, curried=True)
def filter(predicate: Any) -> Callable[[Any], list[Any]]:
    """Keep the items that match.

    Args:
        predicate: A callable, a chain or a pattern. A type is a pattern and keeps its instances, except `bool`, which
            keeps the true items, as in Python.

    Returns:
        A list of the items.

    Raises:
        InvalidValue: The predicate is not a function, an op or a pattern.

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
    """Combine all items to one value.

    Args:
        function: A callable of the value so far and the next item, or a chain that receives both as a pair.
        initial: The first value. Default: the first item.

    Returns:
        The combined value.

    Raises:
        InvalidValue: There are no items and no `initial`.

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
    """Return `answer` for every value.

    Args:
        value: Any value, which is ignored.
        answer: The result.

    Returns:
        `answer`.

    >>> 'anything' | constant_func(5) | collect
    5
    """
    return answer


def one_of(*alternatives: Any) -> Union:
    """Make a pattern that matches any of the alternatives.

    Args:
        alternatives: Literals, types or other patterns; at least one.

    Returns:
        A pattern.

    Raises:
        InvalidValue: There are no alternatives.

    >>> 'yes' | is_a(one_of('yes', 'y', 1)) | collect
    True
    """
    if not alternatives:
        raise InvalidValue("one_of", [FieldError("alternatives", "there are none", "at least one")])
    return Union.of(*alternatives)


@op(inline=True, curried=True)
def is_a(pattern: Any) -> Callable[[Any], bool]:
    """Test whether the value matches a pattern.

    Args:
        pattern: A type, a union, a literal or a predicate.

    Returns:
        True or false.

    Raises:
        InvalidValue: The pattern is not valid.

    >>> 5 | is_a(int) | collect, True | is_a(int) | collect
    (True, False)
    """
    return compile_pattern(pattern).test


@op(inline=True, curried=True)
def match_(cases: Any) -> Callable[[Any], Any]:
    """Return the result of the first case whose pattern matches the value.

    A case whose predicate raises does not match.

    Args:
        cases: A list of pairs, or a dict, from pattern to result. An op or a function as result is applied to the
            value.

    Returns:
        The result of the case.

    Raises:
        InvalidValue: The value matches no case, or the cases are not pairs.

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
            "match_", [FieldError("value", f"got {shown(value)}, which matches none of {len(compiled)} cases")]
        )

    return matched


def _pairs(cases: Any) -> list[Any]:
    pairs = list(cases.items()) if isinstance(cases, dict) else cases
    if not isinstance(pairs, list | tuple) or not pairs:
        raise InvalidValue("match_", [FieldError("cases", f"got {shown(cases)}", "a list of (pattern, result)")])
    return list(pairs)


def _case(case: Any, number: int) -> tuple[Callable[[Any], bool], Callable[[Any], Any]]:
    if not isinstance(case, tuple | list) or len(case) != 2:
        raise InvalidValue("match_", [FieldError(f"cases[{number}]", f"got {shown(case)}", "(pattern, result)")])
    pattern, answer = case
    if callable(answer):
        return compile_pattern(pattern).test, compile_chain(as_chain(answer))
    return compile_pattern(pattern).test, lambda value: answer


@op(inline=True)
def add(value: Any, amount: Any) -> Any:
    """Return the sum of the value and `amount`, as `+` does. Nothing (`None`) counts as no amount at all.

    With `FX.UpdateDB(change=...)` it counts under a key, also under a new one.

    Args:
        value: A number, a text, a list, or another value with `+`; or None.
        amount: The value that is added to it.

    Returns:
        The sum, or `amount` if the value is None.

    Raises:
        TypeError: The two cannot be added.

    >>> 5 | add(3) | collect, None | add(3) | collect
    (8, 3)
    """
    return amount if value is None else value + amount


@op(inline=True)
def equals(value: Any, other: Any) -> bool:
    """Test whether the value equals another, as `==` does.

    Args:
        value: The value.
        other: The other value.

    Returns:
        True or false.

    >>> 5 | equals(5.0) | collect
    True
    """
    return bool(value == other)


@op(inline=True)
def greater_than(value: Any, other: Any) -> bool:
    """Test whether the value is greater than another.

    Args:
        value: The value.
        other: The other value.

    Returns:
        True or false.

    Raises:
        TypeError: The two values cannot be compared.

    >>> 5 | greater_than(3) | collect
    True
    """
    return bool(value > other)


@op(inline=True)
def less_than(value: Any, other: Any) -> bool:
    """Test whether the value is less than another.

    Args:
        value: The value.
        other: The other value.

    Returns:
        True or false.

    Raises:
        TypeError: The two values cannot be compared.

    >>> 5 | less_than(3) | collect
    False
    """
    return bool(value < other)


@op(inline=True)
def log(value: Any, prefix: str = "") -> Any:
    """Print the value as one line, and return it unchanged.

    Args:
        value: Any value; text is printed as it is, other values as their `repr`.
        prefix: A text before the value (default none).

    Returns:
        The value.

    >>> 'hello' | log('received:') | collect
    received: hello
    'hello'
    """
    from zefnb.engine.printing import log_value

    log_value(value, prefix=prefix)
    return value
