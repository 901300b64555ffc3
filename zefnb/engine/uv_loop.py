"""uvloop's loop as an iteration loop. Imported only if uvloop is installed."""

from __future__ import annotations

import contextvars
from collections.abc import Callable

import uvloop

from zefnb.engine.iteration_loop import IterationLoop


class UvIterationLoop(uvloop.Loop, IterationLoop):  # type: ignore[misc]
    """uvloop's loop: it writes to sockets at the end of an iteration, without releasing the GIL."""

    on_wake: Callable[[], None]

    def at_iteration_end(self, call: Callable[[], None]) -> None:
        # In a new context: the iteration is shared, and the last event's `current_owner` must not apply at its end.
        self.call_soon(call, context=contextvars.Context())

    def wake(self) -> None:
        self.call_soon_threadsafe(self.on_wake)
