"""The replay: it publishes the messages of a source when they are due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from zefnb.core.entity import Entity, Topic
from zefnb.engine.actor import Actor
from zefnb.engine.behaviour import OpBehaviour
from zefnb.engine.loop import ITERATION_BUDGET
from zefnb.engine.runtime import Runtime
from zefnb.replay.moment import ByRate, Pace
from zefnb.replay.reader import Due, Reader
from zefnb.replay.source import Source
from zefnb.topics.hub import Hub

State = Literal["running", "ended", "stopped", "failed"]
# Publishes one message, and returns an awaitable if it takes time.
Publish = Callable[[Any], Awaitable[Any] | None]

# Seconds. A message that is due sooner is published now: a loop's timers are up to 1 ms late, so it sleeps shorter.
_SOON = 0.0005
# Seconds. A replay that is later than this continues from now, instead of publishing what it has missed at once.
MOST_LATE = 1.0
# Messages after which it checks the subscribers again. Their mailboxes are full with 256.
_CHECK_AFTER = 64
_POLL = 0.005


class Replay:
    """Publishes to `target`. Used on the loop only."""

    def __init__(self, runtime: Runtime, handle: Entity, target: Topic, publish: Publish) -> None:
        self.handle = handle
        self.target = target
        self.published = 0
        self.position = 0
        self.total: int | None = None
        self.loops = False
        self.rate: float | None = None
        self.state: State = "running"
        self.error: BaseException | None = None
        # The actor whose effects started the replay, and the one that stands for it while its source is read.
        self.owner: Actor | None = None
        self.reads_as = Actor(runtime, OpBehaviour(_nothing, _no_effects), None, handle)
        self.on_end: Callable[[], None] | None = None
        self.on_finished: Callable[[], None] | None = None
        self.finished: asyncio.Future[None] = runtime.loop.create_future()
        self._runtime = runtime
        self._publish = publish
        self._task: asyncio.Task[None] | None = None
        self._start: float | None = None
        self._began = time.monotonic()
        self._took: float | None = None
        self._slice_end = 0.0
        self._since_check = 0

    def start(self, source: Source, pace: Pace, *, loop: bool) -> None:
        """Publish from now on."""
        self.total, self.loops = source.total, loop
        reader = Reader(self._runtime, self.reads_as, source, pace, loop=loop)
        self.rate = pace.rate if isinstance(pace, ByRate) else None
        rate = self.rate if source.is_iterator else None
        self._task = self._runtime.loop.create_task(self._run(reader, rate), name=repr(self.handle))
        self._task.add_done_callback(lambda task: self._ended(task, reader))

    def stop(self) -> None:
        """Publish no more."""
        if self.state == "running":
            self.state = "stopped"
        if self._task is not None:
            self._task.cancel()

    def _ended(self, task: asyncio.Task[None], reader: Reader) -> None:
        reader.close()
        self._took = time.monotonic() - self._began
        if self.state == "running":
            self.state = "stopped" if task.cancelled() else "failed" if self.error is not None else "ended"
        self.reads_as.end()
        for call in (self.on_end, self.on_finished):
            if call is not None:
                call()
        if not self.finished.done():
            self.finished.set_result(None)

    async def _run(self, reader: Reader, rate: float | None) -> None:
        try:
            if rate is None:
                await self._publish_each(reader)
            else:
                await self._publish_at_rate(reader, rate)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # a source may also raise SystemExit
            self.error = error
            name = f"{self.handle!r}, message {reader.number + 1:,} of its source"
            self._runtime.journal.exception(name, error, actor=self.handle)

    async def _publish_each(self, reader: Reader) -> None:
        """Publish messages that are read ahead, and so have no effect on the pauses."""
        while (due := await reader.next()) is not None:
            await self._reach(due.moment)
            await self._send(due)

    async def _publish_at_rate(self, reader: Reader, rate: float) -> None:
        """Publish messages that are read when they are due, since an iterator may read a sensor."""
        number = 0
        while True:
            moment = number / rate
            await self._reach(moment)
            assert self._start is not None
            late = int((time.monotonic() - self._start - moment) * rate)
            due = await reader.next(1 + max(late, 0))
            if due is None:
                return
            self._forgive(moment)
            await self._send(due)
            number += 1

    async def _reach(self, moment: float) -> None:
        """Wait until a moment."""
        now = time.monotonic()
        if self._start is None:
            self._start = now
        wait = self._start + moment - now
        if wait > _SOON:
            while wait > _SOON:
                await asyncio.sleep(wait - _SOON)
                wait = self._start + moment - time.monotonic()
            await self._wait_for_capacity()
        elif now > self._slice_end or self._since_check >= _CHECK_AFTER:
            await asyncio.sleep(0)
            await self._wait_for_capacity()
        self._forgive(moment)

    def _forgive(self, moment: float) -> None:
        """If it is too late for `moment`, let the later ones be as late."""
        assert self._start is not None
        late = time.monotonic() - self._start - moment
        if late > MOST_LATE and moment:
            self._start += late

    async def _wait_for_capacity(self) -> None:
        """Wait until the earlier messages are delivered and subscribers have capacity."""
        hub, queue = self._runtime.service(Hub), self._runtime.call_queue
        delivered: asyncio.Future[None] = self._runtime.loop.create_future()
        hub.after_delivery(lambda: None if delivered.done() else delivered.set_result(None))
        await delivered
        while queue.is_paused or hub.are_congested((self.target,)):
            await asyncio.sleep(_POLL)
        self._slice_end, self._since_check = time.monotonic() + ITERATION_BUDGET, 0

    async def _send(self, due: Due) -> None:
        waits = self._publish(due.content)
        self.published += 1
        self._since_check += 1
        self.position = due.number
        if waits is not None:
            await waits

    @property
    def progress(self) -> str:
        """The progress as a short text, such as '12 of 300'."""
        if self.total is None or self.loops:
            return f"{self.published:,}"
        return f"{self.position:,} of {self.total:,}"

    def describe(self) -> dict[str, Any]:
        """Return the replay as a dict."""
        return {
            "replay": self.handle,
            "target": self.target,
            "published": self.published,
            "position": self.position,
            "total": self.total,
            "state": self.state,
            "elapsed": time.monotonic() - self._began if self._took is None else self._took,
        }


def _nothing(message: Any) -> None:
    """The op of the actor that stands for a replay; it is never called."""


def _no_effects(result: Any) -> tuple[()]:
    return ()
