"""Backoff: the pauses before further attempts to connect."""

from __future__ import annotations

import random

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 30.0


class Backoff:
    """Pauses between attempts, in seconds: each about twice the one before, and random, so that clients spread."""

    def __init__(self, first: float = FIRST_PAUSE, longest: float = LONGEST_PAUSE) -> None:
        self._first = first
        self._longest = longest
        self._attempts = 0

    def next(self) -> float:
        """The next pause, in seconds."""
        pause: float = min(self._longest, self._first * 2 ** min(self._attempts, 20))
        self._attempts += 1
        return pause * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Start again with short pauses."""
        self._attempts = 0
