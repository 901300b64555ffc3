"""The control channel: a WebSocket server through which a live table in a browser reaches the event loop.

Messages to the kernel wait until the running cell has ended; messages on this channel do not. The server listens on
loopback, and no query lists it. It accepts views that prove that they have the secret of their widget. A view gets the
secret through the kernel's authenticated channel, so that it is on no socket, and in no url, log or saved notebook.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from zefnb.engine.runtime import Runtime
from zefnb.net.http.server import Server
from zefnb.net.http.servers import Servers
from zefnb.net.websocket.connection import Connection
from zefnb.net.websocket.endpoint import EndpointConfig
from zefnb.notebook.overview import overview
from zefnb.notebook.watch.access_token import AccessToken, Challenge
from zefnb.notebook.watch.feed import Feed
from zefnb.notebook.watch.live_session import LiveSession
from zefnb.notebook.watch.requests import Malformed
from zefnb.notebook.watch.session import Session
from zefnb.notebook.watch.tables import table_named
from zefnb.topics.hub import Hub

# Makes the session of a view, from what sends to it, and from whether it can take messages now.
MakeSession = Callable[[Callable[[str], None], Callable[[], bool]], LiveSession]

PATH = "/control"
POLICY_VIOLATION = 1008
PROOF_TIMEOUT = 5.0
# The limits for views that have not yet proved that they have a secret. A proof has about 200 bytes.
MAX_UNAUTHENTICATED = 32
_LONGEST_PROOF = 1_024

SHORTEST_PAUSE = 0.2
LONGEST_PAUSE = 1.0
_OVERVIEW_INTERVAL = 1.0
# The pause after a tick is this many times as long as the tick, so that views use at most 5 % of the loop's time.
_PAUSE_FACTOR = 20
# A view with this many bytes in its outbox gets no updates.
_MAX_QUEUED = 256 << 10
# A view that uses the kernel's channel gets updates for this long after each request.
_LEASE = 6.0
# A view without a request for this long is removed. A paused view polls, too, because a closed tab sends no message.
_IDLE_TIMEOUT = 60.0
_MAX_KERNEL_VIEWS = 100
# The close codes that the server sends because of a view's messages. The journal notes them.
_REFUSALS = frozenset((1002, 1003, 1007, POLICY_VIOLATION, 1009))


class _Viewer:
    """A session, with its callbacks: whether it can take updates, how to end it, and how to refuse a bad request."""

    def __init__(
        self,
        session: LiveSession,
        token: AccessToken,
        ready: Callable[[], bool],
        end: Callable[[], None],
        refuse: Callable[[Malformed], None],
    ) -> None:
        self.session = session
        self.token = token
        self.ready = ready
        self.end = end
        self.refuse = refuse


class Control:
    """The control channel of a runtime: a service, created with the first live table. Only the loop uses it."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._feeds: dict[str, Feed] = {}
        self._server: Server | None = None
        self._starting = asyncio.Lock()
        self._tokens: dict[str, AccessToken] = {}
        self._viewers: dict[Any, _Viewer] = {}
        self._waiting: dict[Connection, asyncio.TimerHandle] = {}
        # The time of each view's last request through the kernel, the oldest first.
        self._last_requests: dict[str, float] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = self._earliest = 0.0
        self._pause = SHORTEST_PAUSE
        self._overview: dict[str, Any] = {}
        self._overview_at = 0.0
        self.ticks = 0

    @property
    def port(self) -> int:
        """The port of the server, 0 if it does not run."""
        return self._server.port if self._server is not None else 0

    @property
    def is_ticking(self) -> bool:
        """Whether the next update is scheduled."""
        return self._timer is not None

    async def open(self, table: str = "clients", make_session: MakeSession | None = None) -> AccessToken:
        """Create a token for a new widget that shows `table`, or whose views have sessions of their own.

        The first token starts the server.
        """
        async with self._starting:
            if self._server is None:
                sessions = {PATH: EndpointConfig(session=self._authenticate)}
                server = Server(self._runtime, self._runtime.service(Hub), {}, sessions=sessions)
                await server.start(0)
                self._server = server
        token = AccessToken(table, make_session)
        self._tokens[token.name] = token
        return token

    def has_views(self, token: AccessToken) -> bool:
        """Whether a view with that token is connected."""
        return any(viewer.token is token for viewer in self._viewers.values())

    async def revoke(self, token: AccessToken) -> None:
        """Remove a token and end its views. Removing the last token stops the server."""
        self._tokens.pop(token.name, None)
        for viewer in [viewer for viewer in self._viewers.values() if viewer.token is token]:
            viewer.end()
        if not self._tokens:
            await self.close()

    async def close(self) -> None:
        """Stop the server, and end all views."""
        self._tokens.clear()
        self._feeds.clear()
        for viewer in list(self._viewers.values()):
            viewer.end()
        self._cancel()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        async with self._starting:
            server, self._server = self._server, None
            if server is not None:
                await server.stop()

    def forget_sockets(self) -> None:
        """Release the sockets, in a forked child."""
        if self._server is not None:
            self._server.forget_sockets()

    def allow(self, host: str, origin: str) -> None:
        """Accept pages of the public host that a widget has reported, on this server and on all others."""
        servers = self._runtime.service(Servers)
        servers.allow_public(host, origin)
        if self._server is not None:
            servers.admit_public(self._server)

    def _feed(self, table: str) -> Feed:
        """Return the rows of a table, which all of its views share."""
        if table not in self._feeds:
            self._feeds[table] = Feed(self._runtime, table_named(table))
        return self._feeds[table]

    def _session(self, token: AccessToken, send: Callable[[str], None], ready: Callable[[], bool]) -> LiveSession:
        if token.make_session is not None:
            session: LiveSession = token.make_session(send, ready)
            return session
        return Session(self._runtime, self._feed(token.table), send)

    # Views that use a socket

    def _authenticate(self, connection: Connection) -> None:
        """Wait for the proof of a view whose socket has opened. Until then it gets no data; there is a timeout."""
        challenge = Challenge()
        longest, connection.max_size = connection.max_size, _LONGEST_PROOF
        closed = connection.on_lost

        def first(message: Any) -> None:
            verified = challenge.verify(message, self._tokens)
            if verified is None:
                return connection.close(POLICY_VIOLATION, "the proof of the secret is invalid")
            self._stop_waiting(connection)
            connection.max_size = longest
            self._add_viewer(connection, *verified)

        def left(connection: Connection) -> None:
            self._stop_waiting(connection)
            self._remove(connection)
            self._note_refusal(connection)
            if closed is not None:
                closed(connection)

        connection.on_message, connection.on_lost = first, left
        self._waiting[connection] = self._runtime.loop.call_later(
            PROOF_TIMEOUT, connection.close, POLICY_VIOLATION, "no proof of the secret within 5 s"
        )
        if len(self._waiting) > MAX_UNAUTHENTICATED:
            # Close the oldest one: a view of zefnb sends its proof within a round trip.
            next(iter(self._waiting)).close(POLICY_VIOLATION, "too many connections without a proof")
        # A proxy can open the browser's socket before it reaches this server, so the view waits for this message.
        connection.deliver(json.dumps({"t": "hello", "nonce": challenge.nonce}))

    def _stop_waiting(self, connection: Connection) -> None:
        timer = self._waiting.pop(connection, None)
        if timer is not None:
            timer.cancel()

    def _note_refusal(self, connection: Connection) -> None:
        protocol = connection.protocol
        if protocol.close_sent is not None and not protocol.close_rcvd_then_sent:
            self._note(int(protocol.close_sent.code), protocol.close_sent.reason)

    def _note(self, code: int, reason: str) -> None:
        if code in _REFUSALS:
            text = f"the view of a live table was closed with {code}: {reason}"
            self._runtime.journal.note("warning", text, key=("view refused", code))

    def _add_viewer(self, connection: Connection, token: AccessToken, proof: str) -> None:
        def ready() -> bool:
            return connection.queued < _MAX_QUEUED

        session = self._session(token, connection.deliver, ready)
        viewer = self._viewers[connection] = _Viewer(
            session,
            token,
            ready,
            lambda: connection.close(1000, "the table has been closed"),
            lambda problem: connection.close(problem.code, problem.reason),
        )
        connection.on_message = lambda message: self._on_request(viewer, message)
        session.send({"t": "welcome", "proof": proof})
        self._wake()

    # Views that use the kernel's channel, because they cannot open a socket

    def handle_request(self, token: AccessToken, view: str, text: str, send: Callable[[str], None]) -> None:
        """Handle a view's request through the kernel. The view gets updates for `_LEASE` seconds after each request."""
        if token.name not in self._tokens:
            return
        key = f"{token.name} {view}"
        known = self._viewers.get(key)
        viewer = known or self._add_kernel_viewer(key, token, send)
        # Moved to the end: `_remove_idle` begins with the oldest.
        self._last_requests.pop(key, None)
        self._last_requests[key] = time.monotonic()
        self._on_request(viewer, text)
        if known is None and not viewer.session.has_window and key in self._viewers:
            # The view was removed as silent; the welcome makes it send `look` again. Sent only once, because a view
            # whose `look` is refused would otherwise repeat it without end.
            viewer.session.send({"t": "welcome"})

    def _add_kernel_viewer(self, key: str, token: AccessToken, send: Callable[[str], None]) -> _Viewer:
        def refuse(problem: Malformed) -> None:
            self._remove(key)
            self._note(problem.code, problem.reason)

        if len(self._last_requests) >= _MAX_KERNEL_VIEWS:
            self._remove(next(iter(self._last_requests)))

        sent_at = 0.0

        def paced(text: str) -> None:
            nonlocal sent_at
            sent_at = time.monotonic()
            send(text)

        def ready() -> bool:
            # The front end handles the kernel's messages for all widgets.
            return self._leased(key) and time.monotonic() - sent_at >= SHORTEST_PAUSE

        session = self._session(token, paced, ready)
        viewer = _Viewer(session, token, lambda: self._leased(key), lambda: self._remove(key), refuse)
        self._viewers[key] = viewer
        if self._sweep is None:
            self._sweep = self._runtime.loop.call_later(_IDLE_TIMEOUT, self._remove_idle)
        return viewer

    def _leased(self, key: str) -> bool:
        return time.monotonic() - self._last_requests.get(key, 0.0) < _LEASE

    def _remove_idle(self) -> None:
        """Remove the views without a recent request, paused or not."""
        self._sweep = None
        now = time.monotonic()
        for key, last in list(self._last_requests.items()):
            if now - last < _IDLE_TIMEOUT:
                left = last + _IDLE_TIMEOUT - now
                self._sweep = self._runtime.loop.call_later(left, self._remove_idle)
                return
            self._remove(key)

    def _remove(self, key: Any) -> None:
        viewer = self._viewers.pop(key, None)
        self._last_requests.pop(key, None)
        if viewer is not None:
            viewer.session.close()

    # The ticker

    def _on_request(self, viewer: _Viewer, message: Any) -> None:
        try:
            viewer.session.handle(message)
        except Malformed as problem:
            return viewer.refuse(problem)
        self._pause = SHORTEST_PAUSE
        self._wake()

    def _wake(self) -> None:
        """Schedule the next tick as early as the pause between ticks allows."""
        soon = max(self._earliest, self._runtime.loop.time())
        if self._timer is not None and self._due <= soon:
            return
        self._cancel()
        self._schedule(soon)

    def _schedule(self, when: float) -> None:
        self._due = when
        self._timer = self._runtime.loop.call_at(when, self._tick)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        active = [viewer for viewer in list(self._viewers.values()) if viewer.session.wants_ticks and viewer.ready()]
        started = time.thread_time()
        changed = self._push_updates(active) if active else False
        shortest = max(SHORTEST_PAUSE, _PAUSE_FACTOR * (time.thread_time() - started))
        self._pause = shortest if changed else max(shortest, min(self._pause * 1.5, LONGEST_PAUSE))
        now = self._runtime.loop.time()
        self._earliest = now + shortest
        if any(viewer.session.wants_ticks for viewer in self._viewers.values()):
            self._schedule(now + self._pause)

    def _push_updates(self, active: list[_Viewer]) -> bool:
        self.ticks += 1
        now = time.monotonic()
        if now - self._overview_at >= _OVERVIEW_INTERVAL - 0.05:
            self._overview, self._overview_at = overview(self._runtime), now
        changed = False
        refreshed: set[str] = set()
        for viewer in active:
            try:
                if viewer.token.make_session is None and viewer.token.table not in refreshed:
                    self._feed(viewer.token.table).refresh()
                    refreshed.add(viewer.token.table)
                changed |= viewer.session.push(self._overview)
            except Exception as error:
                self._runtime.journal.exception("a live table", error)
                viewer.end()
        return changed
