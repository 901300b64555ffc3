"""The backlog: what waits for one client behind its transport, and how frames are joined into pieces."""

from __future__ import annotations

import time
from collections import deque

# Whole frames, and how many messages they hold.
Piece = tuple[bytes, int]

# More is written in several pieces, so that what waits for a slow client can be cut between whole frames.
LONGEST_PIECE = 65_536
# A client is reading when it took something within this time; one that has been seen to read may pause for longer.
_READING_AT_FIRST = 0.25
_READING = 1.0


def joined(frames: list[Piece]) -> list[Piece]:
    """Frames, each with its number of messages, joined into as few pieces as may be."""
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


def told_size(size: int) -> str:
    """A number of bytes, short.

    >>> told_size(4 << 20), told_size(5_000)
    ('4 MiB', '5000 bytes')
    """
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size} bytes"


class Backlog:
    """What waits for one client behind its transport, in pieces of whole frames."""

    __slots__ = ("_seen_reading", "_taken", "bytes", "messages", "moved_at", "pieces")

    def __init__(self, seen_reading: bool = False) -> None:
        self.pieces: deque[Piece] = deque()
        self.bytes = 0
        self.messages = 0
        self.moved_at = time.monotonic()
        self._seen_reading = seen_reading
        self._taken: int | None = None

    def put(self, data: bytes, count: int) -> None:
        """Append a piece of `count` messages."""
        self.pieces.append((data, count))
        self.bytes += len(data)
        self.messages += count

    def take(self) -> Piece:
        """Remove and return the oldest piece."""
        data, count = self.pieces.popleft()
        self.bytes -= len(data)
        self.messages -= count
        return data, count

    def look(self, taken: int, now: float) -> None:
        """The peer has taken `taken` bytes by now."""
        if taken != self._taken:
            self._seen_reading = self._seen_reading or self._taken is not None
            self._taken, self.moved_at = taken, now

    def is_read(self, now: float) -> bool:
        """Whether the client, however slowly, is reading."""
        return now - self.moved_at < (_READING if self._seen_reading else _READING_AT_FIRST)

    def drop_oldest(self, most: int) -> int:
        """Drop the oldest pieces until at most `most` bytes wait; returns how many messages went."""
        dropped = 0
        while self.bytes > most and len(self.pieces) > 1:
            dropped += self.take()[1]
        return dropped
