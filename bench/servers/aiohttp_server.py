"""aiohttp on plain asyncio: a broadcast loop at /ws, a bare echo at /echo."""

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType, web

from bench.servers.peer import serve_peer

listeners: set[web.WebSocketResponse] = set()


async def broadcast(message: str) -> None:
    # One after the other, as in its documentation; `send_str` returns fast while no client is slow.
    for socket in listeners:
        await socket.send_str(message)


async def room(request: web.Request) -> web.WebSocketResponse:
    # Compression is off as in zefnb; everything else is the library's default.
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    listeners.add(socket)
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await broadcast(message.data)
    finally:
        listeners.discard(socket)
    return socket


async def echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
    return socket


async def start() -> int:
    app = web.Application()
    app.add_routes([web.get("/ws", room), web.get("/echo", echo)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port: int = runner.addresses[0][1]
    return port


if __name__ == "__main__":
    loop = asyncio.new_event_loop()
    serve_peer(loop, start, lambda message: loop.create_task(broadcast(message)))
