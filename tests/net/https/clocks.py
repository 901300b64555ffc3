"""A clock of certificates that a test moves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.conftest import wait_until
from zefnb.engine.runtime import default_runtime
from zefnb.net.https.renewal import CertificateClock


class MovedClock(CertificateClock):
    """A clock that stops until the test moves it forward; it starts so many seconds ago.

    TLS itself uses the system's clock, so a certificate must be valid by that one, too.
    """

    def __init__(self, ago: float = 0.0) -> None:
        self._now = time.time() - ago
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        # How often renewals have gone to sleep.
        self.sleeps = 0

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        sleeper = (self._now + seconds, asyncio.get_running_loop().create_future())
        self._sleepers.append(sleeper)
        self.sleeps += 1
        try:
            await sleeper[1]
        finally:
            self._sleepers.remove(sleeper)

    @property
    def sleeping(self) -> float | None:
        """The seconds until the first sleeper wakes, or `None` when nothing sleeps."""
        return min((due for due, _ in self._sleepers), default=self._now) - self._now if self._sleepers else None

    def let_pass(self, seconds: float) -> None:
        """When a renewal sleeps, move the clock forward; return when it has done its work and sleeps again."""
        wait_until(lambda: self._sleepers)
        before = self.sleeps

        async def move() -> bool:
            self._now += seconds
            wakes = any(due <= self._now for due, _ in self._sleepers)
            for due, woken in self._sleepers:
                if due <= self._now and not woken.done():
                    woken.set_result(None)
            return wakes

        if asyncio.run_coroutine_threadsafe(move(), default_runtime().loop).result(20):
            wait_until(lambda: self.sleeps > before)


@contextmanager
def moved_clock(ago: float = 0.0) -> Iterator[MovedClock]:
    """Let certificates use a clock of the test during the block."""
    services, clock = default_runtime().services, MovedClock(ago)
    before = services.get(CertificateClock)
    services[CertificateClock] = clock
    try:
        yield clock
    finally:
        if before is None:
            del services[CertificateClock]
        else:
            services[CertificateClock] = before
