"""The reader: it reads a source in handler threads, ahead of the replay that publishes the messages."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from zefnb.core.snapshot import snapshot
from zefnb.engine.actor import Actor
from zefnb.engine.runtime import Runtime
from zefnb.errors import InvalidValue
from zefnb.recording.row import Row
from zefnb.replay.moment import Pace
from zefnb.replay.source import Source

# Messages that are read before they are due.
AHEAD = 512
_REPLAYED = ("message", "published")


class Due(NamedTuple):
    """A message, when it is due, and its number in the source, from 1 on."""

    moment: float
    content: Any
    number: int


class Reader:
    """Reads messages while the loop publishes earlier ones.

    The code of a user's iterator runs with the context of `owner`, so that its output and its objects belong to the
    replay. The thread appends to `_read` and then checks `_is_awaited`; the loop sets `_is_awaited` and then checks
    `_read`. The later of the two sees the change of the other.
    """

    def __init__(self, runtime: Runtime, owner: Actor, source: Source, pace: Pace, *, loop: bool) -> None:
        self._runtime = runtime
        self._owner = owner
        self._source: Source | None = source
        self._pace = pace
        self._loops = loop
        self._messages: Iterator[Any] | None = None
        self._read: deque[Due] = deque()
        self._number = self._published = 0
        self._is_reading = self._is_complete = self._is_closed = self._is_awaited = False
        self._error: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def number(self) -> int:
        """The number of messages that have been read in this round, with those that are not replayed."""
        return self._number

    async def next(self, most: int | None = None) -> Due | None:
        """Return the next message, or `None` after the last one.

        It reads ahead; or, with `most`, at most that many messages, and only when none is left.
        Raises the exception of the source after the messages before it.
        """
        while True:
            if self._read:
                due = self._read.popleft()
                if most is None and len(self._read) < AHEAD // 2:
                    self._begin(AHEAD)
                return due
            if not self._is_reading:
                if self._error is not None:
                    raise self._error
                if self._is_complete:
                    return None
                self._begin(min(most or AHEAD, AHEAD))
            self._waiter = self._runtime.loop.create_future()
            self._is_awaited = True
            if not self._read:
                await self._waiter
            self._is_awaited = False

    def close(self) -> None:
        """Read no more, and drop the source in a thread: an iterator may have code that runs when it is freed."""
        self._is_closed = True
        self._read.clear()
        if not self._is_reading:
            self._runtime.handler_threads.submit(_ignore, self._owner.contexts.fresh().run, self._drop)

    def _begin(self, most: int) -> None:
        if self._is_reading or self._is_complete or self._error is not None:
            return
        self._is_reading = True
        self._runtime.handler_threads.submit(self._on_read, self._owner.contexts.fresh().run, self._read_ahead, most)

    def _on_read(self, result: Any, error: BaseException | None) -> None:
        self._is_reading = False
        self._error = error
        self._wake()
        if self._is_closed:
            self.close()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # In a handler thread

    def _read_ahead(self, most: int) -> None:
        read = self._read
        while len(read) < most and not self._is_closed:
            message = self._next_message()
            if message is _END:
                self._is_complete = True
                return
            number = self._number + 1
            if type(message) is Row and message.kind not in _REPLAYED:
                self._number = number
                continue
            content = message.content if type(message) is Row else message
            try:
                moment = self._pace.moment(message)
            except InvalidValue as error:
                raise _with_number(error, number) from None
            read.append(Due(moment, snapshot(content), number))
            self._number = number
            self._published += 1
            if self._is_awaited:
                self._is_awaited = False
                self._runtime.call_queue.put(self._wake)

    def _next_message(self) -> Any:
        """Return the next message, of the next round if the source is looped, or `_END`."""
        assert self._source is not None
        if self._messages is None:
            self._messages = _each(self._source)
        message = next(self._messages, _END)
        if message is _END and self._loops and self._published:
            self._number = self._published = 0
            self._pace.begin_round()
            self._messages = _each(self._source)
            message = next(self._messages, _END)
        return message

    def _drop(self) -> None:
        self._messages = self._source = None


_END = object()


def _each(source: Source) -> Iterator[Any]:
    for part in source.parts():
        yield from part


def _with_number(error: InvalidValue, number: int) -> InvalidValue:
    """Return the error about the time of a message as one that names the message."""
    first = error.faults[0]
    return InvalidValue("", [first._replace(problem=f"{first.problem} in message {number:,} of the source")])


def _ignore(result: Any, error: BaseException | None) -> None:
    """The result of dropping a source."""
