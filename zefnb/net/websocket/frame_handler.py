"""Handles each whole frame of a client: it delivers messages, sends pongs for pings and collects fragments."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any, cast

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import CloseCode, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from zefnb.net.websocket.deflate import STEP, SteppedDeflate
from zefnb.net.websocket.frames import (
    CONTROL,
    FIN,
    OPCODE,
    PACKED,
    PING,
    PONG,
    RESERVED,
    SHORT,
    TEXT,
    WHOLE_BINARY,
    WHOLE_TEXT,
    Fragments,
    build,
)
from zefnb.net.websocket.outbox import Outbox
from zefnb.net.websocket.write_side import WriteSide

QUIET = logging.getLogger("zefnb.websockets")
QUIET.propagate = False
QUIET.addHandler(logging.NullHandler())


def open_protocol() -> ServerProtocol:
    """The protocol of a connection whose handshake is accepted."""
    return ServerProtocol(state=OPEN, logger=QUIET)


class FrameHandler(WriteSide):
    """Handles whole frames. The endpoint sets `on_message`. Used on the loop only."""

    __slots__ = (
        "_fragments",
        "_is_last",
        "_ping_sent",
        "_protocol",
        "_steps",
        "deflate",
        "endpoint",
        "max_size",
        "on_message",
        "received",
        "round_trip",
    )

    def __init__(self, outbox: Outbox, negotiated: ServerProtocol | None) -> None:
        super().__init__(outbox)
        self._protocol = negotiated
        # Compression, if both sides agreed on permessage-deflate (RFC 7692).
        self.deflate: SteppedDeflate | None = None
        if negotiated is not None and negotiated.extensions:
            self.deflate = cast("SteppedDeflate", negotiated.extensions[0])
        self.on_message: Callable[[Any], None] | None = None
        self.endpoint: Any = None
        self.max_size = 1 << 20
        self.received = 0
        self.round_trip: float | None = None
        # The message whose last frame has yet to arrive.
        self._fragments: Fragments | None = None
        # The rest of a packed frame, which is not unpacked yet, and whether this frame ends its message.
        self._steps: Iterator[bytes] | None = None
        self._is_last = False
        self._ping_sent: float | None = None

    @property
    def protocol(self) -> ServerProtocol:
        """The Sans-I/O protocol. It takes time and 2 KB, so it is made when it is first needed, usually at the end."""
        protocol = self._protocol
        if protocol is None:
            self._protocol = protocol = open_protocol()
        # This class checks the limit. The protocol would apply its limit to control frames between fragments, too.
        protocol.max_message_size = self.max_size + SHORT
        return protocol

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the handshake has negotiated, if any."""
        return None if self._protocol is None else self._protocol.subprotocol

    def _violation(self, first: int, length: int) -> tuple[int, str] | None:
        """Close code and reason when the frame may not follow those before it, or uses what was not agreed on."""
        opcode, fragments = first & OPCODE, self._fragments
        packed = self.deflate is not None and opcode in (TEXT, Opcode.BINARY)
        if first & RESERVED and not (packed and first & RESERVED == PACKED):
            return CloseCode.PROTOCOL_ERROR, "reserved bits"
        if opcode & CONTROL:
            return None if first & FIN else (CloseCode.PROTOCOL_ERROR, "a control frame must not be fragmented")
        if fragments is None:
            return (CloseCode.PROTOCOL_ERROR, "a continuation without a message") if opcode == Opcode.CONT else None
        if opcode != Opcode.CONT:
            return CloseCode.PROTOCOL_ERROR, "a continuation frame must follow"
        return fragments.violation(length, self.max_size)

    def _handle_frame(self, first: int, payload: bytes) -> None:
        opcode = first & OPCODE
        if opcode == PING:
            self._handle_ping(payload)
        elif opcode == PONG:
            if self._ping_sent is not None:
                self.round_trip = monotonic() - self._ping_sent
                self._ping_sent = None
        elif first in (WHOLE_TEXT, WHOLE_BINARY):
            self._handle_message(opcode, payload)
        else:
            self._handle_fragment(first, payload)

    def _handle_ping(self, payload: bytes) -> None:
        """Send a pong. While the client does not read, only the newest ping gets one (section 5.5.3).

        Reading is paused until then.
        """
        pong = build(PONG, payload)
        if not self.is_writing_paused:
            self.send_raw(pong, 0)
            return
        if self.late_pong is None:
            self.pause_reading()
        self.send_late(pong)

    def late_pong_sent(self) -> None:
        """Resume reading, which a ping has paused whose pong had to wait."""
        self.resume_reading()

    def _handle_fragment(self, first: int, payload: bytes) -> None:
        if self._fragments is None:
            self._fragments = Fragments(first & OPCODE, bool(first & PACKED))
        fragments = self._fragments
        if fragments.is_packed:
            fragments.count += 1
            assert self.deflate is not None
            self._steps = self.deflate.unpack(first, payload, self.max_size - len(fragments.payload))
            self._is_last = bool(first & FIN)
            self._unpack()
            return
        fragments.add(payload)
        if first & FIN:
            self._complete_fragments(fragments)

    def _complete_fragments(self, fragments: Fragments) -> None:
        self._fragments = None
        self._handle_message(fragments.opcode, bytes(fragments.payload))

    def _unpack(self) -> None:
        """Unpack the begun frame, at least one step, until this iteration's time is over; then keep `_steps`."""
        steps, fragments = self._steps, self._fragments
        assert steps is not None
        assert fragments is not None
        reads = self._outbox.reads
        try:
            for step in steps:
                fragments.payload += step
                if len(step) == STEP and reads.deadline() < monotonic():
                    return None
        except ProtocolError as error:
            self._steps = None
            return self._fail(CloseCode.PROTOCOL_ERROR, str(error))
        except PayloadTooBig:
            self._steps = None
            return self._fail(CloseCode.MESSAGE_TOO_BIG, f"more than {self.max_size} bytes")
        self._steps = None
        if self._is_last:
            self._complete_fragments(fragments)
        return None

    def _handle_message(self, opcode: int, payload: bytes) -> None:
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

    # Implemented by `ReadSide` and `Connection`

    def _to_protocol(self, data: bytes | memoryview) -> None:
        """Pass a close frame to the Sans-I/O protocol."""
        raise NotImplementedError

    def _fail(self, code: int, reason: str) -> None:
        """Fail the connection."""
        raise NotImplementedError

    def close(self, code: int, reason: str = "") -> None:
        """Start the closing handshake."""
        raise NotImplementedError

    def pause_reading(self) -> None:
        """Stop reading. Pauses are counted, since there can be several reasons at once."""
        raise NotImplementedError

    def resume_reading(self) -> None:
        """Undo one `pause_reading`."""
        raise NotImplementedError
