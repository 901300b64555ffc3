"""Shares of the handler threads: calls of one kind that wait, such as requests, cannot use up the actors' threads."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from zefnb.engine.runtime import Runtime

# Seconds: shorter waits are normal.
_REPORT_AFTER = 0.25


class ThreadShare:
    """The threads that one kind of function may use, shared among the functions of that kind. Used on the loop only."""

    # The kind and one of it, as the journal names them.
    kind = one = ""

    @property
    def limits(self) -> tuple[int, int]:
        """The most threads of all functions together, and of one: fewer, so that others have threads when all calls of
        one function wait.
        """
        raise NotImplementedError

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._running: Counter[str] = Counter()
        self._total = 0
        # By function; the one that has waited longest is first.
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._report_timer: asyncio.TimerHandle | None = None

    async def call(self, name: str, on_wait: Callable[[asyncio.Future[None]], None], call: Callable[..., Any]) -> Any:
        """Run `call()` in a thread, for the function `name`. Returns its result, and raises its exception.

        While all threads are in use, it waits. `on_wait` then gets the future, and may end the wait with an exception.
        """
        await self._acquire(name, on_wait)
        finished: asyncio.Future[tuple[Any, BaseException | None]] = self._runtime.loop.create_future()

        def done(result: Any, error: BaseException | None) -> None:
            # Here, not when the waiter resumes: the waiter may have been cancelled, and the thread is only free now.
            self._release(name)
            if not finished.done():
                finished.set_result((result, error))

        self._runtime.handler_threads.submit(done, call)
        result, error = await finished
        if error is not None:
            raise error
        return result

    async def _acquire(self, name: str, on_wait: Callable[[asyncio.Future[None]], None]) -> None:
        if name not in self._waiting and self._may_start(name):
            self._start(name)
            return
        slot: asyncio.Future[None] = self._runtime.loop.create_future()
        self._waiting.setdefault(name, deque()).append(slot)
        on_wait(slot)
        if self._report_timer is None:
            self._report_timer = self._runtime.loop.call_later(_REPORT_AFTER, self._report)
        try:
            await slot
        except BaseException:
            if slot.done() and not slot.cancelled() and slot.exception() is None:
                self._release(name)  # it got its thread at the moment of its cancellation
            self._forget(name, slot)
            raise

    def _may_start(self, name: str) -> bool:
        most, most_of_one = self.limits
        return self._total < most and self._running[name] < most_of_one

    def _start(self, name: str) -> None:
        self._total += 1
        self._running[name] += 1

    def _release(self, name: str) -> None:
        self._total -= 1
        self._running[name] -= 1
        if not self._running[name]:
            del self._running[name]
        self._start_next()

    def _start_next(self) -> None:
        for name in [name for name in self._waiting if self._may_start(name)]:
            slots = self._waiting[name]
            while slots and self._may_start(name):
                slot = slots.popleft()
                if not slot.done():
                    self._start(name)
                    slot.set_result(None)
            self._tidy(name)

    def _forget(self, name: str, slot: asyncio.Future[None]) -> None:
        if slot in (slots := self._waiting.get(name, deque())):
            slots.remove(slot)
        self._tidy(name)

    def _tidy(self, name: str) -> None:
        if name in self._waiting and not self._waiting[name]:
            del self._waiting[name]
        if not self._waiting and self._report_timer is not None:
            self._report_timer.cancel()
            self._report_timer = None

    def _report(self) -> None:
        """Report, once for each period of waiting, which calls wait for a thread."""
        most, most_of_one = self.limits
        waiting = ", ".join(f"{name} ({len(slots)})" for name, slots in self._waiting.items())
        holders = ", ".join(f"{name} ({count})" for name, count in self._running.most_common(10))
        text = (
            f"{self.kind} wait for a thread: {waiting}. Held by: {holders}. {self.one} may hold {most_of_one} "
            f"threads, all together {most}; one that waits for something needs none as async def"
        )
        self._runtime.journal.note("warning", text, key=f"{self.kind} wait for a thread", handler=holders)
