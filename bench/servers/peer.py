"""The base of the peers: a loop in its own thread, called from the main thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

from bench.servers.control import Control, clocked, compute, publish_all, publish_for, timed

Broadcast = Callable[[str], object]


async def _nothing() -> list[object]:
    """The cheapest call to a loop."""
    return []


def serve_peer(loop: asyncio.AbstractEventLoop, start: Callable[[], Awaitable[int]], broadcast: Broadcast) -> None:
    """Run `start` on `loop` in the background, and serve the commands of the bench.

    The peers have no call like `| run` or `FX.Publish`. Their users write instead
    `run_coroutine_threadsafe` for a result and `call_soon_threadsafe` for a message.
    """
    control = Control()
    threading.Thread(target=loop.run_forever, name="loop", daemon=True).start()

    def start_one() -> int:
        return asyncio.run_coroutine_threadsafe(_await(start()), loop).result(10)

    port, started = clocked(start_one)

    def ask() -> object:
        return asyncio.run_coroutine_threadsafe(_nothing(), loop).result(10)

    control.serve(
        port,
        {
            "started": lambda: {"seconds": started},
            "start_another": lambda: {"seconds": clocked(start_one)[1]},
            "serve_page": lambda: {"port": port},
            "run": lambda count: timed(ask, count),
            "compute": compute,
            "publish": lambda seconds: publish_for(lambda m: loop.call_soon_threadsafe(len, m), ask, seconds),
            "publish_to_sockets": lambda count, size, pause=0.0: publish_all(
                lambda m: loop.call_soon_threadsafe(broadcast, m), count, size, pause
            ),
        },
    )


async def _await(awaitable: Awaitable[int]) -> int:
    return await awaitable
