"""Slow clients: who holds publishers back, who has frames dropped, and who is sent away.

A client that reads, however slowly, is kept, and publishers outside the loop wait for it. One that
does not read at all holds nobody: its queue is bounded, and after five seconds it is closed with 1013.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Literal

from zefnb.engine.runtime import Runtime

if TYPE_CHECKING:
    from zefnb.net.connection import Connection
    from zefnb.net.sending import Sending

Policy = Literal["close", "drop_oldest", "drop_newest"]
POLICIES: tuple[Policy, ...] = ("close", "drop_oldest", "drop_newest")

PATIENCE = 5.0
QUEUE_ALLOWED = 1 << 20
QUEUE_LIMIT = 16 << 20
_HOLDS_ABOVE = 256 << 10
_TICK = 0.02
# A client that took something within this time is reading.
_READING = 0.25


class Backlog:
    """What waits for one client behind its transport, in pieces of whole frames."""

    __slots__ = ("bytes", "messages", "moved", "moved_at", "pieces", "since")

    def __init__(self) -> None:
        self.pieces: deque[tuple[bytes, int]] = deque()
        self.bytes = 0
        self.messages = 0
        self.since = self.moved_at = time.monotonic()
        self.moved = -1

    def put(self, data: bytes, count: int) -> None:
        """Append a piece of `count` messages."""
        self.pieces.append((data, count))
        self.bytes += len(data)
        self.messages += count

    def take(self) -> tuple[bytes, int]:
        """Remove and return the oldest piece."""
        data, count = self.pieces.popleft()
        self.bytes -= len(data)
        self.messages -= count
        return data, count

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
        self._watched: dict[Sending, None] = {}
        self._ticking = False
        self.holding = False
        self._paused_pushers: list[Connection] = []

    def watch(self, connection: Sending) -> None:
        """`connection` has begun to lag."""
        self._watched[connection] = None
        if not self._ticking:
            self._ticking = True
            self._runtime.loop.call_later(_TICK, self._tick)

    def forget(self, connection: Sending) -> None:
        """`connection` has caught up, or is gone."""
        self._watched.pop(connection, None)

    def pause(self, pusher: Connection) -> None:
        """Do not read from `pusher`, who pushes into topics, until readers have caught up."""
        self._paused_pushers.append(pusher)
        pusher.pause_reading()

    def _tick(self) -> None:
        now = time.monotonic()
        holding = False
        for connection in list(self._watched):
            backlog = connection.backlog
            if backlog is None or not connection.is_open:
                self.forget(connection)
                continue
            moved = connection.bytes_taken
            if moved != backlog.moved:
                backlog.moved, backlog.moved_at = moved, now
            idle = now - backlog.moved_at
            if idle > PATIENCE and backlog.bytes > QUEUE_ALLOWED:
                connection.close_slow(f"not reading for {PATIENCE:.0f} s")
            elif idle < _READING and backlog.bytes > _HOLDS_ABOVE and connection.policy == "close":
                holding = True
        self._hold(holding)
        if self._watched:
            self._runtime.loop.call_later(_TICK, self._tick)
        else:
            self._ticking = False

    def _hold(self, holding: bool) -> None:
        self.holding = holding
        if holding:
            self._runtime.entrance.congested(self)
            return
        self._runtime.entrance.relieved(self)
        pushers, self._paused_pushers = self._paused_pushers, []
        for pusher in pushers:
            pusher.resume_reading()
