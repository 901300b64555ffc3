"""The history of an event stream: its last events, for clients that connect later or again."""

from __future__ import annotations

import heapq
import secrets
from collections import deque
from typing import NamedTuple

from zefnb.net.http.event_format import gap
from zefnb.net.websocket import history
from zefnb.net.websocket.backlog import Piece


class Resumed(NamedTuple):
    """The events for a client that connects again, with a gap wherever messages are missing.

    `missing` is the number of those in all; `None` if it is unknown.
    """

    pieces: list[Piece]
    missing: int | None


class EventHistory:
    """The last `length` events of each topic of a stream. Positions count the events of all topics from the start.

    The id of an event is an epoch and a position. The epoch is different for each history, so that a position of
    another one is not taken for one of this.

    >>> history = EventHistory(2, topics=1)
    >>> for frame in (b'a', b'b', b'c'):
    ...     history.add(0, frame)
    >>> history.last()
    [(b'b', 1), (b'c', 1)]
    >>> history.after(history.identity(1))
    Resumed(pieces=[(b'b', 1), (b'c', 1)], missing=0)
    >>> history.after(history.identity(0)).missing, history.after('other-1').missing
    (1, None)
    """

    def __init__(self, length: int, topics: int) -> None:
        self._length = length
        self._epoch = secrets.token_hex(4)
        self.position = 0
        self._events: list[deque[tuple[int, bytes]]] = [deque() for _ in range(topics)]
        self._bytes = [0] * topics

    def identity(self, position: int) -> str:
        """The id of the event at a position."""
        return f"{self._epoch}-{position}"

    @property
    def next_identity(self) -> str:
        """The id of the next event."""
        return self.identity(self.position + 1)

    def add(self, topic: int, frame: bytes) -> None:
        """Add the next event, of the topic of this number; forget the oldest ones of this topic that are too many."""
        self.position += 1
        if not self._length:
            return
        events = self._events[topic]
        events.append((self.position, frame))
        self._bytes[topic] += len(frame)
        while len(events) > self._length or (self._bytes[topic] > history.MAX_BYTES and len(events) > 1):
            self._bytes[topic] -= len(events.popleft()[1])

    def clear(self, topic: int) -> None:
        """Forget the events of the topic of this number."""
        self._events[topic].clear()
        self._bytes[topic] = 0

    def last(self) -> list[Piece]:
        """The last events of each topic, in their order."""
        return [(frame, 1) for _, frame in heapq.merge(*self._events)]

    def after(self, identity: str) -> Resumed:
        """The events after the one of this id, as far as they are still there."""
        epoch, _, digits = identity.partition("-")
        position = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else -1
        if epoch != self._epoch or not 0 <= position <= self.position:
            first = next(heapq.merge(*self._events), (self.position + 1, b""))[0]
            return Resumed([(gap(None, self.identity(first - 1)), 0), *self.last()], None)
        pieces: list[Piece] = []
        missing = 0
        for at, frame in (*heapq.merge(*self._events), (self.position + 1, b"")):
            if at <= position:
                continue
            if lost := at - position - 1:
                pieces.append((gap(lost, self.identity(at - 1)), 0))
                missing += lost
            if frame:
                pieces.append((frame, 1))
            position = at
        return Resumed(pieces, missing)
