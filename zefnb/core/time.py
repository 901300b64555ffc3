"""Time: a moment in UTC, to the nanosecond, with the time zone of its source."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import total_ordering
from typing import Any

from zefnb.core.types import Matcher, compile_pattern
from zefnb.errors import FieldError, Hint, InvalidValue, shown
from zefnb.text.short_repr import short_repr

_NS = 1_000_000_000
_FIRST = -62_135_596_800 * _NS
_LAST = 253_402_300_800 * _NS - 1
_FINER_THAN_DATETIME = re.compile(r"[.,]\d{6}(\d{1,3})")
_NAMED_ZONE = re.compile(r"(.+)\[([^\[\]]+)\]", re.DOTALL)


@total_ordering
class Time:
    """A moment in time, immutable, stored as whole nanoseconds since 1970 UTC.

    Subtracting two times gives seconds; adding takes seconds or a `timedelta`.

    `zone` is the time zone or the fixed offset of the text or the `datetime`, else `None`. Timers use it.
    Comparing and hashing ignore it, so that two equal times may have different zones.

    Args:
        value: An ISO 8601 text (UTC if it has no offset; a time zone may follow in brackets), seconds since 1970,
            or a `datetime` (UTC if it is naive). A literal Ellipsis, ``Time(...)``, is a pattern that matches any
            `Time`.

    Raises:
        InvalidValue: The value is not a moment in the years 1 to 9999, or its time zone does not exist.

    Source:
        RFC 3339, and RFC 9557, section 4, for the time zone in brackets.

    >>> Time('2026-01-02T03:04:05Z') - Time('2026-01-02T03:04:00Z')
    5.0
    >>> Time(0) + 1.5
    Time('1970-01-01T00:00:01.500000Z')
    """

    __slots__ = ("ns", "zone")
    ns: int
    zone: tzinfo | None

    def __new__(cls, value: object) -> Any:
        if value is ...:
            return ANY_TIME
        return _at(*_read(value))

    @classmethod
    def now(cls) -> Time:
        """Return the current time."""
        return _at(time.time_ns())

    @property
    def seconds(self) -> float:
        """Seconds since 1970 UTC."""
        return self.ns / _NS

    def to_datetime(self) -> datetime:
        """Return the same moment as an aware `datetime` in UTC, to the microsecond."""
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self.ns // 1000)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("Time is immutable")

    def __add__(self, other: float | timedelta) -> Time:
        if not isinstance(other, int | float | timedelta):
            return NotImplemented
        seconds = other.total_seconds() if isinstance(other, timedelta) else other
        return _at(self.ns + round(seconds * _NS), self.zone)

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
        name = getattr(self.zone, "key", None)  # a fixed offset has none
        return f"Time({str(self) + (f'[{name}]' if name else '')!r})"

    def __reduce__(self) -> tuple[Callable[..., Time], tuple[int, tzinfo | None]]:
        return _at, (self.ns, self.zone)


def _at(ns: int, zone: tzinfo | None = None) -> Time:
    if not _FIRST <= ns <= _LAST:
        raise InvalidValue("Time", [FieldError("value", f"{ns} ns since 1970", "the years 1 to 9999")])
    moment = object.__new__(Time)
    object.__setattr__(moment, "ns", ns)
    object.__setattr__(moment, "zone", zone)
    return moment


def time_at(ns: int) -> Time:
    """Return the `Time` that is `ns` nanoseconds after 1970 UTC.

    >>> time_at(1_500_000_000)
    Time('1970-01-01T00:00:01.500000Z')
    """
    return _at(ns)


def time_of(value: Any) -> Time | timedelta | None:
    """Return a time of any usual kind as a `Time`, and a duration as a `timedelta`; `None` for other values.

    Text, a `datetime` and a date, which is its midnight in UTC, are times, also those of numpy and pandas. A number is
    neither. Raises `InvalidValue` for a time or a duration without a value, such as NaT, and for other text.

    >>> time_of('2026-01-02T03:04:05Z'), time_of(date(2026, 1, 2)), time_of(timedelta(hours=1)), time_of(3)
    (Time('2026-01-02T03:04:05Z'), Time('2026-01-02T00:00:00Z'), datetime.timedelta(seconds=3600), None)
    """
    if isinstance(value, Time | timedelta):
        return value
    if isinstance(value, str | datetime):
        return _at(*_read(value))
    if isinstance(value, date):
        return _at(*_read(datetime(value.year, value.month, value.day)))
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind not in ("M", "m") or value.ndim:
        return None
    # In numpy's other units, `item` may return a number, as it does for what a `datetime` cannot have.
    found = value.astype(f"{kind}8[us]").item()
    if not isinstance(found, datetime | timedelta):
        raise InvalidValue("Time", [FieldError("value", f"got {shown(value)}", "the years 1 to 9999")])
    return time_of(found)


def _read(value: object) -> tuple[int, tzinfo | None]:
    """Return the nanoseconds and the zone of the argument of `Time`."""
    if isinstance(value, Time):
        return value.ns, value.zone
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return round(value * _NS), None
        if isinstance(value, str):
            return _parsed(value)
        if isinstance(value, datetime):
            return _of_datetime(value)
    except (ValueError, OverflowError) as error:
        if isinstance(error, InvalidValue):
            raise
    allowed = "ISO 8601 text, seconds since 1970, a datetime, or ... for any"
    raise InvalidValue("Time", [FieldError("value", f"got {shown(value)}", allowed)])


def _of_datetime(moment: datetime) -> tuple[int, tzinfo | None]:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    zone = None if moment.tzinfo is UTC else moment.tzinfo
    return (aware - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1) * 1000, zone


def _parsed(text: str) -> tuple[int, tzinfo | None]:
    named = _NAMED_ZONE.fullmatch(text)
    zone = zone_named(named[2], "Time", "value") if named is not None else None
    moment = datetime.fromisoformat(named[1] if named is not None else text)
    if zone is not None and moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    # datetime has no nanoseconds; add the three digits that the repr of a `Time` may have.
    finer = _FINER_THAN_DATETIME.search(text)
    ns, offset = _of_datetime(moment)
    return ns + (int(finer[1].ljust(3, "0")) if finer else 0), zone or offset


def zone_named(name: str, subject: str, field: str) -> tzinfo:
    """Return the time zone of an IANA name such as 'Europe/Berlin'.

    Raises `InvalidValue`, with the name of `subject` and `field`, if there is no such zone.

    >>> zone_named('Europe/Berlin', 'Time', 'value')
    zoneinfo.ZoneInfo(key='Europe/Berlin')
    """
    import zoneinfo  # here, since it is slow to import and seldom needed

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = zoneinfo.available_timezones()
        near = sorted(zone for zone in known if zone[:3] == name[:3])
        hint = Hint(name, near) if known else "This system has no list of time zones: pip install tzdata"
        fault = FieldError(
            field, f"there is no time zone {short_repr(name)}", "an IANA name such as 'Europe/Berlin'", hint
        )
        raise InvalidValue(subject, [fault]) from None


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
