"""The acceptor: accepts connections from the listeners while there is room, and refuses the others with 503.

asyncio's own acceptor accepts a whole backlog at once, and when descriptors run out it fails as many times.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from zefnb.engine.runtime import Runtime
from zefnb.net.http.arrival import Arrival

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_BACKLOG = 2_048
# Connections of each server, if the system allows so many.
MOST_CONNECTIONS = 10_000
# Connections that are accepted in one loop iteration: each takes about 0.2 ms until its first bytes have been read.
_ACCEPTED_PER_ITERATION = 8
# The same while many connections wait to be parsed. The system keeps the others, which take no memory here.
_ACCEPTED_IN_CROWD = 1
# Connections that are refused before a pause, so that a flood of them costs little.
_REFUSED_BEFORE_PAUSE = 16
_PAUSE = 0.05
# Refused connections stay open so that their peers can read the reason: at most so many, for so many seconds.
_MOST_LINGERING = 8
_LINGER_TIMEOUT = 0.5
_OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_BODY = b"503 too many connections\n"
_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
    b"retry-after: 1\r\nconnection: close\r\n\r\n%b" % (len(_BODY), _BODY)
)


def descriptor_limit() -> int:
    """The number of descriptors that this process may have (RLIMIT_NOFILE)."""
    if resource is None:
        return 1 << 20
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 1 << 20 if soft == resource.RLIM_INFINITY else int(soft)


def reserved_descriptors(limit: int) -> int:
    """The number of descriptors that the program keeps for itself: for files, threads and outward clients.

    >>> reserved_descriptors(64), reserved_descriptors(1024), reserved_descriptors(100_000)
    (16, 64, 64)
    """
    return min(64, max(1, limit // 4))


def most_connections() -> int:
    """The number of connections that a server can have by default, without `max_connections`."""
    limit = descriptor_limit()
    return max(1, min(MOST_CONNECTIONS, limit - reserved_descriptors(limit)))


class Acceptor:
    """Accepts the connections of one server. Used on the loop only."""

    def __init__(
        self,
        runtime: Runtime,
        listeners: list[socket.socket],
        make_arrival: Callable[[], Arrival],
        open_count: Callable[[], int],
        max_connections: int,
        is_crowded: Callable[[], bool],
        on_full: Callable[[str], None],
        tls: dict[str, Any],
    ) -> None:
        self._runtime = runtime
        self._loop = runtime.loop
        self.listeners = listeners
        self._make_arrival, self._open_count, self._on_full = make_arrival, open_count, on_full
        self._max_connections = max_connections
        self._is_crowded = is_crowded
        self._tls = tls
        # Accepted connections that are not yet among the server's connections.
        self._connecting: set[Arrival] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lingering: deque[socket.socket] = deque()
        self._timers: dict[socket.socket, asyncio.TimerHandle] = {}
        self._is_open = False

    def start(self) -> None:
        """Listen. From now on clients can connect."""
        self._is_open = True
        for listener in self.listeners:
            listener.listen(_BACKLOG)
            self._loop.add_reader(listener, self._accept, listener)

    async def close(self) -> None:
        """Stop accepting. When this returns, accepted connections are among the server's, and the port is free."""
        self._is_open = False
        for timer in self._timers.values():
            timer.cancel()
        for listener in self.listeners:
            self._loop.remove_reader(listener)
        while self._connecting and not self._tls:
            await asyncio.sleep(0)
        for listener in self.listeners:
            listener.close()
        while self._lingering:
            self._lingering.popleft().close()

    def _accept(self, listener: socket.socket) -> None:
        refused = 0
        limit = descriptor_limit()
        last = limit - reserved_descriptors(limit)
        for _ in range(_ACCEPTED_IN_CROWD if self._is_crowded() else _ACCEPTED_PER_ITERATION):
            if refused == _REFUSED_BEFORE_PAUSE:
                return self._pause(listener)
            try:
                connection, _ = listener.accept()
            except (BlockingIOError, InterruptedError):
                return None
            except OSError as error:
                if error.errno in _OUT_OF_RESOURCES:
                    self._on_full(f"no descriptor is left of {limit:,} (ulimit -n)")
                    return self._pause(listener)
                continue  # the client has disconnected in between
            reason = self._reason_full(connection.fileno(), last, limit)
            if reason is not None:
                refused += 1
                self._on_full(reason)
                self._refuse(connection)
            else:
                self._start_connection(connection)
        return None

    def _reason_full(self, descriptor: int, last: int, limit: int) -> str | None:
        if self._open_count() + len(self._connecting) >= self._max_connections:
            return f"{self._max_connections:,} clients are connected, as many as max_connections allows"
        # The system gives the lowest free number: one near the limit means that the others are taken.
        if descriptor >= last:
            return f"nearly all descriptors of {limit:,} are in use (ulimit -n)"
        return None

    def _start_connection(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        arrival = self._make_arrival()
        self._connecting.add(arrival)
        # Discarded when it is among the server's connections, or has failed: counted twice, it would take the place of
        # another.
        arrival.on_made = partial(self._connecting.discard, arrival)
        if self._tls:
            handshake = self._loop.connect_accepted_socket(lambda: arrival, connection, **self._tls)
            task = self._loop.create_task(self._connect(connection, arrival, handshake))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._adopt(connection, arrival)

    def _adopt(self, connection: socket.socket, arrival: Arrival) -> None:
        try:
            self._loop.adopt(connection, arrival)
        except OSError:  # the client has disconnected in between
            connection.close()
            arrival.on_made()

    async def _connect(self, connection: socket.socket, arrival: Arrival, handshake: Awaitable[Any]) -> None:
        try:
            await handshake
        except OSError:  # invalid TLS, or a handshake that takes too long, is the peer's error
            connection.close()
        except Exception as error:
            connection.close()
            self._runtime.journal.exception("a connection could not be accepted", error)
        finally:
            arrival.on_made()

    def _refuse(self, connection: socket.socket) -> None:
        """Send 503, and close a moment later: closing at once with unread bytes would reset the connection."""
        connection.setblocking(False)
        with contextlib.suppress(OSError):
            if not self._tls:
                connection.send(_REFUSAL)
            connection.shutdown(socket.SHUT_WR)
        self._lingering.append(connection)
        if len(self._lingering) > _MOST_LINGERING:
            self._close_refused(self._lingering[0])
        self._timers[connection] = self._loop.call_later(_LINGER_TIMEOUT, self._close_refused, connection)

    def _close_refused(self, connection: socket.socket) -> None:
        if (timer := self._timers.pop(connection, None)) is not None:
            timer.cancel()
        if connection in self._lingering:
            self._lingering.remove(connection)
        with contextlib.suppress(OSError):
            connection.recv(65_536)
        connection.close()

    def _pause(self, listener: socket.socket) -> None:
        self._loop.remove_reader(listener)
        self._timers[listener] = self._loop.call_later(_PAUSE, self._resume, listener)

    def _resume(self, listener: socket.socket) -> None:
        self._timers.pop(listener, None)
        if self._is_open:
            self._loop.add_reader(listener, self._accept, listener)

    def forget_sockets(self) -> list[int]:
        """The descriptors of all sockets of the acceptor, for a forked child to close."""
        return [each.fileno() for each in (*self.listeners, *self._lingering)]
