"""The log writer: sends the batches of the send queue, one after the other, and again after a lost connection.

A batch that is due when the reader is about to read is sent on the reader's connection, with that read.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from zefnb.cluster.broker_url import BrokerUrl
from zefnb.cluster.connection import BrokerLost, Command, Connection, ResponseError
from zefnb.cluster.replies import OnReply
from zefnb.cluster.send_queue import Batch, SendQueue
from zefnb.engine.iteration_loop import IterationLoop

REPLY_TIMEOUT = 5.0
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
# Seconds before a refused batch is sent again.
REFUSED_PAUSE = 0.5
# Bytes that a node writes before it trims the log itself: the beat, every two seconds, is too late for a fast writer.
TRIM_BYTES = 4 << 20


class LogWriter:
    """Writes to the stream `key`, on a connection of its own."""

    def __init__(
        self,
        loop: IterationLoop,
        url: BrokerUrl,
        key: str,
        publisher: str,
        queue: SendQueue,
        on_state: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._url = url
        self._key = key
        self._publisher = publisher
        self._queue = queue
        self._on_state = on_state
        # The connection, while batches are sent on it, and what ends that: an error, or that the log is to be trimmed.
        self._connection: Connection | None = None
        self._end: asyncio.Future[None] = loop.create_future()
        self._is_scheduled = self._awaits_reply = False
        # Sends a command with the next read, if that is about to be sent; see `LogReader`.
        self.send_along: Callable[[Command, float, OnReply], bool] = lambda command, timeout, call: False
        self.on_numbered: Callable[[Batch], None] = lambda batch: None
        self.on_accept: Callable[[Batch], None] = lambda batch: None
        self.on_many_bytes: Callable[[], Awaitable[None]] | None = None
        self._untrimmed = 0
        self.problem = ""

    def wake(self) -> None:
        """Send the waiting messages, at the end of the loop's iteration: messages of one iteration are one batch."""
        if not self._is_scheduled and not self._awaits_reply and self._connection is not None:
            self._is_scheduled = True
            self._loop.at_iteration_end(self._send)

    async def run(self) -> None:
        """Send until cancelled."""
        pause = FIRST_PAUSE
        while True:
            connection = Connection(self._url)
            try:
                await connection.open()
                self._report("")
                pause = FIRST_PAUSE
                await self._serve(connection)
            except (BrokerLost, ResponseError) as error:
                self._queue.lose_reply()
                self._report(str(error))
            finally:
                await connection.close()
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, LONGEST_PAUSE)

    def _report(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            self._on_state(problem)

    async def _serve(self, connection: Connection) -> None:
        while True:
            self._end = self._loop.create_future()
            self._connection, self._awaits_reply = connection, False
            try:
                self._send()
                await self._end
            except ResponseError as error:
                self._queue.refuse(f"not sent: the broker refuses it: {error}")
                self._report(f"it refuses messages: {error}")
                await asyncio.sleep(REFUSED_PAUSE)
                # On a new connection, since the broker may have become a replica meanwhile.
                raise BrokerLost(f"it refuses messages: {error}") from None
            finally:
                self._connection = None
            if self.on_many_bytes is not None:
                await self.on_many_bytes()

    def _end_with(self, error: Exception | None) -> None:
        self._connection = None
        if not self._end.done():
            self._end.set_result(None) if error is None else self._end.set_exception(error)

    def _send(self) -> None:
        """Send the next batch, or one again whose reply was lost, unless one is on its way."""
        self._is_scheduled = False
        connection, queue = self._connection, self._queue
        if connection is None or self._awaits_reply:
            return
        try:
            if (batch := queue.sent) is None:
                if connection.is_closed:  # lost while there was no message: the next ones are not sent
                    raise BrokerLost("the broker has closed the connection")
                if (batch := queue.next_batch()) is None:
                    return
                self.on_numbered(batch)
            payload = batch.payload
            self._untrimmed += len(payload)
            command = ("XADD", self._key, "*", "p", self._publisher, "q", batch.first, "b", payload)
            if not self.send_along(command, REPLY_TIMEOUT, self._replied):
                connection.request(command, REPLY_TIMEOUT, self._replied)
            self._awaits_reply = True
        except Exception as error:
            self._end_with(error)

    def _replied(self, reply: Any) -> None:
        if self._end.done():
            return
        self._awaits_reply = False
        if isinstance(reply, Exception):
            return self._end_with(reply)
        try:
            self.on_accept(self._queue.accept())
        except Exception as error:
            return self._end_with(error)
        if self._untrimmed > TRIM_BYTES and self.on_many_bytes is not None:
            self._untrimmed = 0
            self._end_with(None)
        elif self._queue.waiting:
            self.wake()
