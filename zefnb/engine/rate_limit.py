"""Rate limit: a limit for lines, both at once and over time."""

from __future__ import annotations

import time


class RateLimit:
    """A token bucket (`burst` at once, then `per_second`) that counts the refused lines.

    It needs no lock: two threads at the same moment may be allowed one line too many, which does no harm.
    """

    __slots__ = ("_at", "_burst", "_per_second", "_tokens", "refused")

    def __init__(self, burst: int, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._tokens = float(burst)
        self._at = time.monotonic()
        self.refused = 0

    def allows(self) -> bool:
        """Whether one more line is allowed now; if not, it is counted as refused."""
        now = time.monotonic()
        tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        allowed = tokens >= 1
        self._tokens = tokens - 1 if allowed else tokens
        self.refused += not allowed
        return allowed

    def take_refused(self) -> int:
        """Return the number of lines refused since the last call."""
        refused, self.refused = self.refused, 0
        return refused
