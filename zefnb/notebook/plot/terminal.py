"""A chart in a terminal, drawn with Braille characters again and again until Ctrl-C."""

from __future__ import annotations

import sys
import time
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from zefnb.engine.runtime import Runtime
from zefnb.notebook.overview import on_loop
from zefnb.notebook.plot import scales
from zefnb.notebook.plot.chart import Chart
from zefnb.notebook.plot.picture import Drawn, Picture, headline
from zefnb.notebook.plot.scales import Range
from zefnb.notebook.plot.sources import Panel

_REFRESH_INTERVAL = 0.25
# A Braille character has two columns and four rows of dots; the bits of the dots in Unicode.
_ACROSS, _DOWN = 2, 4
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BRAILLE = 0x2800
_COLOURS = ("bright_blue", "yellow", "green", "magenta", "red", "cyan", "bright_white", "bright_yellow")
_LEFT = 10
_LEAST_WIDTH, _LEAST_HEIGHT = 20, 3
_MOST_LABELS, _MOST_NOTES = 12, 4


def plot_terminal(runtime: Runtime, chart: Chart, console: Console | None = None) -> None:
    """Draw the chart until Ctrl-C, or once if the output is not a terminal."""
    console = console or Console()

    def picture() -> Any:
        found = on_loop(runtime, lambda: Picture.of(chart))
        return drawn(found, console.size.width, console.size.height - 1)

    on_loop(runtime, chart.start)
    try:
        if not console.is_terminal or not sys.stdout.isatty():
            console.print(picture())
            return
        with Live(picture(), console=console, auto_refresh=False, transient=False) as live:
            while True:
                time.sleep(_REFRESH_INTERVAL)
                live.update(picture(), refresh=True)
    except KeyboardInterrupt:
        return
    finally:
        on_loop(runtime, chart.close)


def drawn(picture: Picture, width: int, height: int) -> Group:
    """Return the picture as text of that many characters and lines at most."""
    found = Drawn.of(picture)
    head = Text.assemble(("zefnb", "bold"), "  ", headline(picture), no_wrap=True, overflow="ellipsis")
    notes = [Text(note, "red", no_wrap=True, overflow="ellipsis") for note in picture.notes[:_MOST_NOTES]]
    legend = _legend(picture, found) if len(picture.series) > 1 else []
    if found.x is None:
        return Group(head, Text(picture.waiting, "dim"), *notes)
    around = 2 + len(notes) + len(legend)
    each = max(_LEAST_HEIGHT, (height - around) // len(picture.panels) - (len(picture.panels) > 1))
    columns = max(_LEAST_WIDTH, width - _LEFT - 1)
    parts: list[Any] = []
    for number, panel in enumerate(picture.panels):
        parts += [Text(panel.title, "dim")] if panel.title else []
        parts += _panel(picture, found, found.x, number, columns, each)
    return Group(head, *parts, _x_axis(picture, found.x, columns), *legend, *notes)


def _panel(picture: Picture, found: Drawn, x: Range, number: int, columns: int, rows: int) -> list[Text]:
    mine = [n for n, series in enumerate(picture.series) if series.panel == number]
    across, down = columns * _ACROSS, rows * _DOWN
    parts = {n: scales.thinned(found.lines[n], x, across) for n in mine}
    y = scales.range_of((value for each in parts.values() for part in each for _, value in part), 0.02)
    if y is not None and picture.panels[number].from_zero:
        y = y.from_zero()
    canvas = _Canvas(columns, rows)
    if y is not None:
        for n, each in parts.items():
            for part in each:
                dots = [(x.part(at) * (across - 1), (1 - y.part(value)) * (down - 1)) for at, value in part]
                canvas.line(dots, _COLOURS[n % len(_COLOURS)])
    return canvas.lines(_y_labels(picture.panels[number], y, rows))


def _y_labels(panel: Panel, y: Range | None, rows: int) -> dict[int, str]:
    if y is None:
        return {}
    found = {}
    for mark in scales.marks(y, max(2, rows // 3)):
        found[round((1 - y.part(mark)) * (rows - 1))] = scales.value_text(mark, panel.reads)
    return found


def _x_axis(picture: Picture, x: Range, columns: int) -> Text:
    span = x.high - x.low
    most = max(2, columns // 14)
    marks = scales.moments(x, most) if picture.is_time else scales.marks(x, most)
    line = [" "] * columns
    for mark in marks:
        text = scales.moment_text(mark, span) if picture.is_time else scales.number_text(mark)
        at = round(x.part(mark) * (columns - 1)) - len(text) // 2
        at = min(max(0, at), columns - len(text))
        if at >= 0 and not "".join(line[max(0, at - 1) : at + len(text)]).strip():
            line[at : at + len(text)] = text
    return Text(" " * (_LEFT + 1) + "".join(line), "dim")


def _legend(picture: Picture, found: Drawn) -> list[Text]:
    text = Text(no_wrap=True, overflow="ellipsis")
    for n, series in enumerate(picture.series[:_MOST_LABELS]):
        line = found.lines[n]
        known = bool(line) and line[-1][1] == line[-1][1]
        value = scales.value_text(line[-1][1], picture.panels[series.panel].reads) if known else "–"
        text.append("━ ", _COLOURS[n % len(_COLOURS)])
        text.append(f"{series.label} {value}  ")
    more = len(picture.series) - _MOST_LABELS
    return [text.append(f"and {more:,} more") if more > 0 else text]


class _Canvas:
    """Characters of a panel, each with its dots and a colour."""

    def __init__(self, columns: int, rows: int) -> None:
        self._columns, self._rows = columns, rows
        self._dots = [[0] * columns for _ in range(rows)]
        self._colours = [[""] * columns for _ in range(rows)]

    def line(self, corners: list[tuple[float, float]], colour: str) -> None:
        """Draw straight lines between the corners, in dots from the left and from the top."""
        for (x1, y1), (x2, y2) in zip(corners, corners[1:] or corners, strict=False):
            steps = max(1, round(max(abs(x2 - x1), abs(y2 - y1))))
            for step in range(steps + 1):
                self._dot(x1 + (x2 - x1) * step / steps, y1 + (y2 - y1) * step / steps, colour)

    def _dot(self, x: float, y: float, colour: str) -> None:
        column, row = int(x + 0.5), int(y + 0.5)
        at, line = column // _ACROSS, row // _DOWN
        if 0 <= at < self._columns and 0 <= line < self._rows:
            self._dots[line][at] |= _DOTS[row % _DOWN][column % _ACROSS]
            self._colours[line][at] = colour

    def lines(self, labels: dict[int, str]) -> list[Text]:
        """Return the lines of text, each with its label of the axis."""
        found = []
        for n, (dots, colours) in enumerate(zip(self._dots, self._colours, strict=True)):
            label = labels.get(n, "")
            text = Text(no_wrap=True)
            text.append(f"{label[:_LEFT]:>{_LEFT}}{'┤' if label else '│'}", "dim")
            for each, colour in zip(dots, colours, strict=True):
                text.append(chr(_BRAILLE + each) if each else " ", colour)
            found.append(text)
        return found
