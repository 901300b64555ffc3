"""The sending side of a connection: the frames that wait for one client, in order, and FIN behind all of them.

It handles whole frames as bytes with a count of messages, and does not read their content.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import cast

from zefnb.net.kernel import unsent_bytes
from zefnb.net.websocket.backlog import Backlog, Piece, joined, size_text
from zefnb.net.websocket.outbox import Outbox
from zefnb.net.websocket.packer import Packing
from zefnb.net.websocket.slow_client import DEFAULT

_HIGH_WATER = 65_536
# The place of a late pong in a backlog: the only piece that is empty.
_LATE_PONG = b""


class _Packed:
    """Writes for a connection, in the outbox, when a message that the connection waits for has been packed."""

    __slots__ = ("_packing", "_write_side")
    pending = ()

    def __init__(self, write_side: WriteSide, packing: Packing) -> None:
        self._write_side, self._packing = write_side, packing

    def flush(self) -> None:
        """Continue with the backlog."""
        self._write_side.packed(self._packing)


class WriteSide(asyncio.BufferedProtocol):
    """One write per loop iteration, and a backlog while the client lags, which can be cut between frames."""

    __slots__ = (
        "_ends_after_backlog",
        "_has_read",
        "_is_full",
        "_last_dropped",
        "_outbox",
        "_paused",
        "_report",
        "_reported",
        "_sent_bytes",
        "_unreported",
        "backlog",
        "dropped",
        "is_open",
        "late_pong",
        "longest",
        "on_drained",
        "on_dropped",
        "pending",
        "sent",
        "slow_client",
        "transport",
    )

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.transport: asyncio.Transport = None  # type: ignore[assignment]
        self.is_open = False
        self.slow_client = DEFAULT
        # Bytes of the longest piece so far. Pieces too short to change a limit may not be counted.
        self.longest = 0
        self.pending: list[Piece] = []
        self.backlog: Backlog | None = None
        self.sent = self.dropped = 0
        self._sent_bytes = 0
        # The pong for the newest ping that arrived while the client did not read.
        self.late_pong: bytes | None = None
        # `_is_full`: the transport takes no more. `_paused`: `_is_full`, or a message has yet to be packed.
        self._is_full = self._paused = self._ends_after_backlog = self._has_read = False
        # Called when the backlog is empty.
        self.on_drained: Callable[[], None] | None = None
        # Returns the frame that reports dropped messages to the client, by their number and the bytes of the last ones;
        # `None` for plain clients, which get no report.
        self.on_dropped: Callable[[int, bytes], bytes] | None = None
        # Dropped messages before those in the backlog; and those in the last report behind it.
        self._unreported = self._reported = 0
        self._last_dropped = b""
        self._report: bytes | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The transports of other event loops do not derive from asyncio's classes.
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=_HIGH_WATER)

    def send_raw(self, data: bytes, count: int) -> None:
        """Send whole frames that hold `count` messages, after everything sent before."""
        if not self.is_open:
            return
        if self._outbox.batch is not None:
            self._outbox.end_batch()
        if not self.pending:
            self._outbox.add(self)
        self.pending.append((data, count))

    def send_packing(self, packing: Packing) -> None:
        """Send a message as soon as it has been packed, before everything sent after."""
        self._outbox.end_batch()
        self.flush()
        if not self.is_open:
            return
        if packing.frame is not None:
            self.write(packing.frame, 1)
            return
        packing.on_packed.append(partial(self._outbox.add, _Packed(self, packing)))
        self._paused = True
        self.sent += 1
        self._ensure_backlog().put(packing, 1)

    def packed(self, packing: Packing) -> None:
        """Continue with the backlog: this message has been packed."""
        if self.backlog is None:
            return
        self.backlog.packed(packing)
        self.longest = max(self.longest, len(packing))
        self._drain_backlog()
        if self.backlog is not None:
            self._apply_policy(self.backlog)

    def flush(self) -> None:
        """Write the pieces of this loop iteration."""
        pending = self.pending
        if len(pending) == 1:
            self.write(*pending.pop())
        elif pending:
            self.pending = []
            for data, count in joined(pending):
                self.write(data, count)

    def write(self, data: bytes, count: int) -> None:
        """Hand bytes to the transport, or to the backlog while the client lags."""
        if not self.is_open:
            return
        self.sent += count
        if self._paused:
            self._queue(data, count)
        elif (size := len(data)) <= _HIGH_WATER:  # as `_transmit`, without a call: this runs for each socket of a batch
            self._sent_bytes += size
            self.transport.write(data)
        else:
            self._transmit(data)

    def _transmit(self, data: bytes) -> None:
        self._sent_bytes += len(data)
        # asyncio copies the bytes that the socket does not take at once, until Python 3.12 twice; those of a memoryview
        # only once.
        if len(data) <= _HIGH_WATER:
            self.transport.write(data)
        else:
            self.longest = max(self.longest, len(data))
            self.transport.write(memoryview(data))

    def write_control(self, data: bytes) -> None:
        """Write a control frame behind everything written before. No policy drops it on arrival."""
        if self.transport.is_closing():
            return
        if self._paused:
            self._ensure_backlog().put(data, 0)
            self._check_limit()
        else:
            self._transmit(data)

    @property
    def is_writing_paused(self) -> bool:
        """Whether the transport takes nothing more for now."""
        return self._paused

    def send_late(self, pong: bytes) -> None:
        """Send this pong behind the backlog, in place of one that still waits there."""
        if not self.is_open:
            return
        if self.late_pong is None:
            self._ensure_backlog().put(_LATE_PONG, 0)
        self.late_pong = pong

    def _queue(self, data: bytes, count: int) -> None:
        backlog, allowed = self._ensure_backlog(), self.slow_client
        self.longest = max(self.longest, len(data))
        if allowed.policy == "drop_newest" and backlog.bytes + len(data) > allowed.retained_limit(self.longest):
            self.dropped += count
            self._report_at_end(backlog, data, count)
            return
        backlog.put(data, count)
        self._apply_policy(backlog)

    def _apply_policy(self, backlog: Backlog) -> None:
        allowed = self.slow_client
        if allowed.policy == "drop_oldest":
            for data, count in backlog.drop_oldest(allowed.retained_limit(self.longest)):
                self.dropped += count
                self._unreported += count
                self._last_dropped = data
        elif allowed.policy == "close" and backlog.bytes > allowed.pause_above:
            self._outbox.slow_clients.pause_for_backlog(backlog)
        self._check_limit()

    def _report_at_end(self, backlog: Backlog, data: bytes, count: int) -> None:
        """Report that `data` with `count` messages was dropped, behind the backlog, in one frame with those before."""
        if self.on_dropped is None:
            return
        if self._report is not None and backlog.remove_last(self._report):
            count += self._reported
        self._reported, self._report = count, self.on_dropped(count, data)
        backlog.put(self._report, 0)

    def _report_dropped(self) -> None:
        """Report the messages that were dropped before the oldest one in the backlog."""
        count, self._unreported = self._unreported, 0
        last, self._last_dropped = self._last_dropped, b""
        if self.on_dropped is not None:
            self._transmit(self.on_dropped(count, last))

    def _ensure_backlog(self) -> Backlog:
        if self.backlog is None:
            self.backlog = Backlog(self._has_read)
            self._outbox.slow_clients.watch(self)
        return self.backlog

    def _check_limit(self) -> None:
        if self.backlog is not None and self.backlog.bytes > (limit := self.slow_client.queue_limit(self.longest)):
            # `drop_oldest` always keeps the newest piece, even when it alone exceeds the limit.
            if self.slow_client.policy == "drop_oldest" and len(self.backlog.pieces) == 1:
                return
            self.close_slow(f"more than {size_text(limit)} behind")

    def late_pong_sent(self) -> None:
        """The pong that had to wait has been sent."""
        raise NotImplementedError

    def close_slow(self, reason: str) -> None:
        """Close a client that does not read."""
        raise NotImplementedError

    def abort_long(self) -> None:
        """Close the connection at once if its transport holds a long message, which cannot be taken back."""
        raise NotImplementedError

    def drop_queued(self) -> None:
        """Drop the frames that wait for this client, but not those that its transport has taken."""
        if self.backlog is not None:
            self.dropped += self.backlog.messages
        self._outbox.slow_clients.forget(self)
        self.backlog = self.late_pong = None
        self.pending.clear()
        self._paused = self._is_full

    def pause_writing(self) -> None:
        self._is_full = self._paused = True
        # Also while it is empty: the bytes in its transport count, and the time since the client has read.
        self._ensure_backlog()

    def resume_writing(self) -> None:
        self._is_full, self._has_read = False, True
        # Not directly: asyncio may call `connection_lost` twice when this method writes.
        asyncio.get_running_loop().call_soon(self._drain_backlog)

    def _drain_backlog(self) -> None:
        """Write the backlog, until the transport takes no more or a message has yet to be packed."""
        self._paused = self._is_full
        backlog = self.backlog
        while backlog is not None and backlog.pieces and not self._paused and not self.transport.is_closing():
            if backlog.is_packing:
                self._paused = True
                return
            if self._unreported:
                self._report_dropped()
            data, _ = backlog.take()
            if not data:
                self._send_late_pong()
            else:
                self._transmit(data)
        if backlog is not None and not backlog.pieces:
            # The pong's place in the backlog may have been dropped together with other pieces.
            self._send_late_pong()
            self.backlog = None
            self._outbox.slow_clients.forget(self)
            if self._ends_after_backlog:
                self.end_sending()
            elif self.on_drained is not None:
                self.on_drained()

    def _send_late_pong(self) -> None:
        pong, self.late_pong = self.late_pong, None
        if pong is not None:
            self._transmit(pong)
            self.late_pong_sent()

    def end_sending(self) -> None:
        """Send FIN behind everything written before, and continue to read.

        Closing at once with unread bytes would reset the connection, and the peer would lose what it has yet to read.
        """
        self._ends_after_backlog = True
        if self.backlog is not None or self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            try:
                self.transport.write_eof()
            except OSError:  # the peer has reset the connection
                self.transport.abort()
        else:
            self.transport.close()

    @property
    def bytes_delivered(self) -> int:
        """The number of bytes that have reached the peer's side."""
        return self._sent_bytes - self.transport.get_write_buffer_size() - unsent_bytes(self.transport)

    @property
    def queued(self) -> int:
        """The number of bytes that wait for this client."""
        return self.transport.get_write_buffer_size() + (self.backlog.bytes if self.backlog is not None else 0)
