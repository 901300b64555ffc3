"""The last points of a chart, in the order of their arrival."""

from __future__ import annotations

import base64
import math
from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

# The most points that a chart keeps, of all its series together.
MOST_POINTS = 100_000
# Removing points one by one would move all others each time.
_AT_ONCE = 12_500
# The y of a mark: the points of this series from this x on are removed, because its x began again.
AGAIN = -math.inf


class Point(NamedTuple):
    """A value of a series: `y` is NaN for a gap, and `AGAIN` for a mark."""

    series: int
    x: float
    y: float


class Columns(NamedTuple):
    """Points as three arrays. Another thread can read those of a chart, which takes longer than the loop may wait."""

    series: array[int]
    x: array[float]
    y: array[float]

    @classmethod
    def of(cls, series: int, x: Sequence[float], y: Sequence[float]) -> Columns:
        """Return points of one series."""
        return cls(array("H", (series,)) * len(x), array("d", x), array("d", y))

    def read(self) -> list[Point]:
        """Return the points."""
        return list(map(Point, self.series, self.x, self.y))


class Points:
    """At most `MOST_POINTS` points, in three arrays. Each point has a number, by which a view requests later ones."""

    def __init__(self) -> None:
        self._series, self._x, self._y = array("H"), array("d"), array("d")
        self._removed = 0

    @property
    def end(self) -> int:
        """The number of the next point."""
        return self._removed + len(self._x)

    @property
    def first(self) -> int:
        """The number of the oldest point that is kept."""
        return max(self._removed, self.end - MOST_POINTS)

    def __len__(self) -> int:
        return self.end - self.first

    def add(self, points: Sequence[Point] | Columns) -> None:
        """Add points, and remove the oldest ones if there are too many."""
        arrays: tuple[array[Any], ...] = (self._series, self._x, self._y)
        columns: Iterable[Any] = points if isinstance(points, Columns) else zip(*points, strict=True)
        for each, values in zip(arrays, columns, strict=False):  # nothing without points
            each.extend(values)
        if (more := len(self._x) - MOST_POINTS) >= _AT_ONCE:
            for each in arrays:
                del each[:more]
            self._removed += more

    def since(self, number: int, most: int) -> tuple[int, int, dict[str, str]]:
        """Return the numbers of the first point and after the last one from `number` on, and these points in base64."""
        start = max(number, self.first)
        end = min(self.end, start + most)
        part = slice(start - self._removed, end - self._removed)
        parts = {"series": self._series[part].tobytes(), "x": self._x[part].tobytes(), "y": self._y[part].tobytes()}
        return start, end, {name: base64.b64encode(values).decode() for name, values in parts.items()}

    def copy(self) -> Columns:
        """Return all points as they are now."""
        part = slice(self.first - self._removed, None)
        return Columns(self._series[part], self._x[part], self._y[part])


Line = list[tuple[float, float]]


def lines_of(points: list[Point], count: int) -> list[Line]:
    """Return the points of each of `count` series in the order of x, where a NaN is a gap.

    >>> lines_of([Point(0, 1.0, 5.0), Point(0, 3.0, 6.0), Point(0, 2.0, 7.0)], 1)
    [[(1.0, 5.0), (2.0, 7.0), (3.0, 6.0)]]
    """
    lines: list[Line] = [[] for _ in range(count)]
    for series, x, y in points:
        line = lines[series]
        if y == AGAIN:
            del line[bisect_left(line, x, key=_x_of) :]
        elif not line or line[-1][0] <= x:
            line.append((x, y))
        else:
            insort(line, (x, y), key=_x_of)
    return lines


_x_of: Any = itemgetter(0)
