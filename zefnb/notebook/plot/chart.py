"""A chart: its points, and the views to which it sends them. It sends nothing while no view is visible."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from zefnb.core.uid import generate_uid
from zefnb.engine.runtime import Runtime
from zefnb.notebook.plot.points import Columns, Point, Points
from zefnb.notebook.plot.sources import Source

# As often as a screen is drawn.
SHORTEST_PAUSE = 1 / 60
# The pause after sending is this many times as long as the sending, so that views use at most 5 % of the loop's time.
_PAUSE_FACTOR = 20

# A view: it sends what is new, and returns the seconds until the next call if there is more.
Push = Callable[[], float | None]


class Chart:
    """The points of one chart, and its views. Only the loop uses it."""

    def __init__(self, runtime: Runtime, source: Source, window: float | None) -> None:
        self._runtime = runtime
        self.uid = str(generate_uid())
        self.source = source
        self.window = window
        self.points = Points()
        # Of each view that is visible.
        self._views: dict[Any, Push] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._earliest = 0.0
        # Called when the chart may have changed, also while no view is visible.
        self.on_change: Callable[[], None] | None = None
        self.pushes = 0

    def start(self) -> None:
        """Begin to collect points."""
        self.source.start(self.take)

    def close(self) -> None:
        """End the subscription."""
        self.source.stop()
        self._views.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def is_sending(self) -> bool:
        """Whether something is about to be sent."""
        return self._timer is not None

    def take(self, points: list[Point] | Columns) -> None:
        """Add points. Notes may have changed, even if there is none, and the source may have more to read."""
        self.points.add(points)
        if self.on_change is not None:
            self.on_change()
        if self._timer is None and self._views:
            self._wake(SHORTEST_PAUSE)

    def show(self, view: Any, push: Push) -> None:
        """Send to a view from now on."""
        self.source.read_on()
        self._views[view] = push
        self.source.is_hidden = False
        if self._timer is None:
            self._wake(0.0)

    def hide(self, view: Any) -> None:
        """Send to a view no more."""
        self._views.pop(view, None)
        self.source.is_hidden = not self._views

    def _wake(self, pause: float) -> None:
        loop = self._runtime.loop
        self._timer = loop.call_at(max(self._earliest, loop.time() + pause), self._push)

    def _push(self) -> None:
        self._timer = None
        self.pushes += 1
        started = time.thread_time()
        pauses: list[float] = []
        for view, push in list(self._views.items()):
            try:
                pause = push()
                pauses += [] if pause is None else [pause]
            except Exception as error:
                self._runtime.journal.exception("a live chart", error)
                self.hide(view)
        self._earliest = self._runtime.loop.time() + max(SHORTEST_PAUSE, _PAUSE_FACTOR * (time.thread_time() - started))
        if pauses:
            self._wake(min(pauses))
