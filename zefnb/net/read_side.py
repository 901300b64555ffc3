"""The reading side of a connection: bytes to messages, frame by frame, in bounded time.

Whole unfragmented data frames, which are nearly all there is, have a short way through `_parse`: an echo takes 0.7 of
the CPU time so. Every other frame is judged and taken here as well; what a close frame means is up to `websockets`'
Sans-I/O `ServerProtocol`.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import CONNECTING
from websockets.server import ServerProtocol

from zefnb.net.frames import (
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
    WHOLE_CLOSE,
    WHOLE_TEXT,
    Fragments,
    apply_mask,
    build,
    head_of,
)
from zefnb.net.outbox import Outbox
from zefnb.net.sending import Sending

# Bytes that are parsed before the first look at the clock, and between two: fewer while they take long (seconds).
# A longer frame is parsed as a whole.
_FIRST_LOOK = 128
_LOOK_SOON, _LOOK_LATE = 64, 1_024
_LONG = 0.0001
_COUNTED_STEP = 4_096
_LONGEST_HEAD = 14


class ReadSide(Sending):
    """Takes messages out of what a client sends: the endpoint sets `on_message`. Lives on the loop."""

    __slots__ = (
        "_fragments",
        "_held",
        "_needed",
        "_ping_sent",
        "_reading_paused",
        "_tail",
        "_unparsed",
        "_unwanted",
        "endpoint",
        "is_queued",
        "last_heard",
        "mailbox",
        "max_size",
        "on_message",
        "protocol",
        "pushes",
        "received",
        "round_trip",
    )

    def __init__(self, outbox: Outbox, protocol: ServerProtocol) -> None:
        super().__init__(outbox)
        self.protocol = protocol
        self.on_message: Callable[[Any], None] | None = None
        self.endpoint: Any = None
        self.mailbox: Any = None
        self.pushes = False
        self.max_size = 1 << 20
        self.received = self._reading_paused = 0
        self.round_trip: float | None = None
        self.last_heard = monotonic()
        # The beginning of a frame of which `_needed` bytes are to come before it is looked at again.
        self._tail = bytearray()
        self._needed = 2
        # Whole frames that wait for a turn; reading is paused meanwhile, and there is no tail.
        self._unparsed: memoryview | None = None
        self.is_queued = False
        # Bytes yet to come of a frame that nobody wants any more.
        self._unwanted = 0
        # Bytes of an unfinished message that have been counted.
        self._held = 0
        self._fragments: Fragments | None = None
        self._ping_sent: float | None = None

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._outbox.receive_buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(self._outbox.whole_buffer[:nbytes])

    def data_received(self, data: bytes | memoryview) -> None:
        """Bytes from the peer. `data` is not kept: the buffer belongs to everyone."""
        self.last_heard = monotonic()
        if self._unparsed is not None:
            # They were on their way when reading was paused.
            self._unparsed = memoryview(b"".join((self._unparsed, data)))
            return
        if self._tail:
            self._tail += data
            if len(self._tail) < self._needed and self.is_open:
                self._hold()
                return
            data, self._tail = memoryview(self._tail), bytearray()
        at = self._parse(data, None)
        if at < len(data):
            if self._needed:
                self._tail += data[at:]
            else:
                if not self._reading_paused:
                    self.transport.pause_reading()
                self._unparsed = memoryview(bytes(data[at:]))
                self._outbox.reads.add(self)
        if self._held or self._tail or self._fragments is not None:
            self._hold()
        mailbox = self.mailbox
        if mailbox.messages if mailbox is not None else self.pushes and self._outbox.slow_clients.holding:
            self._hold_up()

    def take_turn(self, deadline: float) -> None:
        """Parse what waits until `deadline` (`time.monotonic`), and wait for the next turn with what is left."""
        data = self._unparsed
        # Who has paused the reading has paused this, too, until `resume_reading`.
        if data is None or self._reading_paused:
            return
        at = self._parse(data, deadline)
        if at < len(data) and not self._needed:
            self._unparsed = data[at:]
            self._outbox.reads.add(self)
        else:
            self._unparsed = None
            self._tail += data[at:]
            self._read_on()
        self._hold()
        self._hold_up()

    def drop_unparsed(self) -> None:
        """Nobody takes what has come and is no message yet."""
        self._unparsed = self._fragments = None
        self._tail = bytearray()
        self._hold()

    def drop_unfinished(self) -> None:
        """Nobody takes the message that has begun; what is still to come of its frame is passed over."""
        self._fragments = None
        if len(self._tail) >= _LONGEST_HEAD:
            self._unwanted = self._needed - len(self._tail)
            self._tail = bytearray()
        self._hold()

    def _hold(self) -> None:
        """Count what is held for a message that is not whole, in steps of some KiB."""
        fragments = self._fragments
        size = len(self._tail) + (len(fragments.payload) if fragments is not None else 0)
        if size < _COUNTED_STEP:
            if not self._held:
                return
            size = 0
        elif abs(size - self._held) < _COUNTED_STEP:
            return
        self._held = size
        self._outbox.unfinished.hold(self, size)

    def give_up(self, reason: str) -> None:
        """Close a connection whose message stalls while others wait for room."""
        self._fail(CloseCode.TRY_AGAIN_LATER, reason)

    def _hold_up(self) -> None:
        """Pause the reading while what this client sends would only pile up."""
        if self.mailbox is not None:
            if self.mailbox.messages and self.mailbox.is_full and self.mailbox.when_room is None:
                self.pause_reading()
                self.mailbox.when_room = self.resume_reading
        elif self.pushes and self._outbox.slow_clients.holding:
            self._outbox.slow_clients.pause(self)

    def pause_reading(self) -> None:
        """Stop reading; counted, since several may ask."""
        if not self.is_open:
            return
        self._reading_paused += 1
        if self._reading_paused == 1 and self._unparsed is None and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Take back one `pause_reading`."""
        if self._reading_paused:
            self._reading_paused -= 1
            self._read_on()

    def _read_on(self) -> None:
        """Read again, or parse what waits first, if nobody has paused it."""
        if self._reading_paused:
            return
        if self._unparsed is not None:
            self._outbox.reads.add(self)
        elif not self.transport.is_closing():
            self.transport.resume_reading()

    @property
    def is_reading_paused(self) -> bool:
        """Whether nothing is read for now."""
        return self._reading_paused > 0 or self._unparsed is not None

    def _parse(self, data: bytes | memoryview, deadline: float | None) -> int:
        """Take the frames at the front of `data`; returns where the rest begins.

        The rest is the beginning of a frame that needs `_needed` bytes; or whole frames for which there was no time
        until `deadline`, by default this iteration's, or no room: then `_needed` is 0.
        """
        at, last = 0, len(data) - 1
        look_at = _FIRST_LOOK if last > _FIRST_LOOK else last
        looked = 0.0
        short = SHORT if self.max_size > SHORT else self.max_size
        self._needed = 2
        while self.is_open:
            if at >= look_at:
                if at >= last:
                    return at
                if deadline is None:
                    deadline = self._outbox.reads.deadline()
                now, mailbox = monotonic(), self.mailbox
                if now > deadline or (mailbox is not None and mailbox.messages and mailbox.is_full):
                    self._needed = 0
                    return at
                look_at = min(at + (_LOOK_LATE if now - looked < _LONG else _LOOK_SOON), last)
                looked = now
            first, length = data[at], data[at + 1] - 0x80
            if 0 <= length <= short and (first == WHOLE_TEXT or first == WHOLE_BINARY) and self._fragments is None:  # noqa: SIM109
                stop = at + 6 + length
                if stop > last + 1:
                    self._needed = stop - at
                    return at
                self._take_message(first & OPCODE, apply_mask(data[at + 6 : stop], data[at + 2 : at + 6]))
            else:
                stop = self._parse_other(data, at)
                if not stop:
                    return at
            at = stop
        return self._parse_unwanted(data, at, deadline)

    def _parse_other(self, data: bytes | memoryview, at: int) -> int:
        """Take the frame at `at` that is long, fragmented, packed, a control frame or wrong.

        Returns where it ends; 0 when it is not whole.
        """
        head = head_of(data, at)
        if head is None:
            self._needed = 10 if len(data) - at >= 4 else 4
            return 0
        first = data[at]
        # Need not be whole to be judged.
        if (wrong := head.breach(first, self.max_size) or self._breach(first, head.length)) is not None:
            self._fail(*wrong)
            return len(data)
        payload_at, stop = at + head.payload_at, at + head.payload_at + head.length
        if stop > len(data):
            self._needed = stop - at
            return 0
        if first == WHOLE_CLOSE:
            self._to_protocol(data[at:stop])
            return stop
        self._take_frame(first, apply_mask(data[payload_at:stop], data[payload_at - 4 : payload_at]))
        return stop

    def _breach(self, first: int, length: int) -> tuple[int, str] | None:
        """Close code and reason when the frame is wrong after those before it, or by what was agreed on."""
        opcode, fragments = first & OPCODE, self._fragments
        packed = bool(self.protocol.extensions) and opcode in (TEXT, Opcode.BINARY)
        if first & RESERVED and not (packed and first & RESERVED == PACKED):
            return CloseCode.PROTOCOL_ERROR, "reserved bits"
        if opcode & CONTROL:
            return None if first & FIN else (CloseCode.PROTOCOL_ERROR, "a control frame is not fragmented")
        if fragments is None:
            return (CloseCode.PROTOCOL_ERROR, "a continuation of nothing") if opcode == Opcode.CONT else None
        if opcode != Opcode.CONT:
            return CloseCode.PROTOCOL_ERROR, "a continuation is due"
        return fragments.breach(length, self.max_size)

    def _take_frame(self, first: int, payload: bytes) -> None:
        opcode = first & OPCODE
        if opcode == PING:
            self._take_ping(payload)
        elif opcode == PONG:
            if self._ping_sent is not None:
                self.round_trip = monotonic() - self._ping_sent
                self._ping_sent = None
        elif first in (WHOLE_TEXT, WHOLE_BINARY):
            self._take_message(opcode, payload)
        else:
            self._take_fragment(first, payload)

    def _take_ping(self, payload: bytes) -> None:
        """Answer with a pong; while the client does not read, only the newest (section 5.5.3), and read no more."""
        pong = build(PONG, payload)
        if not self.is_writing_paused:
            self.send_raw(pong, 0)
            return
        if self.late_pong is None:
            self.pause_reading()
        self.send_late(pong)

    def late_pong_sent(self) -> None:
        """Go on reading, which a ping that could not be answered has paused."""
        self.resume_reading()

    def _take_fragment(self, first: int, payload: bytes | bytearray) -> None:
        fragments = self._fragments or Fragments(first & OPCODE, bool(first & PACKED))
        if fragments.is_packed:
            frame = Frame(Opcode(first & OPCODE), payload, bool(first & FIN), bool(first & PACKED))
            try:
                left = self.max_size - len(fragments.payload)
                payload = self.protocol.extensions[0].decode(frame, max_size=left).data  # type: ignore[assignment]
            except ProtocolError as error:
                return self._fail(CloseCode.PROTOCOL_ERROR, str(error))
            except PayloadTooBig:
                return self._fail(CloseCode.MESSAGE_TOO_BIG, f"more than {self.max_size} bytes")
        fragments.add(payload)
        self._fragments = None if first & FIN else fragments
        if first & FIN:
            self._take_message(fragments.opcode, bytes(fragments.payload))

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

    def _parse_unwanted(self, data: bytes | memoryview, at: int, deadline: float | None) -> int:
        """Before there are messages: the handshake. After our close frame: find the client's, drop all else."""
        end = len(data)
        if self.protocol.state is CONNECTING:
            self._to_protocol(data)
            return end
        look_at = at + _LOOK_LATE
        while self.protocol.close_rcvd is None and not self.protocol.eof_sent:
            skipped = min(self._unwanted, end - at)
            self._unwanted, at = self._unwanted - skipped, at + skipped
            head = head_of(data, at)
            if head is None:
                self._needed = 10 if end - at >= 4 else 4
                return at
            size = head.payload_at + head.length
            if data[at] == WHOLE_CLOSE and head.length <= SHORT:
                if at + size > end:
                    self._needed = size
                    return at
                self._to_protocol(data[at : at + size])
                return end
            self._unwanted = size
            if at < look_at:
                continue
            if deadline is None:
                deadline = self._outbox.reads.deadline()
            if monotonic() > deadline:
                self._needed = 0
                return at
            look_at = at + _LOOK_LATE
        return end

    # What `Connection` has

    def _to_protocol(self, data: bytes | memoryview) -> None:
        """Let the Sans-I/O protocol judge the handshake or a close frame."""
        raise NotImplementedError

    def _fail(self, code: int, reason: str) -> None:
        """Fail the connection."""
        raise NotImplementedError

    def close(self, code: int, reason: str = "") -> None:
        """Start the closing handshake."""
        raise NotImplementedError
