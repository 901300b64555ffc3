"""Unread messages: those of this node that it has sent and not yet read back from the log.

A message is delivered to the subscribers that its topic had when it was published, as one of a topic that is not
shared: a subscriber that comes later does not receive it, and one that has ended meanwhile does. A caller waits until
then, so that what it does next, such as ending a recording, comes after the delivery.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from zefnb.cluster.send_queue import Batch, Message, SendQueue

# Seconds for which callers wait for the reader of the log when the broker has accepted their message, while the reader
# is behind, and after which `call_after` does not wait any longer.
READ_TIMEOUT = 1.0
_MOST_MESSAGES = 200_000


class Unread:
    """Used on the loop only."""

    def __init__(self, loop: asyncio.AbstractEventLoop, queue: SendQueue) -> None:
        self._loop = loop
        self._queue = queue
        self._batches: deque[Batch] = deque()
        self._count = 0
        self._calls: deque[tuple[int, Callable[[], None]]] = deque()
        self.is_reading: Callable[[], bool] = lambda: True

    def add(self, batch: Batch) -> None:
        """Add a batch that is sent for the first time."""
        while self._batches and self._batches[-1].first >= batch.first:
            self._count -= len(self._batches.pop().messages)  # it was refused, and its numbers are used again
        batch.sent_at = self._loop.time()
        self._batches.append(batch)
        self._count += len(batch.messages)
        while self._count > _MOST_MESSAGES and len(self._batches) > 1:
            self._end(self._batches.popleft())

    def accepted(self, batch: Batch) -> None:
        """The broker has accepted a batch. Its callers wait until it is read, unless the reader is behind."""
        is_behind = bool(self._batches) and self._loop.time() - self._batches[0].sent_at > READ_TIMEOUT
        if is_behind or not self.is_reading():
            batch.succeed()

    def find(self, number: int) -> Message | None:
        """Return the message of this number, which has been read."""
        batches = self._batches
        while batches and batches[0].end <= number:
            self._end(batches.popleft())  # its entry cannot be read any more
        return batches[0].messages[number - batches[0].first] if batches and batches[0].first <= number else None

    def read(self, number: int) -> None:
        """All messages up to this number have been delivered."""
        while self._batches and self._batches[0].end <= number + 1:
            self._end(self._batches.popleft())

    def _end(self, batch: Batch) -> None:
        self._count -= len(batch.messages)
        batch.succeed()
        if self._calls:
            self._call_up_to(batch.messages[-1].position)

    def call_after(self, call: Callable[[], None]) -> None:
        """Call `call` when all messages published before have been delivered here, which may be now.

        While the broker does not accept messages, or the reader is behind, it is called after a second.
        """
        if not self._batches and not len(self._queue):
            call()
            return
        position = self._queue.added
        self._calls.append((position, call))
        self._loop.call_later(READ_TIMEOUT, self._call_up_to, position)

    def _call_up_to(self, position: int) -> None:
        while self._calls and self._calls[0][0] <= position:
            self._calls.popleft()[1]()

    def close(self) -> None:
        """The log is not read any more: the waits end."""
        for batch in self._batches:
            if batch is not self._queue.sent:
                batch.succeed()
        self._batches.clear()
        self._call_up_to(self._queue.added)
