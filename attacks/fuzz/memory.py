"""A conversation in memory: a real server without the socket, what it wrote, and what it received."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from zefnb import ET, FX, run
from zefnb.engine.runtime import default_runtime
from zefnb.net.http.server import Server
from zefnb.net.http.servers import Servers
from zefnb.topics.hub import Hub

LIMIT = 2_048
ITERATIONS = 4


class Memory(asyncio.Transport):
    """A transport that stores what is written, and ends as asyncio's does: in a later loop iteration."""

    def __init__(self, protocol: Any) -> None:
        super().__init__({"peername": ("127.0.0.1", 9)})
        self._protocol = protocol
        self._closing = False
        self._is_reading = True
        self.written = bytearray()
        protocol.connection_made(self)

    def receive(self, data: bytes) -> None:
        """Receive bytes from the peer."""
        protocol = self._protocol
        if self._closing or not data:
            return
        if isinstance(protocol, asyncio.BufferedProtocol):
            protocol.get_buffer(-1)[: len(data)] = data
            protocol.buffer_updated(len(data))
        else:
            protocol.data_received(data)

    def write(self, data: Any) -> None:
        if not self._closing:
            self.written += data

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(lambda: self._protocol.connection_lost(None))

    abort = close

    def is_closing(self) -> bool:
        return self._closing

    def is_reading(self) -> bool:
        return self._is_reading and not self._closing

    def pause_reading(self) -> None:
        self._is_reading = False

    def resume_reading(self) -> None:
        self._is_reading = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def get_protocol(self) -> Any:
        return self._protocol


class Receiver:
    """Collects what clients push into the topic."""

    def __init__(self) -> None:
        self.received: list[str | bytes] = []

    def deliver(self, content: Any) -> None:
        self.received.append(content if isinstance(content, str) else bytes(content))


class Conversations:
    """A server that clients push into, and conversations with it."""

    def __init__(self) -> None:
        self._topic = ET.Topic("fuzz")
        socket = ET.WebSocket(clients_push_into_=[self._topic], max_size=LIMIT)
        routes = {"/ws": socket, "/n/{n:int}": socket, "/": "up"}
        self._handle = FX.StartHTTPServer(routes=routes, port=0) | run
        self._runtime = default_runtime()
        self._server: Server = self._runtime.service(Servers).get(self._handle)
        self._make = self._server._protocol_factory()

    def hold(self, pieces: Iterable[bytes]) -> tuple[bytes, list[str | bytes]]:
        """Send all pieces on a new connection; return what the server wrote, and the messages that it received."""
        return asyncio.run_coroutine_threadsafe(self._hold(pieces), self._runtime.loop).result()

    async def _hold(self, pieces: Iterable[bytes]) -> tuple[bytes, list[str | bytes]]:
        receiver, hub = Receiver(), self._runtime.service(Hub)
        hub.subscribe(self._topic, receiver, "fuzz")
        transport = Memory(self._make())
        for piece in pieces:
            transport.receive(piece)
        for _ in range(ITERATIONS):
            await asyncio.sleep(0)
        transport.abort()
        await asyncio.sleep(0)
        hub.unsubscribe(self._topic, receiver)
        return bytes(transport.written), receiver.received

    def faults(self) -> list[str]:
        """Return the errors of the journal, and clear it."""
        faults = [str(entry.get("traceback") or entry["message"]) for entry in self._runtime.journal.entries("error")]
        self._runtime.journal.clear()
        return faults

    def close(self) -> None:
        FX.StopHTTPServer(server=self._handle) | run


def in_pieces(data: bytes, size: int) -> Iterable[bytes]:
    """Return `data` in pieces of `size` bytes; whole if `size` is 0."""
    return (data[at : at + size] for at in range(0, len(data), size)) if size else (data,)
