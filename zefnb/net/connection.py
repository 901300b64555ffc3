"""One WebSocket connection: bytes to messages, messages to bytes.

Whole unfragmented data frames, which are nearly all there is, are parsed here. Everything else
(the handshake, fragments, control frames, compression, every breach of RFC 6455) goes to
`websockets`' Sans-I/O `ServerProtocol`, which decides what it means.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from websockets.frames import Frame, Opcode, apply_mask
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from zefnb.core.time import Time
from zefnb.core.wire import encode_content
from zefnb.net.frames import TEXT, WHOLE_BINARY, WHOLE_TEXT, build, head_of
from zefnb.net.outbox import Outbox
from zefnb.net.slow_clients import QUEUE_ALLOWED, QUEUE_LIMIT, Backlog, Policy

PING_EVERY = 20.0
PONG_WITHIN = 20.0
_CLOSE_PATIENCE = 1.0
_SLOW_CLOSE_PATIENCE = 30.0
_HIGH_WATER = 65_536

GOING_AWAY = 1001
ABNORMAL = 1006
INVALID_DATA = 1007
INTERNAL_ERROR = 1011
TRY_AGAIN_LATER = 1013

Admit = Callable[["Connection", Request], None]


class Connection(asyncio.BufferedProtocol):
    """A client of a WebSocket route. Lives on the loop.

    The server's `admit` answers the handshake; the endpoint then sets `on_message` and `on_lost`.
    """

    __slots__ = (
        "_close_timer",
        "_fragments",
        "_fragments_opcode",
        "_last_ping",
        "_needed",
        "_on_closed",
        "_outbox",
        "_paused",
        "_pending_count",
        "_ping_sent",
        "protocol",
        "_reading_paused",
        "_sent_bytes",
        "_tail",
        "_admit",
        "actor",
        "backlog",
        "channel_id",
        "client_ip",
        "connect_time",
        "dropped",
        "endpoint",
        "host",
        "ignored",
        "is_open",
        "last_heard",
        "mailbox",
        "max_size",
        "on_lost",
        "on_message",
        "origin",
        "path",
        "pending",
        "policy",
        "pushes",
        "query",
        "query_params",
        "received",
        "round_trip",
        "sent",
        "topic_out",
        "transport",
    )

    def __init__(
        self, outbox: Outbox, protocol: ServerProtocol, admit: Admit, on_closed: Callable[[Connection], None]
    ) -> None:
        self._outbox = outbox
        self._admit = admit
        self._on_closed = on_closed
        self.protocol = protocol
        self.transport: asyncio.Transport = None  # type: ignore[assignment]
        self.on_message: Callable[[Any], None] | None = None
        self.on_lost: Callable[[Connection], None] | None = None
        self.endpoint: Any = None
        self.actor: Any = None
        self.mailbox: Any = None
        self.topic_out: Any = None
        self.pushes = False
        self.policy: Policy = "close"
        self.max_size = 1 << 20
        self.channel_id = -1
        self.client_ip = self.path = self.query = self.host = ""
        self.query_params: dict[str, str] = {}
        self.origin: str | None = None
        self.connect_time: Time | None = None
        self.received = self.sent = self.dropped = self.ignored = 0
        self.round_trip: float | None = None
        self.is_open = False
        self.pending: list[bytes] = []
        self.backlog: Backlog | None = None
        self.last_heard = time.monotonic()
        self._sent_bytes = 0
        self._tail = bytearray()
        self._needed = 2
        self._pending_count = 0
        self._last_ping = self.last_heard
        self._fragments: bytearray | None = None
        self._fragments_opcode = TEXT
        self._paused = False
        self._reading_paused = 0
        self._ping_sent: float | None = None
        self._close_timer: asyncio.TimerHandle | None = None

    # Receiving

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(high=_HIGH_WATER)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._outbox.receive_buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(self._outbox.receive_buffer[:nbytes])

    def data_received(self, data: bytes | memoryview) -> None:
        """Bytes from the peer. `data` is not kept: the buffer belongs to everyone."""
        self.last_heard = time.monotonic()
        if not self.is_open:
            return self._to_protocol(data)
        if self._tail:
            self._tail += data
            if len(self._tail) < self._needed:
                return None
            data, self._tail = bytes(self._tail), bytearray()
        self._parse(data)
        if self.mailbox is not None:
            if self.mailbox.is_full and self.mailbox.when_room is None:
                self.pause_reading()
                self.mailbox.when_room = self.resume_reading
        elif self.pushes and self._outbox.slow_clients.holding:
            self._outbox.slow_clients.pause(self)
        return None

    def _parse(self, data: bytes | memoryview) -> None:
        """Take every whole frame at the front of `data`, and keep the rest for later."""
        at, end = 0, len(data)
        self._needed = 2
        while end - at >= 2 and self.is_open:
            first, length = data[at], data[at + 1] - 0x80
            if 0 <= length < 126 and (first == WHOLE_TEXT or first == WHOLE_BINARY) and self._fragments is None:
                stop = at + 6 + length
                if stop > end:
                    self._needed = stop - at
                    break
                self._take_message(first & 0x0F, apply_mask(data[at + 6 : stop], data[at + 2 : at + 6]))
                at = stop
            else:
                taken = self._parse_other(data[at:end])
                if not taken:
                    break
                at += taken
        if self.is_open and at < end:
            self._tail += data[at:end]

    def _parse_other(self, data: bytes | memoryview) -> int:
        """Take the frame at the front that is long, fragmented, a control frame or wrong; 0 when it is not whole."""
        head = head_of(data)
        if head is None:
            self._needed = 10 if len(data) >= 4 else 4
            return 0
        stop = head.payload_at + head.length
        is_control = data[0] & 0x08
        if not head.masked or head.length > (125 if is_control else self.max_size):
            # Wrong by its head alone: need not be whole to be judged.
            self._to_protocol(data)
            return len(data)
        if stop > len(data):
            self._needed = stop
            return 0
        if (data[0] == WHOLE_TEXT or data[0] == WHOLE_BINARY) and self._fragments is None:
            mask = data[head.payload_at - 4 : head.payload_at]
            self._take_message(data[0] & 0x0F, apply_mask(data[head.payload_at : stop], mask))
        else:
            self._to_protocol(data[:stop])
        return stop

    def _take_message(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            try:
                message: str | bytes = payload.decode()
            except UnicodeDecodeError as error:
                return self._fail(INVALID_DATA, f"{error.reason} at position {error.start}")
        else:
            message = payload
        self.received += 1
        return self.on_message(message)  # type: ignore[misc]

    def _to_protocol(self, data: bytes | memoryview) -> None:
        """Let the Sans-I/O protocol judge what is not a plain data frame."""
        protocol = self.protocol
        protocol.receive_data(bytes(data))
        for event in protocol.events_received():
            if isinstance(event, Request):
                self._admit(self, event)
            elif isinstance(event, Frame):
                self._take_frame(event)
        self._write_protocol()

    def _take_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            if self._ping_sent is not None:
                self.round_trip = time.monotonic() - self._ping_sent
                self._ping_sent = None
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._take_fragment(frame)

    def _take_fragment(self, frame: Frame) -> None:
        if self._fragments is None:
            self._fragments = bytearray()
            self._fragments_opcode = frame.opcode
        # Joined at once: endless empty fragments must not add up to anything.
        self._fragments += frame.data
        if not frame.fin:
            return
        payload, self._fragments = bytes(self._fragments), None
        self._take_message(self._fragments_opcode, payload)

    def eof_received(self) -> bool:
        self.protocol.receive_eof()
        self._write_protocol()
        return False

    def pause_reading(self) -> None:
        """Stop reading; counted, since several may ask."""
        self._reading_paused += 1
        if self._reading_paused == 1 and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Take back one `pause_reading`."""
        self._reading_paused -= 1
        if self._reading_paused == 0 and not self.transport.is_closing():
            self.transport.resume_reading()

    def answer(self, response: Response) -> None:
        """Answer the handshake, before anything else is said."""
        self.protocol.send_response(response)
        self._write_protocol()

    def opened(self, channel_id: int, query_params: dict[str, str]) -> None:
        """The handshake is accepted: from now on there are messages."""
        self.channel_id = channel_id
        self.query_params = query_params
        self.connect_time = Time.now()
        self.is_open = True

    @property
    def is_compressed(self) -> bool:
        """Whether permessage-deflate (RFC 7692) was agreed on."""
        return bool(self.protocol.extensions)

    # Sending

    def deliver(self, content: Any) -> None:
        """Send one message to this client, at the end of this turn. Content as in `encode_content`."""
        opcode, payload = encode_content(content)
        if self.protocol.extensions:
            if not self.is_open:
                return
            send = self.protocol.send_text if opcode == TEXT else self.protocol.send_binary
            send(payload)
            for data in self.protocol.data_to_send():
                self.send_raw(data, 1)
            return
        self.send_raw(build(opcode, payload), 1)

    def send_raw(self, data: bytes, count: int) -> None:
        """Send whole frames holding `count` messages, after everything sent before."""
        if not self.is_open:
            return
        if self._outbox.run is not None:
            self._outbox.seal()
        if not self.pending:
            self._outbox.add(self)
        self.pending.append(data)
        self._pending_count += count

    def flush(self) -> None:
        """Write what this turn has gathered."""
        pending = self.pending
        if pending:
            data = pending[0] if len(pending) == 1 else b"".join(pending)
            count, self._pending_count = self._pending_count, 0
            pending.clear()
            self.write(data, count)

    def write(self, data: bytes, count: int) -> None:
        """Hand bytes to the transport, or to the backlog while the client lags."""
        if not self.is_open:
            return
        self.sent += count
        if self._paused:
            self._queue(data, count)
        else:
            self._sent_bytes += len(data)
            self.transport.write(data)

    def _queue(self, data: bytes, count: int) -> None:
        backlog = self.backlog
        if backlog is None:
            backlog = self.backlog = Backlog()
            self._outbox.slow_clients.watch(self)
        if self.policy == "drop_newest" and backlog.bytes + len(data) > QUEUE_ALLOWED:
            self.dropped += count
            return
        backlog.put(data, count)
        if self.policy == "drop_oldest":
            self.dropped += backlog.drop_oldest(QUEUE_ALLOWED)
        elif backlog.bytes > QUEUE_LIMIT:
            self.close_slow(f"more than {QUEUE_LIMIT >> 20} MiB behind")

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        # Not from within: asyncio may call connection_lost twice for a write in here.
        asyncio.get_running_loop().call_soon(self._drain_backlog)

    def _drain_backlog(self) -> None:
        self._paused = False
        while self.backlog is not None and self.backlog.pieces and not self._paused and not self.transport.is_closing():
            data, _ = self.backlog.take()
            self._sent_bytes += len(data)
            self.transport.write(data)
        if self.backlog is not None and not self.backlog.pieces:
            self.backlog = None
            self._outbox.slow_clients.forget(self)

    @property
    def bytes_taken(self) -> int:
        """How many bytes the peer's side has taken from our transport."""
        return self._sent_bytes - self.transport.get_write_buffer_size()

    @property
    def queued(self) -> int:
        """Bytes that wait for this client."""
        return self.transport.get_write_buffer_size() + (self.backlog.bytes if self.backlog is not None else 0)

    # Keeping alive and closing

    def check_alive(self, now: float) -> None:
        """Ping every 20 s; without any sign of life for 20 s more the connection is dead."""
        if not self.is_open:
            return
        if self._ping_sent is not None:
            if now - max(self._ping_sent, self.last_heard) > PONG_WITHIN:
                self._fail(INTERNAL_ERROR, "keepalive ping timeout")
        elif now - self._last_ping > PING_EVERY:
            self.ping(now)

    def ping(self, now: float) -> None:
        """Ask for a sign of life (RFC 6455, section 5.5.2); the answer gives the round trip."""
        self._ping_sent = self._last_ping = now
        self.protocol.send_ping(b"")
        self._write_protocol()

    def close(self, code: int, reason: str = "") -> None:
        """Start the closing handshake (RFC 6455, section 7.1.2) after everything sent before."""
        if not self.is_open:
            return
        self._outbox.seal()
        self.flush()
        self._send_close(code, reason)

    def close_slow(self, reason: str) -> None:
        """Send away a client that does not read: its close frame replaces all that waits for it.

        It leaves the tables now; its socket stays a while, so that it can still read why.
        """
        if not self.is_open:
            return
        if self.backlog is not None:
            self.dropped += self.backlog.messages
            self.backlog = None
        self.pending.clear()
        self._pending_count = 0
        self.endpoint.closed_slow(self, reason)
        self._send_close(TRY_AGAIN_LATER, reason, _SLOW_CLOSE_PATIENCE)
        self._leave()

    def _send_close(self, code: int, reason: str, patience: float = _CLOSE_PATIENCE) -> None:
        self.protocol.send_close(code, reason)
        self._write_protocol(patience)

    def _fail(self, code: int, reason: str) -> None:
        """Fail the connection (RFC 6455, section 7.1.7)."""
        self.protocol.fail(code, reason)
        self._write_protocol()

    def _write_protocol(self, patience: float = _CLOSE_PATIENCE) -> None:
        """Write what the protocol wants to say, after everything that was sent before."""
        said = self.protocol.data_to_send()
        if said and self.is_open:
            self._outbox.seal()
            self.flush()
        for data in said:
            if data:
                self._write_control(data)
            else:
                self._half_close()
        if self.is_open and self.protocol.close_sent is not None:
            self._shut(patience)

    def _write_control(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._paused and self.backlog is not None:
            self.backlog.put(data, 0)
        else:
            self._sent_bytes += len(data)
            self.transport.write(data)

    def _shut(self, patience: float) -> None:
        """No more messages either way; the peer has `patience` seconds to finish."""
        self.is_open = False
        if self._close_timer is None:
            self._close_timer = asyncio.get_running_loop().call_later(patience, self.abort)

    def _half_close(self) -> None:
        """Send FIN but go on reading: closing with unread bytes would reset what the peer has yet to read."""
        self._shut(_CLOSE_PATIENCE)
        if self.transport.is_closing():
            return
        if self.transport.can_write_eof() and self.backlog is None:
            self.transport.write_eof()
        elif self.backlog is None:
            self.transport.close()

    @property
    def close_code(self) -> int | None:
        """The code of the first close frame either way, `None` while open; 1006 when there was none."""
        first = self.protocol.close_rcvd or self.protocol.close_sent
        if first is not None:
            return int(first.code)
        return None if self.is_open else ABNORMAL

    def abort(self) -> None:
        """Cut the connection."""
        self.is_open = False
        if self.transport is not None:
            self.transport.abort()

    def _leave(self) -> None:
        on_lost, self.on_lost = self.on_lost, None
        if on_lost is not None:
            on_lost(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self._close_timer is not None:
            self._close_timer.cancel()
            self._close_timer = None
        self._outbox.slow_clients.forget(self)
        self.backlog = None
        self.pending.clear()
        self.protocol.receive_eof()
        self._leave()
        self.on_message = None
        self._on_closed(self)
