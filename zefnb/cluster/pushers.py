"""Paused pushers: the sockets that push into shared topics are not read while too much waits for the broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from zefnb.cluster.sharing import Sharing
from zefnb.engine.runtime import Runtime
from zefnb.net.http.servers import Servers
from zefnb.net.websocket.connection import Connection

_TICK = 0.02


class PausedPushers:
    """Checks 50 times a second while there are any; new clients are paused at the next check."""

    def __init__(self, runtime: Runtime, sharing: Sharing, is_full: Callable[[], bool]) -> None:
        self._runtime = runtime
        self._sharing = sharing
        self._is_full = is_full
        self._paused: set[Connection] = set()
        self._is_ticking = False

    def pause(self) -> None:
        """Pause the sockets now, and until there is capacity."""
        if not self._is_ticking:
            self._is_ticking = True
            self._tick()

    def _tick(self) -> None:
        if not self._is_full():
            self.close()
            return
        for connection in self._pushers():
            if connection not in self._paused:
                self._paused.add(connection)
                connection.pause_reading()
        self._paused = {connection for connection in self._paused if connection.is_open}
        self._runtime.loop.call_later(_TICK, self._tick)

    def close(self) -> None:
        """Read from all of them again."""
        self._is_ticking = False
        paused, self._paused = self._paused, set()
        for connection in paused:
            connection.resume_reading()

    def _pushers(self) -> Iterator[Connection]:
        for server in self._runtime.service(Servers):
            for endpoint in server.endpoints.values():
                if any(self._sharing[topic._uid or ""] is not None for topic in endpoint.config.push_into):
                    yield from endpoint.clients.values()

    def count_clients(self) -> int:
        """The number of clients of all servers of this process."""
        return sum(len(server.clients()) for server in self._runtime.service(Servers))
