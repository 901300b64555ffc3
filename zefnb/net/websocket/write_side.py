"""The sending side of a connection: what waits for one client, in order, and FIN behind it all.

It knows whole frames as bytes with a count of messages, and nothing of what they say.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import cast

from zefnb.net.kernel import unsent_bytes
from zefnb.net.websocket.backlog import Backlog, Piece, joined, told_size
from zefnb.net.websocket.outbox import Outbox
from zefnb.net.websocket.packer import Packing
from zefnb.net.websocket.slow_client import DEFAULT

_HIGH_WATER = 65_536
# Stands in a backlog for the pong to be sent there: the only piece that is empty.
_LATE_PONG = b""


class _Packed:
    """Takes a connection's turn to write, when a message that it waits for has been packed."""

    __slots__ = ("_packing", "_write_side")
    pending = ()

    def __init__(self, write_side: WriteSide, packing: Packing) -> None:
        self._write_side, self._packing = write_side, packing

    def flush(self) -> None:
        """Go on with the backlog."""
        self._write_side.packed(self._packing)


class WriteSide(asyncio.BufferedProtocol):
    """One write per turn of the loop; a backlog while the client lags, that can be cut between frames."""

    __slots__ = (
        "_ends",
        "_has_read",
        "_is_full",
        "_outbox",
        "_paused",
        "_sent_bytes",
        "backlog",
        "dropped",
        "is_open",
        "late_pong",
        "longest",
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
        # Bytes of the longest piece so far, as far as it can matter: short ones may not have been looked at.
        self.longest = 0
        self.pending: list[Piece] = []
        self.backlog: Backlog | None = None
        self.sent = self.dropped = 0
        self._sent_bytes = 0
        # The answer to the newest ping that came while the client did not read.
        self.late_pong: bytes | None = None
        # `_is_full`: the transport takes no more; `_paused`: so it is, or a message has yet to be packed.
        self._is_full = self._paused = self._ends = self._has_read = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not every loop's transports are of asyncio's classes.
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=_HIGH_WATER)

    def send_raw(self, data: bytes, count: int) -> None:
        """Send whole frames holding `count` messages, after everything sent before."""
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
        packing.when_packed.append(partial(self._outbox.add, _Packed(self, packing)))
        self._paused = True
        self.sent += 1
        self._lagging().put(packing, 1)

    def packed(self, packing: Packing) -> None:
        """Go on with what waits: this message has been packed."""
        if self.backlog is None:
            return
        self.backlog.packed(packing)
        self.longest = max(self.longest, len(packing))
        self._drain_backlog()
        if self.backlog is not None:
            self._apply_policy(self.backlog)

    def flush(self) -> None:
        """Write what this turn has gathered."""
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
        else:
            self._transmit(data)

    def _transmit(self, data: bytes) -> None:
        self._sent_bytes += len(data)
        # What the socket does not take at once asyncio copies, until Python 3.12 twice; of a view only once.
        if len(data) <= _HIGH_WATER:
            self.transport.write(data)
        else:
            self.longest = max(self.longest, len(data))
            self.transport.write(memoryview(data))

    def write_control(self, data: bytes) -> None:
        """Write a control frame behind everything written before. No policy drops it as it comes."""
        if self.transport.is_closing():
            return
        if self._paused:
            self._lagging().put(data, 0)
            self._check_limit()
        else:
            self._transmit(data)

    @property
    def is_writing_paused(self) -> bool:
        """Whether the transport takes nothing more for now."""
        return self._paused

    def send_late(self, pong: bytes) -> None:
        """Send this pong behind what waits by now, in place of one that was to be sent so before."""
        if not self.is_open:
            return
        if self.late_pong is None:
            self._lagging().put(_LATE_PONG, 0)
        self.late_pong = pong

    def _queue(self, data: bytes, count: int) -> None:
        backlog, allowed = self._lagging(), self.slow_client
        self.longest = max(self.longest, len(data))
        if allowed.policy == "drop_newest" and backlog.bytes + len(data) > allowed.kept_limit(self.longest):
            self.dropped += count
            return
        backlog.put(data, count)
        self._apply_policy(backlog)

    def _apply_policy(self, backlog: Backlog) -> None:
        allowed = self.slow_client
        if allowed.policy == "drop_oldest":
            self.dropped += backlog.drop_oldest(allowed.kept_limit(self.longest))
        elif allowed.policy == "close" and backlog.bytes > allowed.holds_above:
            self._outbox.slow_clients.hold_for(backlog)
        self._check_limit()

    def _lagging(self) -> Backlog:
        if self.backlog is None:
            self.backlog = Backlog(self._has_read)
            self._outbox.slow_clients.watch(self)
        return self.backlog

    def _check_limit(self) -> None:
        if self.backlog is not None and self.backlog.bytes > (limit := self.slow_client.queue_limit(self.longest)):
            # The oldest piece stays by any policy, even one that is longer than all that may wait.
            if self.slow_client.policy == "drop_oldest" and len(self.backlog.pieces) == 1:
                return
            self.close_slow(f"more than {told_size(limit)} behind")

    def late_pong_sent(self) -> None:
        """The client has been answered."""
        raise NotImplementedError

    def close_slow(self, reason: str) -> None:
        """Send away a client that does not read."""
        raise NotImplementedError

    def drop_everything(self) -> None:
        """Drop what waits for this client; what its transport has taken cannot be taken back."""
        if self.backlog is not None:
            self.dropped += self.backlog.messages
        self._outbox.slow_clients.forget(self)
        self.backlog = self.late_pong = None
        self.pending.clear()
        self._paused = self._is_full

    def pause_writing(self) -> None:
        self._is_full = self._paused = True

    def resume_writing(self) -> None:
        self._is_full, self._has_read = False, True
        # Not from within: asyncio may call connection_lost twice for a write in here.
        asyncio.get_running_loop().call_soon(self._drain_backlog)

    def _drain_backlog(self) -> None:
        """Write what waits, as far as the transport takes it and it has been packed."""
        self._paused = self._is_full
        backlog = self.backlog
        while backlog is not None and backlog.pieces and not self._paused and not self.transport.is_closing():
            if backlog.is_packing:
                self._paused = True
                return
            data, _ = backlog.take()
            if not data:
                self._send_late_pong()
            else:
                self._transmit(data)
        if backlog is not None and not backlog.pieces:
            # Its place in the queue may have been dropped with what was around it.
            self._send_late_pong()
            self.backlog = None
            self._outbox.slow_clients.forget(self)
            if self._ends:
                self.end_sending()

    def _send_late_pong(self) -> None:
        pong, self.late_pong = self.late_pong, None
        if pong is not None:
            self._transmit(pong)
            self.late_pong_sent()

    def end_sending(self) -> None:
        """Send FIN behind everything written before, and go on reading.

        Closing at once with bytes still unread would reset what the peer has yet to read.
        """
        self._ends = True
        if self.backlog is not None or self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    @property
    def bytes_taken(self) -> int:
        """How many bytes have reached the peer's side."""
        return self._sent_bytes - self.transport.get_write_buffer_size() - unsent_bytes(self.transport)

    @property
    def queued(self) -> int:
        """Bytes that wait for this client."""
        return self.transport.get_write_buffer_size() + (self.backlog.bytes if self.backlog is not None else 0)
