"""Slow clients: who pauses publishers, who has frames dropped, and who is sent away.

A client that reads, however slowly, is kept, and publishers outside the loop wait for it. One that
does not read at all holds nobody: its queue is bounded by what its route allows (`SlowClient`), and
beyond that it is closed with 1013.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from zefnb.engine.runtime import Runtime

if TYPE_CHECKING:
    from zefnb.net.websocket.read_side import ReadSide
    from zefnb.net.websocket.write_side import WriteSide

# Whole frames, and how many messages they hold.
Piece = tuple[bytes, int]

_TICK = 0.02
# A client is reading when it took something within this time; one that has been seen to read may pause for longer.
_READING_AT_FIRST = 0.25
_READING = 1.0


def told_size(size: int) -> str:
    """A number of bytes, short.

    >>> told_size(4 << 20), told_size(5_000)
    ('4 MiB', '5000 bytes')
    """
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size} bytes"


class Backlog:
    """What waits for one client behind its transport, in pieces of whole frames."""

    __slots__ = ("_seen_reading", "_taken", "bytes", "messages", "moved_at", "pieces")

    def __init__(self, seen_reading: bool = False) -> None:
        self.pieces: deque[Piece] = deque()
        self.bytes = 0
        self.messages = 0
        self.moved_at = time.monotonic()
        self._seen_reading = seen_reading
        self._taken: int | None = None

    def put(self, data: bytes, count: int) -> None:
        """Append a piece of `count` messages."""
        self.pieces.append((data, count))
        self.bytes += len(data)
        self.messages += count

    def take(self) -> Piece:
        """Remove and return the oldest piece."""
        data, count = self.pieces.popleft()
        self.bytes -= len(data)
        self.messages -= count
        return data, count

    def look(self, taken: int, now: float) -> None:
        """The peer has taken `taken` bytes by now."""
        if taken != self._taken:
            self._seen_reading = self._seen_reading or self._taken is not None
            self._taken, self.moved_at = taken, now

    def is_read(self, now: float) -> bool:
        """Whether the client, however slowly, is reading."""
        return now - self.moved_at < (_READING if self._seen_reading else _READING_AT_FIRST)

    def drop_oldest(self, most: int) -> int:
        """Drop the oldest pieces until at most `most` bytes wait; answers how many messages went."""
        dropped = 0
        while self.bytes > most and len(self.pieces) > 1:
            dropped += self.take()[1]
        return dropped


class SlowClients:
    """Looks after the connections that have a backlog, 50 times a second while there are any."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._watched: dict[WriteSide, None] = {}
        self._ticking = False
        self.holding = False
        self._paused_pushers: list[ReadSide] = []

    def watch(self, connection: WriteSide) -> None:
        """`connection` has begun to lag."""
        self._watched[connection] = None
        if not self._ticking:
            self._ticking = True
            self._runtime.loop.call_later(_TICK, self._tick)

    def forget(self, connection: WriteSide) -> None:
        """`connection` has caught up, or is gone."""
        self._watched.pop(connection, None)

    def pause(self, pusher: ReadSide) -> None:
        """Do not read from `pusher`, who pushes into topics, until readers have caught up."""
        self._paused_pushers.append(pusher)
        pusher.pause_reading()

    def hold_for(self, backlog: Backlog) -> None:
        """Hold publishers back now: until the next tick they could send more than the client may owe."""
        if not self.holding and backlog.is_read(time.monotonic()):
            self._hold(True)

    def _tick(self) -> None:
        now = time.monotonic()
        holding = False
        for connection in list(self._watched):
            backlog = connection.backlog
            if backlog is None or not connection.is_open:
                self.forget(connection)
                continue
            backlog.look(connection.bytes_taken, now)
            allowed, longest = connection.slow_client, connection.longest
            if now - backlog.moved_at > allowed.seconds and backlog.bytes > allowed.stalled_limit(longest):
                connection.close_slow(f"not reading for {allowed.seconds:g} s")
            elif backlog.bytes > allowed.holds_above and backlog.is_read(now):
                holding = holding or allowed.policy == "close"
            elif backlog.bytes > (limit := allowed.unread_limit(longest)):
                connection.close_slow(f"not reading and more than {told_size(limit)} behind")
        self._hold(holding)
        if self._watched:
            self._runtime.loop.call_later(_TICK, self._tick)
        else:
            self._ticking = False

    def _hold(self, holding: bool) -> None:
        self.holding = holding
        if holding:
            self._runtime.call_queue.pause_for(self)
            return
        self._runtime.call_queue.resume_for(self)
        pushers, self._paused_pushers = self._paused_pushers, []
        for pusher in pushers:
            pusher.resume_reading()
