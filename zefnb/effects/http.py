"""Effects on HTTP servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zefnb.core.effect import effect
from zefnb.core.entity import ET, Entity, HTTPServer, Success
from zefnb.core.record import fields_of
from zefnb.core.rows import Rows
from zefnb.core.types import Matcher
from zefnb.errors import FieldError, InvalidEffect, shown

if TYPE_CHECKING:
    from zefnb.engine.runtime import Runtime
    from zefnb.net.http.authorizer import Authorizer
    from zefnb.net.http.server import Server

    # The values that `auth` can have.
    AuthType = Any
else:

    class _AuthType:
        """The pattern for `auth`, which loads the package that checks it only when it is given."""

        def __pattern__(self) -> Matcher:
            return Matcher(by_type=None, test=lambda value: not self.__faults__("auth", value))

        def __faults__(self, name: str, value: Any) -> list[FieldError]:
            if value is None:
                return []
            from zefnb.net.auth.fields import read_auth

            return read_auth(name, value)[1]

        def __repr__(self) -> str:
            return "'token' | dict | function | ET.Auth | ..."

    AuthType = _AuthType()


@effect("StartHTTPServer", keyed="server")
async def start_http_server(
    runtime: Runtime,
    *,
    routes: Mapping[Any, Any],
    port: int = 8000,
    allow_external_requests: bool = False,
    allow_restart: bool = False,
    certificates: Any = None,
    logging: bool = False,
    allowed_hosts: Sequence[str] = (),
    allowed_origins: Sequence[str] = (),
    max_connections: int | None = None,
    max_body: int | None = None,
    trusted_proxies: Sequence[str] = (),
    auth: AuthType = None,
) -> HTTPServer:
    """Start a server for HTTP and WebSocket; when this returns, clients can connect.

    The value of a route is text, `ET.HTML(content=)`, `ET.JSON(content=)`, `ET.Response(status=, body=, headers=)`,
    `ET.Redirect(url=)`, `ET.FromFile(path=)`, None (204), a handler of the request, which returns one of these or
    `[effects, value]`, `ET.Route(handler=, max_body=)`, `ET.PushInto(topics=)`, `ET.FromDirectory(path=)`,
    `ET.EventStream(clients_subscribe_to=[topics])`, or `ET.WebSocket(...)` with `clients_subscribe_to=[topics]` and
    `clients_push_into_=[topics]`, or with `actor=FX.StartActor(...)`.

    Running the cell again replaces the server.

    Args:
        routes: A dict from `'/path'` or `('POST', '/path')` to the value of the route. A path may have variables such
            as `{name}`.
        port: The TCP port (default 8000); 0 for a free port, which is the `port` of the handle.
        allow_external_requests: Whether other machines can connect (default false: only this machine).
        allow_restart: Whether the server may take the port of another zefnb server (default false).
        certificates: For TLS: `ET.LetsEncrypt('demo.example.com')`, `'local'` for a private authority of this user, a
            list of `ET.TLSCredentials`, `('cert.pem', 'key.pem')` with the files of the certificate chain and its key,
            or an `ssl.SSLContext`. Default: no TLS.
        logging: Whether each connection and its end are written to the journal, and each request to the access log
            (`FX.QueryLog(kind='access')`, and Python's logger `zefnb.access`). Default false.
        allowed_hosts: Further host names under which clients may address the server.
        allowed_origins: Further origins whose pages may connect, and may send cookies and read responses (CORS).
        max_connections: The most connections at once; the next one is refused with 503. Default: 10,000, or fewer if
            the system allows the process fewer descriptors.
        max_body: The longest body of a request, in bytes (default 1 MiB); a longer one is refused with 413. A route may
            have its own limit: `ET.Route(handler=..., max_body=...)`.
        trusted_proxies: Addresses and networks of proxies, such as `'10.0.0.0/8'`, whose `X-Forwarded-For`,
            `-Proto`, `-Host` and `-Prefix` are believed; the Host must be allowed as any other. From others these
            headers are ignored (default: from all).
        auth: The logins of the server: `'token'` for a link that is shown under the cell, a dict of names and
            passwords, a function of a name and a password, plain or async, that returns true, false or a dict about the
            user, `ET.GoogleOAuth`, `ET.GitHubOAuth`, `ET.OIDC`, `ET.JupyterHub`, or `ET.Auth` with several of these and
            further fields. Every request then needs a login, except for routes with `public=True`. Default: no login.

    Returns:
        `ET.HTTPServer('🍃-…', port=…)`; with `certificates='local'` also `root_certificate=…`, the file of the
        certificate for devices to trust.

    Raises:
        InvalidEffect: A route or another field is not valid; the error lists every mistake.
        PortUnavailable: The port is used by another program, or may not be used.
        CertificateUnavailable: The authority has not issued a certificate.
        NotInstalled: The certificates need a package that is not installed.

    Source:
        RFC 9110 and RFC 9112 for HTTP, RFC 6455 for WebSocket, RFC 6454 for origins.

    >>> from zefnb import *
    >>> server = FX.StartHTTPServer(routes={'/': 'hello'}, port=0) | run
    >>> FX.StopHTTPServer(server=server) | run
    ET.Success()
    """
    from zefnb.net.http.admission import list_faults
    from zefnb.net.http.proxies import proxy_faults
    from zefnb.net.http.route_values import max_body_faults
    from zefnb.net.http.server import Server
    from zefnb.net.http.servers import Servers
    from zefnb.topics.hub import Hub

    faults = list_faults("allowed_hosts", allowed_hosts) + list_faults("allowed_origins", allowed_origins)
    if not 0 <= port <= 65535:
        faults.append(FieldError("port", f"got {port}", "0 to 65535; 0 picks one that is free"))
    if max_connections is not None and (max_connections is True or max_connections < 1):
        allowed = "a whole number of connections from 1 on; None for as many as the system allows, 10,000 at most"
        faults.append(FieldError("max_connections", f"got {max_connections}", allowed))
    faults += max_body_faults("max_body", max_body) + proxy_faults("trusted_proxies", trusted_proxies)
    if faults:
        raise InvalidEffect("FX.StartHTTPServer", faults)
    if certificates is not None:
        from zefnb.net.https.certificates import load_packages

        await load_packages(certificates)
    server = Server(
        runtime,
        runtime.service(Hub),
        routes,
        allow_external_requests=allow_external_requests,
        allow_restart=allow_restart,
        certificates=certificates,
        logging=logging,
        allowed_hosts=allowed_hosts,
        allowed_origins=allowed_origins,
        max_connections=max_connections,
        max_body=max_body,
        trusted_proxies=trusted_proxies,
        auth=_authorizer(auth),
    )
    servers = runtime.service(Servers)
    previous = servers.previous()
    handle = await servers.start(server, port, previous)
    if previous is not None:
        runtime.cells.replaced(f"the server on port {previous.port} that this cell started before")
    runtime.cells.record(handle)
    if server.auth is not None and (path := server.auth.link_path):
        from zefnb.engine.private_link import PrivateLink, show_when_done

        show_when_done(PrivateLink(handle, path, server.is_secure))
    _show_pages(handle, routes)
    return handle


def _show_pages(handle: HTTPServer, routes: Mapping[Any, Any]) -> None:
    """Show the pages of parts under the cell, in a notebook."""
    found = [(key, value) for key, value in routes.items() if type(value) is ET.Page and "{" not in key]
    if found:
        from zefnb.engine.page_view import PageView, show_when_done

        show_when_done(PageView(handle, [(key, fields_of(value).get("title", "")) for key, value in found]))


def _authorizer(given: Any) -> Authorizer | None:
    if given is None:
        return None
    from zefnb.net.auth.auth import Auth
    from zefnb.net.auth.fields import read_auth

    return Auth(read_auth("auth", given)[0])


@effect("StopHTTPServer")
async def stop_http_server(runtime: Runtime, *, server: HTTPServer) -> Success:
    """Stop a server: close every client with code 1001, and free the port before this returns.

    Clients have one second for the closing handshake.

    Args:
        server: The handle of the server.

    Returns:
        `ET.Success()`.

    Raises:
        NotRunning: The server has stopped, or belongs to another process.

    Source:
        RFC 6455, section 7.4.1, for the close code.

    >>> from zefnb import *
    >>> server = FX.StartHTTPServer(routes={'/': 'hello'}, port=0) | run
    >>> FX.StopHTTPServer(server=server) | run
    ET.Success()
    """
    from zefnb.engine.perform import SUCCESS
    from zefnb.net.http.servers import Servers

    await runtime.service(Servers).stop(server)
    return SUCCESS


@effect("UpdateRunningHTTPServer")
def update_running_http_server(
    runtime: Runtime, *, server: HTTPServer, delta: Sequence[Entity], expected_version: int | None = None
) -> dict[str, Any]:
    """Change the routes of a running server; its clients stay connected.

    Args:
        server: The handle of the server.
        delta: A list of changes: `ET.InsertIn(path=['routes', key], value=...)` adds or replaces a route, and
            `ET.RemoveIn(path=['routes', key])` removes one. A route inserted with `survives=True` belongs to the port:
            a server that replaces this one keeps it, unless it has its own route on that path.
        expected_version: The version of the routes before the change. Default: any version.

    Returns:
        A dict with the keys server, old_version, new_version, routes_added, routes_updated and routes_removed.

    Raises:
        InvalidEffect: A change or its route is not valid (the error lists every mistake), or the routes have another
            version than `expected_version`. Nothing is changed.
        NotRunning: The server has stopped, or belongs to another process.

    >>> from zefnb import *
    >>> server = FX.StartHTTPServer(routes={'/': 'hello'}, port=0) | run
    >>> change = [ET.InsertIn(path=['routes', '/more'], value='more')]
    >>> (FX.UpdateRunningHTTPServer(server=server, delta=change) | run)['routes_added']
    ['/more']
    >>> FX.StopHTTPServer(server=server) | run
    ET.Success()
    """
    from zefnb.net.http.servers import Servers

    running = runtime.service(Servers).get(server)
    if expected_version is not None and expected_version != running.version:
        problem = f"got {expected_version}, the server is at version {running.version}"
        raise InvalidEffect("FX.UpdateRunningHTTPServer", [FieldError("expected_version", problem)])
    routes = dict(running.given_routes)
    changed: dict[str, list[Any]] = {"routes_added": [], "routes_updated": [], "routes_removed": []}
    faults: list[FieldError] = []
    for number, change in enumerate(delta):
        _apply(f"delta[{number}]", change, routes, changed, faults)
    if faults:
        raise InvalidEffect("FX.UpdateRunningHTTPServer", faults)
    before = running.version
    running.update(routes)
    running.surviving = _surviving(running.surviving, delta)
    return {"server": server, "old_version": before, "new_version": running.version, **changed}


def _surviving(before: set[Any], delta: Sequence[Entity]) -> set[Any]:
    """The keys of the routes that outlive the server, after the change."""
    keys = set(before)
    for change in delta:
        key = tuple(change.path[1]) if isinstance(change.path[1], list) else change.path[1]
        keys.discard(key)
        if type(change) is ET.InsertIn and fields_of(change).get("survives"):
            keys.add(key)
    return keys


def _apply(
    where: str, change: Any, routes: dict[Any, Any], changed: dict[str, list[Any]], faults: list[FieldError]
) -> None:
    allowed = "ET.InsertIn(path=['routes', key], value=...) or ET.RemoveIn(path=['routes', key])"
    given = fields_of(change) if isinstance(change, Entity) else {}
    path = given.get("path")
    if type(change) not in (ET.InsertIn, ET.RemoveIn) or not isinstance(path, list | tuple):
        faults.append(FieldError(where, f"got {shown(change)}", allowed))
        return
    key = path[1] if len(path) == 2 and path[0] == "routes" else None
    if isinstance(key, list):
        key = tuple(key)
    if not isinstance(key, str | tuple) or not all(isinstance(part, str) for part in key):
        problem, keys = f"got {shown(path)}", "['routes', '/path'] or ['routes', ('POST', '/path')]"
        faults.append(FieldError(f"{where}.path", problem, keys))
        return
    if type(change) is ET.RemoveIn:
        if key not in routes:
            faults.append(
                FieldError(f"{where}.path", f"there is no route {key!r}", ", ".join(map(repr, routes)) or "none")
            )
            return
        del routes[key]
        changed["routes_removed"].append(key)
    elif "value" not in given:
        faults.append(FieldError(f"{where}.value", "missing", allowed))
    else:
        changed["routes_updated" if key in routes else "routes_added"].append(key)
        routes[key] = given["value"]


def _describe(server: Server) -> dict[str, Any]:
    return {
        "server": server.handle,
        "port": server.port,
        "allow_external_requests": server.allow_external_requests,
        "allow_restart": server.allow_restart,
        "version": server.version,
    }


@effect("QueryAllActiveHTTPServers")
def query_all_active_http_servers(runtime: Runtime) -> Rows:
    """List all running servers.

    Returns:
        A list of dicts with the keys server, port, allow_external_requests, allow_restart and version.

    >>> from zefnb import *
    >>> isinstance(FX.QueryAllActiveHTTPServers() | run, list)
    True
    """
    from zefnb.net.http.servers import Servers

    return Rows("servers", (_describe(server) for server in runtime.service(Servers)))


@effect("QueryHTTPServer")
def query_http_server(runtime: Runtime, *, server: HTTPServer) -> dict[str, Any]:
    """Describe one running server.

    Args:
        server: The handle of the server.

    Returns:
        A dict with the keys server, port, allow_external_requests, allow_restart, version, route_count, routes,
        websocket_routes, client_count, secure (whether it uses TLS), started (a `Time`) and refused (the number of
        refused requests).

    Raises:
        NotRunning: The server has stopped, or belongs to another process.

    >>> from zefnb import *
    >>> server = FX.StartHTTPServer(routes={'/': 'hello'}, port=0) | run
    >>> (FX.QueryHTTPServer(server=server) | run)['routes']
    ['/']
    >>> FX.StopHTTPServer(server=server) | run
    ET.Success()
    """
    from zefnb.net.http.servers import Servers

    running = runtime.service(Servers).get(server)
    return {
        **_describe(running),
        "route_count": len(running.given_routes),
        "routes": list(running.given_routes),
        "websocket_routes": list(running.endpoints),
        "client_count": len(running.clients()),
        "secure": running.is_secure,
        "started": running.started,
        "refused": running.refused,
    }
