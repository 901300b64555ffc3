"""The displays of zefnb without a browser: a live table and a live chart, as the notebook opens their channels."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from zefnb import FX, run
from zefnb.engine.runtime import default_runtime


def _opened(*given: Any) -> dict[str, Any]:
    """Open a channel of a display, and return how to reach it."""
    from zefnb.notebook.watch.control import PATH, Control

    runtime = default_runtime()
    channel = runtime.service(Control)
    token = asyncio.run_coroutine_threadsafe(channel.open(*given), runtime.loop).result(10)
    return {"url": f"ws://127.0.0.1:{channel.port}{PATH}", "token": token.name, "secret": token.reveal()}


def watch() -> dict[str, Any]:
    """Open the channel of a live table."""
    return _opened()


def chart(topic: Any) -> dict[str, Any]:
    """Open the channel of a live chart of the field `y`."""
    from zefnb.notebook.plot.chart import Chart
    from zefnb.notebook.plot.reading import Reading
    from zefnb.notebook.plot.session import ChartSession
    from zefnb.notebook.plot.sources import TopicSource

    runtime = default_runtime()
    made = Chart(runtime, TopicSource(runtime, topic, Reading(None, ("y",), None, None), "numbers"), None)

    async def start() -> None:
        made.start()

    asyncio.run_coroutine_threadsafe(start(), runtime.loop).result(10)

    def session(send: Callable[[str], None], ready: Callable[[], bool]) -> ChartSession:
        return ChartSession(runtime, made, send, ready)

    return _opened("chart", session)


def feed(topic: Any, seconds: float, rate: int) -> dict[str, float]:
    """Publish `rate` numbers a second, and return the processor time of the process in cores."""
    begin, cpu, count = time.monotonic(), time.process_time(), 0
    while (passed := time.monotonic() - begin) < seconds:
        while count < passed * rate:
            FX.Publish(target=topic, content={"y": count % 7}) | run
            count += 1
        time.sleep(1 / rate)
    return {"cores": (time.process_time() - cpu) / passed, "count": count}
