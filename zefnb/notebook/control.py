"""The control channel: how a live table in a browser reaches the toolkit's own loop.

A kernel's messages wait for the cell that runs; these do not. A server of its own, on loopback, which
no query lists, takes views that know the secret of their widget. A view learns it through the kernel's
authenticated channel; it is in no url, no log and no saved notebook.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import time
from collections.abc import Callable
from typing import Any

from zefnb.engine.runtime import Runtime
from zefnb.net.connection import Connection
from zefnb.net.endpoint import EndpointConfig
from zefnb.net.server import Server
from zefnb.net.servers import Servers
from zefnb.notebook.board import board
from zefnb.notebook.feed import Clients
from zefnb.notebook.session import Session
from zefnb.topics.hub import Hub

PATH = "/control"
POLICY_VIOLATION = 1008
SECRET_WITHIN = 5.0

QUICKEST = 0.2
SLOWEST = 1.0
_BOARD_EVERY = 1.0
# A tick that took long is followed by a longer pause: the views get a twentieth of the loop at most.
_SHARE = 20
# A view that has this much to read yet is told nothing new.
_BEHIND = 256 << 10
# A view that asks through the kernel is told something for as long after each question.
_LEASE = 6.0
_FORGOTTEN_AFTER = 60.0


class Door:
    """What lets the views of one widget in: a public name, and a secret that only they learn."""

    def __init__(self) -> None:
        self.name = secrets.token_urlsafe(8)
        self._secret = secrets.token_urlsafe(32)

    def fits(self, secret: str) -> bool:
        """Whether that is the secret; takes as long for any."""
        return hmac.compare_digest(secret.encode("utf-8", "replace"), self._secret.encode())

    def tell(self) -> str:
        """The secret, for a view that asked through the kernel."""
        return self._secret

    def __repr__(self) -> str:
        return f"<door {self.name}>"


class _Guest:
    """A session, and whether it can be told something now."""

    def __init__(self, session: Session, door: Door, ready: Callable[[], bool], end: Callable[[], None]) -> None:
        self.session = session
        self.door = door
        self.ready = ready
        self.end = end


class Control:
    """The control channel of a runtime: a service, made when the first live table is shown. Lives on the loop."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._clients = Clients(runtime)
        self._server: Server | None = None
        self._starting = asyncio.Lock()
        self._doors: dict[str, Door] = {}
        self._guests: dict[Any, _Guest] = {}
        self._asked: dict[str, float] = {}
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

    async def open(self) -> Door:
        """A door for a new widget; the first one starts the server."""
        async with self._starting:
            if self._server is None:
                sessions = {PATH: EndpointConfig(session=self._greet)}
                server = Server(self._runtime, self._runtime.service(Hub), {}, sessions=sessions)
                await server.start(0)
                self._server = server
        door = Door()
        self._doors[door.name] = door
        return door

    def has_views(self, door: Door) -> bool:
        """Whether anybody has come in by that door."""
        return any(guest.door is door for guest in self._guests.values())

    async def shut(self, door: Door) -> None:
        """The widget is gone, and with it its views; the last one stops the server."""
        self._doors.pop(door.name, None)
        for guest in [guest for guest in self._guests.values() if guest.door is door]:
            guest.end()
        if not self._doors:
            await self.close()

    async def close(self) -> None:
        """Stop the server and every view."""
        self._doors.clear()
        for guest in list(self._guests.values()):
            guest.end()
        self._cancel()
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

    # Views by socket

    def _greet(self, connection: Connection) -> None:
        """A socket has opened: it must say its secret first, and soon."""
        too_late = self._runtime.loop.call_later(
            SECRET_WITHIN, lambda: connection.close(POLICY_VIOLATION, "no secret within 5 s")
        )

        def first(message: Any) -> None:
            too_late.cancel()
            door = self._door_for(message)
            if door is None:
                connection.on_message = _ignore
                connection.close(POLICY_VIOLATION, "this is not the secret")
                return
            self._enter(connection, door)

        connection.on_message = first
        # A proxy says "open" before it has reached us; this is the true sign, and it names our doors.
        connection.deliver(json.dumps({"t": "hello", "doors": list(self._doors)}))

    def _door_for(self, message: Any) -> Door | None:
        try:
            request = json.loads(message)
            door = self._doors[request["door"]]
            return door if door.fits(request["secret"]) else None
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def _enter(self, connection: Connection, door: Door) -> None:
        session = Session(self._runtime, self._clients, connection.deliver)
        lost = connection.on_lost

        def left(connection: Connection) -> None:
            self._leave(connection)
            if lost is not None:
                lost(connection)

        connection.on_lost = left
        connection.on_message = lambda message: self._heard(session, message)
        self._guests[connection] = _Guest(
            session,
            door,
            lambda: connection.queued < _BEHIND,
            lambda: connection.close(1000, "the table has been closed"),
        )
        session.say({"t": "welcome"})
        self._wake()

    # Views by the kernel's channel, where a socket cannot be had

    def ask(self, door: Door, view: str, text: str, tell: Callable[[str], None]) -> None:
        """A view asks through the kernel; it is told things for a while, and must ask again."""
        if door.name not in self._doors:
            return
        key = f"{door.name} {view}"
        guest = self._guests.get(key)
        if guest is None:
            session = Session(self._runtime, self._clients, tell)
            guest = _Guest(session, door, lambda: self._leased(key), lambda: self._leave(key))
            self._guests[key] = guest
        self._asked[key] = time.monotonic()
        self._heard(guest.session, text)
        self._wake()

    def _leased(self, key: str) -> bool:
        silent = time.monotonic() - self._asked[key]
        if silent > _FORGOTTEN_AFTER:
            self._leave(key)
        return silent < _LEASE

    def _leave(self, key: Any) -> None:
        guest = self._guests.pop(key, None)
        self._asked.pop(key, None)
        if guest is not None:
            guest.session.close()

    # The ticker

    def _heard(self, session: Session, message: Any) -> None:
        session.handle(message)
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
        awake = [guest for guest in list(self._guests.values()) if not guest.session.rests and guest.ready()]
        started = time.thread_time()
        changed = self._tell(awake) if awake else False
        shortest = max(QUICKEST, _SHARE * (time.thread_time() - started))
        self._pause = shortest if changed else max(shortest, min(self._pause * 1.5, SLOWEST))
        now = self._runtime.loop.time()
        self._earliest = now + shortest
        if any(not guest.session.rests for guest in self._guests.values()):
            self._schedule(now + self._pause)

    def _tell(self, awake: list[_Guest]) -> bool:
        self.ticks += 1
        self._clients.refresh()
        now = time.monotonic()
        if now - self._board_at >= _BOARD_EVERY - 0.05:
            self._board, self._board_at = board(self._runtime), now
        changed = False
        for guest in awake:
            try:
                changed |= guest.session.push(self._board)
            except Exception as error:
                self._runtime.journal.fault("a live table", error)
                guest.end()
        return changed


def _ignore(message: Any) -> None:
    """What is said after a wrong secret is heard by nobody."""
