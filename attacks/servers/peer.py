"""The base of the peers under attack: a loop in its own thread, and the attacker's commands."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from attacks.servers.compute import compute
from attacks.servers.leftovers import of_this_process
from bench.servers.control import Control, publish_all


def serve_peer(
    loop: asyncio.AbstractEventLoop,
    start: Callable[[], Awaitable[int]],
    broadcast: Callable[[str], object],
    clients: Callable[[], int],
) -> None:
    """Run `start` on `loop` in the background, and serve the attacker's commands."""
    control = Control()
    threading.Thread(target=loop.run_forever, name="loop", daemon=True).start()

    def on_loop(awaitable: Awaitable[Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(_await(awaitable), loop).result(10)

    def left() -> dict[str, Any]:
        return {"clients": clients(), "tasks": on_loop(_count_tasks()), **of_this_process()}

    def publish(count: int, size: int, topic: str = "feed") -> dict[str, Any]:
        return publish_all(lambda message: loop.call_soon_threadsafe(broadcast, message), count, size)

    control.serve(on_loop(start()), {"left": left, "publish": publish, "compute": compute})


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


async def _count_tasks() -> int:
    return len(asyncio.all_tasks()) - 1
