"""The HTTP server: listeners, routes, connections; started, changed and stopped."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING, Any

from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.frames import CloseCode

from zefnb.core.entity import HTTPServer as ServerHandle
from zefnb.core.time import Time
from zefnb.core.uid import generate_uid
from zefnb.engine.c_memory import release_freed_memory
from zefnb.engine.runtime import Runtime, end_default_runtime
from zefnb.engine.signals import SIGNAL_HANDLERS
from zefnb.engine.switch_interval import switch_interval
from zefnb.errors import InvalidEffect
from zefnb.net.budget import Budget, Share
from zefnb.net.frame_key import FrameKey
from zefnb.net.http import guard
from zefnb.net.http.acceptor import Acceptor, most_connections
from zefnb.net.http.admission import Admission
from zefnb.net.http.app import HTTPApp
from zefnb.net.http.arrival import Arrival
from zefnb.net.http.authorizer import Authorizer, Site
from zefnb.net.http.decision import Accepted, Reply
from zefnb.net.http.gate import Gate
from zefnb.net.http.guard import GuardedHTTP
from zefnb.net.http.handshake import Handshake
from zefnb.net.http.listeners import bind_or_explain
from zefnb.net.http.negotiation import negotiate, session_protocol
from zefnb.net.http.proxies import Proxies
from zefnb.net.http.request_head import RequestHead
from zefnb.net.http.routes import Route, compile_routes
from zefnb.net.http.server_connections import ServerConnections
from zefnb.net.http.server_notes import ServerNotes
from zefnb.net.https.server_certificates import Certificates, NoCertificates
from zefnb.net.ports import Topics
from zefnb.net.websocket.connection import Connection
from zefnb.net.websocket.endpoint import Endpoint, EndpointConfig
from zefnb.net.websocket.observer import Observer
from zefnb.net.websocket.outbox import Outbox

if TYPE_CHECKING:
    from zefnb.net.http.event_connection import EventConnection

_STOP_TIMEOUT = 1.0
_TICK = 1.0

# uvicorn's own log lines would appear in the user's cell. The journal has the important ones.
_quiet = logging.getLogger("zefnb.uvicorn")
_quiet.propagate = False
_quiet.addHandler(logging.NullHandler())


class Server:
    """One running server. Used on the loop only."""

    def __init__(
        self,
        runtime: Runtime,
        topics: Topics,
        routes: Mapping[Any, Any],
        *,
        allow_external_requests: bool = False,
        allow_restart: bool = False,
        certificates: Any = None,
        logging: bool = False,
        allowed_hosts: Iterable[str] = (),
        allowed_origins: Iterable[str] = (),
        sessions: Mapping[str, EndpointConfig] | None = None,
        max_connections: int | None = None,
        max_body: int | None = None,
        trusted_proxies: Sequence[str] = (),
        auth: Authorizer | None = None,
    ) -> None:
        self._runtime = runtime
        self.topics = topics
        self.given_routes = dict(routes)
        # The keys of the routes that a later server on the same port takes over.
        self.surviving: set[Any] = set()
        self.auth = auth
        self._compiled = compile_routes(routes, runtime.journal, has_auth=auth is not None)
        self._compiled += [Route(path, "GET", path, config, config) for path, config in (sessions or {}).items()]
        self.certificates = _certificates(runtime, certificates)
        self.admission = Admission(tuple(allowed_hosts), tuple(allowed_origins))
        proxies = Proxies(trusted_proxies) if trusted_proxies else None
        self.gate = Gate(self.admission, proxies, runtime.service(FrameKey))
        self.allow_external_requests = allow_external_requests
        self.allow_restart = allow_restart
        self.logs_requests = logging
        self._max_body = max_body
        self.max_connections = most_connections() if max_connections is None else max_connections
        self.handle: ServerHandle = None  # type: ignore[assignment]
        # Stays the same when another server replaces this one.
        self.place = ""
        self.port = 0
        self.version = 1
        self.started = Time.now()
        self._notes: ServerNotes = None  # type: ignore[assignment]
        self._connections: ServerConnections = None  # type: ignore[assignment]
        self._acceptor: Acceptor = None  # type: ignore[assignment]
        self._state = ServerState()
        self._date = _http_date()
        self._stopped = False
        self._ticker: asyncio.TimerHandle | None = None
        self._app: HTTPApp = None  # type: ignore[assignment]

    @property
    def refused(self) -> int:
        """The number of requests that were refused because of their Host or origin."""
        return self._notes.refused if self._notes is not None else 0

    @property
    def is_secure(self) -> bool:
        """Whether the server uses TLS."""
        return self.certificates.is_secure

    async def start(self, port: int, previous: Server | None = None) -> None:
        """Bind and listen, perhaps in the place of `previous`; then clients can connect. Raises `PortUnavailable`."""
        sockets = await bind_or_explain(port, self.allow_external_requests)
        try:
            await self._prepare(sockets[0].getsockname()[1], previous)
        except BaseException:
            for each in sockets:
                each.close()
            self.release_history()
            raise
        reads = self._runtime.service(Outbox).reads
        self._acceptor = Acceptor(
            self._runtime,
            sockets,
            self._protocol_factory(),
            lambda: len(self._connections) + len(self._state.connections),
            self.max_connections,
            lambda: reads.is_crowded,
            self._notes.full,
            # A handshake that stalls is ended like a head that does not arrive.
            self.certificates.options(guard.HEAD_TIMEOUT, _STOP_TIMEOUT),
        )
        self._acceptor.start()
        self._runtime.service(switch_interval).acquire()
        SIGNAL_HANDLERS.acquire(self, self._runtime.loop, end_default_runtime)
        self.certificates.start(self._allow_own_hosts)
        self._tick()

    async def _prepare(self, port: int, previous: Server | None) -> None:
        """Make what serves requests at `port`, before the first client can connect."""
        self.port = self.admission.port = port
        self._allow_own_hosts()
        self.handle = ServerHandle(generate_uid(), port=self.port, **self.certificates.handle_fields)
        self._notes = ServerNotes(self._runtime, self.handle, self.logs_requests)
        self._connections = ServerConnections(self._runtime, self.topics, self.handle, self._notes, self.auth)
        self._app = HTTPApp(
            self._runtime,
            self.handle,
            self.topics,
            self._connections,
            self.gate,
            self._notes.refused_request,
            self._notes.request,
            self._max_body,
        )
        self._set_routes(self._compiled)
        if self.auth is not None:
            self.gate.authorize = self.auth.authorize
            site = Site(self._runtime, self.handle, self.admission, self.is_secure)
            await self.auth.open(site, previous.auth if previous is not None and previous.port == self.port else None)

    def _allow_own_hosts(self) -> None:
        if self.allow_external_requests:
            self.admission.allow_machine()
        for host in self.certificates.hosts:
            self.admission.allow_host(host)

    def _protocol_factory(self) -> Callable[[], Arrival]:
        config = Config(
            app=self._app,
            http=GuardedHTTP,
            ws="none",  # the guard handles upgrades
            log_config=None,
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=int(guard.KEEP_ALIVE_TIMEOUT),
        )
        config.load()
        budget, reads = self._runtime.service(Budget), self._runtime.service(Outbox).reads

        def make_http(head_due: float) -> GuardedHTTP:
            protocol = GuardedHTTP(config, self._state, {}, self._runtime.loop)
            protocol.head_due, protocol.reads = head_due, reads
            protocol.logger = _quiet
            # Not in the config, which would change uvicorn's logger for the whole process.
            protocol.access_log = False
            protocol.original, protocol.decide = self.gate.original, self.gate.decide
            protocol.accept = self._accept_handshake
            protocol.on_reply, protocol.on_refused, protocol.on_error = (
                self._notes.refused_request,
                self._notes.bad_request,
                self._notes.fault,
            )
            protocol.on_replied = self._notes.reply
            protocol.is_scarce = budget.responses.is_scarce
            protocol.unread_share = Share(budget.bodies)
            return protocol

        return partial(
            Arrival,
            self._state.connections,
            lambda: not self._stopped,
            self._try_fast_handshake,
            make_http,
            self._notes.fault,
            reads,
        )

    def _try_fast_handshake(self, transport: asyncio.Transport, handshake: Handshake) -> bool:
        """Accept a plain handshake, if the gate accepts it at once and there is nothing else to negotiate."""
        peer = transport.get_extra_info("peername")
        head = handshake.head(peer[0] if peer else "", self.is_secure)
        if self.gate.has_proxies:
            head = self.gate.original(head)
        decision = self.gate.decide(head)
        if type(decision) is not Accepted or decision.value.config.negotiates or decision.visitor.headers:
            return False
        protocol = None
        if handshake.offers_session:
            if decision.value.config.session is not None:
                return False  # it has no sessions of this kind
            protocol = session_protocol()
        self._connections.open(transport, head, decision, protocol, handshake.response(self._date))
        return True

    def _accept_handshake(
        self, transport: asyncio.Transport, head: RequestHead, accepted: Accepted
    ) -> Connection | Reply:
        """Accept any other handshake that the gate has accepted. Returns a reply when it is invalid."""
        negotiated = negotiate(head, accepted)
        if isinstance(negotiated, Reply):
            return negotiated
        return self._connections.open(transport, head, accepted, negotiated.protocol, negotiated.response)

    def _set_routes(self, routes: list[Route]) -> None:
        self._connections.set_routes(routes)
        self.gate.set_routes(self._app.prepared(routes), self.endpoints)

    def update(self, routes: Mapping[Any, Any]) -> None:
        """Serve these routes from now on. Clients stay connected, also those of removed routes."""
        subject = "FX.UpdateRunningHTTPServer"
        compiled = compile_routes(routes, self._runtime.journal, subject, has_auth=self.auth is not None)
        self._set_routes(compiled)
        self.given_routes = dict(routes)
        self.version += 1

    def inherit(self, previous: Server) -> None:
        """Take over the surviving routes of the server that this one replaces, unless it has the same routes itself."""
        for key in previous.surviving - self.given_routes.keys():
            try:
                self.update({**self.given_routes, key: previous.given_routes[key]})
            except InvalidEffect:
                continue  # another spelling of a path that this server has
            self.surviving.add(key)

    def has_clients_at(self, path: str) -> bool:
        """Whether a route at this path is a WebSocket or an event stream."""
        streams = self._app.streams
        return path in self.endpoints or (streams is not None and path in streams)

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The WebSocket routes by path."""
        return self._connections.endpoints

    def clients(self) -> list[Connection | EventConnection]:
        """All connected clients, sorted by channel id."""
        return self._connections.clients()

    def stream_clients(self, path: str) -> int:
        """The number of clients of the event stream with this path."""
        streams = self._app.streams
        return 0 if streams is None else streams.count(path)

    def client(self, channel_id: int) -> Connection | EventConnection | None:
        """The client with this channel id, if it is connected."""
        return self._connections.client(channel_id)

    def observe(self, observer: Observer) -> None:
        """Let `observer` observe all clients from now on, until the server stops."""
        self._connections.observe(observer)

    def unobserve(self, observer: Observer) -> None:
        """Remove an observer. May be repeated."""
        self._connections.unobserve(observer)

    def _tick(self) -> None:
        now = time.monotonic()
        for connection in self._connections:
            connection.check_alive(now)
        self._date = _http_date()
        self._state.default_headers = [(b"date", self._date)]
        if self._runtime.service(Budget).has_freed_much():
            # In a thread, since it takes milliseconds.
            self._runtime.loop.run_in_executor(None, release_freed_memory)
        self._ticker = self._runtime.loop.call_later(_TICK, self._tick)

    async def stop(self) -> None:
        """Close the listeners, close every client with 1001, and wait at most a second. The port is then free."""
        self._stopped = True
        self.certificates.stop()
        if self._ticker is not None:
            self._ticker.cancel()
        await self._acceptor.close()
        for connection in self._connections:
            connection.close(CloseCode.GOING_AWAY, "the server stops")
        self._connections.end_actors()
        for protocol in list(self._state.connections):
            protocol.shutdown()
        await self._drained()
        for connection in self._connections:
            connection.abort()
        for protocol in list(self._state.connections):
            protocol.transport.abort()
        for task in list(self._state.tasks):
            task.cancel()
        await self._drained()
        self._connections.stopped()
        if self.auth is not None:
            await self.auth.close()
        self._runtime.service(switch_interval).release()
        SIGNAL_HANDLERS.release(self)

    def release_history(self) -> None:
        """Keep the last messages of topics no longer. A server that replaces this one has acquired them before."""
        if self._connections is not None:
            self._connections.release_history()
        if self._app is not None and self._app.streams is not None:
            self._app.streams.close()

    def end_sessions(self) -> None:
        """Let no client come back: no server replaces this one."""
        if self._connections is not None:
            self._connections.end_sessions()

    async def _drained(self) -> None:
        """Wait until all clients have left, at most a second."""
        deadline = time.monotonic() + _STOP_TIMEOUT
        await self._connections.wait_until_closed(deadline)
        while self._state.connections and time.monotonic() < deadline:
            await asyncio.sleep(0.005)

    def forget_sockets(self) -> None:
        """In a forked child: close its copies of the sockets. Those of the parent stay open."""
        transports = [c.transport for c in self._connections] + [p.transport for p in self._state.connections]
        sockets = [t.get_extra_info("socket") for t in transports if t is not None]
        descriptors = {s.fileno() for s in sockets if s is not None} | set(self._acceptor.forget_sockets())
        for descriptor in descriptors - {-1}:
            os.close(descriptor)


def _http_date() -> bytes:
    return formatdate(usegmt=True).encode()


def _certificates(runtime: Runtime, given: Any) -> Certificates:
    if given is None:
        return NoCertificates()
    # Loaded here, since most servers have none.
    from zefnb.net.https.certificates import certificates_of

    return certificates_of(runtime, given)
