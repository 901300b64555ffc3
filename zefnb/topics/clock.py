"""The clocks that timers go by."""

from __future__ import annotations

import asyncio
import time

from zefnb.core.time import Time


class Clock:
    """The computer's two clocks. A test gives `Timers` one that it moves itself."""

    def now(self) -> Time:
        """What the clock on the wall shows: people and time servers may put it forward and back."""
        return Time.now()

    def monotonic(self) -> float:
        """Seconds since some moment. Nobody puts this one forward or back; it may stand still while suspended."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for so long by the monotonic clock."""
        await asyncio.sleep(seconds)
