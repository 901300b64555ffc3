"""The WebSocket side of a server: its endpoints, and the connections of their clients."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from websockets.server import ServerProtocol

from zefnb.core.entity import HTTPServer
from zefnb.engine.runtime import Runtime
from zefnb.net.http.authorizer import Authorizer
from zefnb.net.http.decision import Accepted, Visitor
from zefnb.net.http.forms import query_pairs
from zefnb.net.http.request_head import RequestHead
from zefnb.net.http.routes import Route
from zefnb.net.http.server_notes import ServerNotes
from zefnb.net.ports import Topics
from zefnb.net.websocket.client_request import ClientRequest
from zefnb.net.websocket.connection import Connection
from zefnb.net.websocket.endpoint import Endpoint
from zefnb.net.websocket.observer import Observer
from zefnb.net.websocket.outbox import Outbox

if TYPE_CHECKING:
    from zefnb.net.http.event_connection import EventConnection


class ServerConnections:
    """The endpoints and the open connections of one server. Used on the loop only."""

    def __init__(
        self, runtime: Runtime, topics: Topics, server: HTTPServer, notes: ServerNotes, auth: Authorizer | None
    ) -> None:
        self._runtime = runtime
        self._topics = topics
        self._server = server
        self._notes = notes
        self._auth = auth
        self._outbox = runtime.service(Outbox)
        self.endpoints: dict[str, Endpoint] = {}
        self._observers: list[Observer] = []
        # Endpoints without a route, until their last client leaves.
        self.retired: list[Endpoint] = []
        self._open: dict[Connection | EventConnection, None] = {}
        self._streams: dict[int, EventConnection] = {}
        self._channel_ids = itertools.count()
        self._last_closed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Connection | EventConnection]:
        """The open connections as they are now: they may close meanwhile."""
        return iter(list(self._open))

    def set_routes(self, routes: Iterable[Route]) -> None:
        """Serve the endpoints of these routes. Clients of removed routes stay connected."""
        before, self.endpoints = self.endpoints, {}
        for route in routes:
            if route.socket is None:
                continue
            endpoint = before.pop(route.path, None)
            if endpoint is None or endpoint.route_value != route.value:
                previous = endpoint
                endpoint = Endpoint(
                    self._runtime,
                    self._topics,
                    self._server,
                    route.path,
                    route.socket,
                    route.value,
                    self._observers,
                )
                # After the new endpoint is made, so that it has the history of the previous one.
                if previous is not None:
                    self._retire(previous)
            self.endpoints[route.path] = endpoint
        for removed in before.values():
            self._retire(removed)
        self._forget_retired()

    def observe(self, observer: Observer) -> None:
        """Let `observer` observe all clients from now on."""
        self._observers.append(observer)
        self._observers_changed()

    def unobserve(self, observer: Observer) -> None:
        """Remove an observer. May be repeated."""
        if observer in self._observers:
            self._observers.remove(observer)
        self._observers_changed()

    def _observers_changed(self) -> None:
        for endpoint in self._every_endpoint:
            endpoint.observers_changed()

    def stopped(self) -> None:
        """Remove all observers, after the last client has left."""
        for endpoint in self._every_endpoint:
            endpoint.observe_end()
        observers, self._observers[:] = self._observers[:], []
        for observer in observers:
            observer.stopped()

    def _retire(self, endpoint: Endpoint) -> None:
        endpoint.retire()
        self.retired.append(endpoint)

    def release_history(self) -> None:
        """Keep the last messages of topics no longer: no client can connect any more."""
        for endpoint in self.endpoints.values():
            endpoint.release_history()

    def end_actors(self) -> None:
        """End the actors of clients that can come back."""
        for endpoint in self._every_endpoint:
            endpoint.end_actors()

    def end_sessions(self) -> None:
        """Let no client come back."""
        for endpoint in self._every_endpoint:
            endpoint.end_sessions()

    @property
    def _every_endpoint(self) -> list[Endpoint]:
        return [*self.endpoints.values(), *self.retired]

    def open(
        self,
        transport: asyncio.Transport,
        head: RequestHead,
        accepted: Accepted,
        negotiated: ServerProtocol | None,
        response: bytes,
    ) -> Connection:
        """Send `response` to an accepted handshake, and make its client one of the endpoint."""
        endpoint: Endpoint = accepted.value
        head = accepted.head or head
        connection = Connection(self._outbox, negotiated, self._closed)
        self._open[connection] = None
        connection.connection_made(transport)
        transport.set_protocol(connection)
        origin = head.first("origin") if "origin" in head.headers else None
        connection.set_request(head.path, head.query, head.first("host"), origin, head.client_ip)
        if self._auth is not None:
            self._auth.connected(connection, accepted.visitor)
        connection.write_control(response)
        query = query_pairs(head.query)
        connection.opened(next(self._channel_ids), dict(query))
        endpoint.open(connection, ClientRequest(accepted.variables, head.headers, query))
        self._notes.connected(connection, head)
        return connection

    def _closed(self, connection: Connection) -> None:
        self._open.pop(connection, None)
        if self._auth is not None:
            self._auth.disconnected(connection)
        self._notes.disconnected(connection)
        if not self._open:
            self._last_closed.set()
        if self.retired:
            self._forget_retired()

    def stream_opened(self, client: EventConnection, head: RequestHead, visitor: Visitor) -> None:
        """Add a client of an event stream."""
        client.opened(next(self._channel_ids), head)
        self._open[client] = None
        self._streams[client.channel_id] = client
        if self._auth is not None:
            self._auth.connected(client, visitor)

    def stream_closed(self, client: EventConnection) -> None:
        """Remove a client of an event stream."""
        self._open.pop(client, None)
        self._streams.pop(client.channel_id, None)
        if self._auth is not None:
            self._auth.disconnected(client)
        if not self._open:
            self._last_closed.set()

    def _forget_retired(self) -> None:
        self.retired = [endpoint for endpoint in self.retired if endpoint.clients or endpoint.has_sessions]

    def clients(self) -> list[Connection | EventConnection]:
        """All connected clients, sorted by channel id."""
        sockets = [each for endpoint in self._every_endpoint for each in endpoint.clients.values()]
        return sorted([*sockets, *self._streams.values()], key=lambda client: client.channel_id)

    def client(self, channel_id: int) -> Connection | EventConnection | None:
        """The client with this channel id, if it is connected."""
        if channel_id in self._streams:
            return self._streams[channel_id]
        for endpoint in (*self.endpoints.values(), *self.retired):
            if channel_id in endpoint.clients:
                return endpoint.clients[channel_id]
        return None

    async def wait_until_closed(self, deadline: float) -> None:
        """Wait until all connections are closed, at most until `deadline` (`time.monotonic`)."""
        while self._open and (left := deadline - time.monotonic()) > 0:
            self._last_closed.clear()
            try:
                await asyncio.wait_for(self._last_closed.wait(), left)
            except TimeoutError:
                return
