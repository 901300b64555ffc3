"""A TCP proxy that treats its connections badly: after a short random time each is cut, half closed or stalled."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LEAST, MOST = 0.1, 1.5


class CuttingProxy:
    """Forwards to a port. `cuts` counts the ends by kind."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: int, seed: int = 1) -> None:
        self.loop = loop
        self.target = target
        self.port = 0
        self.cuts = {"cut": 0, "half closed": 0, "stalled": 0}
        # While this is false, connections last.
        self.is_cutting = True
        # While this is true, each new connection is cut at once.
        self.is_down = False
        self._pick = random.Random(seed)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> asyncio.Server:
        """Listen on a free port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self.is_down:
            writer.transport.abort()
            return
        with suppress(asyncio.CancelledError):
            await self._forward(reader, writer)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward, out = await asyncio.open_connection("127.0.0.1", self.target)
        except (OSError, asyncio.CancelledError):  # the server is being replaced, or everything is cut
            writer.transport.abort()
            return
        ways = [asyncio.create_task(_copy(reader, out)), asyncio.create_task(_copy(onward, writer))]
        try:
            if self.is_cutting:
                await asyncio.wait(ways, timeout=self._pick.uniform(LEAST, MOST), return_when=asyncio.FIRST_COMPLETED)
                await self._end(ways, writer, out)
            else:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            writer.transport.abort()
            out.transport.abort()

    async def _end(
        self, ways: list[asyncio.Task[None]], writer: asyncio.StreamWriter, out: asyncio.StreamWriter
    ) -> None:
        kind = self._pick.choice(list(self.cuts))
        self.cuts[kind] += 1
        if kind == "stalled":
            for way in ways:
                way.cancel()
        elif kind == "half closed":
            with suppress(OSError):
                self._pick.choice([writer, out]).write_eof()
        if kind != "cut":
            await asyncio.sleep(self._pick.uniform(LEAST, 0.5))

    def go_down(self) -> None:
        """Cut all connections, and each new one while `is_down`."""
        self.is_down = True
        self.loop.call_soon_threadsafe(self.close)

    def close(self) -> None:
        """Cut everything."""
        for task in list(self._tasks):
            task.cancel()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()


@contextmanager
def cutting_proxy(target: int, seed: int = 1) -> Iterator[CuttingProxy]:
    """A proxy to `target` on a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    proxy = CuttingProxy(loop, target, seed)
    server = asyncio.run_coroutine_threadsafe(proxy.start(), loop).result(20)

    async def end() -> None:
        server.close()
        proxy.is_down = True
        # Among these tasks are those that accept connections, which the proxy does not have yet.
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            proxy.close()
            await asyncio.wait(others, timeout=0.1)
        # Transports that were aborted close their sockets in the next iterations.
        for _ in range(3):
            await asyncio.sleep(0)

    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
