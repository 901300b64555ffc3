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
from zefnb.core.wire import encode_content
from zefnb.engine.mailbox import Progress
from zefnb.engine.runtime import Runtime
from zefnb.errors import ConnectionFailed
from zefnb.net.client.backoff import LONGEST_PAUSE, Backoff
from zefnb.net.client.connection import OutwardConnection
from zefnb.net.client.consumers import Consumer
from zefnb.net.client.failures import Disconnect, ServerNotReady, disconnect_of
from zefnb.net.client.notes import Notes
from zefnb.net.client.send_queue import Message, SendQueue
from zefnb.net.client.sender import MESSAGES_PER_ITERATION, Sender
from zefnb.net.client.session import NoWelcome, Session, speaks_sessions
from zefnb.net.client.target import Target
from zefnb.net.websocket.subprotocol import NAME, is_control, parse_control, unescaped

STOP_TIMEOUT = 1.0
# Seconds: after a connection that lasted longer, the first pause is short again.
_STABLE_AFTER = 5.0
# Seconds that publishers wait for a lost server with sessions. Afterwards a full queue drops messages.
_RETURN_TIMEOUT = 5.0

_STOPPED = Disconnect(1000, "the client was stopped")


class Client:
    """One outward client: its present connection, its send queue and its consumer. Used on the loop only.

    Messages are sent in order, at least once: those that the server did not confirm (by a pong, or by
    closing for its own reason) before the connection broke are sent first on the next one. A server of zefnb counts
    messages, so that each arrives exactly once, in both directions.
    """

    only_encodes = True

    def __init__(self, runtime: Runtime, target: Target, make_consumer: Any) -> None:
        self._runtime = runtime
        self.target = target
        self.handle = ClientHandle(generate_uid())
        self.consumer: Consumer = make_consumer(self)
        self.send_queue = SendQueue(runtime.call_queue)
        self.received = self.missed = self.attempts = 0
        self.since = Time.now()
        self.connection: OutwardConnection | None = None
        self._backoff = Backoff(longest=LONGEST_PAUSE)
        self._notes = Notes(runtime.journal, self.handle)
        self._task: asyncio.Task[Any] | None = None
        self._stopping = False
        # `None` while the server has no sessions.
        self._session: Session | None = None
        self._pause_timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<client of {self.target}>"

    async def open(self, wait: float = 0.0) -> None:
        """Connect for the first time. Retries for `wait` seconds while the server may still be starting.

        Raises `ConnectionFailed`.
        """
        deadline = time.monotonic() + wait
        while self.connection is None:
            try:
                self.connection = await self._connect()
            except ServerNotReady as error:
                pause = self._backoff.next()
                if time.monotonic() + pause >= deadline:
                    tried = f"; the client tried for {wait:g} s" if wait else ""
                    raise ConnectionFailed(f"{error}{tried}") from None
                self._notes.note("info", f"{error}; the client tries again for {wait:g} s", "wait")
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
            self._notes.note("warning", text, "full")

    @property
    def progress(self) -> Progress:
        """The number of messages that the client got, and how many of them it has passed to a connection."""
        return self.send_queue.progress

    @property
    def is_behind(self) -> bool:
        """Whether messages wait for a connection."""
        return len(self.send_queue) > 0

    @property
    def sent(self) -> int:
        """The number of messages that were passed to a connection."""
        return self.send_queue.sent

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
        position = self._position
        self._connected()
        self.consumer.on_connect(connection.subprotocol if connection.subprotocol != NAME else None)
        sender = Sender(connection, self.send_queue, has_session=self._session is not None)
        tasks = [
            self._runtime.spawn(self._send(sender), f"sending by {self!r}"),
            self._runtime.spawn(sender.keep_alive(), f"keeping alive {self!r}"),
        ]
        if self._session is not None:
            work = self._acknowledge(self._session, connection)
            tasks.append(self._runtime.spawn(work, f"acknowledging by {self!r}"))
        try:
            disconnect = await self._receive(connection, sender)
        finally:
            # In one step, before the first await: no publisher must wait for a connection that is closed.
            self.connection = None
            sender.end()
            self._disconnected()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        # The server has read everything before the closing handshake of a client that stops.
        comes_back = self._session is not None and not self._stopping
        self.send_queue.requeue_unacked(again=comes_back or disconnect.may_be_unread)
        if time.monotonic() - opened > _STABLE_AFTER or self._position > position:
            self._backoff.reset()
        return disconnect

    @property
    def _position(self) -> int:
        """The number of messages that have arrived in the session, in both directions."""
        return 0 if self._session is None else self._session.position

    # Sessions

    async def _connect(self) -> OutwardConnection:
        """Connect, and open or resume the session if the server has sessions. Raises `ConnectionFailed`."""
        connection = await self.target.connect()
        if not speaks_sessions(connection):
            self._session, self.send_queue.waits_for_acks = None, False
            return connection
        session = self._session or Session()
        try:
            welcome = await session.begin(connection)
        except BaseException as error:
            connection.transport.abort()
            if isinstance(error, NoWelcome | ConnectionClosed):
                raise ConnectionFailed(f"{self.target} does not open a session: {error}") from None
            raise
        self._session, self.send_queue.waits_for_acks = session, True
        self.send_queue.confirm_requeued(welcome.confirmed)
        self._note_missing(welcome.missing)
        return connection

    def _connected(self) -> None:
        if self._pause_timer is not None:
            self._pause_timer.cancel()
            self._pause_timer = None
        self.send_queue.connected()

    def _disconnected(self) -> None:
        """Publishers that are paused wait for a server with sessions a while longer: it may just be replaced."""
        if self._session is None or self._stopping:
            self.send_queue.disconnected()
        elif self._pause_timer is None:
            self._pause_timer = self._runtime.loop.call_later(_RETURN_TIMEOUT, self.send_queue.disconnected)

    async def _acknowledge(self, session: Session, connection: OutwardConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await session.acknowledge(connection)

    def _control(self, session: Session, message: str) -> None:
        """Handle a control message of the server."""
        fields = parse_control(message) or {"type": ""}
        if fields["type"] == "ack":
            self.send_queue.confirm_oldest(session.confirm(fields["received"]))
        elif fields["type"] == "gap" and isinstance(fields.get("missing"), int):
            session.received += fields["missing"]
            self._note_missing(fields["missing"])
        elif fields["type"] == "end":
            session.forget()
            self._session = None

    def _note_missing(self, missing: int | None) -> None:
        self.missed += missing or 0
        self._notes.gap(self.target, missing, self.received, len(self.send_queue))

    # Receiving and sending

    async def _receive(self, connection: OutwardConnection, sender: Sender) -> Disconnect:
        while True:
            try:
                message = await connection.recv()
            except ConnectionClosed as closed:
                return disconnect_of(closed)
            if self._session is not None:
                if is_control(message):
                    self._control(self._session, str(message))
                    continue
                message = unescaped(message)
                self._session.count()
            self.received += 1
            self.consumer.on_message(message)
            if self.consumer.is_full():
                await self._wait_for_capacity(sender)
            elif self.received % MESSAGES_PER_ITERATION == 0:
                await asyncio.sleep(0)

    async def _wait_for_capacity(self, sender: Sender) -> None:
        sender.reading_pauses()
        try:
            await self.consumer.wait_for_capacity()
        finally:
            sender.reading_resumes()

    async def _send(self, sender: Sender) -> None:
        try:
            await sender.send()
        except ConnectionClosed:
            self._disconnected()

    def _on_disconnect(self, disconnect: Disconnect) -> None:
        self.since = Time.now()
        self._notes.problem(f"the connection to {self.target} is lost ({disconnect}); the client reconnects")
        self.consumer.on_disconnect(disconnect)

    async def _reconnect(self) -> OutwardConnection:
        while True:
            await asyncio.sleep(self._backoff.next())
            self.attempts += 1
            try:
                self.connection = await self._connect()
            except ConnectionFailed as error:
                self._notes.problem(f"{error}; the client tries again")
                continue
            self._notes.note("info", f"connected again to {self.target}", "again", attempts=self.attempts)
            self.attempts = 0
            self.since = Time.now()
            return self.connection

    async def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Send the waiting messages and close with 1000.

        Sending has the given number of seconds, and everything after it has as many.
        """
        self._stopping = True
        if self._pause_timer is not None:
            self._pause_timer.cancel()
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
            waiting = len(self.send_queue)
            self._notes.note("warning", f"{self!r} was stopped with {waiting} messages that could not be sent")
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
            "missed": self.missed,
            "attempts": self.attempts,
        }

    def forget_sockets(self) -> None:
        """In a forked child: close its copy of the socket. That of the parent stays open."""
        sock = self.connection.transport.get_extra_info("socket") if self.connection is not None else None
        if sock is not None and sock.fileno() >= 0:
            os.close(sock.fileno())
