"""Timers: what publishes by the clock, without drift and without piling up."""

from __future__ import annotations

import asyncio
from datetime import tzinfo
from typing import Any

from zefnb.core.entity import Entity, Topic
from zefnb.core.time import Time
from zefnb.engine.actor import Actor
from zefnb.engine.registry import Registry
from zefnb.engine.runtime import Runtime
from zefnb.topics.clock import Clock
from zefnb.topics.hub import Hub, Subscriber
from zefnb.topics.moments import NAMED_INTERVALS as NAMED_INTERVALS
from zefnb.topics.moments import longest
from zefnb.topics.moments import moments as moments

SHORTEST = 0.001
LONGEST = 100 * 366 * 86_400.0
# The clock on the wall may have been put forward or back meanwhile, and nobody says so.
_CHECK_INTERVAL = 1.0
# By less it is put right all the time.
_SMALLEST_JUMP = 0.5


class _Tick:
    """One message of a timer, and whether all who were given it have handled it."""

    def __init__(self, hub: Hub, topic: Topic, content: Any) -> None:
        self._hub = hub
        self._topic = topic
        # How many messages each subscriber will have handled when it has handled this one.
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
        """Whether nobody who is still subscribed has it before him."""
        if self._marks is None:
            return False
        subscribers = self._hub.subscribers(self._topic)
        return not any(
            subscriber in subscribers and subscriber.progress.handled < mark  # type: ignore[attr-defined]
            for subscriber, mark in self._marks.items()
        )


class Timer:
    """Publishes `content` to `target` at each moment; a moment that finds its own last message unhandled is skipped.

    An interval in seconds goes by the monotonic clock, from its first moment on. A named one, and `starting_at`
    as long as it lies ahead, go by the clock on the wall, whatever that is put to.
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
    ) -> None:
        self.handle = handle
        self.interval = interval
        self.target = target
        self.content = content
        self.ticks = self.skipped = 0
        self.task: asyncio.Task[None] | None = None
        self.owner: Actor | None = None
        self._clock = clock or Clock()
        now = self._clock.now()
        # Without a start the first message comes one interval from now.
        self._first = 0 if starting_at is not None else 1
        self._moment = moments(starting_at or now, interval, zone)
        # The two clocks at one moment, from when on an interval goes by the second.
        self._anchor: tuple[Time, float] | None = None
        if starting_at is None or starting_at <= now:
            self._use_monotonic_clock()
        self._offset = self._wall_offset()
        self._ticked_at = 0.0
        self.next = self._moment(self._first)

    async def run(self, hub: Hub) -> None:
        """Tick until cancelled."""
        number = self._skip_past(self._first)
        if number > self._first:
            number += 1  # its own moment went by before anybody had started it
        last: _Tick | None = None
        while True:
            # Of several that a jump or a busy loop has let go by, one message is enough.
            number = self._skip_past(await self._reach(number))
            self._use_monotonic_clock()
            if last is not None and not last.is_handled:
                self.skipped += 1
            else:
                self.ticks += 1
                self._ticked_at = self._clock.monotonic()
                last = _Tick(hub, self.target, self.content)
            number += 1

    async def _reach(self, number: int) -> int:
        """Wait for a moment. Returns its number, which is another where the clock was put back meanwhile."""
        while True:
            now = self._now()
            self.next = self._wall_time_of(self._moment(number), now)
            wait = self._moment(number) - now
            if wait <= 0:
                return number
            await self._clock.sleep(min(wait, _CHECK_INTERVAL))
            if self._was_set_back():
                number = self._next_number()

    def _use_monotonic_clock(self) -> None:
        """From now on an interval in seconds goes by the monotonic clock."""
        if self._anchor is None and not isinstance(self.interval, str):
            self._anchor = (self._clock.now(), self._clock.monotonic())

    def _now(self) -> Time:
        """The time by the clock that counts."""
        if self._anchor is None:
            return self._clock.now()
        wall, monotonic = self._anchor
        return wall + (self._clock.monotonic() - monotonic)

    def _wall_time_of(self, moment: Time, now: Time) -> Time:
        """What the clock on the wall will show at `moment`."""
        jump = self._clock.now() - now if self._anchor is not None else 0.0
        return moment + jump if abs(jump) > _SMALLEST_JUMP else moment

    def _wall_offset(self) -> float:
        return self._clock.now().seconds - self._clock.monotonic()

    def _was_set_back(self) -> bool:
        """Whether the clock on the wall was put back since this was asked last, and counts."""
        before, self._offset = self._offset, self._wall_offset()
        return self._anchor is None and self._offset < before - _SMALLEST_JUMP

    def _next_number(self) -> int:
        """Which moment is next by the clock as it is now, none twice within half of an interval."""
        number = self._passed(self._first)
        if self._moment(number) <= self._now() - _CHECK_INTERVAL:  # not one that came while nobody looked
            number += 1
        if self.ticks:
            since = self._clock.monotonic() - self._ticked_at
            gap = self._moment(number + 1) - self._moment(number)
            if self._moment(number) - self._now() + since < gap / 2:
                number += 1
        return number

    def _skip_past(self, number: int) -> int:
        """The last number whose moment has gone by, if `number` has; those before it are counted as skipped."""
        last = self._passed(number)
        self.skipped += last - number if self.ticks else 0
        return last

    def _passed(self, number: int) -> int:
        now = self._now()
        most = longest(self.interval)
        while now - self._moment(number + 1) >= 0:
            # Never too far, so a start long ago costs a few steps, not one for each hour since.
            number += max(1, int((now - self._moment(number)) / most))
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


class Timers(Registry[Timer]):
    """The timers that run: a service of the runtime."""

    listed_by = "FX.ListTimers()"

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self.clock = Clock()

    def start(self, timer: Timer, hub: Hub) -> None:
        """Let `timer` tick."""
        self.add(timer)
        timer.task = self._runtime.spawn(timer.run(hub), f"{timer.handle!r}")

    def stop(self, handle: Entity) -> None:
        """End a timer; `NotRunning` when there is none of that handle."""
        timer = self.get(handle)
        self.forget(handle)
        if timer.task is not None:
            timer.task.cancel()
        if timer.owner is not None:
            timer.owner.disown(handle)

    def close(self) -> None:
        """End all of them."""
        for timer in self:
            self.stop(timer.handle)
