"""uvloop's loop as a turn loop. Loaded where uvloop is installed only."""

from __future__ import annotations

import contextvars
from collections.abc import Callable

import uvloop

from zefnb.engine.iteration_loop import IterationLoop


class UvIterationLoop(uvloop.Loop, IterationLoop):  # type: ignore[misc]
    """libuv's: it writes at the end of its own turns, and keeps the interpreter's lock meanwhile."""

    on_wake: Callable[[], None]

    def at_iteration_end(self, call: Callable[[], None]) -> None:
        # In a context of its own: the turn is everybody's, and whoever speaks last in it must not own its end.
        self.call_soon(call, context=contextvars.Context())

    def wake(self) -> None:
        self.call_soon_threadsafe(self.on_wake)
