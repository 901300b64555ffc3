"""The arrival: a connection that has sent nothing yet. Its first bytes decide whether it is a WebSocket or HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from zefnb.net.http import guard
from zefnb.net.http.handshake import Handshake, read_plain
from zefnb.net.read_scheduler import ReadScheduler

_FAILED = (
    b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 26\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"connection: close\r\n\r\n500 Internal Server Error\n"
)

# Bytes of a first read that can wait for a later loop iteration. Those of a longer one are counted by `GuardedHTTP`.
_SHORT = 4_096

TryAccept = Callable[[asyncio.Transport, Handshake], bool]


class Arrival(asyncio.Protocol):
    """Becomes a WebSocket when its first bytes are a plain handshake that `try_accept` accepts; HTTP otherwise.

    A peer that sends nothing within 5 s is disconnected. Many that send at once take turns with other connections.
    """

    __slots__ = (
        "_connections",
        "_deadline",
        "_is_open",
        "_make_http",
        "_on_error",
        "_reads",
        "_try_accept",
        "_waiting",
        "is_queued",
        "on_made",
        "transport",
    )

    def __init__(
        self,
        connections: set[Any],
        is_open: Callable[[], bool],
        try_accept: TryAccept,
        make_http: Callable[[float], guard.GuardedHTTP],
        on_error: Callable[[Exception], None],
        reads: ReadScheduler,
    ) -> None:
        self._connections = connections
        self._is_open = is_open
        self._try_accept = try_accept
        self._make_http = make_http
        self._on_error = on_error
        self._reads = reads
        # The first bytes, for which there was no time yet.
        self._waiting = b""
        self.is_queued = False
        self._deadline: asyncio.TimerHandle | None = None
        # Called when the connection has been made.
        self.on_made: Callable[[], None] = lambda: None
        self.transport: asyncio.Transport = None  # type: ignore[assignment]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The transports of other event loops do not derive from asyncio's classes.
        self.transport = cast("asyncio.Transport", transport)
        self.on_made()
        if not self._is_open():
            # The server stopped during the TLS handshake, before this connection was registered.
            self.transport.abort()
            return
        self._connections.add(self)
        self._start_timer()

    def _start_timer(self) -> None:
        self._deadline = asyncio.get_running_loop().call_later(guard.HEAD_TIMEOUT, self._on_timeout)

    def _on_timeout(self) -> None:
        if self._waiting:
            # The bytes have arrived, so this is not the client's delay.
            self._start_timer()
        else:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._waiting:
            self._begin(self._waiting + data)
        elif len(data) > _SHORT or self._reads.has_time():
            self._begin(data)
        else:
            self._waiting = data
            self._reads.add(self)

    def parse_until(self, deadline: float) -> None:
        """Continue with the first bytes, which have waited for this loop iteration."""
        if self._waiting and not self.transport.is_closing():
            self._begin(self._waiting)

    def _begin(self, data: bytes) -> None:
        self._waiting = b""
        self._unregister()
        try:
            handshake = read_plain(data)
            if handshake is not None and self._try_accept(self.transport, handshake):
                return
        except Exception as error:
            self._on_exception(error)
            return
        assert self._deadline is not None
        http = self._make_http(self._deadline.when())
        self.transport.set_protocol(http)
        http.connection_made(self.transport)
        http.data_received(data)

    def _on_exception(self, error: Exception) -> None:
        """Report an error of zefnb and send 500. asyncio would print a line in the user's cell for each one."""
        if isinstance(error, OSError):  # the peer has disconnected
            return self.transport.abort()
        self._on_error(error)
        if self.transport.get_protocol() is self:
            self.transport.write(_FAILED)
            self.transport.close()
        else:
            self.transport.abort()  # the handshake's response has been sent, so there can be no 500
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self._unregister()

    def shutdown(self) -> None:
        """Close the connection: the server stops."""
        self.transport.close()

    def _unregister(self) -> None:
        self._connections.discard(self)
        if self._deadline is not None:
            self._deadline.cancel()
