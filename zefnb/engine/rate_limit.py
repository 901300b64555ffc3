"""Rate limit: how many lines may be shown, at once and over time."""

from __future__ import annotations

import time


class RateLimit:
    """A token bucket (`burst` at once, then `per_second`) that counts what it refuses.

    No lock: threads that ask at the same moment may get one too many, which harms nobody.
    """

    __slots__ = ("_at", "_burst", "_per_second", "_tokens", "refused")

    def __init__(self, burst: int, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._tokens = float(burst)
        self._at = time.monotonic()
        self.refused = 0

    def allows(self) -> bool:
        """Whether one more is allowed now; if so it is counted as shown, else as refused."""
        now = time.monotonic()
        tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        allowed = tokens >= 1
        self._tokens = tokens - 1 if allowed else tokens
        self.refused += not allowed
        return allowed

    def take_refused(self) -> int:
        """Return how many were refused since this was last asked."""
        refused, self.refused = self.refused, 0
        return refused
