"""The control channel: how a live table in a browser reaches the toolkit's own loop.

A kernel's messages wait for the cell that runs; these do not. A server of its own, on loopback, which
no query lists, takes views that prove that they know the secret of their widget. A view learns it through
the kernel's authenticated channel; it crosses no socket, and is in no url, no log and no saved notebook.
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
# Views that have yet to prove that they know a secret; what proves it is 200 bytes long.
MOST_WAITING = 32
_LONGEST_PROOF = 1_024

QUICKEST = 0.2
SLOWEST = 1.0
_BOARD_EVERY = 1.0
# A tick that took long is followed by a longer pause: the views get a twentieth of the loop at most.
_SHARE = 20
# A view that has this much to read yet is told nothing new.
_BEHIND = 256 << 10
# A view that asks through the kernel is told something for as long after each question.
_LEASE = 6.0
# A view that rests asks, too, if it is still there: a tab says nothing when it is closed.
_FORGOTTEN_AFTER = 60.0
_MOST_THROUGH_KERNEL = 100
# Closes that are ours, because of what a view said: a person should know.
_REFUSALS = frozenset((1002, 1003, 1007, POLICY_VIOLATION, 1009))


class _Viewer:
    """A session, whether it can be told something now, and how it ends: in peace, or by its own fault."""

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
    """The control channel of a runtime: a service, made when the first live table is shown. Lives on the loop."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._feeds: dict[str, Feed] = {}
        self._server: Server | None = None
        self._starting = asyncio.Lock()
        self._tokens: dict[str, AccessToken] = {}
        self._viewers: dict[Any, _Viewer] = {}
        self._waiting: dict[Connection, asyncio.TimerHandle] = {}
        # When each view last asked through the kernel, the longest silent one first.
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
        """Where it listens."""
        return self._server.port if self._server is not None else 0

    @property
    def is_ticking(self) -> bool:
        """Whether anything is told to anyone."""
        return self._timer is not None

    async def open(self, table: str = "clients") -> AccessToken:
        """A token for a new widget, which shows `table`; the first one starts the server."""
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
        """Whether anybody has come in by that token."""
        return any(viewer.token is token for viewer in self._viewers.values())

    async def shut(self, token: AccessToken) -> None:
        """The widget is gone, and with it its views; the last one stops the server."""
        self._tokens.pop(token.name, None)
        for viewer in [viewer for viewer in self._viewers.values() if viewer.token is token]:
            viewer.end()
        if not self._tokens:
            await self.close()

    async def close(self) -> None:
        """Stop the server and every view."""
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
        """In a forked child: let go of the sockets."""
        if self._server is not None:
            self._server.forget_sockets()

    def allow(self, host: str, origin: str) -> None:
        """Let in pages of the notebook's public host, which a widget has reported: here and in every server."""
        servers = self._runtime.service(Servers)
        servers.allow_public(host, origin)
        if self._server is not None:
            servers.admit_public(self._server)

    def _feed(self, table: str) -> Feed:
        """The rows of a table, shared by all of its views."""
        if table not in self._feeds:
            self._feeds[table] = Feed(self._runtime, table_named(table))
        return self._feeds[table]

    # Views by socket

    def _authenticate(self, connection: Connection) -> None:
        """A socket has opened: it must prove that it knows a secret, and soon. Until then it is told nothing."""
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
            # The first that came, for it had the most time; ours answers within a round trip.
            next(iter(self._waiting)).close(POLICY_VIOLATION, "too many wait to be let in")
        # A proxy says "open" before it has reached us; this is the true sign.
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

    # Views by the kernel's channel, where a socket cannot be had

    def ask(self, token: AccessToken, view: str, text: str, tell: Callable[[str], None]) -> None:
        """A view asks through the kernel; it is told things for a while, and must ask again."""
        if token.name not in self._tokens:
            return
        key = f"{token.name} {view}"
        known = self._viewers.get(key)
        viewer = known or self._enter_through_kernel(key, token, tell)
        # Last in order, for it is the last to be forgotten.
        self._asked.pop(key, None)
        self._asked[key] = time.monotonic()
        self._heard(viewer, text)
        if known is None and not viewer.session.has_looked and key in self._viewers:
            # It had been forgotten, and knows nothing of that. Said once, or a view whose look is refused would go on.
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
        """Forget the views that have not asked for long, whether they rest or not."""
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
        """Tick soon: now if that is not too often."""
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
