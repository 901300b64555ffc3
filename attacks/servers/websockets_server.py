"""`websockets` under attack, written as in its documentation: a room, an echo, handlers that block or raise."""

from __future__ import annotations

import asyncio
import time

from websockets.asyncio.server import ServerConnection, broadcast, serve

from attacks.servers.peer import serve_peer

listeners: set[ServerConnection] = set()
connections: set[ServerConnection] = set()


async def listen(connection: ServerConnection) -> None:
    listeners.add(connection)
    try:
        async for message in connection:
            broadcast(listeners, message)
    finally:
        listeners.discard(connection)


async def join(connection: ServerConnection) -> None:
    await connection.send("joined")
    await listen(connection)


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def sleep(connection: ServerConnection) -> None:
    async for message in connection:
        time.sleep(float(message))
        await connection.send("slept")


async def count(connection: ServerConnection) -> None:
    number = 0
    async for message in connection:
        if message == "raise":
            raise ValueError("as requested")
        number += 1
        await connection.send(str(number))


HANDLERS = {"/echo": echo, "/sleep": sleep, "/count": count, "/join": join}


async def handle(connection: ServerConnection) -> None:
    connections.add(connection)
    try:
        path = connection.request.path if connection.request is not None else "/"
        await HANDLERS.get(path, listen)(connection)
    finally:
        connections.discard(connection)


async def start() -> int:
    # Compression is off as in zefnb; everything else is the library's default.
    server = await serve(handle, "127.0.0.1", 0, compression=None)
    port: int = next(iter(server.sockets)).getsockname()[1]
    return port


if __name__ == "__main__":
    serve_peer(asyncio.new_event_loop(), start, lambda message: broadcast(listeners, message), lambda: len(connections))
