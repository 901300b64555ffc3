"""Reads the points of a chart from messages: the fields for x and y, and the field by which series differ."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from zefnb.net.page.values import cell, fields
from zefnb.notebook.plot.points import AGAIN, Columns, Point
from zefnb.notebook.plot.problems import Problems
from zefnb.notebook.plot.values import LARGEST, PLAIN, NotDrawable, content, height, kind_of, place, why_not
from zefnb.text.controls import strip_controls

# The most lines of one chart.
MOST_SERIES = 100
_LONGEST_LABEL = 60
# Characters of a text that `small_copy` returns, and the types of the other values.
_SHORT = 200
_NUMBERS = frozenset((int, float, bool, type(None)))
# The result of `small_copy` for other messages.
NOT_SMALL: Any = object()
_MESSAGE = "message"


class Clock:
    """The time of arrival. It never goes back: when the clock of the machine is set back, it continues from there."""

    def __init__(self, read: Callable[[], float] = time.time) -> None:
        # The clock of the machine.
        self.read = read
        self._ahead = 0.0
        self._last = -math.inf
        self.set_back = 0

    def now(self) -> float:
        """Return the seconds since 1970."""
        return self._time(self.read())

    def times(self, readings: list[float]) -> list[float]:
        """Return the times at which `read` gave these numbers, one after the other."""
        if self._ahead or readings[0] < self._last or sorted(readings) != readings:
            return [self._time(each) for each in readings]
        self._last = readings[-1]
        return readings

    def _time(self, reading: float) -> float:
        found = reading + self._ahead
        if found < self._last:
            self._ahead += self._last - found
            self.set_back += 1
            found = self._last
        self._last = found
        return found


class _Series:
    """One line: its label, and the range of x in which it has points."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.first = math.inf
        self.top = -math.inf


