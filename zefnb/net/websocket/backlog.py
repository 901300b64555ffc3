"""The backlog: the frames that wait for one client behind its transport, and how frames are joined into pieces."""

from __future__ import annotations

import time
from collections import deque

from zefnb.net.websocket.packer import Packing

# The bytes of whole frames, and the number of messages in them.
Piece = tuple[bytes, int]

# Longer data is written in several pieces, so that the backlog of a slow client can be cut between whole frames.
LONGEST_PIECE = 65_536
# Seconds: a client reads when it took bytes within this time. A client that has read before may pause for longer.
_READING_AT_FIRST = 0.25
_READING = 1.0


def joined(frames: list[Piece]) -> list[Piece]:
    """Join frames, each with its number of messages, into as few pieces as possible."""
    whole = b"".join([data for data, _ in frames])
    if len(whole) <= LONGEST_PIECE:
        return [(whole, sum([count for _, count in frames]))]
    pieces: list[Piece] = []
    first, size = 0, 0
    for at, (data, _) in enumerate(frames):
        if first < at and size + len(data) > LONGEST_PIECE:
            pieces.append(_joined(frames[first:at]))
            first, size = at, 0
        size += len(data)
    pieces.append(_joined(frames[first:]))
    return pieces


def _joined(frames: list[Piece]) -> Piece:
    return b"".join([data for data, _ in frames]), sum([count for _, count in frames])


def size_text(size: int) -> str:
    """A number of bytes as a short text.

    >>> size_text(4 << 20), size_text(5_000)
    ('4 MiB', '5000 bytes')
    """
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size} bytes"


class Backlog:
    """The frames that wait for one client behind its transport, in pieces of whole frames."""

    __slots__ = ("_bytes_delivered", "_has_read", "_unpacked", "bytes", "messages", "pieces", "progress_at")

    def __init__(self, has_read: bool = False) -> None:
        self.pieces: deque[tuple[bytes | Packing, int]] = deque()
        self._unpacked: deque[Packing] = deque()
        self.bytes = 0
        self.messages = 0
        self.progress_at = time.monotonic()
        self._has_read = has_read
        self._bytes_delivered: int | None = None

    def put(self, data: bytes | Packing, count: int) -> None:
        """Append a piece of `count` messages. The bytes of a `Packing` count when it has been packed."""
        self.pieces.append((data, count))
        self.messages += count
        if isinstance(data, Packing):
            self._unpacked.append(data)
        else:
            self.bytes += len(data)

    def packed(self, packing: Packing) -> None:
        """Count the bytes of `packing`, which has been packed. Messages are packed in the order of `put`."""
        if self._unpacked and self._unpacked[0] is packing:
            self.bytes += len(self._unpacked.popleft())

    def take(self) -> Piece:
        """Remove and return the oldest piece. It is empty when it has yet to be packed."""
        data, count = self.pieces.popleft()
        self.messages -= count
        if not isinstance(data, Packing):
            self.bytes -= len(data)
            return data, count
        if self._is_unpacked(data):
            self._unpacked.popleft()
        else:
            self.bytes -= len(data)
        return data.frame or b"", count

    def remove_last(self, data: bytes) -> bool:
        """Remove the newest piece if it is `data`, which holds no message. Returns whether it was."""
        if not self.pieces or self.pieces[-1][0] is not data:
            return False
        self.pieces.pop()
        self.bytes -= len(data)
        return True

    def _is_unpacked(self, data: bytes | Packing) -> bool:
        return bool(self._unpacked) and self._unpacked[0] is data

    @property
    def is_packing(self) -> bool:
        """Whether the oldest piece has yet to be packed: then the delay is not the client's."""
        return bool(self.pieces) and self._is_unpacked(self.pieces[0][0])

    def record_progress(self, bytes_delivered: int, now: float) -> None:
        """Record that the peer has taken `bytes_delivered` bytes in all at the time `now`."""
        if self.is_packing:
            self.progress_at = now
        if bytes_delivered != self._bytes_delivered:
            self._has_read = self._has_read or self._bytes_delivered is not None
            self._bytes_delivered, self.progress_at = bytes_delivered, now

    def is_read(self, now: float) -> bool:
        """Whether the client is reading, however slowly."""
        return now - self.progress_at < (_READING if self._has_read else _READING_AT_FIRST)

    def counted_pieces(self) -> list[bytes]:
        """The pieces whose bytes are counted: all but those that have yet to be packed."""
        frames = [data.frame if isinstance(data, Packing) else data for data, _ in self.pieces]
        return [frame for frame in frames if frame is not None]

    def drop_oldest(self, most: int) -> list[Piece]:
        """Drop the oldest pieces until at most `most` bytes wait. Returns those that held messages."""
        dropped = []
        while self.bytes > most and len(self.pieces) > 1:
            dropped.append(self.take())
        return [piece for piece in dropped if piece[1]]
