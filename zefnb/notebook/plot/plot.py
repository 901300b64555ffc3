"""`plot`: live charts of topics and servers, as a widget in a notebook, or in a terminal until Ctrl-C."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zefnb.core.entity import Actor, Entity, HTTPServer, Topic
from zefnb.core.execution import is_in_notebook
from zefnb.errors import FieldError, InvalidValue, shown

if TYPE_CHECKING:
    from zefnb.engine.runtime import Runtime
    from zefnb.notebook.plot.chart import Chart
    from zefnb.notebook.plot.sources import Source

_WIDEST = 1e100


def plot(
    source: Any,
    y: str | Sequence[str] | None = None,
    *,
    x: str | None = None,
    by: str | None = None,
    window: float | None = None,
) -> Any:
    """Show a live chart of the messages of a topic, or of the figures of a server.

    Messages are numbers, dicts, entities, or JSON text with these. None and NaN break a line. Values that cannot be
    drawn are counted and named under the chart. The chart keeps the last 100,000 points. In a notebook it is a widget,
    which continues while a cell is busy: drag to zoom; the space bar pauses. It leaves a picture in the saved notebook.
    Running the cell again replaces the chart. In a terminal, `plot` draws until Ctrl-C.

    Args:
        source: A topic, an actor (its input), or a server's handle. A server has panels with its messages a second,
            its clients, its queued bytes, and the round trip of pings.
        y: The field of each message, or several for several lines. Default: the messages are numbers.
        x: The field for the horizontal axis: numbers, or times as `Time`, `datetime`, `date`, ISO 8601 text, or seconds
            or milliseconds since 1970, also those of numpy and pandas; a `timedelta` is its seconds. Default: the
            time of arrival.
        by: A field whose values get a line each, 100 lines at most.
        window: The width of the horizontal axis: seconds, or the units of `x`. Default: all points.

    Returns:
        The widget in a notebook, which shows itself and has `close()`; `None` in a terminal.

    Raises:
        InvalidValue: `source` is nothing that can be drawn, or a field has no name, or a server was given fields.
        NotRunning: The server has stopped.
        ImportError: A notebook lacks the package of the widget. The error has the command that installs it.

    >>> from zefnb import *
    >>> plot(ET.Topic('feed'), y='value', window=60)
    zefnb...
    no message of feed yet
    """
    # Imported here, so that importing the public name `plot` loads no large modules.
    from zefnb.engine.runtime import default_runtime
    from zefnb.notebook.plot.chart import Chart

    names = (y,) if isinstance(y, str) else tuple(y) if isinstance(y, list | tuple) else ()
    _check(source, y, names, x, by, window)
    runtime = default_runtime()
    found = _source(runtime, source, names, x, by, window)
    chart = Chart(runtime, found, window)
    if not is_in_notebook():
        from zefnb.notebook.plot.terminal import plot_terminal

        return plot_terminal(runtime, chart)
    return _widget(runtime, chart, x is None)


def _check(source: Any, y: Any, names: tuple[str, ...], x: Any, by: Any, window: Any) -> None:
    faults = []
    if not isinstance(source, Topic | Actor | HTTPServer):
        faults.append(FieldError("source", f"got {shown(source)}", "a topic, an actor, or a server's handle"))
    for field, value in (("x", x), ("by", by)):
        if value is not None and not (isinstance(value, str) and value):
            faults.append(FieldError(field, f"got {shown(value)}", "the name of a field, or None"))
    if y is not None and not (names and all(isinstance(name, str) and name for name in names)):
        faults.append(FieldError("y", f"got {shown(y)}", "the name of a field, a list of names, or None"))
    elif len(set(names)) < len(names):
        faults.append(FieldError("y", f"got {shown(y)}", "names that differ"))
    elif y is None and (x is not None or by is not None) and not isinstance(source, HTTPServer):
        faults.append(FieldError("y", "missing", "the name of a field, beside x and by"))
    if window is not None and not _is_width(window):
        faults.append(FieldError("window", f"got {shown(window)}", "a number above 0, or None"))
    if isinstance(source, HTTPServer) and (y, x, by) != (None, None, None):
        faults.append(FieldError("y, x, by", "a server has figures of its own", "none of them"))
    if faults:
        raise InvalidValue("plot", faults)


def _is_width(window: Any) -> bool:
    return isinstance(window, int | float) and not isinstance(window, bool) and 0 < window <= _WIDEST


def _source(
    runtime: Runtime, source: Entity, y: tuple[str, ...], x: str | None, by: str | None, window: float | None
) -> Source:
    from zefnb.net.http.servers import Servers
    from zefnb.notebook.overview import on_loop
    from zefnb.notebook.plot.reading import Reading
    from zefnb.notebook.plot.sources import ServerSource, TopicSource
    from zefnb.text.controls import strip_controls
    from zefnb.text.uids import short_uids
    from zefnb.topics.hub import topic_key

    if isinstance(source, HTTPServer):
        place, port = on_loop(runtime, lambda: _place_of(runtime.service(Servers).get(source)))
        return ServerSource(runtime, place, f"the server on port {port}")
    topic: Any = source
    if isinstance(source, Actor):
        topic = source.input[0] if isinstance(source.input, list) else source.input
    name = short_uids(strip_controls(topic_key(topic, "source"), 60))
    return TopicSource(runtime, topic, Reading(x, y, by, window), name)


def _place_of(server: Any) -> tuple[str, int]:
    return server.place, server.port


def _widget(runtime: Runtime, chart: Chart, is_arrival: bool) -> Any:
    try:
        from zefnb.notebook.plot.widget import LiveChart
    except ImportError as error:
        raise ImportError(f"a live chart needs {error.name}; pip install 'zefnb[lab]'", name=error.name) from None
    from zefnb.notebook.widgets.replace_previous import replace_previous

    return replace_previous(runtime, LiveChart(runtime, chart, is_arrival), "live chart")
