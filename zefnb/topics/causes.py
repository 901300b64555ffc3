"""Causes: through which subscriptions a message came about, to find one that causes itself without end.

A cause is a tuple: the origin, then the subscriptions that have taken the message or one of those that led
to it. It travels with what a subscription publishes, also through actors and handlers in threads. What comes
from a socket, a timer, a cell or another process has none: there a new chain begins.
"""

from __future__ import annotations

import time
from typing import Any

Cause = tuple[Any, ...]

# As deep as Python lets a function call itself.
MAX_RETURNS = 1_000
# A loop that takes its time, such as one that sleeps and publishes anew, is slower than so many in a minute.
WINDOW = 60.0


class Origin:
    """Something that happened outside, and how often what it led to has come back to a subscription."""

    returns = 0
    _since = 0.0

    def may_return(self) -> bool:
        """Count one more return. Returns whether the message may be taken: up to `MAX_RETURNS` in a `WINDOW`."""
        self.returns += 1
        if self.returns == 1:
            self._since = time.monotonic()
        if self.returns == MAX_RETURNS + 1 and time.monotonic() - self._since > WINDOW:
            self.returns = 1
            self._since = time.monotonic()
        return self.returns <= MAX_RETURNS
