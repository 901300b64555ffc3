"""A clock that a test moves: no real waiting, and events in order."""

from __future__ import annotations

import asyncio

from zefnb import Time
from zefnb.engine.runtime import default_runtime
from zefnb.topics.clock import Clock
from zefnb.topics.hub import Hub
from zefnb.topics.timer import Timers


class MovedClock(Clock):
    """Both clocks stop until the test lets time pass, or sets the wall clock."""

    def __init__(self, wall):
        self._wall, self._monotonic = Time(wall), 1000.0
        self._sleepers = []

    def now(self):
        return self._wall

    def monotonic(self):
        return self._monotonic

    async def sleep(self, seconds):
        woken = asyncio.get_running_loop().create_future()
        sleeper = (self._monotonic + seconds, woken)
        self._sleepers.append(sleeper)
        try:
            await woken
        finally:
            self._sleepers.remove(sleeper)

    def put(self, by):
        """Put the clock on the wall forward, or with a negative number back."""
        self._wall += by

    def let_pass(self, seconds, step=1.0):
        """Let `seconds` pass, in steps of `step` at most; a sleeper wakes at its moment or at the next step."""
        asyncio.run_coroutine_threadsafe(self._pass(seconds, step), default_runtime().loop).result(60)

    async def _pass(self, seconds, step):
        await _everything_else()
        end = self._monotonic + seconds
        while self._monotonic < end - 1e-9:
            due = min([when for when, _ in self._sleepers if when > self._monotonic] or [end])
            to = min(end, max(due, self._monotonic + step) if step > 1 else due)
            self._wall += to - self._monotonic
            self._monotonic = to
            for when, woken in self._sleepers:
                if when <= to + 1e-9 and not woken.done():
                    woken.set_result(None)
            await _everything_else()


async def _everything_else():
    """Let all tasks that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


class Heard:
    """Return the wall-clock times of the messages of a topic."""

    def __init__(self, topic, clock):
        self.at = []
        self._clock = clock
        asyncio.run_coroutine_threadsafe(self._listen(topic), default_runtime().loop).result(20)

    async def _listen(self, topic):
        default_runtime().service(Hub).subscribe(topic, self, "test")

    def deliver(self, content):
        self.at.append(self._clock.now())


def use(clock):
    """Let timers that start from now on use `clock`; return the previous clock."""
    timers = default_runtime().service(Timers)
    before, timers.clock = timers.clock, clock
    return before
