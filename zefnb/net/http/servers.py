"""The servers that run, by handle: started, one in the place of another, and stopped."""

from __future__ import annotations

import asyncio
from typing import Any

from zefnb.core.entity import Entity
from zefnb.core.entity import HTTPServer as ServerHandle
from zefnb.engine.registry import Registry
from zefnb.engine.runtime import Runtime
from zefnb.errors import PortUnavailable
from zefnb.net.http.server import Server

# A notebook is reached by one address or two.
_MOST_PUBLIC = 16


class Servers(Registry[Server]):
    """The servers that run: a service of the runtime."""

    listed_by = "FX.QueryAllActiveHTTPServers()"

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._public: set[tuple[str, str]] = set()
        # The place of the latest server on each port.
        self._places: dict[int, str] = {}

    async def start(self, server: Server, port: int, replacing: Server | None = None) -> ServerHandle:
        """Start `server`; one of ours on that port must allow a restart, or be the one it replaces."""
        if replacing is not None:
            port = port or replacing.port
            await self.stop(replacing.handle)
        holder = next((other for other in self if other.port == port and port), None)
        if holder is not None:
            if not (server.allow_restart or holder.allow_restart):
                raise PortUnavailable(
                    98, f"port {port} is held by {holder.handle!r}; stop it, or say allow_restart=True to replace it"
                )
            await self.stop(holder.handle)
        await server.start(port)
        for previous in (replacing, holder):
            if previous is not None and previous.port == server.port:
                server.inherit(previous)
        server.place = self._places[server.port] = self._place_of(server, replacing or holder)
        self.admit_public(server)
        self.add(server)
        return server.handle

    def _place_of(self, server: Server, replaced: Server | None) -> str:
        """The place of the server that it replaces, or of the one that was on its port before, or a new one."""
        place = replaced.place if replaced is not None else self._places.get(server.port)
        return place if place is not None and self.at(place) is None else str(server.handle._uid)

    async def stop(self, handle: Entity) -> None:
        """Stop the server of that handle; `NotRunning` when there is none."""
        server = self.get(handle)
        self.forget(handle)
        await server.stop()

    def at(self, place: Any) -> Server | None:
        """The server that runs in that place: the one that had it first, or took it over."""
        return next((server for server in self if server.place == place), None)

    def allow_public(self, host: str, origin: str) -> None:
        """Let in pages of the address by which the notebook is reached, at the servers of now and those to come."""
        if len(self._public) < _MOST_PUBLIC:
            self._public.add((host, origin))
        for server in self:
            self.admit_public(server)

    def admit_public(self, server: Server) -> None:
        """Have `server` let those pages in."""
        for host, origin in self._public:
            server.admission.allow_host(host)
            server.admission.allow_origin(origin)

    async def close(self) -> None:
        """Stop all of them at once."""
        await asyncio.gather(*(self.stop(server.handle) for server in self), return_exceptions=True)

    def forget_sockets(self) -> None:
        """In a forked child: let go of every socket."""
        for server in self:
            server.forget_sockets()
