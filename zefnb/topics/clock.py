"""The clocks that timers use."""

from __future__ import annotations

import asyncio
import time

from zefnb.core.time import Time


class Clock:
    """The computer's two clocks. Tests give `Timers` a clock that they control."""

    def now(self) -> Time:
        """Return the system time, which users and time servers may set forward and back."""
        return Time.now()

    def monotonic(self) -> float:
        """Return the seconds of a clock that is never set; it may stop while the computer is suspended."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for this many seconds of the monotonic clock."""
        await asyncio.sleep(seconds)
