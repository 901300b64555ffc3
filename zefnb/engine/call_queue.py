"""The call queue: the one ordered queue by which other threads reach the loop."""

from __future__ import annotations

import contextlib
import contextvars
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from zefnb.core.size import SizeEstimate
from zefnb.engine.iteration_loop import IterationLoop
from zefnb.engine.tally import Tally
from zefnb.engine.waker import Waker, thread_waker
from zefnb.errors import Interrupted

Call = tuple[Callable[..., Any], tuple[Any, ...]]

MAX_CALLS_PER_ITERATION = 256
_PAUSE_LIMIT = 4_096
# Bytes of published content. A client's backlog may get this much more before publishers wait for the client.
PAUSE_BYTES = 4 << 20
# The unit in which these bytes are counted. Smaller content is not counted, since `_PAUSE_LIMIT` is enough for it.
COUNTED_BYTES = 1_024
# Seconds without a reply of the loop after which publishers no longer wait for it.
_STALL_TIMEOUT = 1.0


def _do_nothing() -> None:
    """A call that only wakes the loop."""


class CallQueue:
    """Calls from other threads, made on the loop in the order in which they were put.

    There is no lock. A signal handler, a `__del__` or a trace function can run between any two bytecodes of `put`, in
    the same thread, and put a call of its own. With a lock, it would wait for ever for its own thread.

    Instead, the loop numbers its sleeps, and the first `put` during a sleep wakes it. The order of these steps makes
    sure that no call is lost:

    - `put` appends the call and then reads the number of the sleep; the loop begins a new sleep and then reads the
      queue. The later of the two sees the change of the other.
    - `put` wakes the loop and then stores the number. If it is interrupted in between, or another thread stores an
      older number, the only effect is one spurious wake-up.
    - An exception from a signal handler, such as Ctrl-C's, can interrupt `put` after the append and before the
      wake-up, so that `put` then wakes the loop before it raises.
    """

    def __init__(self, loop: IterationLoop, on_error: Callable[[BaseException], None]) -> None:
        self._loop = loop
        self._on_error = on_error
        self._calls: deque[Call] = deque()
        # Results of handlers that need not wait for content of publishers.
        self._results: deque[Call] = deque()
        # The number of the sleep is changed only by the loop; any thread stores the sleep from which it woke it.
        self._sleep = 1
        self._woken_sleep = 0
        self._is_scheduled = self._is_spent = False
        # Units of content: put so far, by any thread, and taken so far, by the loop.
        self._put_units = Tally()
        self._taken_units = 0
        self.sizes = SizeEstimate()
        # Whether `is_paused` may be true: a quicker check. It may be false for a moment although content waits.
        self.may_be_paused = False
        self._waiting_callers: set[Waker] = set()
        self._pause_sources: set[object] = set()
        loop.on_wake = self._on_wake

    def put(self, call: Callable[..., Any], *args: Any) -> None:
        """Call `call(*args)` on the loop. For any thread, signal handler or finalizer; never waits."""
        try:
            calls = self._calls
            calls.append((call, args))
            sleep = self._sleep
            if self._woken_sleep != sleep:
                self._wake()
                self._woken_sleep = sleep
            if len(calls) >= _PAUSE_LIMIT:
                self.may_be_paused = True
        except Interrupted:
            raise
        except BaseException:
            self._wake()
            raise

    def put_result(self, call: Callable[..., Any], *args: Any) -> None:
        """As `put`, but before the waiting calls. For the result of a handler that has published nothing itself.

        Otherwise the clients of an actor would wait for everything that a cell publishes at once.
        """
        self._results.append((call, args))
        self.put(_do_nothing)  # it wakes the loop

    def put_content(self, size: int, call: Callable[..., Any], *args: Any) -> None:
        """As `put`, for a call that delivers content of about `size` bytes."""
        units = size // COUNTED_BYTES
        if not units:
            self.put(call, *args)
            return
        self.put(self._take_content, units, call, args)
        # Last: an exception of a signal handler in between leaves too much room, and not too little for ever.
        self._put_units.add(units)
        self.may_be_paused = True

    def _take_content(self, units: int, call: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._taken_units += units
        call(*args)

    def _wake(self) -> None:
        try:  # noqa: SIM105  (`suppress` takes longer)
            self._loop.wake()
        except RuntimeError:
            pass  # some loops raise it when they are closed
        if self._loop.is_closed():
            raise Interrupted("the runtime has been closed")

    def _on_wake(self) -> None:
        if not self._is_scheduled:
            # In a new context: calls of several threads share the iteration, and must not share `current_owner`.
            contextvars.Context().run(self._drain)

    def _drain(self) -> None:
        self._is_scheduled = False
        calls, results = self._calls, self._results
        if results:
            self._make(results)
        self._make(calls)
        if not calls:
            self.may_be_paused = bool(self._pause_sources)
            if not results:
                self._sleep += 1
        if calls or results:
            self._is_scheduled = True
            self._loop.call_soon(self._drain)
        if self._waiting_callers:
            self._resume_callers()

    def _make(self, calls: deque[Call]) -> None:
        # Bounded, so that a busy caller cannot starve the sockets.
        for _ in range(min(len(calls), MAX_CALLS_PER_ITERATION)):
            call, args = calls.popleft()
            try:
                call(*args)
            except BaseException as error:  # an exception of user code must not stop the following calls
                self._on_error(error)
            if self._is_spent:
                self._is_spent = False
                break

    def end_iteration(self) -> None:
        """Make the calls after the current one in the next iteration. For a call that stands for many."""
        self._is_spent = True

    @property
    def is_paused(self) -> bool:
        """Whether publishers outside the loop should wait."""
        if len(self._calls) >= _PAUSE_LIMIT or self._pause_sources:
            return True
        return self.may_be_paused and self.waiting_bytes >= PAUSE_BYTES

    @property
    def _must_wait(self) -> bool:
        """Whether paused callers must still wait: until the queue has capacity and no client is slow."""
        is_long = len(self._calls) >= _PAUSE_LIMIT // 2 or self.waiting_bytes >= PAUSE_BYTES // 2
        return is_long or bool(self._pause_sources)

    def _resume_callers(self) -> None:
        """Wake the paused publishers, unless they must still wait."""
        if not self._must_wait:
            # `copy` is atomic; iterating over the set itself could fail while another thread changes it.
            for waker in self._waiting_callers.copy():
                waker.wake()

    def wait_for_capacity(self) -> None:
        """Wait while the loop or slow clients are behind the publishers. For threads other than the loop's.

        It stops waiting for a loop that does not respond: the loop may wait for a lock that the calling thread holds,
        such as the lock of a logging handler that publishes.
        """
        waker, check = thread_waker(), _LoopCheck(self._loop)
        try:
            while self._must_wait and check.is_responsive and not self._loop.is_closed():
                # Added each time: a signal handler in this thread may have waited here and removed it.
                self._waiting_callers.add(waker)
                waker.wait()
        finally:
            self._waiting_callers.discard(waker)

    def pause_for(self, source: object) -> None:
        """Pause the publishers of other threads until `resume_for(source)`; a source is a set of slow clients."""
        self._pause_sources.add(source)
        self.may_be_paused = True

    def resume_for(self, source: object) -> None:
        """End the pause for `source`."""
        self._pause_sources.discard(source)
        self._resume_callers()

    @property
    def waiting(self) -> int:
        """The number of calls that wait for the loop."""
        return len(self._calls)

    @property
    def waiting_bytes(self) -> int:
        """The bytes of the content that waits for the loop, without small content."""
        return (self._put_units.count - self._taken_units) * COUNTED_BYTES


class _LoopCheck:
    """Whether the loop responds: once a second it is sent a call that replies."""

    def __init__(self, loop: IterationLoop) -> None:
        self._loop = loop
        self._has_replied = True
        self._next_check = time.monotonic()

    @property
    def is_responsive(self) -> bool:
        """Whether the loop has replied to the last call."""
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
