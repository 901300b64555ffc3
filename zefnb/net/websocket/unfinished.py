"""Unfinished messages: the bytes of messages that clients have begun to send share one budget.

Half of it is for all. Beyond that, a client whose message would grow is not read until there is room for its whole
message, and this room is then reserved for it. Otherwise many clients could each hold a part of a message, and none
would get the rest. When there is no such room, one of the waiting clients is still read, so that messages are
completed, if necessary one after the other. A client whose message makes no progress while others wait is closed with
1013.
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
_TICK = 0.1
_TRIM_AFTER = 1.0


class Reader(Protocol):
    """A connection whose messages arrive in pieces."""

    max_size: int
    # Whether received bytes wait to be parsed.
    is_queued: bool

    def pause_reading(self) -> None:
        """Stop reading. Pauses are counted."""

    def resume_reading(self) -> None:
        """Undo one `pause_reading`."""

    def close_stalled(self, reason: str) -> None:
        """Close with 1013."""


class _Progress:
    """The bytes held and reserved for one connection, and the time of its last progress."""

    __slots__ = ("counted", "has_room", "progress_at", "progress_size", "reserved", "size")

    def __init__(self) -> None:
        self.size = self.counted = self.reserved = self.progress_size = 0
        # Whether room for a whole message has been reserved.
        self.has_room = False
        self.progress_at = time.monotonic()


class Unfinished:
    """Counts the bytes of messages that are not complete: a service of the runtime, used on the loop only."""

    def __init__(self, runtime: Runtime) -> None:
        self._loop = runtime.loop
        self._account = runtime.service(Budget).messages
        self._progress: dict[Reader, _Progress] = {}
        self._waiting: dict[Reader, None] = {}
        # The sum of all that is reserved, and not yet held.
        self._reserved = 0
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
            self._reserve(progress, 0)
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
        if progress.has_room:
            self._account.hold(more)  # also the bytes of its frames' heads, which are not reserved
            self._reserve(progress, max(progress.reserved - more, 0))
        elif 2 * (self._account.held + self._reserved + more) <= self._account.limit:
            self._account.hold(more)
        else:
            return False
        progress.counted = progress.size
        self._peak = max(self._peak, self._account.held)
        return True

    def _reserve(self, progress: _Progress, size: int) -> None:
        self._reserved += size - progress.reserved
        progress.reserved = size

    def _resume_waiting(self) -> None:
        """Resume reading waiting connections: those whose whole messages have room, and otherwise one of them."""
        room = self._account.limit - self._account.held - self._reserved
        for connection in list(self._waiting):
            progress = self._progress[connection]
            missing = max(connection.max_size, progress.size) - progress.counted
            room -= missing
            if room >= 0:
                progress.has_room = True
                self._reserve(progress, missing)
                self._count(progress)
            elif self._exempt is None:
                self._exempt = connection
            else:
                break
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
        # One whose bytes wait to be parsed waits for the server.
        clients = (c for c in self._progress if c not in self._waiting and not c.is_queued)
        stalled = [c for c in clients if _is_stalled(self._progress[c], now)]
        for connection in sorted(stalled, key=lambda c: self._progress[c].progress_at):
            connection.close_stalled(f"a message stalled for {STALL_TIMEOUT:g} s while others waited")
        self._resume_waiting()

    def _trim(self) -> None:
        if not self._progress and self._peak:
            self._peak = 0
            release_freed_memory()


def _is_stalled(progress: _Progress, now: float) -> bool:
    return now - progress.progress_at > STALL_TIMEOUT
