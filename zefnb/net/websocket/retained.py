"""Retained messages: those that a client has yet to acknowledge, so that they can be sent again."""

from __future__ import annotations

from collections import deque

from zefnb.net.websocket.backlog import Piece
from zefnb.net.websocket.subprotocol import without_first

# Bytes of the limit for each message: so the number of messages is bounded, too.
BYTES_PER_MESSAGE = 64


class Retained:
    """The newest messages of a session as pieces of whole frames, which all sessions of a topic share.

    Messages have numbers from 0. Those from `start` to before `end` are here; the newest piece is in any case, unless
    the limit is 0.

    >>> retained = Retained(1 << 20)
    >>> retained.add((b'\\x81\\x01a\\x81\\x01b', 2))
    >>> retained.after(1, 1000)
    [(b'\\x81\\x01b', 1)]
    """

    __slots__ = ("_limit", "_most", "_pieces", "bytes", "end", "start")

    def __init__(self, limit: int) -> None:
        self._limit, self._most = limit, limit // BYTES_PER_MESSAGE
        self._pieces: deque[Piece] = deque()
        self.bytes = self.start = self.end = 0

    def __len__(self) -> int:
        """The number of pieces."""
        return len(self._pieces)

    def set_limit(self, limit: int) -> None:
        """Retain at most `limit` bytes from now on."""
        self._limit, self._most = limit, limit // BYTES_PER_MESSAGE
        self._trim()

    def add(self, piece: Piece) -> None:
        """Append a piece, and drop the oldest ones that are too many."""
        self._pieces.append(piece)
        self.bytes += len(piece[0])
        self.end += piece[1]
        if self.bytes > self._limit or self.end - self.start > self._most:
            self._trim()

    def _trim(self) -> None:
        least = 1 if self._limit else 0
        while len(self._pieces) > least and (self.bytes > self._limit or self.end - self.start > self._most):
            self._drop()

    def _drop(self) -> None:
        data, count = self._pieces.popleft()
        self.bytes -= len(data)
        self.start += count

    def acknowledge(self, received: int) -> None:
        """Drop the pieces of which the client has every message."""
        while self._pieces and self.start + self._pieces[0][1] <= received:
            self._drop()

    def after(self, number: int, most: int) -> list[Piece]:
        """The messages from `number` on, which is here: about `most` bytes of them, and at least one piece."""
        pieces: list[Piece] = []
        at, size = self.start, 0
        for data, count in self._pieces:
            if at + count > number:
                pieces.append(
                    (data, count) if at >= number else (without_first(data, number - at), at + count - number)
                )
                size += len(data)
                if size >= most:
                    break
            at += count
        return pieces

    def clear(self) -> None:
        """Drop all messages."""
        self._pieces.clear()
        self.bytes, self.start = 0, self.end
