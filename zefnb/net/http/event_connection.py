"""The connection of an event stream: a client that only reads, with the queue and the limits of a WebSocket client."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any, Protocol

from zefnb.core.entity import Entity
from zefnb.core.time import Time
from zefnb.core.wire import Nan
from zefnb.net.http.event_format import COMMENT, event, gap, last_identity
from zefnb.net.http.request_head import RequestHead
from zefnb.net.websocket.outbox import Outbox
from zefnb.net.websocket.write_side import WriteSide

# Seconds of silence after which a comment is sent: proxies close connections that are quiet for a minute.
COMMENT_INTERVAL = 15.0
# Seconds after which the connection ends when the client's machine does not acknowledge what was sent.
ACKNOWLEDGE_TIMEOUT = 40.0


class Stream(Protocol):
    """The stream of a client."""

    path: str
    server: Entity

    def dropped(self, client: EventConnection) -> None:
        """Report that messages for a client that reads slowly are dropped."""

    def closed_slow(self, client: EventConnection, reason: str) -> None:
        """Report that a client that does not read is closed."""


class EventConnection(WriteSide):
    """A client of an event stream. Used on the loop only."""

    __slots__ = (
        "_commented_at",
        "_on_closed",
        "_sent_before",
        "channel_id",
        "client_ip",
        "connect_time",
        "endpoint",
        "host",
        "nan",
        "origin",
        "path",
        "visitor",
    )
    escapes = False
    # It sends nothing, and no handler of the program is its own.
    actor = topic_out = round_trip = close_code = None
    received = ignored = 0

    def __init__(self, outbox: Outbox, stream: Stream, nan: Nan, on_closed: Callable[[EventConnection], None]) -> None:
        super().__init__(outbox)
        self.endpoint = stream
        self.on_dropped = self._dropped
        self.nan: Nan = nan
        self.channel_id = -1
        self.client_ip = self.path = self.host = ""
        self.origin: str | None = None
        self.connect_time: Time | None = None
        self._on_closed = on_closed
        self._commented_at = 0.0
        self._sent_before = 0
        # The user and the session; `None` on a server without `auth=`.
        self.visitor: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.is_open = True
        with contextlib.suppress(AttributeError, OSError):
            timeout = round(ACKNOWLEDGE_TIMEOUT * 1_000)
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout)

    def opened(self, channel_id: int, head: RequestHead) -> None:
        """Set what the tables of clients show."""
        self.channel_id, self.connect_time = channel_id, Time.now()
        self.path, self.host, self.client_ip = head.path, head.first("host"), head.client_ip
        self.origin = head.first("origin") if "origin" in head.headers else None

    def deliver(self, content: Any) -> None:
        """Send one message to this client alone. It has no id, since it has no place among those of the topics."""
        self.send_raw(event("", content, self.nan), 1)

    def _dropped(self, count: int, last: bytes) -> bytes:
        self.endpoint.dropped(self)
        return gap(count, last_identity(last))

    # Received bytes: there is nothing that a client could send.

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._outbox.receive_buffer

    def buffer_updated(self, nbytes: int) -> None:
        pass

    def data_received(self, data: bytes) -> None:
        """Drop bytes that had arrived before."""

    def eof_received(self) -> bool:
        return False  # the transport closes

    # Keeping alive and closing

    def check_alive(self, now: float) -> None:
        """Send a comment when nothing was sent for 15 s."""
        if self._sent_bytes != self._sent_before:
            self._sent_before, self._commented_at = self._sent_bytes, now
        elif now - self._commented_at > COMMENT_INTERVAL and self.is_open and self.backlog is None:
            self.write_control(COMMENT)

    def ping(self, now: float) -> None:
        """Send a comment now."""
        if self.is_open and self.backlog is None:
            self.write_control(COMMENT)

    def late_pong_sent(self) -> None:
        pass

    def close(self, code: int, reason: str = "") -> None:
        """End the stream after everything sent before."""
        if self.is_open:
            self._outbox.end_batch()
            self.flush()
            self.is_open = False
            self.transport.close()

    def close_now(self, code: int, reason: str) -> None:
        """End the stream at once: the client may receive no more."""
        self.abort()

    def close_slow(self, reason: str) -> None:
        """End the stream of a client that does not read. It can connect again, from the last event that it has."""
        if self.is_open:
            self.endpoint.closed_slow(self, reason)
            self.abort()

    def abort_long(self) -> None:
        self.abort()

    def abort(self) -> None:
        """Close the connection at once."""
        self.is_open = False
        self.drop_queued()
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self.drop_queued()
        self._on_closed(self)

    def __repr__(self) -> str:
        return f"<client {self.channel_id} of {self.path}>"
