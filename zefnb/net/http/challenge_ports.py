"""Challenge ports: plain HTTP at port 80, where an authority checks a domain, and which redirects browsers to HTTPS.

A server of the program at that port responds to the authority, too, and otherwise has its own routes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from urllib.parse import quote

from zefnb.engine.runtime import Runtime
from zefnb.errors import PortUnavailable
from zefnb.net.hosts import split_host
from zefnb.net.http.decision import Reply, refuse
from zefnb.net.http.gate import reply_to_challenge
from zefnb.net.http.request_head import RequestHead
from zefnb.net.http.server import Server
from zefnb.net.https.server_certificates import OpenChallengePort
from zefnb.net.ports import Topics

_HTTPS = 443


class ChallengePorts:
    """The ports that are open for the servers in `running`. Used on the loop."""

    def __init__(self, runtime: Runtime, running: Callable[[], Iterable[Server]]) -> None:
        self._runtime, self._running = runtime, running
        self._open: dict[int, Server] = {}
        # The number of blocks that need each port before their server runs.
        self._held: dict[int, int] = {}
        self._changing = asyncio.Lock()

    @asynccontextmanager
    async def held(self, topics: Topics, external: bool) -> AsyncIterator[OpenChallengePort]:
        """Ports that are opened during the block stay open until its end, and then while a running server uses them."""
        held: set[int] = set()
        has_ended = False

        async def open_port(port: int, domains: Sequence[str]) -> str:
            # A running server calls it later, for a renewal; then the server itself keeps the port open.
            if port not in held and not has_ended:
                held.add(port)
                self._held[port] = self._held.get(port, 0) + 1
            return await self._opened(port, topics, external)

        try:
            yield open_port
        finally:
            has_ended = True
            for port in held:
                self._held[port] -= 1
            await self.close_unused()

    async def _opened(self, port: int, topics: Topics, external: bool) -> str:
        async with self._changing:
            if any(server.port == port and not server.is_secure for server in self._running()):
                return ""
            present = self._open.get(port)
            if present is not None:
                if present.allow_external_requests or not external:
                    return ""
                await self._open.pop(port).stop()
            server = Server(self._runtime, topics, {}, allow_external_requests=external)
            server.gate.reply_first = lambda head: reply_to_challenge(head) or self._redirect(port, head)
            try:
                await server.start(port)
            except PortUnavailable as error:
                return str(error.strerror)
            self._open[port] = server
            return ""

    def _redirect(self, port: int, head: RequestHead) -> Reply:
        """Only to names of our certificates, since any peer can send a Host."""
        host = split_host(head.first("host"))[0]
        for server in self._running():
            if server.certificates.challenge_port == port and host in server.certificates.hosts:
                if head.method not in ("GET", "HEAD") or head.is_handshake:
                    return refuse(403, "use https", headers=(("connection", "close"),))
                place = host if server.port == _HTTPS else f"{host}:{server.port}"
                query = f"?{head.query}" if head.query else ""
                return Reply(301, b"", (("location", f"https://{place}{quote(head.path)}{query}"),))
        return refuse(404, "Not Found")

    async def give_up(self, port: int) -> None:
        """Close the port, since a server of the program is about to use it, and then responds to the authority."""
        async with self._changing:
            if port in self._open:
                await self._open.pop(port).stop()

    async def close_unused(self) -> None:
        """Close the ports that nothing uses."""
        async with self._changing:
            used = {server.certificates.challenge_port for server in self._running()}
            used |= {port for port, count in self._held.items() if count}
            for port in self._open.keys() - used:
                await self._open.pop(port).stop()

    def forget_sockets(self) -> None:
        """In a forked child: close the copies of all sockets."""
        for server in self._open.values():
            server.forget_sockets()
