"""A chart of a topic, and views of it that connect as the browser does."""

from __future__ import annotations

import base64
import json
import time
from array import array

import pytest

from tests.notebook.viewer import answer_to, greeted, here, the_control
from zefnb import ET
from zefnb.engine.runtime import default_runtime
from zefnb.notebook.plot.chart import Chart
from zefnb.notebook.plot.reading import Reading
from zefnb.notebook.plot.session import ChartSession
from zefnb.notebook.plot.sources import TopicSource

FEED = ET.Topic("feed")


class ChartView:
    """One view: the points, the lines and the notes that it has received."""

    def __init__(self, control, token, chart="", after=0):
        self.socket, nonce = greeted(control)
        self.socket.send(json.dumps(answer_to(nonce, token)))
        assert json.loads(self.socket.recv(timeout=20))["t"] == "welcome"
        self.chart, self.next, self.points, self.lines, self.notes = chart, after, [], [], []
        self.messages = 0
        self.is_time = None
        self.send("look", chart=chart, after=after)

    def send(self, do, **fields):
        self.socket.send(json.dumps({"do": do, **fields}))

    def ask(self, do, **fields):
        self.send(do, id=1, **fields)
        while (message := json.loads(self.socket.recv(timeout=20)))["t"] != "done":
            self._take(message)
        return message

    def until(self, condition, within=20):
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, "not so in time"
            self.listen(0.02)

    def listen(self, seconds):
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                self._take(json.loads(self.socket.recv(timeout=left)))
            except TimeoutError:
                return

    def _take(self, message):
        self.messages += 1
        if message["t"] == "chart":
            self.chart, self.next, self.window = message["chart"], message["next"], message["window"]
        self.lines = message.get("lines", self.lines)
        self.is_time = message.get("isTime", self.is_time)
        self.notes = message.get("notes", self.notes)
        if "series" in message:
            columns = [
                array(kind, base64.b64decode(message[name]))
                for kind, name in zip("Hdd", ("series", "x", "y"), strict=True)
            ]
            self.points += zip(*columns, strict=True)
            self.next = message["next"]

    @property
    def ys(self):
        return [y for _, _, y in self.points]


@pytest.fixture
def chart_of():
    """`chart_of('value', x=..., by=..., window=...)`: a chart of FEED that runs."""
    charts = []

    def make(*y, x=None, by=None, window=None):
        runtime = default_runtime()
        chart = Chart(runtime, TopicSource(runtime, FEED, Reading(x, y, by, window), "feed"), window)
        here(chart.start)
        charts.append(chart)
        return chart

    yield make
    for chart in charts:
        here(chart.close)


@pytest.fixture
def view_of(clean):
    """`view_of(chart)`: a view of it, as one that comes back with `known` and `after`."""
    control, tokens, views = the_control(), {}, []

    def open_(chart, known="", after=0):
        def make(send, ready):
            return ChartSession(default_runtime(), chart, send, ready)

        if chart not in tokens:
            tokens[chart] = here(lambda: control.open("chart", make))
        views.append(ChartView(control, tokens[chart], known, after))
        return views[-1]

    yield open_
    for view in views:
        view.socket.close()
    here(control.close)
