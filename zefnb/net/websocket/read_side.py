"""The reading side of a connection: bytes to messages, frame by frame, in bounded time.

Whole unfragmented data frames are by far the most frequent and have a short path through `_parse`: with it, an echo
takes 0.7 of the CPU time. Every other frame is checked and handled here as well. The Sans-I/O `ServerProtocol` of
`websockets` decides what a close frame means.
"""

from __future__ import annotations

from time import monotonic
from typing import Any

from websockets.frames import CloseCode
from websockets.server import ServerProtocol

from zefnb.net.websocket.frame_handler import FrameHandler
from zefnb.net.websocket.frames import (
    OPCODE,
    SHORT,
    WHOLE_BINARY,
    WHOLE_CLOSE,
    WHOLE_TEXT,
    apply_mask,
    head_of,
)
from zefnb.net.websocket.outbox import Outbox

# Bytes that are parsed before the clock is first read, and between two reads of it: their number is adapted so that
# the clock is read about each `_CLOCK_INTERVAL` seconds, for any handler. A longer frame is parsed as a whole.
_FIRST_CHECK = 256
_LEAST_STEP, _LARGEST_STEP = 64, 16_384
_CLOCK_INTERVAL = 0.0002
_SKIP_STEP = 1_024
_COUNTED_STEP = 4_096
_LONGEST_HEAD = 14