class Reading:
    """The series of a chart, and their points, read from one message after the other."""

    def __init__(self, x: str | None, y: tuple[str, ...], by: str | None, window: float | None) -> None:
        self._x, self._y, self._by, self._window = x, y, by, window
        self._fields = tuple(dict.fromkeys(name for name in (x, by, *y) if name is not None))
        # Whether there is one line, over the time of arrival; and its field, if the messages are not numbers.
        self._is_single = x is None and by is None and len(y) < 2
        self._only = y[0] if self._is_single and y else None
        self.clock = Clock()
        self._numbers: dict[tuple[str, str], int] = {}
        self._series: list[_Series] = []
        self.problems = Problems()
        # Whether x is a time; `None` until the first message.
        self.is_time: bool | None = True if x is None else None

    @property
    def labels(self) -> list[str]:
        """The labels of the series, in the order of their first point."""
        return [series.label for series in self._series]

    def small_copy(self, message: Any) -> Any:
        """Return what `read_all` needs of a message if it is small and cannot change, or `NOT_SMALL`.

        This is the number alone if nothing else is needed.
        """
        if type(message) is not dict:
            is_number = type(message) in PLAIN
            return message if _is_small(message) and not (is_number and self._fields) else NOT_SMALL
        if self._only is not None and type(number := message.get(self._only)) in PLAIN:
            return number
        found: dict[str, Any] = {}
        # A loop, and numbers are tested in it: each call counts, since it runs for each message.
        for name in self._fields:
            value = found[name] = message.get(name, NOT_SMALL)
            if type(value) not in _NUMBERS and not _is_small(value):
                return NOT_SMALL
        return found or NOT_SMALL

    def read(self, message: Any, arrived: float | None = None) -> list[Point]:
        """Return the points of a message. Values that cannot be drawn are counted in `problems`.

        `arrived` is the time of its arrival, if that is not now.
        """
        if arrived is None:
            arrived = self.clock.now()
        try:
            found = content(message)
            if not self._y and self._x is None and self._by is None:
                return self._points(arrived, "", {"": found}, ("",))
            named = self._fields_of(found)
            at = arrived if self._x is None else self._place(self._x, named)
            group = self._group(named)
            return [] if at is None or group is None else self._points(at, group, named, self._y)
        except _Noted:
            return []
        except Exception as error:  # also what a class of the user raises
            self.problems.add(_MESSAGE, why_not(error, message), message)
            return []

    def read_all(self, times: list[float], copies: list[Any]) -> list[Point] | Columns:
        """Return the points of messages as `read` does, from their `small_copy` and times, which do not go back.

        Numbers of a single line, the most frequent case, take a small part of the time.
        """
        number = self._number_of_line()
        if number is not None and _are_drawable(copies):
            self._series[number].top = times[-1]
            return Columns.of(number, times, copies)
        points: list[Point] = []
        for at, copy in zip(times, copies, strict=True):
            is_number = type(copy) in PLAIN
            if number is not None and is_number and -LARGEST <= copy <= LARGEST:
                self._series[number].top = at
                points.append(Point(number, at, float(copy)))
                continue
            points += self.read({self._only: copy} if is_number and self._only is not None else copy, at)
            number = self._number_of_line()
        return points

    def _number_of_line(self) -> int | None:
        """Return the number of the single line, if it has points."""
        return self._numbers.get(("", self._only or "")) if self._is_single else None

    def _fields_of(self, found: Any) -> Mapping[Any, Any]:
        named = fields(found)
        if not named and not isinstance(found, Mapping):
            raise NotDrawable(f"{kind_of(found)} instead of a message with fields")
        return named

    def _place(self, field: str, named: Mapping[Any, Any]) -> float | None:
        value = self._required(field, named)
        try:
            is_time, at = place(value)
            if self.is_time is None:
                self.is_time = is_time
            if is_time is not self.is_time:
                raise NotDrawable("a number among times" if self.is_time else "a time among numbers")
        except Exception as error:
            self.problems.add(field, why_not(error, value), value)
            return None
        return at

    def _group(self, named: Mapping[Any, Any]) -> str | None:
        if self._by is None:
            return ""
        value = self._required(self._by, named)
        try:
            return strip_controls(str(cell(value)), _LONGEST_LABEL)
        except Exception as error:
            self.problems.add(self._by, why_not(error, value), value)
            return None

    def _required(self, field: str, named: Mapping[Any, Any]) -> Any:
        if field not in named:
            self.problems.missing(field, named)
            raise _Noted
        return named[field]

    def _points(self, at: float, group: str, named: Mapping[Any, Any], ys: tuple[str, ...]) -> list[Point]:
        points: list[Point] = []
        for field in ys:
            if field not in named:
                self.problems.missing(field, named)
                continue
            value = named[field]
            try:
                y = height(value)
                number = self._number(group, field)
            except Exception as error:
                first = isinstance(error, NotDrawable) and _first(value)
                hint = f"; name a field, as y='{first}'" if first else ""
                self.problems.add(field or _MESSAGE, why_not(error, value) + hint, value)
                continue
            if not math.isfinite(y):
                what = "None or NaN" if math.isnan(y) else "infinity"
                self.problems.add(field or _MESSAGE, f"{what}, a gap in the line")
                y = math.nan
            points += self._in_order(number, at, y)
        return points

    def _number(self, group: str, field: str) -> int:
        key = (group, field)
        number = self._numbers.get(key)
        if number is None:
            if len(self._series) >= MOST_SERIES:
                raise NotDrawable(f"not among the first {MOST_SERIES} lines")
            number = self._numbers[key] = len(self._series)
            several = len(self._y) > 1 and group
            self._series.append(_Series(f"{group} · {field}" if several else group or field or "value"))
        return number

    def _in_order(self, number: int, x: float, y: float) -> list[Point]:
        """Return the point, after a mark if its x is far before the others of the series."""
        series = self._series[number]
        far = (self._window if self._window is not None else series.top - series.first) / 2
        if x < series.top - far and far > 0:
            self.problems.add(self._x or "", "back to an earlier x; the points after it were removed", None)
            series.first, series.top = min(series.first, x), x
            return [Point(number, x, AGAIN), Point(number, x, y)]
        series.first, series.top = min(series.first, x), max(series.top, x)
        return [Point(number, x, y)]


def _is_small(value: Any) -> bool:
    return type(value) in _NUMBERS or (type(value) is str and len(value) <= _SHORT)


def _are_drawable(values: list[Any]) -> bool:
    """Whether all are numbers that can be drawn, without a step of Python for each."""
    if not (PLAIN.issuperset(map(type, values)) and min(values) >= -LARGEST and max(values) <= LARGEST):
        return False
    total = sum(values)
    return bool(total == total)  # not with a NaN, which the comparisons may not have found


class _Noted(Exception):
    """The message cannot be drawn, and this has been counted."""


def _first(value: Any) -> str:
    """Return the name of the first number in a dict or an entity, which the user may want to draw."""
    for name, found in fields(value).items():
        if isinstance(name, str) and isinstance(found, int | float) and not isinstance(found, bool):
            return strip_controls(name, _LONGEST_LABEL)
    return ""
