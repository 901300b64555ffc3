"""`plot`: what it accepts, and the figures of a server."""

from __future__ import annotations

import math

import pytest

from tests.notebook.kernel import a_kernel
from tests.notebook.viewer import here
from zefnb import ET, FX, plot, run
from zefnb.engine.runtime import default_runtime
from zefnb.errors import InvalidValue, NotRunning
from zefnb.net.http.servers import Servers
from zefnb.net.page import uplot
from zefnb.notebook.plot import sources
from zefnb.notebook.plot.sources import ServerSource
from zefnb.notebook.plot.widget import LiveChart, script, style
from zefnb.topics.hub import Hub

FEED = ET.Topic("feed")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"source": "feed"}, "source: got 'feed' (str); allowed: a topic, an actor, or a server's handle"),
        ({"y": 5}, "y: got 5"),
        ({"y": []}, "y: got []"),
        ({"y": ["a", ""]}, "y: got ['a', '']"),
        ({"y": ["a", "a"]}, "names that differ"),
        ({"x": 5, "y": "v"}, "x: got 5"),
        ({"by": "s"}, "y: missing"),
        ({"x": "t"}, "y: missing"),
        ({"window": 0}, "window: got 0"),
        ({"window": True}, "window: got True"),
        ({"window": math.nan}, "window: got nan"),
        ({"window": "10"}, "window: got '10'"),
        ({"x": 1, "by": 2, "window": -1}, "4 faults"),
    ],
)
def test_mistakes_are_named_all_at_once(given, words):
    source = given.pop("source", FEED)
    with pytest.raises(InvalidValue) as raised:
        plot(source, **given)
    assert words in str(raised.value)
    assert here(default_runtime().service(Hub).topics) == []


def test_a_server_has_no_fields_and_must_run():
    server = FX.StartHTTPServer(routes={"/": "hello"}, port=0) | run
    with pytest.raises(InvalidValue, match="a server has figures of its own"):
        plot(server, y="value")
    FX.StopHTTPServer(server=server) | run
    with pytest.raises(NotRunning):
        plot(server)


def test_outside_of_a_terminal_the_chart_is_drawn_once(capsys):
    assert plot(FEED, y="value") is None
    assert "no message of feed yet" in capsys.readouterr().out
    assert here(default_runtime().service(Hub).topics) == []


def test_the_figures_of_a_server(server, connect, monkeypatch, until):
    monkeypatch.setattr(sources, "SAMPLE_INTERVAL", 0.1)
    runtime = default_runtime()
    place = here(lambda: runtime.service(Servers).get(server).place)
    source, points = ServerSource(runtime, place, "it"), []
    clients = [connect(server, "/ws") for _ in range(3)]
    here(lambda: source.start(points.extend))

    def last(label):
        number = [series.label for series in source.series].index(label)
        return [point.y for point in points if point.series == number]

    until(lambda: 3.0 in last("clients"))
    for _ in range(10):
        clients[0].send("x")
    until(lambda: all(any(y > 0 for y in last(label)) for label in ("in", "out")))
    assert all(y == 0 or math.isnan(y) for y in last("queued"))
    FX.StopHTTPServer(server=server) | run
    until(lambda: math.isnan(last("clients")[-1]))
    here(source.stop)


def test_a_widget_has_uplot_inside_and_loads_nothing():
    text = script()
    assert uplot.script() in text
    assert "import " not in text.replace(uplot.script(), "").split("export default")[0].split("//")[0]
    assert "http" not in style()
    assert "uPlot" in LiveChart._esm


CELL = "chart = plot(ET.Topic('feed'), y='value')\nchart"
COUNT = """
from zefnb.engine.runtime import default_runtime
from zefnb.notebook.overview import on_loop
from zefnb.notebook.watch.control import Control
from zefnb.topics.hub import Hub
runtime = default_runtime()
def counts():
    control, hub = runtime.service(Control), runtime.service(Hub)
    return on_loop(runtime, lambda: (len(hub.subscribers(ET.Topic('feed'))), len(control._tokens), bool(control.port)))
"""


def test_a_cell_that_runs_again_leaves_no_subscription_and_the_saved_picture_follows():
    with a_kernel("from zefnb import *", COUNT) as kernel:
        cell = kernel.run(CELL, "plot")
        assert cell.error is None
        live, saved, *_ = cell.displays
        assert "application/vnd.jupyter.widget-view+json" in live
        assert "no message of feed yet" in saved["image/svg+xml"]
        for _ in range(2):
            again = kernel.run(CELL, "plot")
            assert again.text == "replaced the live chart that this cell showed before\n"
            assert kernel.value("counts()") == (1, 1, True)
        kernel.run("from zefnb.notebook.plot import widget; widget.FIRST_PICTURE = widget.PICTURE_INTERVAL = 0.1")
        kernel.run("for n in range(50): FX.Publish(target=ET.Topic('feed'), content={'value': n}) | run")
        kernel.until(lambda: any("50 points" in text for text in kernel.updates()))
        kernel.run("chart.close()")
        assert kernel.value("counts()")[:2] == (0, 0)
        assert kernel.value("repr(chart)") == "<a live chart of zefnb, closed>"
