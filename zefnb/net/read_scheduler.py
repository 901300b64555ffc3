"""The read scheduler: how long connections may parse in one loop iteration, and which parse in the next.

A connection that sends more than fits into an iteration's time keeps the rest, is not read meanwhile, and takes turns
with the others of its kind. They all share one time budget, so that ten of them do not delay others more than one.
While many wait, or many bytes, less is read at once.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from zefnb.engine.loop import ITERATION_BUDGET
from zefnb.engine.runtime import Runtime
from zefnb.net.budget import Budget

# Seconds for which one connection parses before the next one; all together have `ITERATION_BUDGET`.
CONNECTION_BUDGET = 0.0005
# The number of waiting connections from which on they get smaller reads.
CROWD = 32


class Parser(Protocol):
    """A connection that may have unparsed bytes."""

    is_queued: bool

    def parse_until(self, deadline: float) -> None:
        """Parse until `deadline` (`time.monotonic`)."""


class ReadScheduler:
    """Shares each iteration's time for parsing: used on the loop only, one for each runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._loop = runtime.loop
        self._received = runtime.service(Budget).received
        self._deadline: float | None = None
        self._queue: deque[Parser] = deque()
        self._is_scheduled = False
        self.is_crowded = False
        # Called when `is_crowded` has changed.
        self.on_change: Callable[[], None] = lambda: None

    def deadline(self) -> float:
        """The time (`time.monotonic`) until which this iteration may parse; the first call in an iteration sets it."""
        if self._deadline is None:
            self._deadline = time.monotonic() + ITERATION_BUDGET
            self._loop.at_iteration_end(self._iteration_ends)
        return self._deadline

    def has_time(self) -> bool:
        """Whether this iteration may parse more."""
        return time.monotonic() < self.deadline()

    def reserve(self, seconds: float) -> None:
        """Use some of this iteration's time for work that follows from what has been parsed, such as a response."""
        self._deadline = self.deadline() - seconds

    def _iteration_ends(self) -> None:
        self._deadline = None

    def add(self, connection: Parser) -> None:
        """Let `connection`, which has unparsed bytes, parse in a later iteration."""
        if connection.is_queued:
            return
        connection.is_queued = True
        self._queue.append(connection)
        self._check_crowd()
        if not self._is_scheduled:
            self._schedule()

    def count(self, more: int) -> None:
        """Count `more` received bytes that wait to be parsed; fewer when it is negative."""
        if more > 0:
            self._received.hold(more)
        else:
            self._received.release(-more)
        self._check_crowd()

    def _check_crowd(self) -> None:
        least = CROWD // 2 if self.is_crowded else CROWD
        is_crowded = len(self._queue) >= least or self._received.held >= self._received.limit
        if is_crowded != self.is_crowded:
            self.is_crowded = is_crowded
            self.on_change()

    def _schedule(self) -> None:
        self._is_scheduled = True
        self._loop.call_soon(self._parse_queued)

    def _parse_queued(self) -> None:
        self._is_scheduled = False
        # Connections that have just been read may have used up this iteration's time.
        self._deadline = max(self.deadline(), time.monotonic() + CONNECTION_BUDGET)
        try:
            # Each connection once: one that is added again meanwhile parses in the next iteration.
            for number in range(len(self._queue)):
                now, deadline = time.monotonic(), self.deadline()
                if number and now > deadline:
                    break
                connection = self._queue.popleft()
                connection.is_queued = False
                connection.parse_until(min(deadline, now + CONNECTION_BUDGET))
        finally:
            self._check_crowd()
            if self._queue and not self._is_scheduled:
                self._schedule()
