"""Starlette with uvicorn on plain asyncio: a StreamingResponse for each client of the event stream at /events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from bench.servers.asgi import serve_app
from bench.servers.peer import serve_peer

listeners: set[asyncio.Queue[str]] = set()


async def follow(queue: asyncio.Queue[str]) -> AsyncIterator[str]:
    try:
        while True:
            yield f"data: {await queue.get()}\n\n"
    finally:
        listeners.discard(queue)


async def events(request: Request) -> StreamingResponse:
    queue: asyncio.Queue[str] = asyncio.Queue()
    listeners.add(queue)
    return StreamingResponse(follow(queue), media_type="text/event-stream")


def broadcast(message: str) -> None:
    for queue in listeners:
        queue.put_nowait(message)


app = Starlette(routes=[Route("/events", events)])

if __name__ == "__main__":
    serve_peer(asyncio.new_event_loop(), lambda: serve_app(app), broadcast)