class ReadSide(FrameHandler):
    """Takes the frames out of a client's bytes. Used on the loop only."""

    __slots__ = (
        "_bytes_to_skip",
        "_counted",
        "_counted_unparsed",
        "_counted_waiting",
        "_needed",
        "_reading_paused",
        "_tail",
        "_unparsed",
        "has_ended",
        "is_queued",
        "last_received_at",
        "mailbox",
        "pushes",
    )

    def __init__(self, outbox: Outbox, negotiated: ServerProtocol | None) -> None:
        super().__init__(outbox, negotiated)
        self.mailbox: Any = None
        self.pushes = False
        self._reading_paused = 0
        self.last_received_at = monotonic()
        # The beginning of a frame, which is parsed again when it has `_needed` bytes.
        self._tail = bytearray()
        self._needed = 2
        # Whole frames that wait to be parsed; reading is paused meanwhile, and there is no tail.
        self._unparsed: memoryview | None = None
        self.is_queued = False
        # The peer has ended the stream behind `_unparsed`.
        self.has_ended = False
        # Bytes yet to arrive of a frame that is to be dropped.
        self._bytes_to_skip = 0
        # Bytes of an unfinished message that have been counted.
        self._counted = 0
        # Bytes of messages that wait for a handler that have been counted.
        self._counted_waiting = 0
        # Bytes of `_unparsed`, which are all counted.
        self._counted_unparsed = 0

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._outbox.receive_buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(self._outbox.whole_buffer[:nbytes])

    def data_received(self, data: bytes | memoryview) -> None:
        """Parse bytes from the peer. `data` is not kept, since all connections share the buffer."""
        self.last_received_at = monotonic()
        if self._unparsed is not None:
            # The transport had read them before reading was paused.
            self._set_unparsed(memoryview(b"".join((self._unparsed, data))))
            return
        if self._tail:
            self._tail += data
            if len(self._tail) < self._needed and self.is_open:
                self._count_unfinished()
                return
            data, self._tail = memoryview(self._tail), bytearray()
        at = self._parse(data, None)
        if at < len(data):
            self._store_rest(data[at:])
        elif self._counted or self._fragments is not None:
            self._store_rest(b"")
        mailbox = self.mailbox
        if mailbox is not None:
            # A small message that is being handled is not counted.
            if mailbox.messages or mailbox.handling >= _COUNTED_STEP or self._counted_waiting:
                self._apply_back_pressure()
        elif self.pushes and self._outbox.slow_clients.is_pausing:
            self._apply_back_pressure()

    def _store_rest(self, rest: bytes | memoryview) -> None:
        """Keep the bytes that `_parse` has left: the beginning of a frame, or frames that wait to be parsed."""
        if self._needed:
            self._tail += rest
        else:
            if not self._reading_paused:
                self.transport.pause_reading()
            self._set_unparsed(memoryview(bytes(rest)))
            self._outbox.reads.add(self)
        self._count_unfinished()

    def parse_until(self, deadline: float) -> None:
        """Parse the waiting frames until `deadline` (`time.monotonic`), and queue again when some are left."""
        data = self._unparsed
        # A pause of the reading pauses the parsing, too, until `resume_reading`.
        if data is None or self._reading_paused:
            return
        if self.pushes and self._outbox.slow_clients.is_held:
            self._outbox.slow_clients.pause(self)
            return
        if self._steps is not None:
            self._unpack()
        at = self._parse(data, deadline) if self._steps is None else 0
        if not self._needed:
            self._set_unparsed(data[at:])
            self._outbox.reads.add(self)
        else:
            self._set_unparsed(None)
            self._tail += data[at:]
            self._continue_reading()
        self._count_unfinished()
        if self._unparsed is None and self.has_ended:
            self.end_of_stream()
        else:
            self._apply_back_pressure()

    def drop_unparsed(self) -> None:
        """Drop the received bytes that are not a message yet."""
        if self._unparsed is not None:
            self._set_unparsed(None)
        self._fragments = self._steps = None
        self._tail = bytearray()
        if self._counted:
            self._count_unfinished()

    def drop_unfinished(self) -> None:
        """Drop the message that has begun, and skip the bytes of its frame that have yet to arrive."""
        self._fragments = self._steps = None
        if len(self._tail) >= _LONGEST_HEAD:
            self._bytes_to_skip = self._needed - len(self._tail)
            self._tail = bytearray()
        if self._counted:
            self._count_unfinished()

    def _set_unparsed(self, data: memoryview | None) -> None:
        """Keep `data`, whole frames that wait to be parsed."""
        size = len(data) if data is not None else 0
        more, self._unparsed, self._counted_unparsed = size - self._counted_unparsed, data, size
        self._outbox.reads.count(more)

    def _count_unfinished(self) -> None:
        """Count the bytes of a message that is not complete, in steps of some KiB."""
        fragments = self._fragments
        size = len(self._tail) + (len(fragments.payload) if fragments is not None else 0)
        if size < _COUNTED_STEP:
            if not self._counted:
                return
            size = 0
        elif abs(size - self._counted) < _COUNTED_STEP:
            return
        is_more, self._counted = size > self._counted, size
        self._outbox.unfinished.set_size(self, size)
        if is_more and self.mailbox is not None and self._outbox.waiting.is_full:
            self._outbox.waiting.pause(self)

    def _count_waiting(self) -> None:
        """Count the bytes that wait for the handler or are being handled, in steps of some KiB."""
        mailbox = self.mailbox
        size = mailbox.held
        if size < _COUNTED_STEP:
            size = 0
        elif abs(size - self._counted_waiting) < _COUNTED_STEP:
            return
        if size == self._counted_waiting:
            return
        self._counted_waiting = size
        mailbox.on_handled = self._count_waiting if size else None
        self._outbox.waiting.set_size(self, size)

    def detach_mailbox(self) -> None:
        """Count no longer for the mailbox, which another connection uses from now on."""
        if self.mailbox is None:
            return
        self.mailbox.on_capacity = self.mailbox.on_handled = None
        if self._counted_waiting:
            self._counted_waiting = 0
            self._outbox.waiting.set_size(self, 0)
        self.mailbox = None

    def close_stalled(self, reason: str) -> None:
        """Close a connection whose message stalls while others wait for room."""
        self._fail(CloseCode.TRY_AGAIN_LATER, reason)

    def _apply_back_pressure(self) -> None:
        """Pause reading while this client's messages would only wait: its mailbox is full, or readers are slow."""
        if self.mailbox is not None:
            if self.mailbox.messages and self.mailbox.is_full and self.mailbox.on_capacity is None:
                self.pause_reading()
                self.mailbox.on_capacity = self.resume_reading
            self._count_waiting()
        elif self.pushes and self._outbox.slow_clients.is_pausing:
            self._outbox.slow_clients.pause(self)

    def pause_reading(self) -> None:
        """Stop reading. Pauses are counted, since there can be several reasons at once."""
        if not self.is_open:
            return
        self._reading_paused += 1
        if self._reading_paused == 1 and self._unparsed is None and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Undo one `pause_reading`."""
        if self._reading_paused:
            self._reading_paused -= 1
            self._continue_reading()

    def _continue_reading(self) -> None:
        """Resume reading unless it is paused; waiting frames are parsed first."""
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
        """Handle the frames at the front of `data`. Returns the offset of the rest.

        The rest is the beginning of a frame that needs `_needed` bytes, or whole frames for which there was no time
        until `deadline` (by default this iteration's) or no room. In the second case `_needed` is 0.
        """
        at, end = 0, len(data)
        last = end - 1
        next_check = _FIRST_CHECK if last > _FIRST_CHECK else last
        step, checked_at = _FIRST_CHECK, 0.0
        short = SHORT if self.max_size > SHORT else self.max_size
        self._needed = 2
        while self.is_open:
            if at >= next_check:
                if at >= last:
                    return at
                if deadline is None:
                    deadline = self._outbox.reads.deadline()
                now, mailbox = monotonic(), self.mailbox
                if now > deadline or (mailbox is not None and mailbox.messages and mailbox.is_full):
                    self._needed = 0
                    return at
                # The duration of the first step was not measured.
                if checked_at:
                    is_quick = now - checked_at < _CLOCK_INTERVAL / 2
                    step = min(step * 2, _LARGEST_STEP) if is_quick else max(step // 4, _LEAST_STEP)
                checked_at = now
                next_check = min(at + step, last)
            first, length = data[at], data[at + 1] - 0x80
            if 0 <= length <= short and (first == WHOLE_TEXT or first == WHOLE_BINARY) and self._fragments is None:  # noqa: SIM109
                stop = at + 6 + length
                if stop > end:
                    self._needed = stop - at
                    return at
                self._handle_message(first & OPCODE, apply_mask(data[at + 6 : stop], data[at + 2 : at + 6]))
                if stop == end:
                    return end
            else:
                stop = self._parse_other(data, at)
                if not stop:
                    return at
                if self._steps is not None:
                    self._needed = 0
                    return stop
            at = stop
        return self._parse_after_close(data, at, deadline)

    def _parse_other(self, data: bytes | memoryview, at: int) -> int:
        """Handle the frame at `at`, which is long, fragmented, packed, a control frame or invalid.

        Returns the offset of its end; 0 when it is not complete.
        """
        head = head_of(data, at)
        if head is None:
            self._needed = 10 if len(data) - at >= 4 else 4
            return 0
        first = data[at]
        # Its head is enough to reject a frame.
        if (violation := head.violation(first, self.max_size) or self._violation(first, head.length)) is not None:
            self._fail(*violation)
            return len(data)
        payload_at, stop = at + head.payload_at, at + head.payload_at + head.length
        if stop > len(data):
            self._needed = stop - at
            return 0
        if first == WHOLE_CLOSE:
            self._to_protocol(data[at:stop])
            return stop
        self._handle_frame(first, apply_mask(data[payload_at:stop], data[payload_at - 4 : payload_at]))
        return stop

    def _parse_after_close(self, data: bytes | memoryview, at: int, deadline: float | None) -> int:
        """Find the client's close frame after the server's own, and drop everything else."""
        end, protocol = len(data), self.protocol
        next_check = at + _SKIP_STEP
        while protocol.close_rcvd is None and not protocol.eof_sent:
            skipped = min(self._bytes_to_skip, end - at)
            self._bytes_to_skip, at = self._bytes_to_skip - skipped, at + skipped
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
            self._bytes_to_skip = size
            if at < next_check:
                continue
            if deadline is None:
                deadline = self._outbox.reads.deadline()
            if monotonic() > deadline:
                self._needed = 0
                return at
            next_check = at + _SKIP_STEP
        return end

    # Implemented by `Connection`

    def end_of_stream(self) -> None:
        """All bytes before the end of the stream have been parsed."""
        raise NotImplementedError
