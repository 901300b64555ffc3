"""A clock that a test sets, in place of a clock or of the module `time`."""

from __future__ import annotations


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now
