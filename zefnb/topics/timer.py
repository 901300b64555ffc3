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
from zefnb.topics.hub import Hub, Subscriber
from zefnb.topics.moments import NAMED_INTERVALS as NAMED_INTERVALS
from zefnb.topics.moments import longest
from zefnb.topics.moments import moments as moments

SHORTEST = 0.001
LONGEST = 100 * 366 * 86_400.0
# Seconds between checks of the system clock, whose changes are not announced.
_CHECK_INTERVAL = 1.0
# Seconds. Smaller corrections of the system clock are normal.
_SMALLEST_JUMP = 0.5


class _Tick:
    """One message of a timer, and whether all of its subscribers have handled it."""

    def __init__(self, hub: Hub, topic: Topic, content: Any) -> None:
        self._hub = hub
        self._topic = topic
        # For each subscriber, the number of handled messages after which it has handled this one.
        self._marks: dict[Subscriber, int] | None = None
        hub.publish(topic, content)
        hub.after_delivery(self._delivered)

    def _delivered(self) -> None:
        self._marks = {}
        for subscriber in self._hub.subscribers(self._topic):
            progress = getattr(subscriber, "progress", None)
            if progress is not None and progress.handled < progress.received:
                self._marks[subscriber] = progress.received

    @property
    def is_handled(self) -> bool:
        """Whether every current subscriber has handled it."""
        if self._marks is None:
            return False
        subscribers = self._hub.subscribers(self._topic)
        return not any(
            subscriber in subscribers and subscriber.progress.handled < mark  # type: ignore[attr-defined]
            for subscriber, mark in self._marks.items()
        )


class _MadeTick:
    """One call of the function that makes a timer's content, and whether its result has been published."""

    def __init__(self, maker: Actor) -> None:
        self._maker = maker
        maker.deliver(None)
        self._mark = maker.progress.received

    @property
    def is_handled(self) -> bool:
        """Whether the call has ended."""
        return self._maker.progress.handled >= self._mark


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
        self._first = 0 if starting_at is not None else 1
        self._moment = moments(starting_at or now, interval, zone)
        # The time of both clocks when the timer began to use the monotonic one.
        self._anchor: tuple[Time, float] | None = None
        if starting_at is None or starting_at <= now:
            self._use_monotonic_clock()
        self._offset = self._wall_offset()
        self._ticked_at = 0.0
        self.next = self._moment(self._first)

    async def run(self, hub: Hub) -> None:
        """Publish at each moment until cancelled."""
        number = self._skip_past(self._first)
        if number > self._first:
            number += 1  # its moment had passed before the timer started
        last: _Tick | _MadeTick | None = None
        while True:
            # One message is enough for several moments that a clock change or a busy loop has skipped.
            number = self._skip_past(await self._reach(number))
            self._use_monotonic_clock()
            if last is not None and not last.is_handled:
                self.skipped += 1
            else:
                self.ticks += 1
                self._ticked_at = self._clock.monotonic()
                last = _MadeTick(self._maker) if self._maker is not None else _Tick(hub, self.target, self.content)
            number += 1

    async def _reach(self, number: int) -> int:
        """Wait for a moment. Returns its number, which is smaller if the clock has been set back meanwhile."""
        while True:
            now = self._now()
            self.next = self._wall_time_of(self._moment(number), now)
            wait = self._moment(number) - now
            if wait <= 0:
                return number
            await self._clock.sleep(min(wait, _CHECK_INTERVAL))
            if self._was_set_back():
                number = self._next_number()

    def end(self) -> None:
        """Stop publishing."""
        if self.task is not None:
            self.task.cancel()
        if self._maker is not None:
            self._maker.end()

    def _use_monotonic_clock(self) -> None:
        """From now on, use the monotonic clock for an interval in seconds."""
        if self._anchor is None and not isinstance(self.interval, str):
            self._anchor = (self._clock.now(), self._clock.monotonic())

    def _now(self) -> Time:
        """Return the time of the clock in use."""
        if self._anchor is None:
            return self._clock.now()
        wall, monotonic = self._anchor
        return wall + (self._clock.monotonic() - monotonic)

    def _wall_time_of(self, moment: Time, now: Time) -> Time:
        """Return the system time at `moment`."""
        jump = self._clock.now() - now if self._anchor is not None else 0.0
        return moment + jump if abs(jump) > _SMALLEST_JUMP else moment

    def _wall_offset(self) -> float:
        return self._clock.now().seconds - self._clock.monotonic()

    def _was_set_back(self) -> bool:
        """Whether the system clock is in use, and has been set back since the last call."""
        before, self._offset = self._offset, self._wall_offset()
        return self._anchor is None and self._offset < before - _SMALLEST_JUMP

    def _next_number(self) -> int:
        """Return the number of the next moment by the current time, at least half an interval after the last one."""
        number = self._passed(self._first)
        if self._moment(number) <= self._now() - _CHECK_INTERVAL:  # not one that passed before the last check
            number += 1
        if self.ticks:
            since = self._clock.monotonic() - self._ticked_at
            gap = self._moment(number + 1) - self._moment(number)
            if self._moment(number) - self._now() + since < gap / 2:
                number += 1
        return number

    def _skip_past(self, number: int) -> int:
        """Return the last number from `number` on whose moment has passed, and count those before it as skipped."""
        last = self._passed(number)
        self.skipped += last - number if self.ticks else 0
        return last

    def _passed(self, number: int) -> int:
        now = self._now()
        most = longest(self.interval)
        while now - self._moment(number + 1) >= 0:
            # A lower bound for the number, so that a start long ago takes only a few steps.
            number += max(1, int((now - self._moment(number)) / most))
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
