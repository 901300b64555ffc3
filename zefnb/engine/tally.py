"""Tally: a counter that any thread may advance, also a signal handler in the middle of it, without a lock."""

from __future__ import annotations

from operator import length_hint

_END = 1 << 62


class Tally:
    """Counts from 1. Advancing and reading are one call into C each, which nothing interrupts.

    >>> tally = Tally(); tally.advance(), tally.advance(), tally.count
    (1, 2, 2)
    """

    __slots__ = ("_numbers",)

    def __init__(self) -> None:
        self._numbers = iter(range(1, _END))

    def advance(self) -> int:
        """Count one more and return how many there are with it."""
        return next(self._numbers)

    @property
    def count(self) -> int:
        """How many there have been."""
        return _END - 1 - length_hint(self._numbers)


def is_power_of_ten(count: int) -> bool:
    """Whether `count` is 1, 10, 100, ...: when something that repeats is worth a line.

    >>> [count for count in range(200) if is_power_of_ten(count)]
    [1, 10, 100]
    """
    return str(count).rstrip("0") == "1"
