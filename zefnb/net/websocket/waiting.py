"""Waiting messages: the bytes of complete messages that wait for a handler, or are being handled, share one budget.

When the budget is used up, clients of actors for which more would wait are not read until there is room. Handlers make
room, so that each client is read in the end. Received bytes that have yet to be parsed do not count here: if they used
up the budget, there would be nothing to handle, and no room ever. Clients of topics are still read, since their
messages do not wait here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from zefnb.engine.runtime import Runtime
from zefnb.net.budget import Budget

# Seconds. Resumed clients may have nothing to send, and then as many again are resumed after this time.
_TICK = 0.05


class Reader(Protocol):
    """A connection whose messages wait for a handler."""

    max_size: int
    is_open: bool

    def pause_reading(self) -> None:
        """Stop reading. Pauses are counted."""

    def resume_reading(self) -> None:
        """Undo one `pause_reading`."""


class Waiting:
    """Counts the bytes of messages that wait for handlers: a service of the runtime, used on the loop only."""

    def __init__(self, runtime: Runtime) -> None:
        self._loop = runtime.loop
        self._account = runtime.service(Budget).waiting
        self._held: dict[Reader, int] = {}
        self._paused: dict[Reader, None] = {}
        self._is_ticking = False
        # Called when `is_full` may have changed.
        self.on_change: Callable[[], None] = lambda: None

    @property
    def is_full(self) -> bool:
        """Whether no more should wait."""
        return self._account.held >= self._account.limit

    def set_size(self, connection: Reader, size: int) -> None:
        """Set the bytes that wait for the handlers of `connection` to `size`."""
        before, was_full = self._held.pop(connection, 0), self.is_full
        self._account.release(before)
        self._account.hold(size)
        if size:
            self._held[connection] = size
        if self.is_full != was_full:
            self.on_change()
        if not self.is_full:
            self._read_on()
        elif size > before:
            self.pause(connection)

    def pause(self, connection: Reader) -> None:
        """Do not read from `connection` until there is room."""
        if connection in self._paused or not connection.is_open:
            return
        self._paused[connection] = None
        connection.pause_reading()
        if not self._is_ticking:
            self._is_ticking = True
            self._loop.call_later(_TICK, self._tick)

    def _read_on(self) -> None:
        """Resume reading as many connections as there is room for their longest messages, and at least one."""
        room = self._account.limit - self._account.held
        while self._paused and room > 0:
            connection = next(iter(self._paused))
            del self._paused[connection]
            if connection.is_open:
                room -= connection.max_size
                connection.resume_reading()

    def _tick(self) -> None:
        """Resume further connections: those that were resumed may have nothing to send."""
        self._is_ticking = False
        self._read_on()
        if self._paused:
            self._is_ticking = True
            self._loop.call_later(_TICK, self._tick)
