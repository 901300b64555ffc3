"""The chart as a widget of the notebook, with a picture beside it that stays in the saved notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import traitlets

from zefnb.core.execution import interactive_shell
from zefnb.engine.runtime import Runtime
from zefnb.net.page import uplot
from zefnb.notebook.display import html
from zefnb.notebook.overview import on_loop
from zefnb.notebook.plot.chart import Chart
from zefnb.notebook.plot.picture import Picture, svg, text_of
from zefnb.notebook.plot.session import ChartSession
from zefnb.notebook.watch.live_session import LiveSession
from zefnb.notebook.watch.live_widget import CHANNEL_PARTS, STATIC, LiveWidget, joined

_PARTS = ("store", "slots", "axes", "panel", "legend", "view", "main")
# Seconds until the first picture with points, and between pictures: each makes the notebook one with unsaved changes.
FIRST_PICTURE = 2.0
PICTURE_INTERVAL = 10.0


def script() -> str:
    """Return the widget's JavaScript as one module."""
    return "\n".join([uplot.script(), joined(*CHANNEL_PARTS, *(f"plot/{part}" for part in _PARTS))])


def style() -> str:
    """Return the widget's style sheet."""
    return uplot.style() + "\n" + (STATIC / "plot" / "plot.css").read_text("utf-8")


class LiveChart(LiveWidget):
    """A live chart. `plot` creates it, and `close()` ends it."""

    noun = "live chart"
    _esm = script()
    _css = style()
    # Saved with the notebook, so it contains no secret: titles, panels and fields.
    about = traitlets.Dict().tag(sync=True)

    def __init__(self, runtime: Runtime, chart: Chart, is_arrival: bool) -> None:
        self._chart = chart
        self._picture_id = f"zefnb-plot-{chart.uid}"
        self._publisher: Any = None
        # Whether a picture is planned, and whether the chart has changed since the last one.
        self._is_due = self._is_old = False
        self._pictures = 0
        source = chart.source
        about = {
            "title": source.title,
            "panels": [panel._asdict() for panel in source.panels],
            "arrival": is_arrival,
            "waiting": source.waiting,
        }
        super().__init__(runtime, "chart", self._session, about=about)
        chart.on_change = self._changed
        on_loop(runtime, chart.start)

    def _session(self, send: Callable[[str], None], ready: Callable[[], bool]) -> LiveSession:
        return ChartSession(self._runtime, self._chart, send, ready)

    def close(self) -> None:
        """End every view of this chart and its subscription."""
        if self._token is not None and self._runtime.is_alive:
            on_loop(self._runtime, self._end)
        super().close()

    def _end(self) -> None:
        self._chart.on_change = None
        self._chart.close()

    # The picture in the saved notebook

    def _saved(self) -> dict[str, str]:
        text = f"a live chart of {self._chart.source.title}"
        return {"text/html": html.page(html.tag("div", text, cls="d")), "text/plain": text}

    def _ipython_display_(self) -> None:
        """Display the view, and a picture, which the style sheet hides beside the view.

        A front end draws a widget again when its output changes, so the picture is an output of its own.
        """
        shell = interactive_shell()
        bundle = self._repr_mimebundle_()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        shell.display_pub.publish(data=data, metadata=metadata)
        if getattr(shell, "kernel", None) is not None:
            self._publisher = shell.display_pub
            picture = on_loop(self._runtime, self._now)
            self._publish(_bundle(picture), update=False)

    def _now(self) -> Picture:
        return Picture.of(self._chart)

    def _publish(self, data: dict[str, str], update: bool) -> None:
        self._publisher.publish(data=data, metadata={}, transient={"display_id": self._picture_id}, update=update)

    def _changed(self) -> None:
        self._is_old = True
        if not self._is_due and self._publisher is not None:
            self._is_due = True
            pause = PICTURE_INTERVAL if self._pictures else FIRST_PICTURE
            self._runtime.loop.call_later(pause, self._draw)

    def _draw(self) -> None:
        """Draw the picture in a handler thread: many points take longer than the loop may wait."""
        if self._token is not None:
            picture, self._is_old = self._now(), False
            self._runtime.handler_threads.submit(self._drawn, partial(_bundle, picture))

    def _drawn(self, data: Any, error: BaseException | None) -> None:
        self._is_due = False
        self._pictures += 1
        if error is not None:
            self._runtime.journal.exception("the picture of a live chart", error)
        elif self._token is not None and not sys.is_finalizing():
            self._publish(data, update=True)
            if self._is_old:
                self._changed()


def _bundle(picture: Picture) -> dict[str, str]:
    return {"image/svg+xml": svg(picture), "text/plain": text_of(picture)}
