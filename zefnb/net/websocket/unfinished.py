"""Unfinished messages: the bytes of messages that clients have begun to send share one budget.

When the budget is used up, a client whose message would grow is not read until there is room. One of the waiting
clients is still read, so that messages are completed, if necessary one after the other. A client whose message makes
no progress while others wait is closed with 1013.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from zefnb.engine.c_memory import MUCH, release_freed_memory
from zefnb.engine.runtime import Runtime
from zefnb.net.budget import Budget

# Seconds in which a message must grow by `PROGRESS` bytes while others wait.
STALL_TIMEOUT = 2.0
PROGRESS = 65_536
_TICK = 0.5
_TRIM_AFTER = 1.0


class Reader(Protocol):
    """A connection whose messages arrive in pieces."""

    max_size: int

    def pause_reading(self) -> None:
        """Stop reading. Pauses are counted."""

    def resume_reading(self) -> None:
        """Undo one `pause_reading`."""

    def close_stalled(self, reason: str) -> None:
        """Close with 1013."""


class _Progress:
    """The bytes held for one connection, and the time of its last progress."""

    __slots__ = ("counted", "progress_at", "progress_size", "size")

    def __init__(self) -> None:
        self.size = self.counted = self.progress_size = 0
        self.progress_at = time.monotonic()


class Unfinished:
    """Counts the bytes of messages that are not complete: a service of the runtime, used on the loop only."""

    def __init__(self, runtime: Runtime) -> None:
        self._loop = runtime.loop
        self._account = runtime.service(Budget).messages
        self._progress: dict[Reader, _Progress] = {}
        self._waiting: dict[Reader, None] = {}
        # The connection that is read though there is no room; its growth is not counted.
        self._exempt: Reader | None = None
        self._is_ticking = False
        self._peak = 0
        # Called when `is_short` may have changed.
        self.on_change: Callable[[], None] = lambda: None

    @property
    def is_short(self) -> bool:
        """Whether a connection waits for room."""
        return bool(self._waiting) or self._exempt is not None

    def set_size(self, connection: Reader, size: int) -> None:
        """Set the size of the unfinished message of `connection` to `size` bytes; 0 when it is complete or dropped."""
        progress = self._progress.get(connection)
        if progress is None:
            if not size:
                return
            progress = self._progress[connection] = _Progress()
        progress.size = size
        if size - progress.progress_size >= PROGRESS or size < progress.progress_size:
            progress.progress_size, progress.progress_at = size, time.monotonic()
        if size < progress.counted:
            self._account.release(progress.counted - size)
            progress.counted = size
        if not size:
            was_short = self.is_short
            del self._progress[connection]
            if connection in self._waiting:
                del self._waiting[connection]
                connection.resume_reading()
            if self._exempt is connection:
                self._exempt = None
            if was_short and not self.is_short:
                self.on_change()
        elif not self._count(progress) and connection is not self._exempt and connection not in self._waiting:
            self._waiting[connection] = None
            connection.pause_reading()
        if self.is_short:
            self._resume_waiting()
            self.on_change()
        elif not self._progress and self._peak > MUCH:
            self._loop.call_later(_TRIM_AFTER, self._trim)

    def _count(self, progress: _Progress) -> bool:
        more = progress.size - progress.counted
        if not self._account.take(more):
            return False
        progress.counted = progress.size
        self._peak = max(self._peak, self._account.held)
        return True

    def _resume_waiting(self) -> None:
        """Resume reading waiting connections: those whose whole messages have room, and otherwise one of them."""
        room = self._account.limit - self._account.held
        for connection in list(self._waiting):
            progress = self._progress[connection]
            room -= max(connection.max_size, progress.size) - progress.counted
            if room < 0 or not self._count(progress):
                if self._exempt is not None:
                    break
                self._exempt = connection
            del self._waiting[connection]
            progress.progress_at = time.monotonic()
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
        stalled = [c for c, progress in self._progress.items() if c not in self._waiting and _is_stalled(progress, now)]
        for connection in sorted(stalled, key=lambda c: self._progress[c].progress_at):
            connection.close_stalled(f"a message stalled for {STALL_TIMEOUT:g} s while others waited")
        self._resume_waiting()

    def _trim(self) -> None:
        if not self._progress and self._peak:
            self._peak = 0
            release_freed_memory()


def _is_stalled(progress: _Progress, now: float) -> bool:
    return now - progress.progress_at > STALL_TIMEOUT
