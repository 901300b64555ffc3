"""Pairs of a name and a value, as headers, queries and forms have them: a name can come several times."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

Value = TypeVar("Value")


def lists_of(pairs: Iterable[tuple[str, Value]]) -> dict[str, list[Value]]:
    """All values of each name.

    >>> lists_of([('a', '1'), ('b', ''), ('a', '2')])
    {'a': ['1', '2'], 'b': ['']}
    """
    lists: dict[str, list[Value]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    return lists
