"""The outward client: a connection to somebody else's server, made again when it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import os
import random
import ssl
import time
from collections.abc import Iterator, Sequence
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from zefnb.core.entity import Entity
from zefnb.core.entity import WebSocketClient as ClientHandle
from zefnb.core.time import Time
from zefnb.core.uid import generate_uid
from zefnb.core.wire import TEXT, encode_content
from zefnb.engine.runtime import Runtime
from zefnb.errors import ConnectionFailed, Fault, InvalidEffect
from zefnb.net.consumers import ActorConsumer, Consumer, TopicConsumer
from zefnb.net.failures import Loss, loss_of
from zefnb.net.outgoing import MOST_BYTES, MOST_MESSAGES, Message, Outgoing
from zefnb.net.ports import Topics
from zefnb.net.routes import check_actor, check_topics
from zefnb.net.target import CLOSE_WITHIN, Target, check_target

PING_EVERY = 20.0
PONG_WITHIN = 20.0
STOP_PATIENCE = 1.0
_EXIT_PATIENCE = 0.3
_SLICE = 64

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 30.0
# A connection that stood this long was a good one: the next pause is a short one again.
_LASTED = 5.0

_STOPPED = Loss(1000, "the client was stopped")
_INTERNAL_ERROR = 1011


class Backoff:
    """Pauses between attempts: each about twice the one before, none like another client's."""

    def __init__(self) -> None:
        self._attempts = 0

    def next(self) -> float:
        """The next pause, in seconds."""
        pause: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._attempts, 20))
        self._attempts += 1
        return pause * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Begin with short pauses again."""
        self._attempts = 0


class Client:
    """One outward client: its connection of the moment, what goes out and who takes what comes in. Lives on the loop.

    Messages go out in order, at least once: those that the server did not confirm (by a pong, or by
    closing for a reason of its own) before the connection broke are sent first on the next one.
    """

    def __init__(self, runtime: Runtime, target: Target, make_consumer: Any) -> None:
        self._runtime = runtime
        self.target = target
        self.handle = ClientHandle(generate_uid())
        self.consumer: Consumer = make_consumer(self)
        self.outgoing = Outgoing(runtime.entrance)
        self.sent = self.received = self.attempts = 0
        self.since = Time.now()
        self.connection: ClientConnection | None = None
        self._backoff = Backoff()
        self._losses = 0
        self._task: asyncio.Task[Any] | None = None
        self._stopping = False
        self._reading_since = 0.0

    def __repr__(self) -> str:
        return f"<client of {self.target}>"

    async def open(self) -> None:
        """Connect for the first time; `ConnectionFailed` when that cannot be done."""
        self.connection = await self.target.connect()
        self.since = Time.now()

    def attach(self) -> None:
        """Subscribe: from now on what is published is kept for the server."""
        self.consumer.attach(self, self.target.shown)

    def begin(self) -> None:
        """Let messages pass in both directions, and connect again whenever the connection is lost."""
        # In a context of its own: what comes in years later is not done in the name of the cell that connected.
        self._task = contextvars.Context().run(self._runtime.spawn, self._run(), f"{self!r}")

    def deliver(self, content: Any) -> None:
        """Send `content`, or keep it until it can be sent."""
        if not self.outgoing.put(Message(*encode_content(content))):
            limit = f"{MOST_MESSAGES:,} messages or {MOST_BYTES >> 20} MiB"
            self._note("warning", f"{self!r} drops messages: {limit} wait already", key=("full", self.handle))

    @property
    def is_behind(self) -> bool:
        """Whether messages wait to be sent."""
        return len(self.outgoing) > 0

    def _note(self, level: Any, text: str, key: object = None) -> None:
        self._runtime.journal.note(level, text, key=key, client=self.handle)

    async def _run(self) -> None:
        connection = self.connection
        while connection is not None:
            loss = await self._serve(connection)
            if self._stopping:
                return
            self._lost(loss)
            connection = await self._reconnect()

    async def _serve(self, connection: ClientConnection) -> Loss:
        """Let messages pass until the connection is lost."""
        opened = time.monotonic()
        self.outgoing.connected()
        self.consumer.connected(connection.subprotocol)
        helpers = [
            self._runtime.spawn(self._send(connection), f"sending by {self!r}"),
            self._runtime.spawn(self._keep_alive(connection), f"keeping alive {self!r}"),
        ]
        try:
            loss = await self._receive(connection)
        finally:
            # In one step, before anything is waited for: a publisher must not be asked to wait for who is gone.
            self.connection = None
            self.outgoing.disconnected()
            for helper in helpers:
                helper.cancel()
            await asyncio.wait(helpers)
        self.outgoing.rewind(again=loss.is_unread)
        if time.monotonic() - opened > _LASTED:
            self._backoff.reset()
        return loss

    async def _receive(self, connection: ClientConnection) -> Loss:
        while True:
            try:
                message = await connection.recv()
            except ConnectionClosed as closed:
                return loss_of(closed)
            self.received += 1
            self.consumer.take(message)
            if self.consumer.is_full():
                await self._wait_for_room()
            elif self.received % _SLICE == 0:
                await asyncio.sleep(0)

    async def _wait_for_room(self) -> None:
        self._reading_since = float("inf")
        try:
            await self.consumer.room()
        finally:
            self._reading_since = time.monotonic()

    async def _send(self, connection: ClientConnection) -> None:
        try:
            while True:
                message = await self.outgoing.first()
                await connection.send(message.payload, text=message.opcode == TEXT)
                self.outgoing.handed_over()
                self.sent += 1
                if self.outgoing.wants_receipt:
                    await self._ask_receipt(connection)
                if self.sent % _SLICE == 0:
                    await asyncio.sleep(0)
        except ConnectionClosed:
            self.outgoing.disconnected()

    async def _ask_receipt(self, connection: ClientConnection) -> None:
        """A ping after messages: its pong says that they have arrived."""
        pong = asyncio.ensure_future(await connection.ping())
        mark = self.outgoing.receipt_asked()

        def answered(done: asyncio.Future[float]) -> None:
            if self.connection is connection and not done.cancelled() and done.exception() is None:
                self.outgoing.confirm(mark)

        pong.add_done_callback(answered)

    async def _keep_alive(self, connection: ClientConnection) -> None:
        """Ping while nobody is waited for; a server that does not answer is gone."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(PING_EVERY)
                asked = time.monotonic()
                if not await self._answers(connection) and self._reading_since < asked:
                    await self._give_up(connection)

    async def _give_up(self, connection: ClientConnection) -> None:
        with contextlib.suppress(TimeoutError):
            # The library would wait for ever to write the close frame behind what the server does not read.
            async with asyncio.timeout(CLOSE_WITHIN):
                await connection.close(_INTERNAL_ERROR, f"no answer to a ping for {PONG_WITHIN:.0f} s")
        connection.transport.abort()

    async def _answers(self, connection: ClientConnection) -> bool:
        try:
            pong = asyncio.ensure_future(await asyncio.wait_for(connection.ping(), PONG_WITHIN))
        except TimeoutError:
            return False
        # Waited for without being cancelled: the library would stumble over a cancelled one when the pong comes.
        done, _ = await asyncio.wait({pong}, timeout=PONG_WITHIN)
        return bool(done)

    def _lost(self, loss: Loss) -> None:
        self._losses += 1
        self.since = Time.now()
        self._note("warning", f"the connection to {self.target} is lost ({loss}); it is made again")
        self.consumer.lost(loss)

    async def _reconnect(self) -> ClientConnection:
        while True:
            await asyncio.sleep(self._backoff.next())
            self.attempts += 1
            try:
                self.connection = await self.target.connect()
            except ConnectionFailed as error:
                key = ("attempt", self.handle, self._losses, str(error))
                self._note("warning", f"{error}; it is tried again", key=key)
                continue
            tried = "the first attempt" if self.attempts == 1 else f"{self.attempts} attempts"
            self._note("info", f"connected again to {self.target} after {tried}")
            self.attempts = 0
            self.since = Time.now()
            return self.connection

    async def stop(self, patience: float = STOP_PATIENCE) -> None:
        """Send what was published before, close with 1000, end: `patience` for the sending, and again for the rest."""
        self._stopping = True
        self.consumer.detach()
        self.outgoing.disconnected()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2 * patience):
                    await self._finish(patience)
        finally:
            self._abandon()

    async def _finish(self, patience: float) -> None:
        connection, task = self.connection, self._task
        if connection is None:
            return
        if task is not None:
            emptied = asyncio.ensure_future(self.outgoing.emptied())
            try:
                await asyncio.wait({emptied, task}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            finally:
                emptied.cancel()
        await connection.close()
        if task is not None:
            # What came in before the close is still taken.
            await asyncio.wait({task})

    def _abandon(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if self.connection is not None:
            self.connection.transport.abort()
            self.connection = None
        if self.is_behind:
            self._note("warning", f"{self!r} was stopped with {len(self.outgoing)} messages that could not be sent")
        self.consumer.stopped(_STOPPED)

    def describe(self) -> dict[str, Any]:
        """The client as a plain dict."""
        return {
            "client": self.handle,
            "url": self.target.shown,
            "state": "reconnecting" if self.connection is None else "connected",
            "since": self.since,
            "sent": self.sent,
            "received": self.received,
            "queued": len(self.outgoing),
            "dropped": self.outgoing.dropped,
            "attempts": self.attempts,
        }

    def forget_sockets(self) -> None:
        """In a forked child: close its copy of our socket, which leaves the parent's alone."""
        sock = self.connection.transport.get_extra_info("socket") if self.connection is not None else None
        if sock is not None and sock.fileno() >= 0:
            os.close(sock.fileno())


def make_client(
    runtime: Runtime,
    topics: Topics,
    *,
    url: str,
    port: int | None = None,
    in_stream_into: Any = None,
    out_stream_from: Any = None,
    actor: Any = None,
    ssl_context: ssl.SSLContext | None = None,
    ca_file: Any = None,
    headers: Any = None,
    subprotocols: Sequence[str] = (),
) -> Client:
    """The client that these fields describe, not yet connected; `InvalidEffect` lists everything wrong with them."""
    faults: list[Fault] = []
    target = check_target(url, port, ssl_context, ca_file, headers, subprotocols, faults)
    push_into = check_topics("in_stream_into", in_stream_into, faults)
    subscribe_to = check_topics("out_stream_from", out_stream_from, faults)
    behaviour, state = check_actor("actor", actor, runtime.journal, faults)
    _check_mode(bool(in_stream_into or out_stream_from), actor is not None, faults)
    if faults or target is None:
        raise InvalidEffect("FX.StartWebSocketClient", faults)

    def make_consumer(client: Client) -> Consumer:
        if behaviour is None:
            return TopicConsumer(runtime, topics, push_into, subscribe_to)
        on_end = functools.partial(runtime.service(Clients).actor_ended, client)
        return ActorConsumer(runtime, topics, behaviour, state, on_end)

    return Client(runtime, target, make_consumer)


def _check_mode(has_topics: bool, has_actor: bool, faults: list[Fault]) -> None:
    allowed = "in_stream_into=[...] and out_stream_from=[...], either or both, or else actor=FX.StartActor(...)"
    if not has_topics and not has_actor:
        faults.append(Fault("", "there are neither topics nor an actor", allowed))
    if has_topics and has_actor:
        faults.append(Fault("actor", "there are both topics and an actor", allowed))


class Clients:
    """The outward clients: a service of the runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._clients: dict[str | None, Client] = {}

    async def start(self, client: Client, replacing: Entity | None = None) -> ClientHandle:
        """Connect `client`. One that it replaces is stopped once that is done; between them no publish is lost."""
        await client.open()
        try:
            self._clients[client.handle._uid] = client
            client.attach()
            if replacing is not None and self.find(replacing) is not None:
                await self.stop(replacing)
        except BaseException:
            await self.stop(client.handle)
            raise
        client.begin()
        return client.handle

    async def stop(self, handle: Entity, patience: float = STOP_PATIENCE) -> None:
        """Stop the client of that handle; `NotRunning` when there is none."""
        client = self.get(handle)
        del self._clients[handle._uid]
        self._runtime.ended(handle._uid)
        self._runtime.things.forget(handle)
        await client.stop(patience)

    def actor_ended(self, client: Client) -> None:
        """The actor of a client has stopped, and the client stops with it."""
        if client.handle._uid in self._clients:
            self._runtime.spawn(self.stop(client.handle), f"stopping {client!r}")

    def find(self, handle: Entity) -> Client | None:
        """The client of that handle, or `None`."""
        return self._clients.get(handle._uid)

    def get(self, handle: Entity) -> Client:
        """The client of that handle; `NotRunning` when it has stopped or lives elsewhere."""
        client = self.find(handle)
        if client is None:
            raise self._runtime.not_running(handle)
        return client

    def __iter__(self) -> Iterator[Client]:
        return iter(list(self._clients.values()))

    def __len__(self) -> int:
        return len(self._clients)

    async def close(self) -> None:
        """Stop all of them at once."""
        await asyncio.gather(*(self.stop(client.handle, _EXIT_PATIENCE) for client in self), return_exceptions=True)

    def forget_sockets(self) -> None:
        """In a forked child: let go of every socket."""
        for client in self:
            client.forget_sockets()
