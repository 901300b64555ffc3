"""The moments of a timer: at intervals in seconds, or by the calendar of a time zone."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

from zefnb.core.time import Time

Moments = Callable[[int], Time]

_HOUR, _DAY = 3600.0, 86_400.0
_DAYS = {"daily": 1, "weekly": 7}
_MONTHS = {"monthly": 1, "yearly": 12}
# Upper bounds for the seconds between two moments in any time zone: some zones have skipped a whole day.
_LONGEST = {
    "hourly": _HOUR,
    "daily": 2 * _DAY,
    "weekly": 8 * _DAY,
    "monthly": 32 * _DAY,
    "yearly": 367 * _DAY,
}
NAMED_INTERVALS = tuple(_LONGEST)


def longest(interval: float | str) -> float:
    """Return an upper bound for the seconds from one moment to the next."""
    return _LONGEST[interval] if isinstance(interval, str) else interval


def moments(start: Time, interval: float | str, zone: tzinfo | None = None) -> Moments:
    """Return a function for the n-th moment of a timer, each computed from the start, so that no delay adds up.

    Days, weeks, months and years use the local time of `zone` (default: the zone of `start`, else UTC): a timer that
    started at 08:00 stays at 08:00 when summer time begins or ends. A time of day that does not exist on a day is
    later by the change of the clocks; of a time that occurs twice, the first is used (both as in RFC 5545, section
    3.3.5). An hour is always 3,600 s. Months and years keep the day of the month, or use the last day of a shorter
    month.

    >>> moments(Time('2026-01-31T08:00:00Z'), 'monthly')(1)
    Time('2026-02-28T08:00:00Z')
    >>> moments(Time('2026-10-24T08:00:00[Europe/Berlin]'), 'daily')(1)
    Time('2026-10-25T07:00:00Z[Europe/Berlin]')
    """
    if not isinstance(interval, str) or interval == "hourly":
        seconds = _HOUR if isinstance(interval, str) else float(interval)
        return lambda n: start + seconds * n
    first = start.to_datetime().astimezone(zone or start.zone or UTC)

    def by_the_calendar(n: int) -> Time:
        if n == 0:
            return start
        if interval in _DAYS:
            local = first + timedelta(days=_DAYS[interval] * n)
        else:
            local = _months_later(first, _MONTHS[interval] * n)
        moment: Time = Time(local.replace(fold=0))
        return moment

    return by_the_calendar


def _months_later(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
