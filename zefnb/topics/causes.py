"""Causes: the subscriptions that led to a message, so that a message that causes itself without end is found.

A cause is a tuple: the subscriptions that received the message or one of its predecessors, the last one first, and
then the origin. Messages that a subscription publishes carry it, also through actors and handlers in threads. Messages
from a socket, a timer, a cell, a thread that a handler starts or another process have no cause: a new chain begins with
them.
"""

from __future__ import annotations

import time
from typing import Any

Cause = tuple[Any, ...]
# How often a chain has returned to a subscription, and since when; empty before the first return. It is a list, since
# one is made for each message that a subscription handles, and an object would take 0.1 us more.
Origin = list[float]

# Equal to Python's default recursion limit.
MAX_RETURNS = 1_000
# Seconds. An intended loop, such as a handler that sleeps and publishes again, returns less often within this time.
WINDOW = 60.0


def may_return(origin: Origin) -> bool:
    """Count one more return. Returns whether to handle the message: up to `MAX_RETURNS` within `WINDOW` seconds."""
    if not origin:
        origin += (0, time.monotonic())
    origin[0] += 1
    if origin[0] == MAX_RETURNS + 1 and time.monotonic() - origin[1] > WINDOW:
        origin[:] = 1, time.monotonic()
    return origin[0] <= MAX_RETURNS
