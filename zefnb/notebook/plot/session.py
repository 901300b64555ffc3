"""The session of a chart: one view, its requests, and the points and notes that it gets."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from zefnb.engine.runtime import Runtime
from zefnb.notebook.plot.chart import SHORTEST_PAUSE, Chart
from zefnb.notebook.watch.live_session import LiveSession
from zefnb.notebook.watch.requests import Request, whole_number

# The most points of one message. Until a view has all of them, it gets one message after the other.
MOST_AT_ONCE = 5_000
_NOTES_INTERVAL = 0.5
# A view that cannot take more now is tried again after this.
_RETRY_INTERVAL = 0.2


class ChartSession(LiveSession):
    """Sends the points after those that the view has. The chart calls it, not the ticks of the control channel."""

    def __init__(self, runtime: Runtime, chart: Chart, send: Callable[[str], None], ready: Callable[[], bool]) -> None:
        super().__init__(runtime, send)
        self._chart = chart
        self._ready = ready
        self._next: int | None = None
        self._is_paused = False
        self._series_sent = 0
        self._about: tuple[Any, ...] = ()
        self._notes: list[str] | None = None
        self._changes = -1
        self._notes_due = 0.0

    @property
    def has_window(self) -> bool:
        return self._next is not None

    @property
    def wants_ticks(self) -> bool:
        return False

    def push(self, overview: dict[str, Any]) -> bool:
        return False

    def close(self) -> None:
        self._chart.hide(self)

    def _look(self, request: Request) -> None:
        """Begin after the points that the view has of this chart, or at the first one."""
        self._chart.source.read_on()
        points = self._chart.points
        is_same = request.get("chart") == self._chart.uid
        start = whole_number(request, "after", 0, 0, 1 << 53) if is_same else 0
        self._next = min(max(start, points.first), points.end)
        self._series_sent, self._about, self._notes, self._changes = 0, (), None, -1
        self.send({"t": "chart", "chart": self._chart.uid, "next": self._next, "window": self._chart.window})
        self._show()

    def _pause(self, request: Request) -> None:
        self._is_paused = bool(request.get("paused", True))
        self._show()

    def _show(self) -> None:
        if self._next is not None and not self._is_paused:
            self._chart.show(self, self._push)
        else:
            self._chart.hide(self)

    def _push(self) -> float | None:
        """Send what is new. Return the seconds until the next call if there is more."""
        if not self._ready():
            return _RETRY_INTERVAL
        message: dict[str, Any] = {**self._new_series(), **self._new_notes(), **self._new_points()}
        if message:
            self.send({"t": "points", **message})
        if self._next != self._chart.points.end:
            return SHORTEST_PAUSE
        return _RETRY_INTERVAL if self._changes != self._chart.source.problems.changes else None

    def _new_series(self) -> dict[str, Any]:
        source = self._chart.source
        series = source.series
        about = (len(series), source.is_time)
        if about == self._about:
            return {}
        self._about = about
        return {"lines": [each._asdict() for each in series], "isTime": source.is_time}

    def _new_notes(self) -> dict[str, Any]:
        problems, now = self._chart.source.problems, time.monotonic()
        if problems.changes == self._changes or now < self._notes_due:
            return {}
        self._changes, self._notes_due = problems.changes, now + _NOTES_INTERVAL
        return {"notes": problems.notes()}

    def _new_points(self) -> dict[str, Any]:
        points = self._chart.points
        if self._next is None or self._next == points.end:
            return {}
        _, self._next, arrays = points.since(self._next, MOST_AT_ONCE)
        return {"next": self._next, **arrays}

    actions: ClassVar[Mapping[str, Callable[[Any, Request], Any]]] = {
        "look": _look,
        "pause": _pause,
        # A view that uses the kernel's channel polls to stay registered. The request has no other effect.
        "poll": lambda session, request: None,
    }
