"""One WebSocket connection: how it opens, stays alive and closes. Its two sides are `ReadSide` and `WriteSide`.

`websockets`' Sans-I/O `ServerProtocol` decides what close frames mean.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from websockets.frames import Close, CloseCode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from zefnb.core.time import Time
from zefnb.core.wire import Nan, encode_content
from zefnb.net import keepalive
from zefnb.net.websocket.backlog import LONGEST_PIECE
from zefnb.net.websocket.frames import PING, build
from zefnb.net.websocket.outbox import Outbox
from zefnb.net.websocket.read_side import ReadSide

CLOSE_TIMEOUT = 1.0
SLOW_CLOSE_TIMEOUT = 30.0
CLOSED_BY_CLIENT = "closed by the client"
_PING = build(PING, b"")


class _ClosedTransport(asyncio.Transport):
    """Replaces a closed transport while the bytes that arrived over it are parsed. It sends nothing."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection: Connection | None = connection

    def write(self, data: object) -> None:
        pass

    def is_closing(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.connection_lost(None)


class _Nowhere:
    """The subscriber for a message that a client does not get."""

    only_encodes = keeps_nothing = True

    def deliver(self, content: Any) -> None:
        pass


_NOWHERE = _Nowhere()


class Connection(ReadSide):
    """A client of a WebSocket route. Used on the loop only.

    Its handshake has been accepted before. The endpoint sets `on_message` and `on_lost`.
    """

    __slots__ = (
        "_close_timer",
        "_last_ping",
        "_on_closed",
        "actor",
        "channel_id",
        "client_ip",
        "connect_time",
        "host",
        "ignored",
        "nan",
        "on_lost",
        "origin",
        "path",
        "query",
        "query_params",
        "session",
        "topic_out",
        "visitor",
    )
    only_encodes = True
    # Whether text that begins with NUL is changed: see `subprotocol.py`.
    escapes = False

    def __init__(
        self, outbox: Outbox, negotiated: ServerProtocol | None, on_closed: Callable[[Connection], None]
    ) -> None:
        super().__init__(outbox, negotiated)
        self._on_closed = on_closed
        self.on_lost: Callable[[Connection], None] | None = None
        self.actor: Any = None
        self.topic_out: Any = None
        self.channel_id = -1
        self.client_ip = self.path = self.query = self.host = ""
        self.query_params: dict[str, str] = {}
        self.origin: str | None = None
        self.connect_time: Time | None = None
        self.ignored = 0
        # That of a client that can come back.
        self.session: Any = None
        # The user and the session; `None` on a server without `auth=`.
        self.visitor: Any = None
        self.nan: Nan = "null"
        self._last_ping = self.last_received_at
        self._close_timer: asyncio.TimerHandle | None = None

    # Opening

    def _to_protocol(self, data: bytes | memoryview) -> None:
        protocol = self.protocol
        protocol.receive_data(bytes(data))
        protocol.events_received()
        self._write_protocol(protocol)

    def eof_received(self) -> bool:
        if self._unparsed is not None:
            # Over TLS the end arrives with the last bytes, even while reading is paused: parse these bytes first.
            self.has_ended = True
        elif self._protocol is None:
            # There has been no close frame, so the protocol has nothing to decide: it need not be made for this.
            self._flush_all()
            self.end_sending()
            self._start_closing()
        else:
            self._protocol.receive_eof()
            self._write_protocol(self._protocol)
        return False

    def end_of_stream(self) -> None:
        """All bytes before the end of the stream have been parsed."""
        self.has_ended = False
        self.eof_received()
        if isinstance(self.transport, _ClosedTransport):
            self.transport.abort()

    def set_request(self, path: str, query: str, host: str, origin: str | None, client_ip: str) -> None:
        """Set the client's address and what it requests, both from the handshake."""
        self.path, self.query, self.host, self.origin, self.client_ip = path, query, host, origin, client_ip

    def opened(self, channel_id: int, query_params: dict[str, str]) -> None:
        """Mark the connection as open: the handshake is accepted, and messages can follow."""
        self.channel_id = channel_id
        self.query_params = query_params
        self.connect_time = Time.now()
        self.is_open = True

    @property
    def is_compressed(self) -> bool:
        """Whether both sides agreed on permessage-deflate (RFC 7692)."""
        return self.deflate is not None

    @property
    def keeps_nothing(self) -> bool:
        """Whether content is encoded at once. The packer keeps it for a while, and compares contents by identity."""
        return self.deflate is None

    # Sending

    def deliver(self, content: Any) -> None:
        """Send one message to this client, at the end of this loop iteration. Content as in `encode_content`."""
        if self.deflate is None:
            self.send_raw(build(*encode_content(content, self.nan)), 1)
        elif self.is_open:
            frame = self._outbox.packer.frame(content, self.deflate.window_bits, self.nan)
            if isinstance(frame, bytes):
                self.send_raw(frame, 1)
            else:
                self.send_packing(frame)

    def without(self, sender: Any) -> Any:
        """The subscriber for a message of `sender`: none, if that is this client."""
        return self if sender is not self else _NOWHERE

    # Keeping alive and closing

    def check_alive(self, now: float) -> None:
        """Ping every 20 s, and fail the connection when nothing arrives for 20 s after a ping."""
        if not self.is_open:
            return
        if self.is_reading_paused and self.late_pong is None:
            # Its pongs may have arrived, but reading is paused.
            self.last_received_at = now
            return
        if self._ping_sent is None:
            if now - self._last_ping > keepalive.PING_INTERVAL:
                self.ping(now)
            return
        activity = [self._ping_sent, self.last_received_at]
        if self.backlog is not None:
            # The ping waits behind the backlog. A client that reads its backlog is alive.
            activity.append(self.backlog.progress_at)
        if now - max(activity) > keepalive.PING_TIMEOUT:
            self._fail(CloseCode.INTERNAL_ERROR, "keepalive ping timeout")
            if self.backlog is not None:
                self.abort()

    def ping(self, now: float) -> None:
        """Send a ping (RFC 6455, section 5.5.2). Its pong gives the round trip."""
        self._ping_sent = self._last_ping = now
        self._flush_all()
        self.write_control(_PING)

    def close(self, code: int, reason: str = "") -> None:
        """Start the closing handshake (RFC 6455, section 7.1.2) after everything sent before."""
        if not self.is_open:
            return
        self._outbox.end_batch()
        self.flush()
        if self.session is not None:
            self.session.closing(code, reason)
        self._send_close(code, reason)

    def close_slow(self, reason: str) -> None:
        """Close a client that does not read: its close frame replaces everything that waits for it.

        It leaves the tables now. Its socket stays open for a while, so that it can still read the reason.
        """
        if self._drop_unsent():
            self.endpoint.closed_slow(self, reason)
            self._send_close(CloseCode.TRY_AGAIN_LATER, reason)

    def abort_long(self) -> None:
        """Close the connection at once if its transport holds a long message, which cannot be taken back."""
        if self.transport.get_write_buffer_size() > LONGEST_PIECE:
            self.abort()

    def close_now(self, code: int, reason: str) -> None:
        """Close a client that may receive no more: the close frame replaces everything that waits for it."""
        if self._drop_unsent():
            if self.session is not None:
                self.session.closing(code, reason)
            self._send_close(code, reason)

    def _drop_unsent(self) -> bool:
        """Drop everything that waits for the client. Returns whether the connection is open."""
        # Messages of this loop iteration are dropped, too: sent later, they would follow a gap. They may be too long
        # by themselves.
        self._outbox.end_batch()
        self.flush()
        if self.is_open:
            self.drop_queued()
        return self.is_open

    def _send_close(self, code: int, reason: str) -> None:
        # The peer's close frame may have arrived in between.
        protocol = self.protocol
        if protocol.state is OPEN:
            protocol.send_close(code, reason)
        self._write_protocol(protocol)

    def _fail(self, code: int, reason: str) -> None:
        """Fail the connection (RFC 6455, section 7.1.7)."""
        protocol = self.protocol
        protocol.fail(code, reason)
        self._write_protocol(protocol)

    def _write_protocol(self, protocol: ServerProtocol) -> None:
        """Write the protocol's pending data, after everything that was sent before."""
        chunks = protocol.data_to_send()
        if chunks:
            self._flush_all()
        for data in chunks:
            if data:
                self.write_control(data)
            else:
                self.end_sending()
                self._start_closing()
        if self.is_open and protocol.close_sent is not None:
            self._start_closing()

    def _flush_all(self) -> None:
        """Write everything that was sent before, for a control frame to follow."""
        if self.is_open:
            self._outbox.end_batch()
            self.flush()

    def _start_closing(self) -> None:
        """End the messages in both directions. The peer has `CLOSE_TIMEOUT` to finish, longer when it has a backlog."""
        self.is_open = False
        self.drop_unfinished()
        if self._close_timer is not None:
            self._close_timer.cancel()
        timeout = CLOSE_TIMEOUT if self.backlog is None else SLOW_CLOSE_TIMEOUT
        self._close_timer = asyncio.get_running_loop().call_later(timeout, self.abort)
        self._reading_paused = min(self._reading_paused, 1)
        self.resume_reading()
        self._notify_lost()

    @property
    def close_code(self) -> int | None:
        """The code of the first close frame in either direction. `None` while open; 1006 when there was none."""
        first, _ = self._first_close()
        if first is not None:
            return int(first.code)
        return None if self.is_open else int(CloseCode.ABNORMAL_CLOSURE)

    @property
    def close_reason(self) -> str:
        """Why the connection has ended, in words of the server: those of a client may be meant to deceive others."""
        first, is_theirs = self._first_close()
        if first is None:
            return "the connection was lost"
        return CLOSED_BY_CLIENT if is_theirs else first.reason or "closed by the server"

    def _first_close(self) -> tuple[Close | None, bool]:
        """The first close frame in either direction, and whether it is the client's."""
        protocol = self._protocol
        if protocol is None:
            return None, False
        is_theirs = bool(protocol.close_rcvd_then_sent) or protocol.close_sent is None
        return (protocol.close_rcvd if is_theirs else protocol.close_sent), is_theirs

    def abort(self) -> None:
        """Close the connection at once."""
        self.is_open = False
        self.transport.abort()

    def _notify_lost(self) -> None:
        on_lost, self.on_lost = self.on_lost, None
        if on_lost is not None:
            on_lost(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None and self._unparsed is not None and self.is_open:
            # asyncio does not always report the end of the stream before it closes a connection over TLS.
            self.has_ended = True
            self.drop_queued()
            self._paused = False
            self.transport = _ClosedTransport(self)
            return
        self.is_open = self.has_ended = False
        if self._close_timer is not None:
            self._close_timer.cancel()
            self._close_timer = None
        self.drop_queued()
        self.drop_unparsed()
        if self._protocol is not None:
            self._protocol.receive_eof()
        self._notify_lost()
        self.on_message = None
        self._on_closed(self)

    def __repr__(self) -> str:
        return f"<client {self.channel_id} of {self.path}>"
