"""Slow clients: which of them pause publishers, lose frames, or are closed.

A client that reads, however slowly, stays connected, and publishers outside the loop wait for it. No publisher
waits for a client that does not read at all: its route bounds its queue (`SlowClient`), and beyond that bound
the client is closed with 1013.
"""

from __future__ import annotations

import time
from typing import Protocol

from zefnb.engine.runtime import Runtime
from zefnb.net.websocket import unsent
from zefnb.net.websocket.backlog import Backlog, size_text
from zefnb.net.websocket.slow_client import SlowClient

_TICK = 0.02
# Seconds between two exact counts of the bytes for all clients, which take time for each piece, and the number of
# clients that are closed after one.
_COUNT_INTERVAL = 0.1
_CLOSED_AT_ONCE = 16


class Client(Protocol):
    """A connection that may have a backlog."""

    backlog: Backlog | None
    is_open: bool
    longest: int
    slow_client: SlowClient

    @property
    def queued(self) -> int:
        """The number of bytes that wait for this client."""

    @property
    def bytes_delivered(self) -> int:
        """The number of bytes that have reached the peer's side."""

    def close_slow(self, reason: str) -> None:
        """Close the connection with 1013."""

    def abort_long(self) -> None:
        """Close the connection at once if its transport holds a long message."""


class Pusher(Protocol):
    """A connection that pushes into topics."""

    def pause_reading(self) -> None:
        """Stop reading. Pauses are counted."""

    def resume_reading(self) -> None:
        """Undo one `pause_reading`."""


class SlowClients:
    """Checks the connections that have a backlog, 50 times a second while there are any."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._watched: dict[Client, None] = {}
        self._ticking = False
        self._counted_at = 0.0
        self.is_pausing = False
        # Whether the outbox has more to write than it may in one iteration.
        self.is_held = False
        self._paused_pushers: list[Pusher] = []

    def watch(self, connection: Client) -> None:
        """Check `connection` from now on: it has a backlog."""
        self._watched[connection] = None
        if not self._ticking:
            self._ticking = True
            self._runtime.loop.call_later(_TICK, self._tick)

    def forget(self, connection: Client) -> None:
        """Stop checking `connection`: it has no backlog, or is closed."""
        self._watched.pop(connection, None)

    def pause(self, pusher: Pusher) -> None:
        """Do not read from `pusher`, which pushes into topics, until neither slow clients nor the outbox hold it up."""
        self._paused_pushers.append(pusher)
        pusher.pause_reading()

    def pause_for_backlog(self, backlog: Backlog) -> None:
        """Pause publishers now: before the next tick they could send more than may wait for the client."""
        if not self.is_pausing and backlog.is_read(time.monotonic()):
            self._set_pausing(True)

    def hold(self, is_held: bool) -> None:
        """Let the connections that push and have more unparsed messages wait for the outbox."""
        if is_held != self.is_held:
            self.is_held = is_held
            self._resume_pushers()

    def _tick(self) -> None:
        now = time.monotonic()
        is_pausing, queued = False, 0
        for connection in list(self._watched):
            backlog = connection.backlog
            if backlog is None or not connection.is_open:
                self.forget(connection)
                continue
            backlog.record_progress(connection.bytes_delivered, now)
            queued += connection.queued
            allowed, longest = connection.slow_client, connection.longest
            if now - backlog.progress_at > allowed.seconds and backlog.bytes > allowed.stalled_limit(longest):
                connection.close_slow(f"not reading for {allowed.seconds:g} s")
            elif backlog.bytes > allowed.pause_above and backlog.is_read(now):
                is_pausing = is_pausing or allowed.policy == "close"
            elif backlog.bytes > (limit := allowed.unread_limit(longest)):
                connection.close_slow(f"not reading and more than {size_text(limit)} behind")
        if queued > unsent.UNSENT_LIMIT and now - self._counted_at >= _COUNT_INTERVAL:
            self._counted_at = now
            self._close_surplus(now)
        self._set_pausing(is_pausing)
        if self._watched:
            self._runtime.loop.call_later(_TICK, self._tick)
        else:
            self._ticking = False

    def _close_surplus(self, now: float) -> None:
        for connection in unsent.surplus(self._watched, now)[:_CLOSED_AT_ONCE]:
            connection.close_slow(f"more than {size_text(unsent.UNSENT_LIMIT)} wait for all clients together")
            connection.abort_long()

    def _set_pausing(self, is_pausing: bool) -> None:
        self.is_pausing = is_pausing
        queue = self._runtime.call_queue
        (queue.pause_for if is_pausing else queue.resume_for)(self)
        self._resume_pushers()

    def _resume_pushers(self) -> None:
        if self.is_pausing or self.is_held:
            return
        pushers, self._paused_pushers = self._paused_pushers, []
        for pusher in pushers:
            pusher.resume_reading()
