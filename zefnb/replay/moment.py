"""Moments: the times of messages, and when each message of a replay is due."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Protocol

from zefnb.core.time import Time, time_of
from zefnb.errors import FieldError, InvalidValue, shown
from zefnb.recording.row import Row

_ALLOWED = "a Time, a datetime, a date, a timedelta, seconds, or ISO 8601 text"
# Seconds of the source between the rounds of a looping one whose messages all have the same time.
_GAP = 1.0


class Pace(Protocol):
    """When messages are due, in seconds since the start of the replay. It never decreases."""

    def moment(self, message: Any) -> float:
        """Return when the next message is due. Raises `InvalidValue` if it has no time, but should have one."""

    def begin_round(self) -> None:
        """The source begins again."""


class AtOnce:
    """Every message is due."""

    def moment(self, message: Any) -> float:
        return 0.0

    def begin_round(self) -> None:
        """The next round follows without a pause."""


class ByRate:
    """So many messages per second."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._count = 0

    def moment(self, message: Any) -> float:
        self._count += 1
        return (self._count - 1) / self.rate

    def begin_round(self) -> None:
        """The next round has the same rate."""


class ByTime:
    """With the pauses between the times of the messages, divided by `speed`."""

    def __init__(self, speed: float, time: Any = None) -> None:
        self._speed = speed
        self._time = time
        self._base = self._last = 0.0
        self._first: float | None = None
        self._count = 0

    def moment(self, message: Any) -> float:
        at = seconds_of(time_in(message, self._time))
        if self._first is None:
            self._first = at
        self._count += 1
        # A time that is earlier than the one before has no pause: the order is that of the source.
        self._last = max(self._last, self._base + (at - self._first) / self._speed)
        return self._last

    def begin_round(self) -> None:
        """The pause between two rounds is the mean pause of the messages."""
        span = self._last - self._base
        self._base = self._last = self._last + (span / (self._count - 1) if span else _GAP / self._speed)
        self._first, self._count = None, 0


def time_in(message: Any, time: Any) -> Any:
    """Return the time of a message: that of a row of a recording, or else the value of the name `time`."""
    if time is None:
        if type(message) is Row:
            return message.time
        problem = f"{shown(message)} has no time"
        raise InvalidValue(
            "", [FieldError("time", problem, "rows of a recording, or time=..., rate=... or speed='max'")]
        )
    try:
        return message[time] if isinstance(message, dict) else getattr(message, time)
    except (KeyError, AttributeError, TypeError):
        raise InvalidValue("", [FieldError("time", f"{shown(message)} has no {shown(time)}")]) from None


def seconds_of(value: Any) -> float:
    """Return a time as seconds; only the differences of two are meaningful.

    Raises `InvalidValue` for a value that is not a time.

    >>> seconds_of('2026-01-02T03:04:05Z') - seconds_of('2026-01-02T03:04:00Z'), seconds_of(1.5)
    (5.0, 1.5)
    """
    try:
        found = time_of(value)
        if found is None:  # a number, perhaps one of numpy
            found = Time(value.item() if hasattr(value, "item") else value)
    except (ValueError, TypeError, AttributeError):
        raise InvalidValue("", [FieldError("time", f"got {shown(value)}", _ALLOWED)]) from None
    return found.total_seconds() if isinstance(found, timedelta) else found.seconds
