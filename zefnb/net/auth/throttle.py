"""The throttle: how many logins may fail within a minute, before further ones are refused with 429."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from zefnb.net.hosts import network_of

THROTTLE_WINDOW = 60.0
ADDRESS_FAILURES_LIMIT = 20
NAME_FAILURES_LIMIT = 10
ALL_FAILURES_LIMIT = 200
# Addresses and names that are remembered at once: each is remembered for a minute.
_ALL = ("all", "")


class Attempt:
    """One login that is being checked. It counts as failed until `succeeded` is called."""

    def __init__(self, throttle: Throttle, keys: tuple[tuple[str, str], ...], at: float) -> None:
        self._throttle, self._keys, self._at = throttle, keys, at

    def succeeded(self) -> None:
        """Do not count this login."""
        self._throttle.forget(self._keys, self._at)


class Throttle:
    """Counts failed logins by address, by name, and all together. Attempts count from their start.

    So no more logins are checked at once than may fail, which also bounds the memory.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[tuple[str, str], deque[float]] = {}

    def begin(self, address: str, name: str) -> Attempt | float:
        """An attempt, or the seconds after which the next one is possible.

        >>> throttle = Throttle(clock=lambda: 0.0)
        >>> attempts = [throttle.begin('127.0.0.1', 'ada') for _ in range(11)]
        >>> attempts[10]
        60.0
        """
        now = self._clock()
        self._forget_old(now)
        limits = {("address", network_of(address)): ADDRESS_FAILURES_LIMIT, _ALL: ALL_FAILURES_LIMIT}
        if name:
            limits["name", name] = NAME_FAILURES_LIMIT
        waits = [self._failures[key][0] for key, limit in limits.items() if len(self._failures.get(key, ())) >= limit]
        if waits:
            return max(waits) + THROTTLE_WINDOW - now
        for key in limits:
            self._failures.setdefault(key, deque()).append(now)
        return Attempt(self, tuple(limits), now)

    def forget(self, keys: tuple[tuple[str, str], ...], at: float) -> None:
        """Remove the failure of this time from each of these counts."""
        for key in keys:
            times = self._failures.get(key)
            if times is not None and at in times:
                times.remove(at)

    def _forget_old(self, now: float) -> None:
        # All failures are in the count of all, so that there are never more keys than these times two.
        for key in list(self._failures):
            times = self._failures[key]
            while times and times[0] <= now - THROTTLE_WINDOW:
                times.popleft()
            if not times:
                del self._failures[key]
