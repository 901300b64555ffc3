"""The background thread and its event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from importlib.util import find_spec

from zefnb.engine.iteration_loop import IterationLoop, SelectorIterationLoop
from zefnb.engine.start import LoopOwner

_STOP_TIMEOUT = 2.0
# Seconds in a loop iteration for each kind of work without a natural end: parsing, and delivering messages.
ITERATION_BUDGET = 0.0015


def make_loop() -> IterationLoop:
    """Return uvloop's loop if it is installed and not declined, else asyncio's."""
    if os.environ.get("ZEFNB_LOOP") == "asyncio" or find_spec("uvloop") is None:
        return SelectorIterationLoop()
    from zefnb.engine.uv_loop import UvIterationLoop

    return UvIterationLoop()


class LoopThread:
    """A daemon thread named `zefnb` that runs one event loop, independent of asyncio's event loop policy."""

    def __init__(self, on_escape: Callable[[BaseException], None]) -> None:
        self.loop = make_loop()
        self._on_escape = on_escape
        self._thread = LoopOwner(target=self._run, name="zefnb", daemon=True)
        self.ident: int | None = None
        # Whether the loop accepts work. Its thread ends only after `stop`.
        self.is_alive = False

    def start(self) -> None:
        """Start the thread, and wait until its loop runs."""
        running = threading.Event()
        self.is_alive = True
        self.loop.call_soon(running.set)
        self._thread.start()
        running.wait()

    def _run(self) -> None:
        self.ident = threading.get_ident()
        asyncio.set_event_loop(self.loop)
        while self.is_alive:
            try:
                self.loop.run_forever()
            except BaseException as error:  # user code may raise SystemExit, which must not end the loop
                self._on_escape(error)
        self.loop.run_until_complete(self._cancel_all())
        self.loop.close()

    async def _cancel_all(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.loop.shutdown_asyncgens()
        with contextlib.suppress(RuntimeError):  # since Python 3.12, no thread can start during shutdown
            await self.loop.shutdown_default_executor()

    @property
    def is_current(self) -> bool:
        """Whether the caller is on the loop's thread."""
        return threading.get_ident() == self.ident

    def abandon(self) -> None:
        """In a forked child, where the thread does not exist: mark the loop as ended."""
        self.is_alive = False

    def stop(self) -> None:
        """End the loop and its thread. Called from another thread; waits at most two seconds."""
        if not self.is_alive:
            return

        def stop() -> None:
            self.is_alive = False
            self.loop.stop()

        self.loop.call_soon_threadsafe(stop)
        self._thread.join(_STOP_TIMEOUT)
