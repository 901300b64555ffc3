"""Published messages for whose acceptance callers wait, at most for some seconds.

A caller is called when its message is accepted. It needs no task, and all callers share one timer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any

from zefnb.cluster.send_queue import Message, SendQueue
from zefnb.core.effect import Effect
from zefnb.core.entity import Success
from zefnb.engine.begun import Begun
from zefnb.engine.perform import SUCCESS

RUN_TIMEOUT = 9.5


class Publishing(Begun):
    """A message for whose acceptance a caller waits."""

    def __init__(
        self,
        waiting: WaitingCallers,
        message: Message,
        cause: Any,
        begin_next: Callable[[Effect, Any], Publishing | None],
    ) -> None:
        self._waiting = waiting
        self._cause = cause
        self._begin_next = begin_next
        self._next: Publishing | None = None
        self._call: Callable[[Any, Exception | None], None] | None = None
        self._error: Exception | None = None
        self.message = message
        self.is_complete = False
        self.deadline = waiting.add(self)

    def __await__(self) -> Generator[Any, Any, Success]:
        if not self.is_complete:  # as most messages of a list are, when those before them are
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._call = lambda value, error: self._waiting.wake(waiter)
            try:
                yield from waiter.__await__()
            except BaseException:
                self.close()
                raise
        if self._error is not None:
            raise self._error
        return SUCCESS

    def call_when_complete(self, call: Callable[[Any, Exception | None], None]) -> None:
        if self.is_complete:
            call(SUCCESS, self._error)
        else:
            self._call = call

    def begin_next(self, effect: Effect) -> Publishing | None:
        self._next = self._begin_next(effect, self._cause)
        return self._next

    def end(self, error: Exception | None = None) -> None:
        """The outcome is known, and its caller is called."""
        if self.is_complete:
            return
        self.is_complete, self._error = True, error
        self._waiting.discard(self)
        if self._call is not None:
            self._call(SUCCESS, error)
            self._call = None

    def close(self) -> None:
        self._withdraw()
        self.close_following()

    def close_following(self) -> int:
        """Withdraw the messages after it in the list. Returns the number of those that have been sent."""
        count, following = 0, self._next
        while following is not None:
            count += not following._withdraw()
            following = following._next
        self._next = None
        return count

    def _withdraw(self) -> bool:
        """The caller does not wait any more. Returns whether it is certain that no subscriber receives the message."""
        if self._error is not None:
            return True
        self._call = None
        self.end()
        return self._waiting.queue.withdraw(self.message)


class WaitingCallers:
    """The messages of `queue` for which callers wait, in the order of their deadlines."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, queue: SendQueue, on_timeout: Callable[[Publishing], None]
    ) -> None:
        self._loop = loop
        self._on_timeout = on_timeout
        self._publishings: dict[Publishing, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.queue = queue
        # Whether coroutines have been woken since this was last reset.
        self.has_woken = False

    def add(self, publishing: Publishing) -> float:
        """Add one. Returns its deadline."""
        self._publishings[publishing] = None
        deadline = self._loop.time() + RUN_TIMEOUT
        if self._timer is None:
            self._timer = self._loop.call_at(deadline, self._check)
        return deadline

    def wake(self, waiter: asyncio.Future[None]) -> None:
        """Continue a coroutine in the next iteration."""
        self.has_woken = True
        if not waiter.done():
            waiter.set_result(None)

    def discard(self, publishing: Publishing) -> None:
        """Remove one, which is complete."""
        self._publishings.pop(publishing, None)

    def _check(self) -> None:
        """End the waits that are due. The timer is not set again for each message, but for the oldest one of then."""
        self._timer = None
        for publishing in list(self._publishings):
            if publishing.deadline > self._loop.time():
                self._timer = self._loop.call_at(publishing.deadline, self._check)
                return
            if not publishing.is_complete:  # it was in the list of one before it
                self._on_timeout(publishing)

    def close(self) -> None:
        """No caller waits any more."""
        if self._timer is not None:
            self._timer.cancel()
