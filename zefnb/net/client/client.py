"""The outward client: a connection to another program's server, which reconnects when it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import time
from typing import Any

from websockets.exceptions import ConnectionClosed

from zefnb.core.entity import WebSocketClient as ClientHandle
from zefnb.core.time import Time
from zefnb.core.uid import generate_uid
from zefnb.core.wire import TEXT, encode_content
from zefnb.engine.mailbox import Progress
from zefnb.engine.runtime import Runtime
from zefnb.errors import ConnectionFailed
from zefnb.net import keepalive
from zefnb.net.client.backoff import LONGEST_PAUSE, Backoff
from zefnb.net.client.connection import OutwardConnection
from zefnb.net.client.consumers import Consumer
from zefnb.net.client.failures import Disconnect, ServerNotReady, disconnect_of
from zefnb.net.client.send_queue import Message, SendQueue
from zefnb.net.client.target import CLOSE_TIMEOUT, Target

STOP_TIMEOUT = 1.0
_MESSAGES_PER_ITERATION = 64
# Pings without a pong. Otherwise a server that never sends pongs would make the client keep all of them.
_MOST_PINGS = 256
# Different problems of one client with their own line in the journal; a server could cause any number of them.
_MOST_PROBLEMS = 16

# Seconds: after a connection that lasted longer, the first pause is short again.
_STABLE_AFTER = 5.0

_STOPPED = Disconnect(1000, "the client was stopped")
_INTERNAL_ERROR = 1011


class Client:
    """One outward client: its present connection, its send queue and its consumer. Used on the loop only.

    Messages are sent in order, at least once: those that the server did not confirm (by a pong, or by
    closing for its own reason) before the connection broke are sent first on the next one.
    """

    only_encodes = True

    def __init__(self, runtime: Runtime, target: Target, make_consumer: Any) -> None:
        self._runtime = runtime
        self.target = target
        self.handle = ClientHandle(generate_uid())
        self.consumer: Consumer = make_consumer(self)
        self.send_queue = SendQueue(runtime.call_queue)
        self.sent = self.received = self.attempts = 0
        self.since = Time.now()
        self.connection: OutwardConnection | None = None
        self._backoff = Backoff(longest=LONGEST_PAUSE)
        self._problems: set[str] = set()
        self._task: asyncio.Task[Any] | None = None
        self._stopping = False
        self._reading_since = 0.0

    def __repr__(self) -> str:
        return f"<client of {self.target}>"

    async def open(self, wait: float = 0.0) -> None:
        """Connect for the first time. Retries for `wait` seconds while the server may still be starting.

        Raises `ConnectionFailed`.
        """
        deadline = time.monotonic() + wait
        while self.connection is None:
            try:
                self.connection = await self.target.connect()
            except ServerNotReady as error:
                pause = self._backoff.next()
                if time.monotonic() + pause >= deadline:
                    tried = f"; the client tried for {wait:g} s" if wait else ""
                    raise ConnectionFailed(f"{error}{tried}") from None
                self._note("info", f"{error}; the client tries again for {wait:g} s", key=("wait", self.handle))
                await asyncio.sleep(pause)
        self._backoff.reset()
        self.since = Time.now()

    def attach(self) -> None:
        """Subscribe: from now on, published messages are kept for the server."""
        self.consumer.attach(self, self.target.shown)

    def begin(self) -> None:
        """Send and receive messages, and reconnect whenever the connection is lost."""
        # In an empty context: later messages must not count as work of the cell that connected.
        self._task = contextvars.Context().run(self._runtime.spawn, self._run(), f"{self!r}")

    def deliver(self, content: Any) -> None:
        """Send `content`, or keep it until it can be sent."""
        if not self.send_queue.put(Message(*encode_content(content))):
            text = f"{self!r} drops messages: {self.send_queue.limit_text} wait already"
            self._note("warning", text, key=("full", self.handle))

    @property
    def progress(self) -> Progress:
        """The number of messages that the client got, and how many of them it has passed to a connection."""
        return self.send_queue.progress

    def _note(self, level: Any, text: str, key: object = None, **details: Any) -> None:
        self._runtime.journal.note(level, text, key=key, client=self.handle, **details)

    def _note_problem(self, text: str) -> None:
        if len(self._problems) < _MOST_PROBLEMS:
            self._problems.add(text)
        self._note("warning", text, key=("problem", self.handle, text if text in self._problems else None))

    async def _run(self) -> None:
        connection = self.connection
        while connection is not None:
            disconnect = await self._serve(connection)
            if self._stopping:
                return
            self._on_disconnect(disconnect)
            connection = await self._reconnect()

    async def _serve(self, connection: OutwardConnection) -> Disconnect:
        """Send and receive messages until the connection is lost."""
        opened = time.monotonic()
        self.send_queue.connected()
        self.consumer.on_connect(connection.subprotocol)
        tasks = [
            self._runtime.spawn(self._send(connection), f"sending by {self!r}"),
            self._runtime.spawn(self._keep_alive(connection), f"keeping alive {self!r}"),
        ]
        try:
            disconnect = await self._receive(connection)
        finally:
            # In one step, before the first await: no publisher must wait for a connection that is closed.
            self.connection = None
            self.send_queue.disconnected()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        self.send_queue.requeue_unacked(again=disconnect.may_be_unread)
        if time.monotonic() - opened > _STABLE_AFTER:
            self._backoff.reset()
        return disconnect

    async def _receive(self, connection: OutwardConnection) -> Disconnect:
        while True:
            try:
                message = await connection.recv()
            except ConnectionClosed as closed:
                return disconnect_of(closed)
            self.received += 1
            self.consumer.on_message(message)
            if self.consumer.is_full():
                await self._wait_for_capacity()
            elif self.received % _MESSAGES_PER_ITERATION == 0:
                await asyncio.sleep(0)

    async def _wait_for_capacity(self) -> None:
        self._reading_since = float("inf")
        try:
            await self.consumer.wait_for_capacity()
        finally:
            self._reading_since = time.monotonic()

    async def _send(self, connection: OutwardConnection) -> None:
        try:
            while True:
                message = await self.send_queue.first()
                await connection.send(message.payload, text=message.opcode == TEXT)
                self.send_queue.mark_sent()
                self.sent += 1
                if self.send_queue.wants_ack and len(connection.pending_pings) < _MOST_PINGS:
                    await self._request_ack(connection)
                if self.sent % _MESSAGES_PER_ITERATION == 0:
                    await asyncio.sleep(0)
        except ConnectionClosed:
            self.send_queue.disconnected()

    async def _request_ack(self, connection: OutwardConnection) -> asyncio.Future[float]:
        """Send a ping after messages: its pong confirms that they have arrived."""
        pong = asyncio.ensure_future(await connection.ping())
        mark = self.send_queue.ack_requested()

        def on_pong(done: asyncio.Future[float]) -> None:
            if self.connection is connection and not done.cancelled() and done.exception() is None:
                self.send_queue.confirm(mark)

        pong.add_done_callback(on_pong)
        return pong

    async def _keep_alive(self, connection: OutwardConnection) -> None:
        """Ping regularly, and close the connection when the server does not respond.

        Time in which the client waits for its consumer does not count.
        """
        with contextlib.suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(keepalive.PING_INTERVAL)
                pinged_at = time.monotonic()
                if not await self._responds(connection) and self._reading_since < pinged_at:
                    await self._close_unresponsive(connection)

    async def _close_unresponsive(self, connection: OutwardConnection) -> None:
        with contextlib.suppress(TimeoutError):
            # The library would wait forever to write the close frame behind data that the server does not read.
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await connection.close(_INTERNAL_ERROR, f"no pong for {keepalive.PING_TIMEOUT:.0f} s")
        connection.transport.abort()

    async def _responds(self, connection: OutwardConnection) -> bool:
        try:
            pong = await asyncio.wait_for(self._request_ack(connection), keepalive.PING_TIMEOUT)
        except TimeoutError:
            return False
        # Awaited without cancellation: the library fails on a cancelled one when the pong arrives.
        done, _ = await asyncio.wait({pong}, timeout=keepalive.PING_TIMEOUT)
        return bool(done)

    def _on_disconnect(self, disconnect: Disconnect) -> None:
        self.since = Time.now()
        self._note_problem(f"the connection to {self.target} is lost ({disconnect}); the client reconnects")
        self.consumer.on_disconnect(disconnect)

    async def _reconnect(self) -> OutwardConnection:
        while True:
            await asyncio.sleep(self._backoff.next())
            self.attempts += 1
            try:
                self.connection = await self.target.connect()
            except ConnectionFailed as error:
                self._note_problem(f"{error}; the client tries again")
                continue
            self._note("info", f"connected again to {self.target}", key=("again", self.handle), attempts=self.attempts)
            self.attempts = 0
            self.since = Time.now()
            return self.connection

    async def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Send the waiting messages and close with 1000.

        Sending has the given number of seconds, and everything after it has as many.
        """
        self._stopping = True
        self.consumer.detach()
        self.send_queue.disconnected()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2 * timeout):
                    await self._finish(timeout)
        finally:
            self._abandon()

    async def _finish(self, timeout: float) -> None:
        connection, task = self.connection, self._task
        if connection is None:
            return
        if task is not None:
            empty = asyncio.ensure_future(self.send_queue.wait_until_empty())
            try:
                await asyncio.wait({empty, task}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            finally:
                empty.cancel()
        await connection.close()
        if task is not None:
            # Messages that arrived before the close are still delivered.
            await asyncio.wait({task})

    def _abandon(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if self.connection is not None:
            self.connection.transport.abort()
            self.connection = None
        if self.send_queue:
            self._note("warning", f"{self!r} was stopped with {len(self.send_queue)} messages that could not be sent")
        self.consumer.on_stop(_STOPPED)

    def describe(self) -> dict[str, Any]:
        """The client as a plain dict."""
        return {
            "client": self.handle,
            "url": self.target.shown,
            "state": "reconnecting" if self.connection is None else "connected",
            "since": self.since,
            "sent": self.sent,
            "received": self.received,
            "queued": len(self.send_queue),
            "dropped": self.send_queue.dropped,
            "attempts": self.attempts,
        }

    def forget_sockets(self) -> None:
        """In a forked child: close its copy of the socket. That of the parent stays open."""
        sock = self.connection.transport.get_extra_info("socket") if self.connection is not None else None
        if sock is not None and sock.fileno() >= 0:
            os.close(sock.fileno())
