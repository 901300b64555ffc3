"""The call queue: the one ordered queue by which other threads reach the loop."""

from __future__ import annotations

import contextlib
import contextvars
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from zefnb.engine.iteration_loop import IterationLoop
from zefnb.engine.waker import Waker, thread_waker
from zefnb.errors import Interrupted

Call = tuple[Callable[..., Any], tuple[Any, ...]]

MAX_CALLS_PER_ITERATION = 256
_PAUSE_LIMIT = 4_096
# How long the loop may stand still before it no longer pauses publishers.
_STALL_TIMEOUT = 1.0


class CallQueue:
    """Calls from other threads, made on the loop in the order in which they were put.

    There is no lock. A signal handler, a `__del__`, a trace function can run between any two bytecodes of `put`, in
    the same thread, and put a call of its own: it would wait for ever for a lock that the code beneath it holds.

    Instead the loop numbers its sleeps, and whoever puts a call wakes it from the current one, once. The order of
    these steps is what keeps every call:

    - `put` appends first and looks at the number of the sleep afterwards; the loop first begins a new sleep and
      looks at the queue afterwards. Whichever comes later sees what the other has done.
    - `put` wakes first and notes the number afterwards. Interrupted in between, or overtaken by a thread that notes
      an older number, it costs one more wake-up, for nothing.
    - An exception out of a signal handler, such as Ctrl-C's, may leave a call appended and nobody woken, so on its
      way out it wakes the loop.
    """

    def __init__(self, loop: IterationLoop, on_error: Callable[[BaseException], None]) -> None:
        self._loop = loop
        self._on_error = on_error
        self._calls: deque[Call] = deque()
        # Counted by the loop alone. Noted by any thread: from which of them it has been woken.
        self._sleep = 1
        self._woken_sleep = 0
        self._is_scheduled = False
        self._waiting_callers: set[Waker] = set()
        self._pause_sources: set[object] = set()
        loop.on_wake = self._on_wake

    def put(self, call: Callable[..., Any], *args: Any) -> None:
        """Have `call(*args)` made on the loop. From any thread, signal handler or finalizer; never waits."""
        try:
            self._calls.append((call, args))
            sleep = self._sleep
            if self._woken_sleep != sleep:
                self._wake()
                self._woken_sleep = sleep
        except Interrupted:
            raise
        except BaseException:
            self._wake()
            raise

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # what some loops raise when they are closed, and others do not
            self._loop.wake()
        if self._loop.is_closed():
            raise Interrupted("the runtime has been closed")

    def _on_wake(self) -> None:
        if not self._is_scheduled:
            # In a context of its own: the calls of all threads share the turn, and none may see another's owner.
            contextvars.Context().run(self._drain)

    def _drain(self) -> None:
        self._is_scheduled = False
        calls = self._calls
        # Bounded, so that a busy caller cannot starve the sockets.
        for _ in range(min(len(calls), MAX_CALLS_PER_ITERATION)):
            call, args = calls.popleft()
            try:
                call(*args)
            except BaseException as error:  # whatever user code raises, the calls behind it are made
                self._on_error(error)
        if not calls:
            self._sleep += 1
        if calls:
            self._is_scheduled = True
            self._loop.call_soon(self._drain)
        if self._waiting_callers:
            self._resume_callers()

    @property
    def is_paused(self) -> bool:
        """Whether publishers outside the loop should wait."""
        return len(self._calls) >= _PAUSE_LIMIT or bool(self._pause_sources)

    @property
    def _must_wait(self) -> bool:
        """Whether who waits should go on waiting: until there is room again, and nobody lags."""
        return len(self._calls) >= _PAUSE_LIMIT // 2 or bool(self._pause_sources)

    def _resume_callers(self) -> None:
        """Have publishers wait no longer, if there is no reason any more."""
        if not self._must_wait:
            # A copy is made in one step; a tuple of it could meet a set that changes.
            for waker in self._waiting_callers.copy():
                waker.wake()

    def wait_for_capacity(self) -> None:
        """Wait while publishers have outrun the loop or clients that read. For other threads than ours.

        Not for a loop that stands still: it may wait for a lock that the calling thread holds, as of a handler
        of Python's logging that publishes.
        """
        waker, check = thread_waker(), _LoopCheck(self._loop)
        try:
            while self._must_wait and check.is_responsive and not self._loop.is_closed():
                self._waiting_callers.add(
                    waker
                )  # again, since a signal handler may have waited here meanwhile, and left
                waker.wait()
        finally:
            self._waiting_callers.discard(waker)

    def pause_for(self, source: object) -> None:
        """From now on `source` (slow clients that do read) pauses other threads' publishers."""
        self._pause_sources.add(source)

    def resume_for(self, source: object) -> None:
        """`source` no longer holds anybody back."""
        self._pause_sources.discard(source)
        self._resume_callers()

    @property
    def waiting(self) -> int:
        """How many calls wait for the loop."""
        return len(self._calls)


class _LoopCheck:
    """Whether the loop still turns: it is asked to say so, once a second."""

    def __init__(self, loop: IterationLoop) -> None:
        self._loop = loop
        self._has_replied = True
        self._next_check = time.monotonic()

    @property
    def is_responsive(self) -> bool:
        """Whether it has said so since it was asked last."""
        now = time.monotonic()
        if now < self._next_check:
            return True
        if not self._has_replied:
            return False
        self._has_replied, self._next_check = False, now + _STALL_TIMEOUT
        with contextlib.suppress(RuntimeError):  # closed meanwhile
            self._loop.call_soon_threadsafe(self._reply)
        return True

    def _reply(self) -> None:
        self._has_replied = True
