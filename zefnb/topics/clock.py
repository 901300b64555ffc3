"""The clocks that timers use."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from zefnb.core.time import Time


class Clock:
    """The computer's two clocks. Tests give `Timers` a clock that they control."""

    def now(self) -> Time:
        """Return the system time, which users and time servers may set forward and back."""
        return Time.now()

    # Without a frame of Python's, since a timer calls both for each message.
    # Returns the seconds of a clock that is never set; it may stop while the computer is suspended.
    monotonic: Callable[[], float] = staticmethod(time.monotonic)
    # Waits for this many seconds of the monotonic clock.
    sleep: Callable[[float], Awaitable[None]] = staticmethod(asyncio.sleep)
