"""Time: a moment, in UTC, to the nanosecond."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import total_ordering
from typing import Any

from zefnb.core.types import Matcher, compile_pattern
from zefnb.errors import Fault, InvalidValue, shown

_NS = 1_000_000_000
_FIRST = -62_135_596_800 * _NS
_LAST = 253_402_300_800 * _NS - 1
_FINER_THAN_DATETIME = re.compile(r"[.,]\d{6}(\d{1,3})")


@total_ordering
class Time:
    """A moment in time, immutable, kept as whole nanoseconds since 1970 UTC.

    Made from an ISO 8601 text (RFC 3339; UTC when it names no offset), seconds since 1970, or a
    `datetime`. ``Time(...)``, with a literal Ellipsis, is a pattern that matches any `Time`.
    Subtracting two gives seconds; adding takes seconds or a `timedelta`.

    >>> Time('2026-01-02T03:04:05Z') - Time('2026-01-02T03:04:00Z')
    5.0
    >>> Time(0) + 1.5
    Time('1970-01-01T00:00:01.500000Z')
    """

    __slots__ = ("ns",)
    ns: int

    def __new__(cls, value: object) -> Any:
        if value is ...:
            return ANY_TIME
        return _at(_nanoseconds(value))

    @classmethod
    def now(cls) -> Time:
        """This moment."""
        return _at(time.time_ns())

    @property
    def seconds(self) -> float:
        """Seconds since 1970 UTC."""
        return self.ns / _NS

    def to_datetime(self) -> datetime:
        """The same moment as an aware `datetime` in UTC, to the microsecond."""
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self.ns // 1000)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("Time is immutable")

    def __add__(self, other: float | timedelta) -> Time:
        if not isinstance(other, int | float | timedelta):
            return NotImplemented
        seconds = other.total_seconds() if isinstance(other, timedelta) else other
        return _at(self.ns + round(seconds * _NS))

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, Time):
            return (self.ns - other.ns) / _NS
        return self + (-other)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Time) and self.ns == other.ns

    def __lt__(self, other: Time) -> bool:
        if not isinstance(other, Time):
            return NotImplemented
        return self.ns < other.ns

    def __hash__(self) -> int:
        return hash((Time, self.ns))

    def __str__(self) -> str:
        moment = self.to_datetime()
        text = moment.replace(tzinfo=None, microsecond=0).isoformat()
        if self.ns % 1000:
            return f"{text}.{self.ns % _NS:09d}Z"
        return f"{text}.{moment.microsecond:06d}Z" if moment.microsecond else f"{text}Z"

    def __repr__(self) -> str:
        return f"Time({str(self)!r})"

    def __reduce__(self) -> tuple[Callable[[int], Time], tuple[int]]:
        return _at, (self.ns,)


def _at(ns: int) -> Time:
    if not _FIRST <= ns <= _LAST:
        raise InvalidValue("Time", [Fault("value", f"{ns} ns since 1970", "the years 1 to 9999")])
    moment = object.__new__(Time)
    object.__setattr__(moment, "ns", ns)
    return moment


def _nanoseconds(value: object) -> int:
    if isinstance(value, Time):
        return value.ns
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return round(value * _NS)
        if isinstance(value, str):
            return _parsed(value)
        if isinstance(value, datetime):
            aware = value if value.tzinfo else value.replace(tzinfo=UTC)
            return (aware - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1) * 1000
    except (ValueError, OverflowError):
        pass
    allowed = "ISO 8601 text, seconds since 1970, a datetime, or ... for any"
    raise InvalidValue("Time", [Fault("value", f"got {shown(value)}", allowed)])


def _parsed(text: str) -> int:
    moment = datetime.fromisoformat(text)
    # datetime stops at microseconds; keep the three digits that our own repr may carry.
    finer = _FINER_THAN_DATETIME.search(text)
    return _nanoseconds(moment) + (int(finer[1].ljust(3, "0")) if finer else 0)


class _AnyTime:
    """The pattern that matches any `Time`."""

    __slots__ = ()

    def __pattern__(self) -> Matcher:
        return compile_pattern(Time)

    def __repr__(self) -> str:
        return "Time(...)"

    def __reduce__(self) -> tuple[type[Time], tuple[object]]:
        return Time, (...,)


ANY_TIME = _AnyTime()
