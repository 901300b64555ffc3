"""Causes: through which subscriptions a message came about, to find one that causes itself without end.

A cause is a tuple: the subscriptions that have taken the message or one of those that led to it, the last one first,
then the origin. It travels with what a subscription publishes, also through actors and handlers in threads.
What comes from a socket, a timer, a cell or another process has none: there a new chain begins.
"""

from __future__ import annotations

import time
from typing import Any

Cause = tuple[Any, ...]
# Something that happened outside: how often what it led to has come back to a subscription, and since when; empty
# until then. A list: one is made for each message that a subscription publishes for, and an object takes 0.1 us more.
Origin = list[float]

# As deep as Python lets a function call itself.
MAX_RETURNS = 1_000
# A loop that takes its time, such as one that sleeps and publishes anew, is slower than so many in a minute.
WINDOW = 60.0


def may_return(origin: Origin) -> bool:
    """Count one more return. Returns whether the message may be taken: up to `MAX_RETURNS` in a `WINDOW`."""
    if not origin:
        origin += (0, time.monotonic())
    origin[0] += 1
    if origin[0] == MAX_RETURNS + 1 and time.monotonic() - origin[1] > WINDOW:
        origin[:] = 1, time.monotonic()
    return origin[0] <= MAX_RETURNS
