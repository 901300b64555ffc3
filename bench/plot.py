"""A measure's curve as SVG: both axes by powers of ten, a line for each system, in light and in dark."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape

from bench.measure import Curve, Entrant, Result
from bench.spread import Spread

_WIDTH, _HEIGHT = 760, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 110, 34, 52
_COLOURS = {
    "zefnb": "#d1495b",
    "zef": "#8d6cab",
    "picows": "#2e86ab",
    "websockets": "#5b8c5a",
    "aiohttp": "#b08900",
    "C limit": "#888888",
}
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #333; }
.grid { stroke: #ddd; }
polyline { fill: none; stroke-width: 2; }
.zefnb { stroke-width: 3; }
@media (prefers-color-scheme: dark) { text { fill: #ccc; } .grid { stroke: #444; } .paper { fill: #1b1b1b; } }
"""

Point = tuple[float, float]


class Axis:
    """A logarithmic axis: it maps values to positions between two edges."""

    def __init__(self, values: list[float], begin: float, end: float) -> None:
        self._least, self._most = math.log10(min(values) / 1.15), math.log10(max(values) * 1.15)
        self._begin, self._end = begin, end

    def place(self, value: float) -> float:
        """Return the position of `value`."""
        share = (math.log10(value) - self._least) / (self._most - self._least)
        return round(self._begin + share * (self._end - self._begin), 1)

    def ticks(self) -> Iterator[float]:
        """Return its round numbers: 1, 2 and 5 times each power of ten, or only the powers if there are many."""
        steps = (1, 2, 5) if self._most - self._least < 2 else (1,)
        for power in range(math.floor(self._least), math.ceil(self._most) + 1):
            yield from (
                step * 10.0**power for step in steps if self._least <= math.log10(step * 10.0**power) <= self._most
            )


def draw(result: Result) -> str:
    """Return the picture."""
    curve = result.measure.curve
    assert curve is not None
    lines = {name: points for name, points in _lines(result, curve).items() if points}
    points = [point for line in lines.values() for point in line]
    across = Axis([x for x, _ in points], _LEFT, _WIDTH - _RIGHT)
    up = Axis([y for _, y in points], _HEIGHT - _BOTTOM, _TOP)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
            f"<title>{escape(result.measure.title)}</title><style>{_STYLE}</style>",
            f'<rect class="paper" width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
            f'<text x="{_LEFT}" y="18" font-weight="600">{escape(result.measure.title)}</text>',
            *_grid(across, up),
            *_named(lines, across, up),
            f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 12}" text-anchor="middle">{curve.x_title}</text>',
            f'<text transform="translate(16 {(_TOP + _HEIGHT - _BOTTOM) / 2}) rotate(-90)" text-anchor="middle">'
            f"{curve.y_title}</text>",
            "</svg>\n",
        ]
    )


def _lines(result: Result, curve: Curve) -> dict[str, list[Point]]:
    lines: dict[str, list[Point]] = {}
    for entrant in result.measure.entrants:
        x, y = _value(result, entrant, curve.x), _value(result, entrant, curve.y)
        if x and y:
            lines.setdefault(entrant.system.name, []).append((x, y))
    return lines


def _value(result: Result, entrant: Entrant, key: str) -> float:
    if key == "clients":
        return entrant.clients
    values = result.values(entrant.label, key)
    return Spread.of(values).median if values else 0


def _grid(across: Axis, up: Axis) -> Iterator[str]:
    for value in across.ticks():
        x = across.place(value)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
        yield f'<text x="{x}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{_short(value)}</text>'
    for value in up.ticks():
        y = up.place(value)
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{_short(value)}</text>'


def _named(lines: dict[str, list[Point]], across: Axis, up: Axis) -> Iterator[str]:
    taken: list[float] = []
    for name, line in sorted(lines.items(), key=lambda named: up.place(named[1][-1][1])):
        places = [(across.place(x), up.place(y)) for x, y in line]
        shown = " ".join(f"{x},{y}" for x, y in places)
        colour = _COLOURS[name]
        yield f'<polyline class="{"zefnb" if name == "zefnb" else ""}" stroke="{colour}" points="{shown}"/>'
        yield from (f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in places)
        # Names are beside the last points, each below the previous one.
        x, y = places[-1]
        while any(abs(y - other) < 14 for other in taken):
            y += 2
        taken.append(y)
        yield f'<text x="{x + 8}" y="{y + 4}" style="fill:{colour}">{escape(name)}</text>'


def _short(value: float) -> str:
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
