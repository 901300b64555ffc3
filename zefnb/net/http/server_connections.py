"""The WebSocket side of a server: its endpoints, and the connections of their clients."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterable, Iterator

from websockets.server import ServerProtocol

from zefnb.core.entity import HTTPServer
from zefnb.engine.runtime import Runtime
from zefnb.net.http.authorizer import Authorizer
from zefnb.net.http.decision import Accepted
from zefnb.net.http.forms import query_pairs
from zefnb.net.http.request_head import RequestHead
from zefnb.net.http.routes import Route
from zefnb.net.http.server_notes import ServerNotes
from zefnb.net.ports import Topics
from zefnb.net.websocket.connection import Connection
from zefnb.net.websocket.endpoint import Endpoint
from zefnb.net.websocket.outbox import Outbox


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
        # Endpoints without a route, until their last client leaves.
        self.retired: list[Endpoint] = []
        self._open: dict[Connection, None] = {}
        self._channel_ids = itertools.count()
        self._last_closed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Connection]:
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
                endpoint = Endpoint(self._runtime, self._topics, self._server, route.path, route.socket, route.value)
                # After the new endpoint is made, so that it has the history of the previous one.
                if previous is not None:
                    self._retire(previous)
            self.endpoints[route.path] = endpoint
        for removed in before.values():
            self._retire(removed)
        self._forget_retired()

    def _retire(self, endpoint: Endpoint) -> None:
        endpoint.release_history()
        self.retired.append(endpoint)

    def release_history(self) -> None:
        """Keep the last messages of topics no longer: no client can connect any more."""
        for endpoint in self.endpoints.values():
            endpoint.release_history()

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
        endpoint.open(connection, accepted.variables, head.headers, query)
        self._notes.connected(connection, head)
        return connection

    def _closed(self, connection: Connection) -> None:
        self._open.pop(connection, None)
        if self._auth is not None:
            self._auth.disconnected(connection)
        self._notes.disconnected(connection)
        if not self._open:
            self._last_closed.set()
        self._forget_retired()

    def _forget_retired(self) -> None:
        self.retired = [endpoint for endpoint in self.retired if endpoint.clients]

    def clients(self) -> list[Connection]:
        """All connected clients, sorted by channel id."""
        everywhere = (*self.endpoints.values(), *self.retired)
        return sorted((c for e in everywhere for c in e.clients.values()), key=lambda c: c.channel_id)

    def client(self, channel_id: int) -> Connection | None:
        """The client with this channel id, if it is connected."""
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
