"""The background thread and its event loop."""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import threading
from collections.abc import Callable
from typing import Any

_STOP_PATIENCE = 2.0
# More than wait at once; what is left wakes the loop once more.
_WAKES = 4_096


def _nothing() -> None:
    """What is called when nobody has asked."""


class TurnLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop, which in addition says when a turn ends, `at_turn_end`, and when it was woken, `on_wake`.

    A turn ends when everybody who spoke in it has been heard, right before the loop looks for more or
    sleeps. By `call_soon` one would go round once more, and ask the system for news that nobody has:
    an echo takes 0.93 of the CPU time so.
    """

    def __init__(self) -> None:
        self._at_turn_end: list[Callable[[], None]] = []
        self.on_wake: Callable[[], None] = _nothing
        super().__init__(_TurnSelector(self))

    def wake(self) -> None:
        """Have `on_wake` called on the loop, at least once from now on. From any thread.

        `call_soon_threadsafe` would make a handle for it, and read until nothing is left: FIGURE.
        """
        self._write_to_self()

    def _read_from_self(self) -> None:
        with contextlib.suppress(BlockingIOError, InterruptedError):
            self._ssock.recv(_WAKES)
        self.on_wake()

    def at_turn_end(self, call: Callable[[], None]) -> None:
        """Make `call` once, at the end of this turn. On the loop."""
        self._at_turn_end.append(call)

    def end_turn(self, timeout: float | None) -> float | None:
        """Make the calls that are due; answers how long the loop may sleep, knowing what they have scheduled."""
        timers = len(self._scheduled)
        while self._at_turn_end:
            calls, self._at_turn_end = self._at_turn_end, []
            for call in calls:
                try:
                    call()
                except Exception as error:
                    self.call_exception_handler({"message": "a fault at the end of a turn", "exception": error})
        return 0 if self._ready or len(self._scheduled) != timers else timeout

    # What asyncio calls its queues and its pipe to itself; tests/engine/test_loop.py holds them.
    _ready: Any
    _scheduled: list[Any]
    _ssock: Any
    _write_to_self: Callable[[], None]


class _TurnSelector(selectors.DefaultSelector):
    def __init__(self, loop: TurnLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._loop._at_turn_end:
            timeout = self._loop.end_turn(timeout)
        return super().select(timeout)


class LoopThread:
    """A daemon thread named `zefnb` that runs one event loop, built explicitly and never from the policy."""

    def __init__(self, on_escape: Callable[[BaseException], None]) -> None:
        self.loop = TurnLoop()
        self._on_escape = on_escape
        self._thread = threading.Thread(target=self._run, name="zefnb", daemon=True)
        self.ident: int | None = None
        # Whether the loop takes work. Its thread ends for no other reason than being told to.
        self.is_alive = False

    def start(self) -> None:
        """Start the thread; returns when its loop runs."""
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
            except BaseException as error:  # user code may raise SystemExit; the loop outlives it
                self._on_escape(error)
        self.loop.run_until_complete(self._cancel_all())
        self.loop.close()

    async def _cancel_all(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.loop.shutdown_asyncgens()
        await self.loop.shutdown_default_executor()

    @property
    def is_current(self) -> bool:
        """Whether the caller is on the loop's thread."""
        return threading.get_ident() == self.ident

    def abandon(self) -> None:
        """In a forked child: the thread has stayed with the parent."""
        self.is_alive = False

    def stop(self) -> None:
        """End the loop and its thread. Called from another thread; waits at most two seconds."""
        if not self.is_alive:
            return

        def stop() -> None:
            self.is_alive = False
            self.loop.stop()

        self.loop.call_soon_threadsafe(stop)
        self._thread.join(_STOP_PATIENCE)
