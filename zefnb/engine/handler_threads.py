"""Handler threads: they run users' plain functions, so that none of them blocks the loop.

One thread takes the jobs from a queue. If a call exceeds 10 ms, a watchdog on the loop starts a replacement for the
queue, and helpers if several calls are slow. The slow call runs to its end in its own thread: a slow handler delays
only its own actor.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from zefnb.core.function import ZefFunction, name_of
from zefnb.engine.call_queue import CallQueue
from zefnb.engine.process_locale import locale_now, restore_locale
from zefnb.engine.unawaited_thread import UnawaitedThread
from zefnb.engine.waker import Waker, make_waker
from zefnb.errors import Interrupted
from zefnb.text.short_repr import short_repr

SLOW_AFTER = 0.010
# HTTP handlers use at most 64 (net/http/thread_share.py) and functions of databases 32 (store/thread_share.py), so that
# the others are left for actors.
MOST_THREADS = 128
# Seconds of waiting that are not reported, since short waits are normal.
_REPORT_AFTER = 0.25
_TICK = 0.005

Done = Callable[[Any, BaseException | None], None]
Job = tuple[Callable[..., Any], tuple[Any, ...], Done]


class _Worker(UnawaitedThread):
    """A thread that runs jobs. Once replaced, it ends as soon as no jobs wait."""

    def __init__(self, threads: HandlerThreads, replaced: bool = False) -> None:
        super().__init__(name="zefnb-handlers")
        self._threads = threads
        self.replaced = replaced
        self.busy_since: float | None = None
        self.job: Job | None = None
        self.waker: Waker | None = None  # made when the thread first waits, since it needs two descriptors
        self.is_waiting = False

    def is_slow(self, now: float) -> bool:
        """Whether the running call has exceeded `SLOW_AFTER`."""
        since = self.busy_since
        return since is not None and now - since > SLOW_AFTER

    def run(self) -> None:
        try:
            self._take_jobs()
            self._threads.call_queue.put(self._threads.worker_ended, self)
        except Interrupted:
            pass  # the runtime has been closed during a job, and its result is not needed

    def _take_jobs(self) -> None:
        jobs, put = self._threads.jobs, self._threads.call_queue.put
        locale = locale_now()
        while True:
            if not jobs:
                if not self._wait_for_job():
                    break
                locale = locale_now()  # the notebook may have changed it meanwhile
            try:
                job = jobs.popleft()
            except IndexError:
                continue  # another thread took the job, or the wake-up was spurious
            if job is None:
                break
            call, args, done = job
            self.job = job
            self.busy_since = time.monotonic()
            try:
                result, error = call(*args), None
            except BaseException as raised:  # also SystemExit, which must not end the thread
                result, error = None, raised
            self.busy_since = self.job = None
            if locale_now() != locale:
                put(self._threads.locale_restored, _name_of(job), restore_locale(locale))
            if self._threads.call_queue.may_be_paused and _has_not_published(args):
                self._threads.call_queue.put_result(self._threads.finished, done, result, error)
            else:
                put(self._threads.finished, done, result, error)
            del job, call, args, done, result, error

    def _wait_for_job(self) -> bool:
        """Wait for a job. Returns false if the thread has been replaced: only one thread waits, and the others end."""
        if self.replaced:
            return False
        if self.waker is None:
            self.waker = make_waker()
        self.is_waiting = True
        # Checked again, now that the loop can see that the thread waits.
        if not self._threads.jobs and not self.replaced:
            self.waker.wait()
        self.is_waiting = False
        return True

    def wake(self) -> None:
        """Wake the thread, if it waits for jobs."""
        self.is_waiting = False
        if self.waker is not None:
            self.waker.wake()


class HandlerThreads:
    """Runs jobs in threads and returns each result on the loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        call_queue: CallQueue,
        on_full: Callable[[str], None] = lambda text: None,
        on_locale: Callable[[str, str], None] = lambda name, found: None,
    ) -> None:
        self.jobs: deque[Job | None] = deque()
        self.call_queue = call_queue
        self._loop = loop
        self._outstanding = 0
        self._current: _Worker | None = None
        self._workers: set[_Worker] = set()
        self._watching = False
        self._on_full = on_full
        # Called with a handler's name and the locale that it set, after the locale has been restored.
        self.locale_restored = on_locale
        # Since when jobs wait while every thread is busy; `_has_reported` if the journal has an entry for it.
        self._full_since: float | None = None
        self._has_reported = False

    def submit(self, done: Done, call: Callable[..., Any], *args: Any) -> None:
        """Call `call(*args)` in a handler thread, then `done(result, error)` on the loop. From the loop."""
        current = self._current or self._replace()
        self._outstanding += 1
        self.jobs.append((call, args, done))
        if current.is_waiting:
            current.wake()
        if not self._watching:
            self._watching = True
            self._loop.call_later(SLOW_AFTER, self._watch)

    def call(self, call: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Return a future for the result of `call(*args)` in a handler thread. From the loop."""
        future: asyncio.Future[Any] = self._loop.create_future()

        def done(result: Any, error: BaseException | None) -> None:
            if future.cancelled():
                return
            if error is not None:
                future.set_exception(error if isinstance(error, Exception) else RuntimeError(short_repr(error)))
            else:
                future.set_result(result)

        self.submit(done, call, *args)
        return future

    def finished(self, done: Done, result: Any, error: BaseException | None) -> None:
        """On the loop: process the result of a job."""
        self._outstanding -= 1
        done(result, error)

    def worker_ended(self, worker: _Worker) -> None:
        """On the loop: remove a thread that has ended."""
        self._workers.discard(worker)

    def _watch(self) -> None:
        current = self._current
        since = current.busy_since if current is not None else None
        if since is None and not self.jobs:
            # No job waits, even if replaced threads still run; the next job starts the watchdog again.
            self._watching = self._has_reported = False
            self._full_since = None
            return
        now = time.monotonic()
        if current is not None and current.is_slow(now) and len(self._workers) < MOST_THREADS:
            with contextlib.suppress(RuntimeError):  # the system cannot start a thread now; try again later
                self._replace()
                self._add_helpers(now)
        self._report_if_full(now)
        self._loop.call_later(_TICK, self._watch)

    def _report_if_full(self, now: float) -> None:
        """Report once that calls wait because every thread is busy, with the names of the running handlers."""
        if not self.jobs or len(self._workers) < MOST_THREADS:
            self._full_since, self._has_reported = None, False
        elif self._full_since is None:
            self._full_since = now
        elif now - self._full_since > _REPORT_AFTER and not self._has_reported:
            self._has_reported = True
            running = Counter(_name_of(job) for worker in tuple(self._workers) if (job := worker.job) is not None)
            names = ", ".join(f"{name} ({count})" for name, count in running.most_common(10))
            self._on_full(
                f"{len(self.jobs)} calls of handlers wait for a thread: all {MOST_THREADS} are used by {names}; "
                "write handlers that wait as async def, which needs no thread"
            )

    def _replace(self) -> _Worker:
        old, self._current = self._current, self._start(_Worker(self))
        if old is not None:
            old.replaced = True
            old.wake()  # it may have just finished its call, and wait
        return self._current

    def _add_helpers(self, now: float) -> None:
        """Start helpers in proportion to the number of slow calls, since the waiting calls may be slow, too."""
        slow = sum([worker.is_slow(now) for worker in self._workers])
        for _ in range(min(4 * slow - 1, len(self.jobs) - 1, MOST_THREADS - len(self._workers))):
            self._start(_Worker(self, replaced=True))

    def _start(self, worker: _Worker) -> _Worker:
        worker.start()
        self._workers.add(worker)
        return worker

    @property
    def is_idle(self) -> bool:
        """Whether the results of all jobs have been processed."""
        return self._outstanding == 0

    @property
    def threads(self) -> int:
        """The number of handler threads."""
        return len(self._workers)

    def close(self) -> None:
        """End the threads without waiting for their running calls."""
        self.jobs.extend([None] * len(self._workers))
        if self._current is not None:
            self._current.wake()


def _has_not_published(args: tuple[Any, ...]) -> bool:
    """Whether the job is a call of an actor whose handler has published nothing by itself."""
    actor = getattr(args[0], "__self__", None) if args else None
    return getattr(actor, "has_published", True) is False


def _name_of(job: Job) -> str:
    """Return the name of a job's handler; for a job of an actor, of the handler that the actor has found."""
    call, args, _ = job
    for part in (call, *args):
        if isinstance(part, ZefFunction):
            return name_of(part)
        handler = getattr(part.__self__, "_handler", None) if inspect.ismethod(part) else None
        if handler is not None:
            return name_of(handler)
    in_context = inspect.isbuiltin(call) and isinstance(call.__self__, contextvars.Context)
    return name_of(args[0] if in_context else call)


def in_handler_thread() -> bool:
    """Whether the caller runs in a handler thread."""
    return isinstance(threading.current_thread(), _Worker)
