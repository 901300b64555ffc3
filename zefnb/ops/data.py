"""Ops for data: the items of a list, a tuple, a text or any other iterable."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from zefnb.core.op import as_chain, collect, compile_chain, op
from zefnb.errors import FieldError, InvalidValue, UnknownKey, shown

__all__ = ["collect", "drop", "first", "last", "length", "nth", "reverse", "sort", "take", "unique"]


def _sequence(values: Iterable[Any]) -> Sequence[Any]:
    return values if isinstance(values, Sequence) else list(values)


def _whole(subject: str, field: str, number: Any) -> int:
    if not isinstance(number, int) or isinstance(number, bool):
        raise InvalidValue(subject, [FieldError(field, f"got {shown(number)}", "a whole number")])
    return number


def _at(values: Sequence[Any], index: int, subject: str) -> Any:
    try:
        return values[index]
    except IndexError:
        raise UnknownKey(f"{subject}: no item {index}; there are {len(values)}") from None


@op(inline=True)
def first(values: Any) -> Any:
    """Return the first item.

    Args:
        values: A list, text or any other iterable.

    Returns:
        The item.

    Raises:
        UnknownKey: There are no items.

    >>> [7, 8, 9] | first | collect
    7
    """
    for item in values:
        return item
    raise UnknownKey("first: there are no items")


@op(inline=True)
def last(values: Any) -> Any:
    """Return the last item.

    Args:
        values: A list, text or any other iterable.

    Returns:
        The item.

    Raises:
        UnknownKey: There are no items.

    >>> [7, 8, 9] | last | collect
    9
    """
    return _at(_sequence(values), -1, "last")


@op(inline=True, curried=True)
def nth(n: int) -> Callable[[Any], Any]:
    """Return the item at index `n`.

    Args:
        n: The index, from 0; a negative index counts from the end.

    Returns:
        The item.

    Raises:
        UnknownKey: There is no such item.
        InvalidValue: `n` is not a whole number.

    >>> [7, 8, 9] | nth(1) | collect, 'abc' | nth(-1) | collect
    (8, 'c')
    """
    index = _whole("nth", "n", n)
    return lambda values: _at(_sequence(values), index, "nth")


@op(inline=True, curried=True)
def take(n: int) -> Callable[[Any], Any]:
    """Return the first or the last items.

    Args:
        n: The number of items; a negative number takes the last ones.

    Returns:
        A list; text, bytes and tuples keep their type.

    Raises:
        InvalidValue: `n` is not a whole number.

    >>> [1, 2, 3] | take(2) | collect, 'abc' | take(-2) | collect
    ([1, 2], 'bc')
    """
    count = _whole("take", "n", n)

    def taken(values: Any) -> Any:
        if count >= 0:
            return values[:count] if isinstance(values, Sequence) else list(itertools.islice(values, count))
        return _sequence(values)[count:]

    return taken


@op(inline=True, curried=True)
def drop(n: int) -> Callable[[Any], Any]:
    """Return all but the first or the last items.

    Args:
        n: The number of items to leave out; a negative number leaves out the last ones.

    Returns:
        A list; text, bytes and tuples keep their type.

    Raises:
        InvalidValue: `n` is not a whole number.

    >>> [1, 2, 3] | drop(2) | collect, 'abc' | drop(-2) | collect
    ([3], 'a')
    """
    count = _whole("drop", "n", n)
    return lambda values: _sequence(values)[count:] if count >= 0 else _sequence(values)[:count]


@op(inline=True)
def length(values: Any) -> int:
    """Count the items.

    Args:
        values: A list, text or any other iterable.

    Returns:
        The number of items.

    >>> 'abc' | length | collect
    3
    """
    return len(values) if hasattr(values, "__len__") else sum(1 for _ in values)


@op(inline=True)
def reverse(values: Any) -> Any:
    """Reverse the order of the items.

    Args:
        values: A list, text or any other iterable.

    Returns:
        A list; text, bytes and tuples keep their type.

    >>> [1, 2, 3] | reverse | collect, 'abc' | reverse | collect
    ([3, 2, 1], 'cba')
    """
    return _sequence(values)[::-1]


@op(inline=True, curried=True)
def sort(key: Any = None, reverse: bool = False) -> Callable[[Any], list[Any]]:
    """Sort the items.

    Args:
        key: A callable or a chain that returns the value to sort an item by. Default: the item itself.
        reverse: Whether the greatest item comes first (default false).

    Returns:
        A sorted list.

    Raises:
        InvalidValue: `key` is not callable, or `reverse` is not a bool.
        TypeError: Two items cannot be compared.

    >>> ['ccc', 'a', 'bb'] | sort | collect, ['ccc', 'a', 'bb'] | sort(key=length, reverse=True) | collect
    (['a', 'bb', 'ccc'], ['ccc', 'bb', 'a'])
    """
    if not isinstance(reverse, bool):
        raise InvalidValue("sort", [FieldError("reverse", f"got {shown(reverse)}", "True or False")])
    by = None if key is None else compile_chain(as_chain(key, "sort", "key"))
    return lambda values: sorted(values, key=by, reverse=reverse)


@op(inline=True, curried=True)
def unique(key: Any = None) -> Callable[[Any], list[Any]]:
    """Remove repeated items; the first of each stays, in order.

    Args:
        key: A callable or a chain; items with equal results are repeated. Default: the item itself.

    Returns:
        A list of the items.

    Raises:
        InvalidValue: `key` is not callable.

    >>> [3, 1, 3, 2, 1] | unique | collect, ['a', 'B', 'b'] | unique(str.lower) | collect
    ([3, 1, 2], ['a', 'B'])
    """
    by = None if key is None else compile_chain(as_chain(key, "unique", "key"))

    def distinct(values: Iterable[Any]) -> list[Any]:
        hashed: set[Any] = set()
        others: list[Any] = []
        result: list[Any] = []
        for value in values:
            mark = by(value) if by else value
            try:
                seen = mark in hashed
                hashed.add(mark)
            except TypeError:  # a list or a dict
                seen = mark in others
                others.append(mark)
            if not seen:
                result.append(value)
        return result

    return distinct
