"""Unfinished messages: the bytes of messages that clients have begun to send share one budget.

When the budget is used up, a client whose message would grow is not read until there is room. One of the waiting
clients is still read, so that messages are completed, if necessary one after the other. A client whose message makes
no progress while others wait is closed with 1013.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from zefnb.engine.runtime import Runtime
from zefnb.net.budget import Budget

# Seconds in which a message must grow by `PROGRESS` bytes while others wait.
STALL_TIMEOUT = 2.0
PROGRESS = 65_536
_TICK = 0.5
# Bytes: after more than this has been held, the C library returns the freed memory to the system.
_MUCH = 16 << 20
_TRIM_AFTER = 1.0


class Reader(Protocol):
    """A connection whose messages arrive in pieces."""

    max_size: int

    def pause_reading(self) -> None:
        """Stop reading. Pauses are counted."""

    def resume_reading(self) -> None:
        """Undo one `pause_reading`."""

    def give_up(self, reason: str) -> None:
        """Close with 1013."""


class _Hold:
    """The bytes held for one connection, and the time of its last progress."""

    __slots__ = ("counted", "marked", "marked_at", "size")

    def __init__(self) -> None:
        self.size = self.counted = self.marked = 0
        self.marked_at = time.monotonic()


class Unfinished:
    """Counts the bytes of messages that are not complete: a service of the runtime, used on the loop only."""

    def __init__(self, runtime: Runtime) -> None:
        self._loop = runtime.loop
        self._account = runtime.service(Budget).messages
        self._holds: dict[Reader, _Hold] = {}
        self._waiting: dict[Reader, None] = {}
        # The connection that is read though there is no room; its growth is not counted.
        self._favoured: Reader | None = None
        self._is_ticking = False
        self._peak = 0
        # Called when `is_short` may have changed.
        self.on_change: Callable[[], None] = lambda: None

    @property
    def is_short(self) -> bool:
        """Whether a connection waits for room."""
        return bool(self._waiting) or self._favoured is not None

    def hold(self, connection: Reader, size: int) -> None:
        """Set the size of the unfinished message of `connection` to `size` bytes; 0 when it is complete or dropped."""
        hold = self._holds.get(connection)
        if hold is None:
            if not size:
                return
            hold = self._holds[connection] = _Hold()
        hold.size = size
        if size - hold.marked >= PROGRESS or size < hold.marked:
            hold.marked, hold.marked_at = size, time.monotonic()
        if size < hold.counted:
            self._account.release(hold.counted - size)
            hold.counted = size
        if not size:
            was_short = self.is_short
            del self._holds[connection]
            self._waiting.pop(connection, None)
            if self._favoured is connection:
                self._favoured = None
            if was_short and not self.is_short:
                self.on_change()
        elif not self._count(hold) and connection is not self._favoured and connection not in self._waiting:
            self._waiting[connection] = None
            connection.pause_reading()
        if self.is_short:
            self._read_on()
            self.on_change()
        elif not self._holds and self._peak > _MUCH:
            self._loop.call_later(_TRIM_AFTER, self._trim)

    def _count(self, hold: _Hold) -> bool:
        more = hold.size - hold.counted
        if not self._account.take(more):
            return False
        hold.counted = hold.size
        self._peak = max(self._peak, self._account.held)
        return True

    def _read_on(self) -> None:
        """Resume reading waiting connections: those whose whole messages have room, and otherwise one of them."""
        room = self._account.limit - self._account.held
        for connection in list(self._waiting):
            hold = self._holds[connection]
            room -= max(connection.max_size, hold.size) - hold.counted
            if room < 0 or not self._count(hold):
                if self._favoured is not None:
                    break
                self._favoured = connection
            del self._waiting[connection]
            hold.marked_at = time.monotonic()
            connection.resume_reading()
        if not self._is_ticking and self.is_short:
            self._is_ticking = True
            self._loop.call_later(_TICK, self._tick)

    def _tick(self) -> None:
        """Close the connections whose messages stall while others wait, the longest stalled first."""
        self._is_ticking = False
        if not self._waiting:
            return
        now = time.monotonic()
        stalled = [c for c, hold in self._holds.items() if c not in self._waiting and _is_due(hold, now)]
        for connection in sorted(stalled, key=lambda c: self._holds[c].marked_at):
            connection.give_up(f"a message stalled for {STALL_TIMEOUT:g} s while others waited")
        self._read_on()

    def _trim(self) -> None:
        if not self._holds and self._peak:
            self._peak = 0
            give_back_freed_memory()


def _is_due(hold: _Hold, now: float) -> bool:
    return now - hold.marked_at > STALL_TIMEOUT


def give_back_freed_memory() -> None:
    """Make glibc return freed memory to the system. Other C libraries are not affected."""
    import ctypes

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
