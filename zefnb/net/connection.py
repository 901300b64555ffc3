"""One WebSocket connection: bytes to messages, messages to bytes.

Whole unfragmented data frames, which are nearly all there is, are parsed here: an echo takes 0.7 of the CPU
time. Everything else (the handshake, fragments, control frames, compression, every breach of RFC 6455) goes
to `websockets`' Sans-I/O `ServerProtocol`, which decides what it means.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from zefnb.core.time import Time
from zefnb.core.wire import encode_content
from zefnb.net.frames import SHORT, TEXT, WHOLE_BINARY, WHOLE_CLOSE, WHOLE_TEXT, Fragments, apply_mask, build, head_of
from zefnb.net.outbox import Outbox
from zefnb.net.sending import Sending

PING_EVERY = 20.0
PONG_WITHIN = 20.0
CLOSE_PATIENCE = 1.0
SLOW_CLOSE_PATIENCE = 30.0

_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)

Admit = Callable[["Connection", Request], None]


class Connection(Sending):
    """A client of a WebSocket route. Lives on the loop.

    The server's `admit` answers the handshake; the endpoint then sets `on_message` and `on_lost`.
    """

    __slots__ = (
        "_admit",
        "_close_timer",
        "_fragments",
        "_last_ping",
        "_needed",
        "_on_closed",
        "_ping_sent",
        "_reading_paused",
        "_tail",
        "actor",
        "channel_id",
        "client_ip",
        "connect_time",
        "endpoint",
        "host",
        "ignored",
        "last_heard",
        "mailbox",
        "max_size",
        "on_lost",
        "on_message",
        "origin",
        "path",
        "protocol",
        "pushes",
        "query",
        "query_params",
        "received",
        "round_trip",
        "topic_out",
    )
    only_encodes = True

    def __init__(
        self, outbox: Outbox, protocol: ServerProtocol, admit: Admit, on_closed: Callable[[Connection], None]
    ) -> None:
        super().__init__(outbox)
        self._admit = admit
        self._on_closed = on_closed
        self.protocol = protocol
        self.on_message: Callable[[Any], None] | None = None
        self.on_lost: Callable[[Connection], None] | None = None
        self.endpoint: Any = None
        self.actor: Any = None
        self.mailbox: Any = None
        self.topic_out: Any = None
        self.pushes = False
        self.max_size = 1 << 20
        self.channel_id = -1
        self.client_ip = self.path = self.query = self.host = ""
        self.query_params: dict[str, str] = {}
        self.origin: str | None = None
        self.connect_time: Time | None = None
        self.received = self.ignored = self._reading_paused = 0
        self.round_trip: float | None = None
        self.last_heard = time.monotonic()
        self._tail = bytearray()
        self._needed = 2
        self._last_ping = self.last_heard
        self._fragments: Fragments | None = None
        self._ping_sent: float | None = None
        self._close_timer: asyncio.TimerHandle | None = None

    # Receiving

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._outbox.receive_buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(self._outbox.receive_buffer[:nbytes])

    def data_received(self, data: bytes | memoryview) -> None:
        """Bytes from the peer. `data` is not kept: the buffer belongs to everyone."""
        self.last_heard = time.monotonic()
        if self._tail:
            self._tail += data
            if len(self._tail) < self._needed and self.is_open:
                return
            data, self._tail = memoryview(self._tail), bytearray()
        if not self.is_open:
            self._to_protocol(data)
            return
        self._parse(data)
        if self.mailbox is not None:
            if self.mailbox.messages and self.mailbox.is_full and self.mailbox.when_room is None:
                self.pause_reading()
                self.mailbox.when_room = self.resume_reading
        elif self.pushes and self._outbox.slow_clients.holding:
            self._outbox.slow_clients.pause(self)

    def _parse(self, data: bytes | memoryview) -> None:
        """Take every whole frame at the front of `data`, and keep the rest for later."""
        at, end = 0, len(data)
        short = SHORT if self.max_size > SHORT else self.max_size
        self._needed = 2
        while end - at >= 2 and self.is_open:
            first, length = data[at], data[at + 1] - 0x80
            if 0 <= length <= short and (first == WHOLE_TEXT or first == WHOLE_BINARY) and self._fragments is None:  # noqa: SIM109
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
        if at < end:
            if self.is_open:
                self._tail += data[at:end]
            else:
                # Closed by us while the peer went on: its own close frame may be among the rest.
                self._to_protocol(data[at:end])

    def _parse_other(self, data: bytes | memoryview) -> int:
        """Take the frame at the front that is long, fragmented, a control frame or wrong; 0 when it is not whole."""
        head = head_of(data)
        if head is None:
            self._needed = 10 if len(data) >= 4 else 4
            return 0
        stop = head.payload_at + head.length
        # Need not be whole to be judged.
        if (wrong := head.breach(data[0], self.max_size)) is not None:
            self._fail(*wrong)
            return len(data)
        if stop > len(data):
            self._needed = stop
            return 0
        if data[0] in (WHOLE_TEXT, WHOLE_BINARY) and self._fragments is None:
            mask = data[head.payload_at - 4 : head.payload_at]
            self._take_message(data[0] & 0x0F, apply_mask(data[head.payload_at : stop], mask))
        else:
            if data[0] == WHOLE_CLOSE and self._fragments is not None:
                # Section 5.4 allows it; the protocol would call it a breach, unless the message is at its end.
                self.protocol.receive_data(Fragments.LAST)
                self.protocol.events_received()
            self._to_protocol(data[:stop])
        return stop

    def _take_message(self, opcode: int, payload: bytes) -> None:
        message: str | bytes = payload
        if opcode == TEXT:
            try:
                message, payload = payload.decode(), b""  # which may be long, and is needed no more
            except UnicodeDecodeError as error:
                return self._fail(CloseCode.INVALID_DATA, f"{error.reason} at position {error.start}")
        self.received += 1
        try:
            self.on_message(message)  # type: ignore[misc]
        except Exception as error:
            self.endpoint.failed(self, error)
            self.close(CloseCode.INTERNAL_ERROR, "the server failed")

    def _to_protocol(self, data: bytes | memoryview) -> None:
        """Let the Sans-I/O protocol judge what is not a plain data frame."""
        protocol = self.protocol
        protocol.receive_data(bytes(data))
        for event in protocol.events_received():
            if isinstance(event, Request):
                self._admit(self, event)
            elif isinstance(event, Frame) and self.is_open:
                self._take_frame(event)
        self._write_protocol()

    def _take_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            if self._ping_sent is not None:
                self.round_trip = time.monotonic() - self._ping_sent
                self._ping_sent = None
        elif frame.opcode in _DATA:
            self._take_fragment(frame)

    def _take_fragment(self, frame: Frame) -> None:
        fragments = self._fragments or Fragments(frame.opcode)
        if fragments.add(frame.data) > self.max_size:
            return self._fail(CloseCode.MESSAGE_TOO_BIG, f"more than {self.max_size} bytes")
        self._fragments = None if frame.fin else fragments
        if frame.fin:
            self._take_message(fragments.opcode, bytes(fragments.payload))

    def eof_received(self) -> bool:
        self.protocol.receive_eof()
        self._write_protocol()
        return False

    def pause_reading(self) -> None:
        """Stop reading; counted, since several may ask."""
        if not self.is_open:
            return
        self._reading_paused += 1
        if self._reading_paused == 1 and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Take back one `pause_reading`."""
        if not self._reading_paused:
            return
        self._reading_paused -= 1
        if self._reading_paused == 0 and not self.transport.is_closing():
            self.transport.resume_reading()

    def asked_for(self, path: str, query: str, host: str, origin: str | None) -> None:
        """Who is there, and for what: from the handshake."""
        peer = self.transport.get_extra_info("peername")
        self.client_ip = peer[0] if peer else ""
        self.path, self.query, self.host, self.origin = path, query, host, origin

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
        if not self.protocol.extensions:
            self.send_raw(build(opcode, payload), 1)
        elif self.is_open:
            send = self.protocol.send_text if opcode == TEXT else self.protocol.send_binary
            send(payload)
            for data in self.protocol.data_to_send():
                self.send_raw(data, 1)

    # Keeping alive and closing

    def check_alive(self, now: float) -> None:
        """Ping every 20 s; without any sign of life for 20 s more the connection is dead."""
        if not self.is_open:
            return
        if self._reading_paused:
            # Its answers are there to be read, but we do not read them now.
            self.last_heard = now
            return
        if self._ping_sent is None:
            if now - self._last_ping > PING_EVERY:
                self.ping(now)
            return
        signs = [self._ping_sent, self.last_heard]
        if self.backlog is not None:
            # The ping waits behind what the client has yet to read; that it reads is a sign of life.
            signs.append(self.backlog.moved_at)
        if now - max(signs) > PONG_WITHIN:
            self._fail(CloseCode.INTERNAL_ERROR, "keepalive ping timeout")
            if self.backlog is not None:
                self.abort()

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
        self.drop_everything()
        self.endpoint.closed_slow(self, reason)
        self._send_close(CloseCode.TRY_AGAIN_LATER, reason)

    def _send_close(self, code: int, reason: str) -> None:
        # The peer's own close may have come while this was being prepared.
        if self.protocol.state is OPEN:
            self.protocol.send_close(code, reason)
        self._write_protocol()

    def _fail(self, code: int, reason: str) -> None:
        """Fail the connection (RFC 6455, section 7.1.7)."""
        self.protocol.fail(code, reason)
        self._write_protocol()

    def _write_protocol(self) -> None:
        """Write what the protocol wants to say, after everything that was sent before."""
        said = self.protocol.data_to_send()
        if said and self.is_open:
            self._outbox.seal()
            self.flush()
        for data in said:
            if data:
                self.write_control(data)
            else:
                self.end_sending()
                self._shut()
        if self.is_open and self.protocol.close_sent is not None:
            self._shut()

    def _shut(self) -> None:
        """No more messages either way; the peer has a while to finish, longer when it has much to read."""
        self.is_open = False
        if self._close_timer is not None:
            self._close_timer.cancel()
        patience = CLOSE_PATIENCE if self.backlog is None else SLOW_CLOSE_PATIENCE
        self._close_timer = asyncio.get_running_loop().call_later(patience, self.abort)
        self._reading_paused = min(self._reading_paused, 1)
        self.resume_reading()
        self._leave()

    @property
    def close_code(self) -> int | None:
        """The code of the first close frame either way, `None` while open; 1006 when there was none."""
        protocol = self.protocol
        theirs_first = protocol.close_rcvd_then_sent or protocol.close_sent is None
        first = protocol.close_rcvd if theirs_first else protocol.close_sent
        if first is not None:
            return int(first.code)
        return None if self.is_open else int(CloseCode.ABNORMAL_CLOSURE)

    def abort(self) -> None:
        """Cut the connection."""
        self.is_open = False
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
        self.drop_everything()
        self.protocol.receive_eof()
        self._leave()
        self.on_message = None
        self._on_closed(self)

    def __repr__(self) -> str:
        return f"<client {self.channel_id} of {self.path}>"
