"""A chart as a picture of one moment: as SVG without a script, and as text."""

from __future__ import annotations

import time
from html import escape
from typing import NamedTuple

from zefnb.notebook.display.columns import count_text
from zefnb.notebook.plot import scales
from zefnb.notebook.plot.chart import Chart
from zefnb.notebook.plot.points import Columns, Line, Point, lines_of
from zefnb.notebook.plot.scales import Range
from zefnb.notebook.plot.sources import Panel, Series

_WIDTH, _LEFT, _RIGHT = 760, 64, 14
_TITLE, _AXIS, _ROW = 24, 26, 18
# The heights of a panel that is alone, and of one of several.
_HEIGHT, _LOW_HEIGHT = 220, 110
_MOST_LABELS = 24
_LABEL_WIDTH = 120
# Readable on white, and different also for people who see few colours.
_COLOURS = (
    "#0969da",
    "#bc4c00",
    "#1a7f37",
    "#8250df",
    "#bf3989",
    "#0b7285",
    "#9a6700",
    "#57606a",
    "#cf222e",
    "#4b6b00",
)
_DASHES = ("", ' stroke-dasharray="7 4"', ' stroke-dasharray="2 3"')
_FONT = "font: 12px system-ui, sans-serif"


class Picture(NamedTuple):
    """The content of a chart at one moment."""

    title: str
    panels: tuple[Panel, ...]
    series: list[Series]
    points: Columns | list[Point]
    notes: list[str]
    window: float | None
    is_time: bool
    waiting: str

    @classmethod
    def of(cls, chart: Chart) -> Picture:
        """Return the current picture of a chart. On the loop."""
        source = chart.source
        source.read_on()
        return cls(
            source.title,
            source.panels,
            source.series,
            chart.points.copy(),
            source.problems.notes(),
            chart.window,
            source.is_time,
            source.waiting,
        )


class Drawn(NamedTuple):
    """The lines of a picture in the order of x, and the range that is shown."""

    lines: list[Line]
    x: Range | None

    @classmethod
    def of(cls, picture: Picture) -> Drawn:
        """Sort the points of a picture."""
        lines = lines_of(_points(picture), len(picture.series))
        x = scales.range_of(end for line in lines if line for end in (line[0][0], line[-1][0]))
        if x is not None and picture.window is not None:
            high = max(line[-1][0] for line in lines if line)
            x = scales.last_part(high, picture.window)
        return cls(lines, x)


def headline(picture: Picture) -> str:
    """Return the title, with the number of points and the time."""
    ys = picture.points.y if isinstance(picture.points, Columns) else [point.y for point in picture.points]
    count = count_text(sum(y == y for y in ys), "point")
    return f"{picture.title}: {count}, {time.strftime('%Y-%m-%d %H:%M:%S')}"


def text_of(picture: Picture) -> str:
    """Return the picture in words: the last value of each series, and the notes."""
    lines = lines_of(_points(picture), len(picture.series))
    last = [
        f"{series.label}: {scales.value_text(line[-1][1], picture.panels[series.panel].reads)}"
        for series, line in zip(picture.series, lines, strict=True)
        if line and line[-1][1] == line[-1][1]
    ]
    return "\n".join([f"zefnb · {headline(picture)}", *(last or [picture.waiting]), *picture.notes])


def _points(picture: Picture) -> list[Point]:
    return picture.points.read() if isinstance(picture.points, Columns) else picture.points


def svg(picture: Picture) -> str:
    """Return the picture as SVG."""
    drawn = Drawn.of(picture)
    parts, top = [], _TITLE
    height = _HEIGHT if len(picture.panels) == 1 else _LOW_HEIGHT
    for number in range(len(picture.panels)):
        parts += _panel(picture, drawn, number, top, height)
        top += height + _AXIS
    labels, top = _legend(picture, top)
    notes = [_text(_LEFT, top + _ROW * n + 12, note, ' fill="#cf222e"') for n, note in enumerate(picture.notes[:5])]
    top += _ROW * len(notes) + 6
    head = _text(_LEFT, 15, headline(picture), ' font-weight="600"')
    body = "".join([head, *parts, *labels, *notes])
    title = escape(f"A chart of {picture.title}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}" viewBox="0 0 {_WIDTH} {top}" '
        f'role="img" style="{_FONT}"><title>{title}</title><rect width="100%" height="100%" fill="#fff"/>{body}</svg>'
    )


