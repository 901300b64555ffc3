"""A node of python-socketio with its Redis manager, and raw XADD and XREAD, for comparison with a node of zefnb."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from typing import Any

import redis.asyncio
import socketio

from bench.servers.control import Control


class Manager(socketio.AsyncRedisManager):
    """The manager, which counts what arrives from other nodes. No client is connected, which takes no time."""

    count = 0

    async def _handle_emit(self, message: Any) -> None:
        self.count += 1
        await super()._handle_emit(message)


class Node:
    """The commands of the bench."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._delays: list[float] = []

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(120)

    def join(self, url: str) -> dict[str, Any]:
        self._run(self._join(url))
        return {}

    async def _join(self, url: str) -> None:
        self._manager = Manager(url)
        self._server = socketio.AsyncServer(client_manager=self._manager, async_mode="asgi")
        self._manager.initialize()
        self._redis = redis.asyncio.Redis.from_url(url)
        await self._redis.xadd("raw", {"b": b"at 0"})
        self._reader = asyncio.create_task(self._read(redis.asyncio.Redis.from_url(url)))

    async def _read(self, connection: redis.asyncio.Redis) -> None:
        cursor: Any = "$"
        while True:
            reply = await connection.xread({"raw": cursor}, block=4_000)
            now = time.monotonic()
            for cursor, fields in reply[0][1] if reply else ():  # noqa: B007 - the last one is used
                self._delays.append(now - float(fields[b"b"][3:]))

    def burst(self, count: int, size: int) -> dict[str, Any]:
        self._run(self._emit(count, size))
        return {}

    single = burst

    def single_from_thread(self, count: int, size: int) -> dict[str, Any]:
        """Emit one message after the other from this thread."""
        for _ in range(count):
            self._run(self._server.emit("message", "." * size))
        return {}

    async def _emit(self, count: int, size: int) -> None:
        text = "." * size
        for _ in range(count):
            await self._server.emit("message", text)

    def timed(self, count: int) -> dict[str, Any]:
        """Append entries to a stream with the time, with a pause between them."""
        self._run(self._timed(count))
        return {}

    async def _timed(self, count: int) -> None:
        for _ in range(count):
            await self._redis.xadd("raw", {"b": f"at {time.monotonic()}"})
            await asyncio.sleep(0.002)

    def wait(self, count: int) -> dict[str, Any]:
        end = time.monotonic() + 60
        while self._manager.count < count:
            if time.monotonic() > end:
                raise TimeoutError(f"{self._manager.count} of {count} messages")
            time.sleep(0.0005)
        self._manager.count -= count
        return {}

    def p50(self) -> dict[str, Any]:
        delays, self._delays = sorted(self._delays), []
        return {"p50": delays[len(delays) // 2]}


if __name__ == "__main__":
    node = Node()
    names = [name for name in vars(Node) if not name.startswith("_")]
    Control().serve(0, {name: getattr(node, name) for name in names})
