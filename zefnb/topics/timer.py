"""Timers: what publishes by the clock, without drift and without piling up."""

from __future__ import annotations

import asyncio
import calendar
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from zefnb.core.entity import Entity, Topic
from zefnb.core.time import Time
from zefnb.engine.actor import Actor
from zefnb.engine.runtime import Runtime

Moments = Callable[[int], Time]

SHORTEST = 0.001
LONGEST = 100 * 366 * 86_400.0
# Longer than this the event loop's clock and the wall clock may part: look again.
_LONGEST_SLEEP = 3600.0
_DAYS = {"daily": 1, "weekly": 7}
_MONTHS = {"monthly": 1, "yearly": 12}
_LONGEST = {
    "hourly": 3600.0,
    "daily": 86_400.0,
    "weekly": 7 * 86_400.0,
    "monthly": 31 * 86_400.0,
    "yearly": 366 * 86_400.0,
}
NAMED_INTERVALS = tuple(_LONGEST)


def moments(start: Time, interval: float | str) -> Moments:
    """The n-th moment of a timer, each counted from the start so that no delay adds up.

    Months and years keep the day of the month where the month has it, and its last day elsewhere.

    >>> moments(Time('2026-01-31T08:00:00Z'), 'monthly')(1)
    Time('2026-02-28T08:00:00Z')
    """
    if interval == "hourly":
        interval = 3600.0
    if isinstance(interval, str):
        first = start.to_datetime()
        if interval in _DAYS:
            return lambda n: Time(first + timedelta(days=_DAYS[str(interval)] * n))
        return lambda n: Time(_months_later(first, _MONTHS[str(interval)] * n))
    seconds = float(interval)
    return lambda n: start + seconds * n


def _months_later(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


class Timer:
    """Publishes `content` to `target` at each moment; a moment that finds the last one unhandled is skipped."""

    def __init__(
        self, handle: Entity, interval: float | str, target: Topic, content: Any, starting_at: Time | None
    ) -> None:
        self.handle = handle
        self.interval = interval
        self.target = target
        self.content = content
        self.ticks = self.skipped = 0
        # Without a start the first message comes one interval from now.
        self._first = 0 if starting_at is not None else 1
        self._moment = moments(starting_at or Time.now(), interval)
        self.next = self._moment(self._first)
        self.task: asyncio.Task[None] | None = None
        self.owner: Actor | None = None

    async def run(self, publish: Callable[[Topic, Any], None], is_behind: Callable[[Topic], bool]) -> None:
        """Tick until cancelled."""
        number = self._skip_past(self._first)
        if number > self._first:
            number += 1  # its own moment went by before anybody had started it
        while True:
            number = self._skip_past(number)
            self.next = self._moment(number)
            while (wait := self.next - Time.now()) > 0:
                await asyncio.sleep(min(wait, _LONGEST_SLEEP))
            if is_behind(self.target):
                self.skipped += 1
            else:
                self.ticks += 1
                publish(self.target, self.content)
            number += 1

    def _skip_past(self, number: int) -> int:
        """The next number whose moment has not gone by; those that have are counted as skipped."""
        now = Time.now()
        longest = _LONGEST[self.interval] if isinstance(self.interval, str) else self.interval
        while now - self._moment(number + 1) >= 0:
            # Never too far, so a start long ago costs a few steps, not one for each hour since.
            behind = max(1, int((now - self._moment(number)) / longest))
            number += behind
            self.skipped += behind if self.ticks else 0
        return number

    def describe(self) -> dict[str, Any]:
        """The timer as a plain dict."""
        return {
            "timer": self.handle,
            "interval": self.interval,
            "target": self.target,
            "next": self.next,
            "ticks": self.ticks,
            "skipped": self.skipped,
        }


class Timers:
    """The timers that run: a service of the runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._timers: dict[str | None, Timer] = {}

    def start(self, timer: Timer, publish: Callable[[Topic, Any], None], is_behind: Callable[[Topic], bool]) -> None:
        """Let `timer` tick."""
        self._timers[timer.handle._uid] = timer
        timer.task = self._runtime.spawn(timer.run(publish, is_behind), f"{timer.handle!r}")

    def stop(self, handle: Entity) -> None:
        """End a timer; `NotRunning` when there is none of that handle."""
        timer = self._timers.pop(handle._uid, None)
        if timer is None:
            raise self._runtime.not_running(handle)
        if timer.task is not None:
            timer.task.cancel()
        if timer.owner is not None:
            timer.owner.disown(handle)
        self._runtime.ended(handle._uid)
        self._runtime.things.forget(handle)

    def is_running(self, handle: Entity) -> bool:
        """Whether the timer of that handle ticks."""
        return handle._uid in self._timers

    def __iter__(self) -> Any:
        return iter(list(self._timers.values()))

    def close(self) -> None:
        """End all of them."""
        for timer in self:
            self.stop(timer.handle)
