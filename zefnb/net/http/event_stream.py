"""`ET.EventStream`: a route whose clients receive the messages of topics as server-sent events."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Protocol

from zefnb.core.entity import Entity
from zefnb.engine.runtime import Runtime
from zefnb.net.http.decision import Visitor
from zefnb.net.http.event_connection import EventConnection
from zefnb.net.http.event_feed import EventFeeds, FeedKey
from zefnb.net.http.event_format import retry
from zefnb.net.http.exchange import Exchange
from zefnb.net.http.request_head import RequestHead
from zefnb.net.http.response import Disconnected, Receive, Response, Scope, Send
from zefnb.net.http.route_kinds import EventStream
from zefnb.net.ports import Topics
from zefnb.net.websocket.outbox import Outbox

MEDIA_TYPE = "text/event-stream; charset=utf-8"


class StreamClients(Protocol):
    """The connections of a server, which ends them when it stops, or when their session ends."""

    def stream_opened(self, client: EventConnection, head: RequestHead, visitor: Visitor) -> None:
        """Add a client of a stream."""

    def stream_closed(self, client: EventConnection) -> None:
        """Remove a client of a stream."""


class RunningStream:
    """A stream of a running server."""

    def __init__(
        self,
        runtime: Runtime,
        topics: Topics,
        server: Entity,
        path: str,
        config: EventStream,
        on_left: Callable[[EventConnection], None],
    ) -> None:
        self.path = path
        self._on_left = on_left
        self.config = config
        self._runtime = runtime
        self.server = server
        self._outbox = runtime.service(Outbox)
        self._feeds = runtime.service(EventFeeds)
        self._key: FeedKey = (config.topics, config.history, config.nan)
        self._feed = self._feeds.acquire(topics, self._key)
        self._count = 0

    def open(self, transport: asyncio.Transport) -> EventConnection:
        """The connection of a new client, which is not sent anything yet."""
        client = EventConnection(self._outbox, self, self.config.nan, self._on_closed)
        client.slow_client = self.config.slow_client
        client.connection_made(transport)
        transport.set_protocol(client)
        return client

    def add(self, client: EventConnection, last_event_id: str) -> None:
        """Add a client, which receives events from now on."""
        self._count += 1
        client.send_raw(retry(self.config.retry * random.uniform(0.5, 1.5)), 0)
        missing = self._feed.add(client, last_event_id)
        if missing != 0:
            how_many = "an unknown number of" if missing is None else f"{missing:,}"
            self._note(client, "missing", f"misses {how_many} messages: they are no longer in its route's `history`")

    def close(self) -> None:
        """Receive no more messages."""
        self._feeds.release(self._key)

    def _on_closed(self, client: EventConnection) -> None:
        self._count -= 1
        self._feed.discard(client)
        self._on_left(client)

    def closed_slow(self, client: EventConnection, reason: str) -> None:
        """Report that a client that does not read is closed."""
        self._note(client, "closed as slow", f"is closed: {reason}")

    def dropped(self, client: EventConnection) -> None:
        """Report that messages for a client that reads slowly are dropped."""
        policy = self.config.slow_client.policy
        self._note(client, "dropped", f"reads slowly: messages for it are dropped (slow_client={policy!r})")

    def _note(self, client: EventConnection, kind: str, what: str) -> None:
        text, channel = f"a client of the event stream {self.path} {what}", client.channel_id
        key, example = (kind, self.server, self.path), f"client {channel}"
        self._runtime.journal.note("warning", text, key=key, example=example, server=self.server, channel_id=channel)

    def __len__(self) -> int:
        return self._count

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<{len(self)} event streams of {self.path}>"


class EventStreams:
    """The event streams of one server. Used on the loop only."""

    def __init__(self, runtime: Runtime, topics: Topics, server: Entity, clients: StreamClients) -> None:
        self._runtime = runtime
        self._topics = topics
        self._server = server
        self._clients = clients
        self._running: dict[str, RunningStream] = {}
        # Streams without a route, until their last client leaves.
        self._retired: list[RunningStream] = []

    def set_routes(self, configs: Mapping[str, EventStream]) -> None:
        """Serve these streams, by path. Clients of removed routes stay connected."""
        before, self._running = self._running, {}
        for path, config in configs.items():
            stream = before.get(path)
            if stream is not None and stream.config == config:
                self._running[path] = before.pop(path)
            else:
                self._running[path] = RunningStream(self._runtime, self._topics, self._server, path, config, self._left)
        self._retired += before.values()
        self._close_unused()

    def __contains__(self, path: str) -> bool:
        return path in self._running

    def count(self, path: str) -> int:
        """The number of clients of the stream with this path."""
        stream = self._running.get(path)
        return 0 if stream is None else len(stream)

    def response(self, path: str, exchange: Exchange, visitor: Visitor) -> Response:
        """The response for a new client of the stream with this path."""
        return _StreamResponse(self._running[path], exchange, visitor, self._clients)

    def _left(self, client: EventConnection) -> None:
        self._clients.stream_closed(client)
        self._close_unused()

    def _close_unused(self) -> None:
        for stream in self._retired:
            if not len(stream):
                stream.close()
        self._retired = [stream for stream in self._retired if len(stream)]

    def close(self) -> None:
        """Receive no more messages."""
        for stream in (*self._running.values(), *self._retired):
            stream.close()
        self._running, self._retired = {}, []


class _StreamResponse(Response):
    """The response that makes the connection of a request a client of a stream."""

    def __init__(
        self,
        stream: RunningStream,
        exchange: Exchange,
        visitor: Visitor,
        clients: StreamClients,
    ) -> None:
        super().__init__(media_type=MEDIA_TYPE)
        # Proxies neither keep the events nor collect them.
        self.raw_headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"cache-control", b"no-cache, no-transform"),
            (b"x-accel-buffering", b"no"),
        ]
        self._stream, self._exchange, self._visitor = stream, exchange, visitor
        self._clients = clients

    async def send(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head; from then on the stream writes to the connection, until the connection ends."""
        if scope["method"] == "HEAD":
            return await super().send(scope, receive, send)
        exchange, peer = self._exchange, self._exchange.peer
        # The body ends with the connection (RFC 9112, section 6.3), so that all clients share the same bytes.
        self.set_header("connection", "close")
        headers = (*peer.server_state.default_headers, *self.raw_headers)
        transport = peer.hand_over()
        if transport is None:
            raise Disconnected
        client = self._stream.open(transport)
        self._clients.stream_opened(client, exchange.head, self._visitor)
        client.write_control(b"HTTP/1.1 200 OK\r\n%s\r\n" % b"".join(b"%s: %s\r\n" % pair for pair in headers))
        self._stream.add(client, exchange.head.first("last-event-id"))
        return None