def _panel(picture: Picture, drawn: Drawn, number: int, top: int, height: int) -> list[str]:
    width, panel = _WIDTH - _LEFT - _RIGHT, picture.panels[number]
    frame = f'<rect x="{_LEFT}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#d0d7de"/>'
    mine = [n for n, series in enumerate(picture.series) if series.panel == number]
    if drawn.x is None:
        return [frame, _text(_LEFT + 12, top + 24, picture.waiting, ' fill="#57606a"')]
    x = drawn.x
    parts = {n: scales.thinned(drawn.lines[n], x, width) for n in mine}
    y = scales.range_of((point[1] for each in parts.values() for part in each for point in part), 0.05)
    found = [frame, *_x_axis(picture, x, top + height, width)]
    if panel.title:
        found.append(_text(_LEFT + 6, top + 15, panel.title, ' fill="#57606a"'))
    if y is None:
        return found
    y = y.from_zero() if panel.from_zero else y
    found += _y_axis(panel, y, top, height, width)
    for n, each in parts.items():
        corners = [
            [(_LEFT + x.part(at) * width, top + height - y.part(value) * height) for at, value in part] for part in each
        ]
        found += [_path(corner, n) for corner in corners]
    return found


def _path(corners: list[tuple[float, float]], number: int) -> str:
    if len(corners) == 1:
        return f'<circle cx="{corners[0][0]:.1f}" cy="{corners[0][1]:.1f}" r="2" fill="{_colour(number)}"/>'
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in corners)
    return f'<path d="M{path}" fill="none" stroke="{_colour(number)}" stroke-width="1.5"{_dash(number)}/>'


def _x_axis(picture: Picture, x: Range, bottom: int, width: int) -> list[str]:
    span = x.high - x.low
    marks = scales.moments(x, 8) if picture.is_time else scales.marks(x, 8)
    texts = [scales.moment_text(mark, span) if picture.is_time else scales.number_text(mark) for mark in marks]
    places = [_LEFT + x.part(mark) * width for mark in marks]
    return [
        f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{bottom}" y2="{bottom + 4}" stroke="#8c959f"/>'
        + _text(at, bottom + 16, text, ' text-anchor="middle" fill="#57606a"')
        for at, text in zip(places, texts, strict=True)
    ]


def _y_axis(panel: Panel, y: Range, top: int, height: int, width: int) -> list[str]:
    found = []
    for mark in scales.marks(y, 6 if height > _LOW_HEIGHT else 4):
        at = top + height - y.part(mark) * height
        found.append(f'<line x1="{_LEFT}" x2="{_LEFT + width}" y1="{at:.1f}" y2="{at:.1f}" stroke="#eaeef2"/>')
        text = scales.value_text(mark, panel.reads)
        found.append(_text(_LEFT - 6, at + 4, text, ' text-anchor="end" fill="#57606a"'))
    return found


def _legend(picture: Picture, top: int) -> tuple[list[str], int]:
    """Return the labels of the series, and where they end. A single line needs none."""
    shown = picture.series[:_MOST_LABELS] if len(picture.series) > 1 else []
    across = (_WIDTH - _LEFT) // _LABEL_WIDTH
    found = []
    for n, series in enumerate(shown):
        x, y = _LEFT + n % across * _LABEL_WIDTH, top + n // across * _ROW + 10
        line = f'<line x1="{x}" x2="{x + 18}" y1="{y}" y2="{y}" stroke="{_colour(n)}" stroke-width="2"{_dash(n)}/>'
        found.append(line + _text(x + 23, y + 4, series.label[:14]))
    more = len(picture.series) - len(shown)
    rows = -(-len(shown) // across)
    if shown and more > 0:
        found.append(_text(_LEFT, top + rows * _ROW + 14, f"and {more:,} more"))
        rows += 1
    return found, top + rows * _ROW + 4


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}"{more}>{escape(text)}</text>'


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _dash(number: int) -> str:
    return _DASHES[number // len(_COLOURS) % len(_DASHES)]
