"""Tally: a counter without a lock, for any thread and for signal handlers that interrupt each other."""

from __future__ import annotations

from itertools import islice
from operator import length_hint

_END = 1 << 62


class Tally:
    """A counter from 1. Advancing and reading are one C call each, which is atomic.

    >>> tally = Tally(); tally.advance(), tally.advance(), tally.count
    (1, 2, 2)
    >>> tally.add(1), tally.add(5), tally.count
    (None, None, 8)
    """

    __slots__ = ("_numbers",)

    def __init__(self) -> None:
        self._numbers = iter(range(1, _END))

    def advance(self) -> int:
        """Add one and return the new count."""
        return next(self._numbers)

    def add(self, amount: int) -> None:
        """Add `amount`, which is at least one. It takes time in proportion to it, some 10 ns each."""
        next(islice(self._numbers, amount - 1, None))

    @property
    def count(self) -> int:
        """The current count."""
        return _END - 1 - length_hint(self._numbers)


def is_power_of_ten(count: int) -> bool:
    """Whether `count` is 1, 10, 100...: the counts at which a repeated event is logged.

    >>> [count for count in range(200) if is_power_of_ten(count)]
    [1, 10, 100]
    """
    return str(count).rstrip("0") == "1"
