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
from zefnb.notebook.watch.requests import Malformed
from zefnb.notebook.watch.session import Session
from zefnb.notebook.watch.tables import table_named
from zefnb.topics.hub import Hub

PATH = "/control"
POLICY_VIOLATION = 1008
SECRET_WITHIN = 5.0
# The limits for views that have not yet proved that they have a secret. A proof has about 200 bytes.
MOST_WAITING = 32
_LONGEST_PROOF = 1_024

QUICKEST = 0.2
SLOWEST = 1.0
_BOARD_EVERY = 1.0
# The pause after a tick is this many times as long as the tick, so that views use at most 5 % of the loop's time.
_SHARE = 20
# A view with this many bytes in its outbox gets no updates.
_BEHIND = 256 << 10
# A view that uses the kernel's channel gets updates for this long after each request.
_LEASE = 6.0
# A view without a request for this long is removed. A paused view polls, too, because a closed tab sends no message.
_FORGOTTEN_AFTER = 60.0
_MOST_THROUGH_KERNEL = 100
# The close codes that the server sends because of a view's messages. The journal notes them.
_REFUSALS = frozenset((1002, 1003, 1007, POLICY_VIOLATION, 1009))


class _Viewer:
    """A session, with its callbacks: whether it can take updates, how to end it, and how to refuse a bad request."""

    def __init__(
        self,
        session: Session,
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
        self._asked: dict[str, float] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = self._earliest = 0.0
        self._pause = QUICKEST
        self._board: dict[str, Any] = {}
        self._board_at = 0.0
        self.ticks = 0

    @property
    def port(self) -> int:
        """The port of the server, 0 if it does not run."""
        return self._server.port if self._server is not None else 0

    @property
    def is_ticking(self) -> bool:
        """Whether the next update is scheduled."""
        return self._timer is not None

    async def open(self, table: str = "clients") -> AccessToken:
        """Create a token for a new widget that shows `table`. The first token starts the server."""
        async with self._starting:
            if self._server is None:
                sessions = {PATH: EndpointConfig(session=self._authenticate)}
                server = Server(self._runtime, self._runtime.service(Hub), {}, sessions=sessions)
                await server.start(0)
                self._server = server
        token = AccessToken(table)
        self._tokens[token.name] = token
        return token

    def has_views(self, token: AccessToken) -> bool:
        """Whether a view with that token is connected."""
        return any(viewer.token is token for viewer in self._viewers.values())

    async def shut(self, token: AccessToken) -> None:
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

    # Views that use a socket

    def _authenticate(self, connection: Connection) -> None:
        """Wait for the proof of a view whose socket has opened. Until then it gets no data; there is a timeout."""
        challenge = Challenge()
        longest, connection.max_size = connection.max_size, _LONGEST_PROOF
        closed = connection.on_lost

        def first(message: Any) -> None:
            verified = challenge.verify(message, self._tokens)
            if verified is None:
                return connection.close(POLICY_VIOLATION, "this is not the secret")
            self._stop_waiting(connection)
            connection.max_size = longest
            self._enter(connection, *verified)

        def left(connection: Connection) -> None:
            self._stop_waiting(connection)
            self._leave(connection)
            self._note_refusal(connection)
            if closed is not None:
                closed(connection)

        connection.on_message, connection.on_lost = first, left
        self._waiting[connection] = self._runtime.loop.call_later(
            SECRET_WITHIN, connection.close, POLICY_VIOLATION, "no secret within 5 s"
        )
        if len(self._waiting) > MOST_WAITING:
            # Close the oldest one: a view of zefnb sends its proof within a round trip.
            next(iter(self._waiting)).close(POLICY_VIOLATION, "too many wait to be let in")
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

    def _enter(self, connection: Connection, token: AccessToken, proof: str) -> None:
        session = Session(self._runtime, self._feed(token.table), connection.deliver)
        viewer = self._viewers[connection] = _Viewer(
            session,
            token,
            lambda: connection.queued < _BEHIND,
            lambda: connection.close(1000, "the table has been closed"),
            lambda problem: connection.close(problem.code, problem.reason),
        )
        connection.on_message = lambda message: self._heard(viewer, message)
        session.say({"t": "welcome", "proof": proof})
        self._wake()

    # Views that use the kernel's channel, because they cannot open a socket

    def ask(self, token: AccessToken, view: str, text: str, tell: Callable[[str], None]) -> None:
        """Handle a view's request through the kernel. The view gets updates for `_LEASE` seconds after each request."""
        if token.name not in self._tokens:
            return
        key = f"{token.name} {view}"
        known = self._viewers.get(key)
        viewer = known or self._enter_through_kernel(key, token, tell)
        # Moved to the end: `_forget_silent` begins with the oldest.
        self._asked.pop(key, None)
        self._asked[key] = time.monotonic()
        self._heard(viewer, text)
        if known is None and not viewer.session.has_looked and key in self._viewers:
            # The view was removed as silent; the welcome makes it send `look` again. Sent only once, because a view
            # whose `look` is refused would otherwise repeat it without end.
            viewer.session.say({"t": "welcome"})

    def _enter_through_kernel(self, key: str, token: AccessToken, tell: Callable[[str], None]) -> _Viewer:
        def refuse(problem: Malformed) -> None:
            self._leave(key)
            self._note(problem.code, problem.reason)

        if len(self._asked) >= _MOST_THROUGH_KERNEL:
            self._leave(next(iter(self._asked)))
        session = Session(self._runtime, self._feed(token.table), tell)
        viewer = _Viewer(session, token, lambda: self._leased(key), lambda: self._leave(key), refuse)
        self._viewers[key] = viewer
        if self._sweep is None:
            self._sweep = self._runtime.loop.call_later(_FORGOTTEN_AFTER, self._forget_silent)
        return viewer

    def _leased(self, key: str) -> bool:
        return time.monotonic() - self._asked[key] < _LEASE

    def _forget_silent(self) -> None:
        """Remove the views without a recent request, paused or not."""
        self._sweep = None
        now = time.monotonic()
        for key, asked in list(self._asked.items()):
            if now - asked < _FORGOTTEN_AFTER:
                left = asked + _FORGOTTEN_AFTER - now
                self._sweep = self._runtime.loop.call_later(left, self._forget_silent)
                return
            self._leave(key)

    def _leave(self, key: Any) -> None:
        viewer = self._viewers.pop(key, None)
        self._asked.pop(key, None)
        if viewer is not None:
            viewer.session.close()

    # The ticker

    def _heard(self, viewer: _Viewer, message: Any) -> None:
        try:
            viewer.session.handle(message)
        except Malformed as problem:
            return viewer.refuse(problem)
        self._pause = QUICKEST
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
        awake = [viewer for viewer in list(self._viewers.values()) if not viewer.session.is_paused and viewer.ready()]
        started = time.thread_time()
        changed = self._tell(awake) if awake else False
        shortest = max(QUICKEST, _SHARE * (time.thread_time() - started))
        self._pause = shortest if changed else max(shortest, min(self._pause * 1.5, SLOWEST))
        now = self._runtime.loop.time()
        self._earliest = now + shortest
        if any(not viewer.session.is_paused for viewer in self._viewers.values()):
            self._schedule(now + self._pause)

    def _tell(self, awake: list[_Viewer]) -> bool:
        self.ticks += 1
        now = time.monotonic()
        if now - self._board_at >= _BOARD_EVERY - 0.05:
            self._board, self._board_at = overview(self._runtime), now
        changed = False
        fresh: set[str] = set()
        for viewer in awake:
            try:
                if viewer.token.table not in fresh:
                    self._feed(viewer.token.table).refresh()
                    fresh.add(viewer.token.table)
                changed |= viewer.session.push(self._board)
            except Exception as error:
                self._runtime.journal.exception("a live table", error)
                viewer.end()
        return changed
