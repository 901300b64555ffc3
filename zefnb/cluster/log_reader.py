"""The log reader: reads the entries of the log in order, by one blocking read on a connection of its own.

When the messages of a reply may cause others, the next read waits for the end of the next iteration of the loop. The
batch of then is sent with it, as one write, and the read need not block: the broker makes a third fewer system calls.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from zefnb.cluster.batch import Received
from zefnb.cluster.broker_url import BrokerUrl
from zefnb.cluster.connection import BrokerLost, Command, Connection, ResponseError
from zefnb.cluster.entry import Entry
from zefnb.cluster.publishers import Publishers
from zefnb.cluster.replies import OnReply
from zefnb.core.codec.scan import Undecodable
from zefnb.engine.iteration_loop import IterationLoop
from zefnb.engine.loop import ITERATION_BUDGET

BLOCK = 5.0
# Seconds beyond that after which the broker counts as lost.
_GRACE = 3.0
_BLOCK_TIME, _TIMEOUT = round(BLOCK * 1_000), BLOCK + _GRACE
_MOST_ENTRIES = 32
# Seconds for which messages are passed on in one iteration of the loop: at least, and at most while the rest of the
# iteration takes as long. With many sockets, this is the time to write to all of them: short slices would mean more
# writes, each with fewer messages, and so more time for others between them, but less of it.
SHORTEST_SLICE, LONGEST_SLICE = 2 * ITERATION_BUDGET, 4 * ITERATION_BUDGET
# The number of messages that are passed on before the clock is read again.
_SLICE = 64
_PAUSE = 0.05
_LONGEST_PAUSE = 1.0

OnMessages = Callable[[str, int, list[Received]], None]


class LogReader:
    """Reads the stream `key` after the entry `cursor`, and passes on the messages that have not been read before."""

    def __init__(self, loop: IterationLoop, url: BrokerUrl, key: str, cursor: str) -> None:
        self._url = url
        self._key = key
        self.cursor = cursor
        self.publishers = Publishers()
        self.damaged = 0
        self.on_messages: OnMessages = lambda publisher, first, messages: None
        self.on_lost: Callable[[str, int, int], None] = lambda publisher, first, count: None
        self.on_damaged: Callable[[str], None] = lambda reason: None
        # Called after each entry.
        self.on_entry: Callable[[], None] = lambda: None
        # Whether the messages of this reply may cause others in this iteration of the loop or the next one.
        self.has_caused: Callable[[], bool] = lambda: False
        # Whether messages of the entry after `cursor` have been passed on, and others not yet.
        self.is_within = False
        self.problem = ""
        self.reconnects = 0
        self._slice = SHORTEST_SLICE
        self._deadline = 0.0
        self._pause = _PAUSE
        # The loop, the connection that is read, and what ends that; `_delivery` are the entries of the present reply.
        self._loop = loop
        self._connection: Connection | None = None
        # Whether the next read waits for a batch.
        self._is_due = False
        self._end: asyncio.Future[None] = loop.create_future()
        self._delivery: Iterator[None] = iter(())

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            self._connection = connection = Connection(self._url)
            self._is_due = False
            self._end = self._loop.create_future()
            try:
                await connection.open()
                self.problem = ""
                self._request()
                await self._end
            except (BrokerLost, ResponseError) as error:
                self.problem = str(error)
                self.reconnects += 1
            finally:
                await connection.close()
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def restart(self) -> None:
        """Read the log from its begin: it is a new one. Messages that have been read are dropped."""
        self.cursor = "0-0"

    def _end_with(self, error: Exception) -> None:
        if not self._end.done():
            self._end.set_exception(error)

    def _read(self) -> Command:
        """The command that reads the entries after the cursor."""
        return ("XREAD", "COUNT", _MOST_ENTRIES, "BLOCK", _BLOCK_TIME, "STREAMS", self._key, self.cursor)

    def _request(self) -> None:
        assert self._connection is not None
        self._connection.request(self._read(), _TIMEOUT, self._replied)

    def _request_if_due(self) -> None:
        """Send the read that has waited for a batch, unless it was sent with one."""
        if not self._is_due or self._end.done():
            return
        self._is_due = False
        try:
            self._request()
        except BrokerLost as error:
            self._end_with(error)

    def send_along(self, command: Command, timeout: float, call: OnReply) -> bool:
        """Send a command with the next read, before it, if that waits for one. Returns whether it is sent."""
        connection = self._connection
        if not self._is_due or connection is None or self._end.done():
            return False
        self._is_due = False

        def replied(reply: Any) -> None:
            call(reply)
            if isinstance(reply, BrokerLost):
                self._end_with(reply)
            else:
                connection.expect_following(_TIMEOUT, self._replied)

        try:
            connection.request(command, timeout, replied, self._read())
        except BrokerLost as error:
            self._end_with(error)
            return False
        return True

    def _replied(self, reply: Any) -> None:
        if isinstance(reply, Exception):
            return self._end_with(reply)
        self._pause = _PAUSE
        self._deadline = time.monotonic() + self._slice
        self._delivery = self._take_all(reply[0][1] if reply else ())
        self._continue()

    def _continue(self) -> None:
        """Pass on messages for as long as others can wait, and read the next entries after the last message."""
        if self._end.done():
            return
        try:
            for _ in self._delivery:
                self._loop.call_soon(self._continue)
                return
            if self.has_caused():
                self._is_due = True
                self._loop.call_soon(self._loop.at_iteration_end, self._request_if_due)
            else:
                self._request()
        except Exception as error:
            self._end_with(error)

    def _take_all(self, entries: Iterable[tuple[bytes, list[bytes]]]) -> Iterator[None]:
        """Pass on the messages of these entries. It yields when others are to run."""
        cursor = self.cursor
        for entry, fields in entries:
            yield from self._take(fields)
            if self.cursor != cursor:  # `restart` was called meanwhile
                return
            self.cursor = cursor = entry.decode()
            self.on_entry()

    def _take(self, fields: list[bytes]) -> Iterator[None]:
        try:
            entry = Entry.of(fields)
        except Undecodable as error:
            self.damaged += 1
            self.on_damaged(str(error))
            return
        publisher, messages = entry.publisher, entry.messages
        last = self.publishers.last(publisher)
        repeated, lost = self.publishers.take(publisher, entry.first, len(messages))
        if lost and last is not None:
            self.on_lost(publisher, last + 1, lost)
        self.is_within = True
        try:
            for begin in range(repeated, len(messages), _SLICE):
                self.on_messages(publisher, entry.first + begin, messages[begin : begin + _SLICE])
                if (began := time.monotonic()) > self._deadline:
                    yield
                    now = time.monotonic()
                    self._slice = min(max(now - began, SHORTEST_SLICE), LONGEST_SLICE)
                    self._deadline = now + self._slice
        finally:
            self.is_within = False
