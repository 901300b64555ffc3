"""The sending half of one connection of an outward client: messages of the queue, and pings."""

from __future__ import annotations

import asyncio
import contextlib
import time

from websockets.exceptions import ConnectionClosed

from zefnb.core.wire import TEXT
from zefnb.net import keepalive
from zefnb.net.client.connection import OutwardConnection
from zefnb.net.client.send_queue import SendQueue
from zefnb.net.client.target import CLOSE_TIMEOUT
from zefnb.net.websocket.subprotocol import is_escaped

MESSAGES_PER_ITERATION = 64
# Pings without a pong. Otherwise a server that never sends pongs would make the client keep all of them.
_MOST_PINGS = 256
_INTERNAL_ERROR = 1011


class Sender:
    """Sends messages, has them confirmed by pings, and closes a connection whose server does not respond."""

    def __init__(self, connection: OutwardConnection, queue: SendQueue, *, has_session: bool) -> None:
        self._connection = connection
        self._queue = queue
        # In a session, messages that begin as control messages do are escaped.
        self._has_session = has_session
        self._is_open = True
        # When the client began to read again, after it had waited for its consumer.
        self._reading_since = 0.0

    def end(self) -> None:
        """The connection is lost: later pongs confirm nothing."""
        self._is_open = False

    def reading_pauses(self) -> None:
        """The client does not read, so it can see no pong."""
        self._reading_since = float("inf")

    def reading_resumes(self) -> None:
        """The client reads again."""
        self._reading_since = time.monotonic()

    async def send(self) -> None:
        """Send messages, as they come. Raises `ConnectionClosed`."""
        while True:
            message = await self._queue.first()
            payload = message.payload
            if self._has_session and is_escaped(message.opcode, payload):
                payload = b"\0" + payload
            await self._connection.send(payload, text=message.opcode == TEXT)
            self._queue.mark_sent()
            if self._queue.wants_ack and len(self._connection.pending_pings) < _MOST_PINGS:
                await self._request_ack()
            if self._queue.sent % MESSAGES_PER_ITERATION == 0:
                await asyncio.sleep(0)

    async def _request_ack(self) -> asyncio.Future[float]:
        """Send a ping after messages: its pong confirms that they have arrived."""
        pong = asyncio.ensure_future(await self._connection.ping())
        mark = self._queue.ack_requested()

        def on_pong(done: asyncio.Future[float]) -> None:
            if self._is_open and not done.cancelled() and done.exception() is None:
                self._queue.confirm(mark)

        pong.add_done_callback(on_pong)
        return pong

    async def keep_alive(self) -> None:
        """Ping regularly, and close the connection when the server does not respond.

        Time in which the client waits for its consumer does not count.
        """
        with contextlib.suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(keepalive.PING_INTERVAL)
                pinged_at = time.monotonic()
                if not await self._responds() and self._reading_since < pinged_at:
                    await self._close_unresponsive()

    async def _close_unresponsive(self) -> None:
        with contextlib.suppress(TimeoutError):
            # The library would wait forever to write the close frame behind data that the server does not read.
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._connection.close(_INTERNAL_ERROR, f"no pong for {keepalive.PING_TIMEOUT:.0f} s")
        self._connection.transport.abort()

    async def _responds(self) -> bool:
        try:
            pong = await asyncio.wait_for(self._request_ack(), keepalive.PING_TIMEOUT)
        except TimeoutError:
            return False
        # Awaited without cancellation: the library fails on a cancelled one when the pong arrives.
        done, _ = await asyncio.wait({pong}, timeout=keepalive.PING_TIMEOUT)
        return bool(done)
