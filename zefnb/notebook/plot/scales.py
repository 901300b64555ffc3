"""The scales of a drawn chart: ranges, the marks of an axis, and their texts."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import NamedTuple

from zefnb.notebook.display.columns import READINGS
from zefnb.notebook.plot.points import Line

_DAY = 86_400
# Steps of a time axis in seconds. Longer ones are whole days.
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, _DAY)


class Range(NamedTuple):
    """The lowest and the highest value of an axis."""

    low: float
    high: float

    def part(self, value: float) -> float:
        """Return where a value is: 0 at the lowest, 1 at the highest."""
        return (value - self.low) / (self.high - self.low)

    def from_zero(self) -> Range:
        """Return the range that begins at zero, and is not empty."""
        return Range(0.0, self.high if self.high > 0 else 1.0)


def range_of(values: Iterable[float], padding: float = 0.0) -> Range | None:
    """Return the range of the numbers among the values, with a margin on both sides; `None` without a number.

    >>> range_of([1.0, 3.0, float('nan')]), range_of([])
    (Range(low=1.0, high=3.0), None)
    """
    low, high = math.inf, -math.inf
    for value in values:
        # A NaN is neither lower nor higher.
        low = value if value < low else low
        high = value if value > high else high
    if low > high:
        return None
    margin = (high - low) * padding
    if high - low <= _least(low, high):
        margin = abs(high) / 10 or 1.0
    return Range(low - margin, high + margin)


def last_part(high: float, width: float) -> Range:
    """Return the range of that width which ends at `high`. A width that numbers of this size cannot have is larger."""
    return Range(high - max(width, _least(high, high)), high)


def _least(low: float, high: float) -> float:
    return 1e-12 * max(abs(low), abs(high), 1e-100)


def marks(shown: Range, most: int) -> list[float]:
    """Return round numbers within a range, `most` at most.

    >>> marks(Range(0.0, 10.0), 6)
    [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    """
    rough = (shown.high - shown.low) / max(1, most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10, 20) if power * factor >= rough)
    first = math.ceil(shown.low / step - 1e-9)
    last = math.floor(shown.high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)][:most]


def moments(shown: Range, most: int) -> list[float]:
    """Return round times of the local day within a range of seconds since 1970."""
    rough = (shown.high - shown.low) / max(1, most - 1)
    if rough < 1:
        return marks(shown, most)
    step = next((each for each in _STEPS if each >= rough), math.ceil(rough / _DAY) * _DAY)
    try:
        offset = time.localtime(shown.low).tm_gmtoff
    except (OverflowError, ValueError, OSError):
        return marks(shown, most)
    first = math.ceil((shown.low + offset) / step)
    last = math.floor((shown.high + offset) / step)
    return [float(number * step - offset) for number in range(first, last + 1)][:most]


def number_text(value: float) -> str:
    """Return a number as a mark shows it.

    >>> number_text(1500000.0), number_text(0.25), number_text(-0.0), number_text(1e-9)
    ('1,500,000', '0.25', '0', '1e-09')
    """
    if value and (abs(value) >= 1e12 or abs(value) < 1e-6):
        return f"{value:g}"
    text = f"{value:,.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def value_text(value: float, reads: str = "number") -> str:
    """Return a value in the format of its panel."""
    if reads == "number":
        return number_text(float(f"{value:.5g}") if abs(value) < 1e5 else value)
    return READINGS[reads].text(round(value) if reads == "size" else value)


def moment_text(seconds: float, span: float) -> str:
    """Return a time as a mark of an axis that shows `span` seconds: local, and as exact as needed."""
    try:
        local = time.localtime(seconds)
    except (OverflowError, ValueError, OSError):
        return number_text(seconds)
    if span >= 3 * _DAY:
        return time.strftime("%Y-%m-%d", local)
    if span >= 600:
        return time.strftime("%H:%M", local)
    text = time.strftime("%H:%M:%S", local)
    return text if span >= 5 else f"{text}.{int(seconds % 1 * 10)}"


def thinned(line: Line, x: Range, columns: int) -> list[list[tuple[float, float]]]:
    """Return the parts of a line between gaps, with at most two points in each column: the lowest and the highest.

    >>> thinned([(0.0, 1.0), (1.0, float('nan')), (2.0, 3.0)], Range(0.0, 2.0), 10)
    [[(0.0, 1.0)], [(2.0, 3.0)]]
    """
    parts: list[list[tuple[float, float]]] = [[]]
    column: list[tuple[float, float]] = []
    at = -1
    for point in line:
        if not x.low <= point[0] <= x.high:
            continue
        here = int(x.part(point[0]) * columns)
        if here != at or point[1] != point[1]:
            parts[-1] += _extremes(column)
            column, at = [], here
        if point[1] != point[1]:
            parts.append([])
        else:
            column.append(point)
    parts[-1] += _extremes(column)
    return [part for part in parts if part]


def _extremes(column: list[tuple[float, float]]) -> list[tuple[float, float]]:
    if len(column) < 3:
        return column
    low = min(range(len(column)), key=lambda n: column[n][1])
    high = max(range(len(column)), key=lambda n: column[n][1])
    return [column[n] for n in sorted({low, high})]
