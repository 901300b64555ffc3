"""Effects on WebSocket connections, those of our servers and those we make outward."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zefnb.core.effect import effect
from zefnb.core.entity import HTTPServer, Success, Topic, WebSocketClient
from zefnb.core.rows import Rows
from zefnb.core.types import Matcher, Union
from zefnb.errors import FieldError, InvalidEffect, NotRunning

if TYPE_CHECKING:
    from ssl import SSLContext

    from zefnb.engine.runtime import Runtime
    from zefnb.net.websocket.connection import Connection
else:

    class _SSLContext:
        """A pattern for the type that is not loaded for its sake: who has such a value has loaded it."""

        def __pattern__(self) -> Matcher:
            return Matcher(by_type=None, test=self._fits)

        @staticmethod
        def _fits(value: object) -> bool:
            # Nobody has a context before `ssl` is there, whole.
            return isinstance(value, getattr(sys.modules.get("ssl"), "SSLContext", ()))

        def __repr__(self) -> str:
            return "ssl.SSLContext"

    SSLContext = Union.of(_SSLContext())


@effect("QueryAllWebsocketEndpoints")
def query_all_websocket_endpoints(runtime: Runtime, *, http_server: HTTPServer) -> Rows:
    """The WebSocket routes of a server: dicts with path, port, mode ('topic' or 'actor'), clients, accepted.

    Raises `NotRunning` when the server does not run.

    >>> from zefnb import *
    >>> server = FX.StartHTTPServer(routes={'/ws': ET.WebSocket(clients_push_into_=[ET.Topic('t')])}, port=0) | run
    >>> [endpoint['path'] for endpoint in FX.QueryAllWebsocketEndpoints(http_server=server) | run]
    ['/ws']
    >>> FX.StopHTTPServer(server=server) | run
    ET.Success()
    """
    from zefnb.net.http.servers import Servers

    server = runtime.service(Servers).get(http_server)
    endpoints = [
        {
            "path": endpoint.path,
            "port": server.port,
            "mode": "topic" if endpoint.config.behaviour is None else "actor",
            "clients": len(endpoint.clients),
            "accepted": endpoint.accepted,
        }
        for endpoint in server.endpoints.values()
    ]
    return Rows("endpoints", endpoints)


@effect("QueryAllConnectedWebsocketClients")
def query_all_connected_websocket_clients(
    runtime: Runtime, *, http_server: HTTPServer, path: str | None = None
) -> Rows:
    """The clients connected to a server, or to its route `path`: a list of dicts, by channel id.

    Keys: channel_id, client_ip, connect_time, path, origin, host, actor (None in topic mode), sent and
    received (messages), queued (bytes), dropped and ignored (messages), round_trip (seconds, None before
    the first ping). Raises `InvalidEffect` for a path that is no WebSocket route of the server, `NotRunning`
    when the server does not run.

    >>> from zefnb import *
    >>> route = ET.WebSocket(clients_push_into_=[ET.Topic('t')])
    >>> server = FX.StartHTTPServer(routes={'/ws': route}, port=0) | run
    >>> FX.QueryAllConnectedWebsocketClients(http_server=server, path='/ws') | run
    []
    >>> FX.StopHTTPServer(server=server) | run
    ET.Success()
    """
    from zefnb.net.http.servers import Servers

    server = runtime.service(Servers).get(http_server)
    wanted = path.rstrip("/") or "/" if path is not None else None
    if wanted is not None and wanted not in server.endpoints:
        known = ", ".join(server.endpoints) or "none"
        problem = f"there is no WebSocket route {path!r}"
        raise InvalidEffect("FX.QueryAllConnectedWebsocketClients", [FieldError("path", problem, known)])
    clients = (client for client in server.clients() if wanted is None or client.endpoint.path == wanted)
    return Rows("clients", map(_row, clients))


def _row(client: Connection) -> dict[str, Any]:
    return {
        "channel_id": client.channel_id,
        "client_ip": client.client_ip,
        "connect_time": client.connect_time,
        "path": client.path,
        "origin": client.origin,
        "host": client.host,
        "actor": client.actor.handle if client.actor is not None else None,
        "sent": client.sent,
        "received": client.received,
        "queued": client.queued,
        "dropped": client.dropped,
        "ignored": client.ignored,
        "round_trip": client.round_trip,
    }


@effect("CloseWebSocketConnection")
def close_websocket_connection(
    runtime: Runtime, *, http_server: HTTPServer, channel_id: int, code: int = 1000, reason: str = ""
) -> Success:
    """Close one client after everything sent before, with a code of RFC 6455, section 7.4, and a reason.

    `code` is 1000, 1001, 1003, 1007 to 1014, or your own from 3000 to 4999; `reason` is 123 bytes at most.
    Returns `ET.Success(channel_id=...)`. Raises `NotRunning` when no such client is connected, `InvalidEffect`
    for another code or a longer reason.

    >>> from zefnb import *
    >>> route = ET.WebSocket(clients_push_into_=[ET.Topic('t')])
    >>> server = FX.StartHTTPServer(routes={'/ws': route}, port=0) | run
    >>> url = f'ws://localhost:{server.port}/ws'
    >>> client = FX.StartWebSocketClient(url=url, out_stream_from=ET.Topic('mine')) | run
    >>> FX.CloseWebSocketConnection(http_server=server, channel_id=0, code=4000, reason='full') | run
    ET.Success(channel_id=0)
    >>> FX.StopWebSocketClient(client=client) | run
    ET.Success()
    >>> FX.StopHTTPServer(server=server) | run
    ET.Success()
    """
    from zefnb.net.http.servers import Servers

    faults = []
    if not (code in (1000, 1001, 1003) or 1007 <= code <= 1014 or 3000 <= code <= 4999):
        faults.append(FieldError("code", f"got {code}", "1000, 1001, 1003, 1007 to 1014, or 3000 to 4999"))
    if len(reason.encode()) > 123:
        faults.append(FieldError("reason", f"got {len(reason.encode())} bytes", "123 bytes of UTF-8 at most"))
    if faults:
        raise InvalidEffect("FX.CloseWebSocketConnection", faults)
    server = runtime.service(Servers).get(http_server)
    client = server.client(channel_id)
    if client is None:
        connected = ", ".join(str(other.channel_id) for other in server.clients()[:20]) or "none"
        raise NotRunning(f"no client {channel_id} is connected to {http_server!r}; connected: {connected}")
    client.close(code, reason)
    return Success(channel_id=channel_id)


@effect("StartWebSocketClient", keyed="client")
async def start_websocket_client(
    runtime: Runtime,
    *,
    url: str,
    port: int | None = None,
    in_stream_into: Topic | Sequence[Any] | None = None,
    out_stream_from: Topic | Sequence[Any] | None = None,
    actor: Any = None,
    ssl_context: SSLContext | None = None,
    ca_file: str | os.PathLike[str] | None = None,
    headers: Any = None,
    subprotocols: Sequence[str] = (),
    redirects: str = "same-origin",
    max_size: int = 16 << 20,
    wait: float = 0.0,
) -> WebSocketClient:
    """Connect outward to a WebSocket server; when this returns, the connection stands.

    What comes in is published to `in_stream_into` (text as str, binary as `Array1[u8]`), what is published to
    `out_stream_from` goes out. Or an `actor=FX.StartActor(...)` gets `ET.WSServerConnected(url, time, topic_in,
    topic_out, client)`, the messages, and `ET.WSServerDisconnected(url, time, code, reason)`, and the first of
    them again after each reconnection; it keeps its state, and ends with the client, as the client with it.

    A `port` is put into the url. `wss` verifies certificates, by the system's or `SSL_CERT_FILE`'s
    authorities, private ones by `ca_file` or `ssl_context`, and never falls back to `ws`. A proxy named in the
    environment is used, except for this machine.

    `headers` go with the handshake: a dict, or a function without arguments that returns one. The function, plain
    (called in a thread) or async, is called for each attempt, so that a token that expires can be fetched anew.

    A message from the server has at most `max_size` bytes (16 MiB); a larger one closes the connection with 1009.
    `wait` is how many seconds the first attempt is repeated while nothing listens yet (0: not at all).

    `redirects` says which redirects of the handshake are followed: 'same-origin' (the default), those that keep
    scheme, host and port; 'any', those to other servers, too, but without `headers`, user and password; 'none'.
    Ten at most, never one from `wss` to `ws`, and never one by a server elsewhere to this machine or its network.

    A lost connection is made again with growing pauses of up to 30 s, as the journal tells. Messages go
    out in order; up to 10,000 of them (16 MiB) wait meanwhile, the newest beyond that are dropped and
    counted. What the server has not confirmed when the connection breaks is sent again, so that it arrives
    at least once.

    Returns `ET.WebSocketClient('🍃-…')`. Raises `InvalidEffect`, listing every fault of the fields, and
    `ConnectionFailed`, saying why, when the first attempt fails, which takes 10 s at most, or `wait` is over.
    Running the cell again replaces the client.

    >>> from zefnb import *
    >>> route = ET.WebSocket(clients_push_into_=[ET.Topic('t')])
    >>> server = FX.StartHTTPServer(routes={'/ws': route}, port=0) | run
    >>> url = f'ws://localhost:{server.port}/ws'
    >>> client = FX.StartWebSocketClient(url=url, out_stream_from=ET.Topic('mine')) | run
    >>> FX.Publish(target=ET.Topic('mine'), content='hello') | run
    ET.Success()
    >>> FX.StopWebSocketClient(client=client) | run
    ET.Success()
    >>> FX.StopHTTPServer(server=server) | run
    ET.Success()
    """
    from zefnb.net.client.clients import MOST_WAIT, Clients, make_client
    from zefnb.topics.hub import Hub

    client = make_client(
        runtime,
        runtime.service(Hub),
        url=url,
        port=port,
        in_stream_into=in_stream_into,
        out_stream_from=out_stream_from,
        actor=actor,
        ssl_context=ssl_context,
        ca_file=ca_file,
        headers=headers,
        subprotocols=subprotocols,
        redirects=redirects,
        max_size=max_size,
    )
    if not 0 <= wait <= MOST_WAIT:
        raise InvalidEffect("FX.StartWebSocketClient", [FieldError("wait", f"got {wait}", f"0 to {MOST_WAIT} seconds")])
    clients = runtime.service(Clients)
    previous = clients.previous()
    handle = await clients.start(client, previous, wait)
    if previous is not None:
        runtime.cells.replaced("the outward client that this cell started before")
    runtime.cells.record(handle)
    return handle


@effect("StopWebSocketClient")
async def stop_websocket_client(runtime: Runtime, *, client: WebSocketClient) -> Success:
    """Close an outward connection with 1000, after what was published before, for which it takes up to a second.

    Its actor gets a last `ET.WSServerDisconnected`. Raises `NotRunning` when the client has been stopped.

    >>> from zefnb import *
    >>> route = ET.WebSocket(clients_push_into_=[ET.Topic('t')])
    >>> server = FX.StartHTTPServer(routes={'/ws': route}, port=0) | run
    >>> url = f'ws://localhost:{server.port}/ws'
    >>> client = FX.StartWebSocketClient(url=url, out_stream_from=ET.Topic('mine')) | run
    >>> FX.StopWebSocketClient(client=client) | run
    ET.Success()
    >>> FX.StopHTTPServer(server=server) | run
    ET.Success()
    """
    from zefnb.engine.perform import SUCCESS
    from zefnb.net.client.clients import Clients

    await runtime.service(Clients).stop(client)
    return SUCCESS


@effect("ListWebSocketClients")
def list_websocket_clients(runtime: Runtime) -> list[WebSocketClient]:
    """The handles of all outward clients, also of those that are just connecting again.

    >>> from zefnb import *
    >>> isinstance(FX.ListWebSocketClients() | run, list)
    True
    """
    from zefnb.net.client.clients import Clients

    return runtime.service(Clients).handles()


@effect("QueryWebSocketClient")
def query_websocket_client(runtime: Runtime, *, client: WebSocketClient) -> dict[str, Any]:
    """One outward client: a dict with client, url, state, since, sent, received, queued, dropped, attempts.

    `url` is shown without user and query; `state` is 'connected' or 'reconnecting', `since` when;
    sent, received, queued (not yet sent) and dropped count messages, attempts those to connect again. Raises
    `NotRunning` when the client has been stopped.

    >>> from zefnb import *
    >>> route = ET.WebSocket(clients_push_into_=[ET.Topic('t')])
    >>> server = FX.StartHTTPServer(routes={'/ws': route}, port=0) | run
    >>> url = f'ws://localhost:{server.port}/ws'
    >>> client = FX.StartWebSocketClient(url=url, out_stream_from=ET.Topic('mine')) | run
    >>> (FX.QueryWebSocketClient(client=client) | run)['state']
    'connected'
    >>> FX.StopWebSocketClient(client=client) | run
    ET.Success()
    >>> FX.StopHTTPServer(server=server) | run
    ET.Success()
    """
    from zefnb.net.client.clients import Clients

    return runtime.service(Clients).get(client).describe()
