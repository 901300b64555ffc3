"""ASGI applications of peers, on uvicorn and plain asyncio."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import uvicorn

_serving: list[asyncio.Task[None]] = []


async def serve_app(app: Any) -> int:
    """Serve an application on a free port of the running loop, and return the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, loop="asyncio", log_level="warning", access_log=False))
    _serving.append(asyncio.get_running_loop().create_task(server.serve(sockets=[listener])))
    while not server.started:
        await asyncio.sleep(0.001)
    port: int = listener.getsockname()[1]
    return port
