"""Effects on WebSocket connections: clients of the program's servers, and outward connections."""

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
else:

    class _SSLContext:
        """The pattern for `ssl.SSLContext`, without importing `ssl`: a program with such a value has imported it."""

        def __pattern__(self) -> Matcher:
            return Matcher(by_type=None, test=self._fits)

        @staticmethod
        def _fits(value: object) -> bool:
            # A context can exist only once `ssl` has been imported completely.
            return isinstance(value, getattr(sys.modules.get("ssl"), "SSLContext", ()))

        def __repr__(self) -> str:
            return "ssl.SSLContext"

    SSLContext = Union.of(_SSLContext())


@effect("QueryAllWebsocketEndpoints")
def query_all_websocket_endpoints(runtime: Runtime, *, http_server: HTTPServer) -> Rows:
    """List the WebSocket routes of a server.

    Args:
        http_server: The handle of the server.

    Returns:
        A list of dicts with the keys path, port, mode ('topic', 'actor' or 'page'), clients (the number connected now)
        and accepted (the number since the start).

    Raises:
        NotRunning: The server has stopped, or belongs to another process.

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
            "mode": endpoint.config.mode,
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
    """List the clients that are connected to a server, in the order of their channel ids.

    The clients of an `ET.EventStream` are among them. They send nothing: received and ignored are 0, and round_trip is
    None.

    Args:
        http_server: The handle of the server.
        path: The path of a WebSocket route or of an event stream. Default: all routes.

    Returns:
        A list of dicts with the keys channel_id, client_ip, connect_time, path, origin, host, actor (None in topic
        mode), sent and received (messages), queued (bytes), dropped and ignored (messages), and round_trip (seconds,
        None before the first pong). On a server with `auth=`, they have the key user, too (a dict; None without a
        login).

    Raises:
        InvalidEffect: The server has no such WebSocket route or event stream.
        NotRunning: The server has stopped, or belongs to another process.

    >>> from zefnb import *
    >>> route = ET.WebSocket(clients_push_into_=[ET.Topic('t')])
    >>> server = FX.StartHTTPServer(routes={'/ws': route}, port=0) | run
    >>> FX.QueryAllConnectedWebsocketClients(http_server=server, path='/ws') | run
    []
    >>> FX.StopHTTPServer(server=server) | run
    ET.Success()
    """
    from zefnb.net.http.client_row import client_row
    from zefnb.net.http.routes import normal_path
    from zefnb.net.http.servers import Servers

    server = runtime.service(Servers).get(http_server)
    wanted = normal_path(path) if path is not None else None
    if wanted is not None and not server.has_clients_at(wanted):
        known = ", ".join(server.endpoints) or "none"
        problem = f"there is no WebSocket route {path!r}"
        raise InvalidEffect("FX.QueryAllConnectedWebsocketClients", [FieldError("path", problem, known)])
    clients = (client for client in server.clients() if wanted is None or client.endpoint.path == wanted)
    return Rows("clients", map(client_row, clients))


@effect("CloseWebSocketConnection")
def close_websocket_connection(
    runtime: Runtime, *, http_server: HTTPServer, channel_id: int, code: int = 1000, reason: str = ""
) -> Success:
    """Close the connection of one client, after all messages sent before.

    An event stream ends without the code and the reason, and a browser connects to it again.

    Args:
        http_server: The handle of the server.
        channel_id: The channel id of the client, as in `FX.QueryAllConnectedWebsocketClients`.
        code: The close code (default 1000): 1000, 1001, 1003, 1007 to 1014, or 3000 to 4999 for codes of the program.
        reason: A text for the client, at most 123 bytes of UTF-8 (default empty).

    Returns:
        `ET.Success(channel_id=…)`.

    Raises:
        InvalidEffect: The code is not allowed, or the reason is too long.
        NotRunning: The client is not connected, or the server has stopped.

    Source:
        RFC 6455, section 7.4, for the codes, and section 5.5 for the length of the reason.

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
    """Connect outward to a WebSocket server; when this returns, the connection is open.

    Give topics, or an actor. The actor receives `ET.WSServerConnected` first and after each reconnection, then the
    messages, and `ET.WSServerDisconnected` when a connection ends. It keeps its state between connections. The actor
    and the client end together.

    A lost connection is opened again, with pauses that grow up to 30 s. Messages are sent in order. During a
    reconnection up to 10,000 of them (16 MiB) wait; later ones are dropped and counted. Messages that the server has
    not confirmed when the connection breaks are sent again, so that each arrives at least once. To a server of zefnb,
    each message arrives exactly once, in both directions, also when the server's cell runs again. The journal has
    the number of those that cannot be sent again.

    `wss` always verifies certificates, and never falls back to `ws`. A proxy from the environment is used, except for
    this machine. Running the cell again replaces the client.

    Args:
        url: The address, `ws://` or `wss://`.
        port: The TCP port, if it is not in the url.
        in_stream_into: A topic or a list of topics for received messages: text as `str`, binary as `Array1[u8]`.
        out_stream_from: A topic or a list of topics whose messages are sent.
        actor: `FX.StartActor(...)`, instead of topics.
        ssl_context: A context for `wss`. Default: the certificate authorities of the system or of `SSL_CERT_FILE`.
        ca_file: The file of a private certificate authority, for `wss`.
        headers: Headers of the handshake: a dict, or a function without arguments, plain or async, that returns one. It
            is called for each attempt, so that it can return a new token. Default: none.
        subprotocols: The subprotocols to offer, in order of preference. Default: `zefnb.1`, with which servers of zefnb
            lose nothing; others ignore it.
        redirects: The redirects to follow: 'same-origin' (the default) for the same scheme, host and port; 'any',
            without `headers`, user and password for other servers; or 'none'. At most 10, never from `wss` to `ws`, and
            never from a server elsewhere to this machine or its network.
        max_size: The longest message from the server, in bytes (default 16 MiB); a longer one closes the connection
            with code 1009.
        wait: How many seconds to repeat the first attempt while no server listens (default 0: do not repeat it).

    Returns:
        `ET.WebSocketClient('🍃-…')`.

    Raises:
        InvalidEffect: A field is not valid; the error lists every mistake.
        ConnectionFailed: The first attempt failed, which takes at most 10 s, or `wait` is over; the error has the
            reason.

    Source:
        RFC 6455, section 4.1, for the handshake, and section 7.4.1 for close codes.

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
    """Close an outward connection with code 1000, after all messages published before, which may take a second.

    An actor of the client receives a last `ET.WSServerDisconnected`.

    Args:
        client: The handle of the client.

    Returns:
        `ET.Success()`.

    Raises:
        NotRunning: The client has been stopped before, or belongs to another process.

    Source:
        RFC 6455, section 7.4.1, for the close code.

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
    """List all outward clients, including those that are reconnecting.

    Returns:
        A list of handles.

    >>> from zefnb import *
    >>> isinstance(FX.ListWebSocketClients() | run, list)
    True
    """
    from zefnb.net.client.clients import Clients

    return runtime.service(Clients).handles()


@effect("QueryWebSocketClient")
def query_websocket_client(runtime: Runtime, *, client: WebSocketClient) -> dict[str, Any]:
    """Describe one outward client.

    Args:
        client: The handle of the client.

    Returns:
        A dict with the keys client, url (without user, password and query), state ('connected' or 'reconnecting'),
        since (the `Time` of the state), sent, received, queued (not yet sent), dropped and missed (lost messages of a
        server of zefnb; numbers of messages), and attempts (to reconnect).

    Raises:
        NotRunning: The client has been stopped, or belongs to another process.

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
