"""The running servers, by handle: starts, replaces and stops them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from zefnb.core.entity import Entity
from zefnb.core.entity import HTTPServer as ServerHandle
from zefnb.engine.registry import Registry
from zefnb.engine.runtime import Runtime
from zefnb.errors import PortUnavailable
from zefnb.net.http.challenge_ports import ChallengePorts
from zefnb.net.http.server import Server
from zefnb.net.https.server_certificates import OpenChallengePort
from zefnb.net.ports import Topics

# A notebook usually has one or two addresses.
_MOST_PUBLIC = 16


class Servers(Registry[Server]):
    """The running servers: a service of the runtime."""

    listed_by = "FX.QueryAllActiveHTTPServers()"

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._challenges = ChallengePorts(runtime, lambda: self)
        self._public: set[tuple[str, str]] = set()
        # The `place` of the latest server on each port.
        self._places: dict[int, str] = {}

    async def start(self, server: Server, port: int, replacing: Server | None = None) -> ServerHandle:
        """Start `server`. Another server of this process on that port must allow a restart, or be `replacing`."""
        if replacing is not None:
            port = port or replacing.port
        self._holder_of(port, server, replacing)
        # Before a server is stopped for this one, since a certificate takes time, and may not be issued.
        async with self._challenges.held(server.topics, server.allow_external_requests) as open_port:
            await server.certificates.prepare(open_port)
            return await self._start(server, port, replacing, open_port)

    async def _start(
        self, server: Server, port: int, replacing: Server | None, open_port: OpenChallengePort
    ) -> ServerHandle:
        stopped: list[Server] = []
        started_port: int | None = None
        try:
            if replacing is not None and self.find(replacing.handle) is not None:
                stopped.append(replacing)
                await self._stop(replacing)
            holder = self._holder_of(port, server, replacing)
            if holder is not None:
                stopped.append(holder)
                await self._stop(holder)
            await self._challenges.give_up(port)
            await server.start(port, replacing or holder)
            started_port = server.port
        finally:
            # After the new server has started, so that it has the history and the sessions of those that it replaces.
            for each in stopped:
                each.release_history()
                if each.port != started_port:
                    each.end_sessions()
        for previous in (replacing, holder):
            if previous is not None and previous.port == server.port:
                server.inherit(previous)
        server.place = self._places[server.port] = self._place_of(server, replacing or holder, port)
        self.admit_public(server)
        self.add(server)
        await self._redirect_to(server, open_port)
        return server.handle

    async def _redirect_to(self, server: Server, open_port: OpenChallengePort) -> None:
        """Open the port where an authority checks the server's domains, and where plain HTTP is redirected to it."""
        port = server.certificates.challenge_port
        if port is not None and (why := await open_port(port, server.certificates.hosts)):
            self._runtime.journal.note("info", f"plain HTTP is not redirected to https: {why}", server=server.handle)

    def _holder_of(self, port: int, server: Server, replacing: Server | None) -> Server | None:
        """The other server on this port, which `server` stops. Raises `PortUnavailable` if it may not."""
        holder = next((other for other in self if other.port == port and port and other is not replacing), None)
        if holder is not None and not (server.allow_restart or holder.allow_restart):
            made_in, here = self._runtime.cells.labels(holder.handle)
            cells = f", which the cell {made_in} started, and this is {here}" if made_in and here else ""
            advice = "stop it, or pass allow_restart=True to replace it"
            raise PortUnavailable(98, f"port {port} is held by {holder.handle!r}{cells}; {advice}")
        return holder

    @asynccontextmanager
    async def challenge_ports(self, topics: Topics, external: bool) -> AsyncIterator[OpenChallengePort]:
        """Open ports where an authority checks domains, for the length of the block."""
        async with self._challenges.held(topics, external) as open_port:
            yield open_port

    def _place_of(self, server: Server, replaced: Server | None, port: int) -> str:
        """The place of the server that `server` replaces, or of the last one on the requested port, or a new place."""
        # With port 0 the system may choose the port of an unrelated server that has been stopped.
        place = replaced.place if replaced is not None else self._places.get(port)
        return place if place is not None and self.at(place) is None else str(server.handle._uid)

    async def stop(self, handle: Entity) -> None:
        """Stop the server with this handle. Raises `NotRunning` when there is none."""
        server = self.get(handle)
        try:
            await self._stop(server)
        finally:
            server.release_history()
            server.end_sessions()

    async def _stop(self, server: Server) -> None:
        self.forget(server.handle)
        await server.stop()
        await self._challenges.close_unused()

    def at(self, place: Any) -> Server | None:
        """The running server with this place: the first one, or one that has replaced it."""
        return next((server for server in self if server.place == place), None)

    def allow_public(self, host: str, origin: str) -> None:
        """Accept pages of the notebook's public address, at all present and future servers."""
        if len(self._public) < _MOST_PUBLIC:
            self._public.add((host, origin))
        for server in self:
            self.admit_public(server)

    def admit_public(self, server: Server) -> None:
        """Let `server` accept these pages."""
        for host, origin in self._public:
            server.admission.allow_host(host)
            server.admission.allow_origin(origin)

    async def close(self) -> None:
        """Stop all servers at once."""
        await asyncio.gather(*(self.stop(server.handle) for server in self), return_exceptions=True)

    def forget_sockets(self) -> None:
        """In a forked child: close the copies of all sockets."""
        for server in self:
            server.forget_sockets()
        self._challenges.forget_sockets()
