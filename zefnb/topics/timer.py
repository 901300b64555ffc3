"""Timers: they publish at intervals, without drift and without a backlog."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import Any

from zefnb.core.effect import Effect
from zefnb.core.entity import Entity, Topic
from zefnb.core.time import Time
from zefnb.engine.actor import Actor
from zefnb.engine.behaviour import OpBehaviour
from zefnb.engine.registry import Registry
from zefnb.engine.runtime import Runtime
from zefnb.topics.clock import Clock
from zefnb.topics.hub import Hub
from zefnb.topics.moments import NAMED_INTERVALS as NAMED_INTERVALS
from zefnb.topics.moments import longest
from zefnb.topics.moments import moments as moments
from zefnb.topics.tick import MadeTick, Tick

SHORTEST = 0.001
LONGEST = 100 * 366 * 86_400.0
# Seconds between checks of the system clock, whose changes are not announced.
_CHECK_INTERVAL = 1.0
# Seconds of one sleep by the monotonic clock.
_LONGEST_SLEEP = 3600.0
# Seconds. Smaller corrections of the system clock are normal.
_SMALLEST_JUMP = 0.5


def maker_of_content(
    runtime: Runtime, handle: Entity, function: Callable[[], Any], effects: Callable[[Any], Sequence[Effect]]
) -> Actor:
    """Return the actor that calls `function` for each tick, where a handler would run, and performs the effects."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def make(_: Any) -> Any:
            return await function()
    else:

        @functools.wraps(function)
        def make(_: Any) -> Any:
            return function()

    return Actor(runtime, OpBehaviour(make, effects), None, handle)


class Timer:
    """Publishes `content` to `target` at each moment, unless the timer's last message has not yet been handled.

    An interval in seconds uses the monotonic clock from its first moment on. A named interval, and a `starting_at` in
    the future, use the system clock.
    """

    def __init__(
        self,
        handle: Entity,
        interval: float | str,
        target: Topic,
        content: Any,
        starting_at: Time | None,
        zone: tzinfo | None = None,
        clock: Clock | None = None,
        maker: Actor | None = None,
    ) -> None:
        self.handle = handle
        self.interval = interval
        self.target = target
        self.content = content
        self.ticks = self.skipped = 0
        self.task: asyncio.Task[None] | None = None
        self.owner: Actor | None = None
        self._maker = maker
        self._clock = clock or Clock()
        now = self._clock.now()
        # Without a start, the first message is published one interval from now.
        self._first = self._number = 0 if starting_at is not None else 1
        self._moment = moments(starting_at or now, interval, zone)
        self._longest = longest(interval)
        # The monotonic time of moment 0, once the timer uses that clock. Each moment is then a number of seconds: a
        # tick with objects for its times took twice as long.
        self._zero: float | None = None
        if starting_at is None or starting_at <= now:
            self._use_monotonic_clock()
        self._offset = self._wall_offset()
        self._ticked_at = 0.0

    async def run(self, hub: Hub) -> None:
        """Publish at each moment until cancelled."""
        number = self._skip_past(self._first)
        if number > self._first:
            number += 1  # its moment had passed before the timer started
        last: Tick | MadeTick | None = None
        while True:
            self._number = number
            if (wait := self._seconds_until(number)) <= 0:
                # Publishing takes longer than the interval, so others run first.
                await asyncio.sleep(0)
            while wait > 0:
                await self._clock.sleep(min(wait, _CHECK_INTERVAL if self._zero is None else _LONGEST_SLEEP))
                if self._zero is None and self._was_set_back():
                    self._number = number = self._next_number()
                wait = self._seconds_until(number)
            # One message is enough for several moments that a clock change or a busy loop has skipped.
            number = self._skip_past(number)
            if self._zero is None:
                self._use_monotonic_clock()
            if last is not None and not last.is_handled:
                self.skipped += 1
            else:
                self.ticks += 1
                if self._zero is None:
                    self._ticked_at = self._clock.monotonic()
                last = MadeTick(self._maker) if self._maker is not None else Tick(hub, self.target, self.content)
            number += 1

    def end(self) -> None:
        """Stop publishing."""
        if self.task is not None:
            self.task.cancel()
        if self._maker is not None:
            self._maker.end()

    @property
    def next(self) -> Time:
        """The system time of the next moment."""
        moment = self._moment(self._number)
        if self._zero is None:
            return moment
        # Another one than at the start, if the system clock has been set since then.
        present = self._clock.now() + self._seconds_until(self._number)
        return present if abs(present - moment) > _SMALLEST_JUMP else moment

    def _use_monotonic_clock(self) -> None:
        """From now on, use the monotonic clock for an interval in seconds."""
        if not isinstance(self.interval, str):
            self._zero = self._clock.monotonic() + (self._moment(0) - self._clock.now())

    def _seconds_until(self, number: int) -> float:
        """Return the seconds until a moment, by the clock in use; negative if it has passed."""
        if self._zero is not None:
            return self._zero + self._longest * number - self._clock.monotonic()
        seconds: float = self._moment(number) - self._clock.now()
        return seconds

    def _wall_offset(self) -> float:
        return self._clock.now().seconds - self._clock.monotonic()

    def _was_set_back(self) -> bool:
        """Whether the system clock, which is in use, has been set back since the last call."""
        before, self._offset = self._offset, self._wall_offset()
        return self._offset < before - _SMALLEST_JUMP

    def _next_number(self) -> int:
        """Return the number of the next moment by the system clock, at least half an interval after the last one."""
        number = self._passed(self._first)
        if self._seconds_until(number) <= -_CHECK_INTERVAL:  # not one that passed before the last check
            number += 1
        if self.ticks:
            since = self._clock.monotonic() - self._ticked_at
            gap = self._moment(number + 1) - self._moment(number)
            if self._seconds_until(number) + since < gap / 2:
                number += 1
        return number

    def _skip_past(self, number: int) -> int:
        """Return the last number from `number` on whose moment has passed, and count those before it as skipped."""
        last = self._passed(number)
        self.skipped += last - number if self.ticks else 0
        return last

    def _passed(self, number: int) -> int:
        while (left := self._seconds_until(number + 1)) <= 0:
            # A lower bound for the number, so that a start long ago takes only a few steps.
            number += 1 + int(-left / self._longest)
        return number

    def describe(self) -> dict[str, Any]:
        """Return the timer as a dict."""
        return {
            "timer": self.handle,
            "interval": self.interval,
            "target": self.target,
            "next": self.next,
            "ticks": self.ticks,
            "skipped": self.skipped,
        }


class Timers(Registry[Timer]):
    """The running timers: a service of the runtime."""

    listed_by = "FX.ListTimers()"

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self.clock = Clock()

    def start(self, timer: Timer, hub: Hub) -> None:
        """Start `timer`."""
        self.add(timer)
        timer.task = self._runtime.spawn(timer.run(hub), f"{timer.handle!r}")

    def stop(self, handle: Entity) -> None:
        """End the timer of that handle. Raises `NotRunning` if there is none."""
        timer = self.get(handle)
        self.forget(handle)
        timer.end()
        if timer.owner is not None:
            timer.owner.disown(handle)

    def close(self) -> None:
        """End all timers."""
        for timer in self:
            self.stop(timer.handle)
