"""`websockets` on plain asyncio: its own `broadcast` at /ws, a bare echo at /echo."""

from __future__ import annotations

import asyncio

from websockets.asyncio.server import ServerConnection, broadcast, serve

from bench.servers.peer import serve_peer

listeners: set[ServerConnection] = set()


async def handle(connection: ServerConnection) -> None:
    request = connection.request
    if request is not None and request.path.startswith("/echo"):
        async for message in connection:
            await connection.send(message)
        return
    listeners.add(connection)
    try:
        async for message in connection:
            broadcast(listeners, message)
    finally:
        listeners.discard(connection)


async def start() -> int:
    # Compression is off as in zefnb; everything else is the library's default.
    server = await serve(handle, "127.0.0.1", 0, compression=None)
    port: int = next(iter(server.sockets)).getsockname()[1]
    return port


if __name__ == "__main__":
    serve_peer(asyncio.new_event_loop(), start, lambda message: broadcast(listeners, message))
