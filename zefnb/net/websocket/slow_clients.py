"""Slow clients: who pauses publishers, who has frames dropped, and who is sent away.

A client that reads, however slowly, is kept, and publishers outside the loop wait for it. One that
does not read at all holds nobody: its queue is bounded by what its route allows (`SlowClient`), and
beyond that it is closed with 1013.
"""

from __future__ import annotations

import time
from typing import Protocol

from zefnb.engine.runtime import Runtime
from zefnb.net.websocket.backlog import Backlog, told_size
from zefnb.net.websocket.slow_client import SlowClient

_TICK = 0.02


class Client(Protocol):
    """A connection that may lag."""

    backlog: Backlog | None
    is_open: bool
    longest: int
    slow_client: SlowClient

    @property
    def bytes_taken(self) -> int:
        """How many bytes have reached the peer's side."""

    def close_slow(self, reason: str) -> None:
        """Send it away."""


class Pusher(Protocol):
    """A connection that pushes into topics."""

    def pause_reading(self) -> None:
        """Stop reading; counted."""

    def resume_reading(self) -> None:
        """Take back one `pause_reading`."""


class SlowClients:
    """Looks after the connections that have a backlog, 50 times a second while there are any."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._watched: dict[Client, None] = {}
        self._ticking = False
        self.holding = False
        self._paused_pushers: list[Pusher] = []

    def watch(self, connection: Client) -> None:
        """`connection` has begun to lag."""
        self._watched[connection] = None
        if not self._ticking:
            self._ticking = True
            self._runtime.loop.call_later(_TICK, self._tick)

    def forget(self, connection: Client) -> None:
        """`connection` has caught up, or is gone."""
        self._watched.pop(connection, None)

    def pause(self, pusher: Pusher) -> None:
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
