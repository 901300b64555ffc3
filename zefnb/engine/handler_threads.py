"""Handler threads: the threads that runs users' plain functions, so that none of them runs on the loop.

One thread drains a queue of jobs. A watchdog on the loop sees when a call exceeds 10 ms, lets a
replacement go on with the queue, with helpers where several are slow, and leaves the slow call to
finish by itself: a slow handler delays its own actor and nobody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from zefnb.core.function import ZefFunction, name_of
from zefnb.engine.call_queue import CallQueue
from zefnb.engine.process_locale import locale_now, restore_locale
from zefnb.engine.waker import Waker, make_waker
from zefnb.errors import Interrupted

SLOW_AFTER = 0.010
# HTTP handlers hold 64 at most (net/http/thread_share.py), so that actors always have as many.
MOST_THREADS = 128
# Shorter waits are everyday.
_REPORT_AFTER = 0.25
_TICK = 0.005

Done = Callable[[Any, BaseException | None], None]
Job = tuple[Callable[..., Any], tuple[Any, ...], Done]


class _Worker(threading.Thread):
    """A thread that takes jobs. Once replaced it finishes what it has, helps while jobs wait, and ends."""

    def __init__(self, threads: HandlerThreads, replaced: bool = False) -> None:
        super().__init__(name="zefnb-handlers", daemon=True)
        self._threads = threads
        self.replaced = replaced
        self.busy_since: float | None = None
        self.job: Job | None = None
        self.waker: Waker | None = None  # two descriptors, for who has to wait
        self.is_waiting = False

    def is_slow(self, now: float) -> bool:
        """Whether the call that it makes has taken too long already."""
        since = self.busy_since
        return since is not None and now - since > SLOW_AFTER

    def run(self) -> None:
        try:
            self._take_jobs()
            self._threads.call_queue.put(self._threads.worker_ended, self)
        except Interrupted:
            pass  # the runtime was closed while a job took its time: nobody waits for the answer

    def _take_jobs(self) -> None:
        jobs, put = self._threads.jobs, self._threads.call_queue.put
        locale = locale_now()
        while True:
            if not jobs:
                if not self._wait_for_job():
                    break
                locale = locale_now()  # the notebook may have set it meanwhile
            try:
                job = jobs.popleft()
            except IndexError:
                continue  # somebody else was quicker, or the waker has rung late
            if job is None:
                break
            call, args, done = job
            self.job = job
            self.busy_since = time.monotonic()
            try:
                result, error = call(*args), None
            except BaseException as raised:  # SystemExit from a handler is its fault, not our end
                result, error = None, raised
            self.busy_since = self.job = None
            if locale_now() != locale:
                put(self._threads.locale_restored, _name_of(job), restore_locale(locale))
            put(self._threads.finished, done, result, error)
            del job, call, args, done, result, error

    def _wait_for_job(self) -> bool:
        """Wait for a job, which only one thread does at a time; the others go home when there is none."""
        if self.replaced:
            return False
        if self.waker is None:
            self.waker = make_waker()
        self.is_waiting = True
        # Looked at again, now that the loop can see that somebody waits.
        if not self._threads.jobs and not self.replaced:
            self.waker.wait()
        self.is_waiting = False
        return True

    def wake(self) -> None:
        """Have it look for jobs, if it waits."""
        self.is_waiting = False
        if self.waker is not None:
            self.waker.wake()


class HandlerThreads:
    """Runs jobs in a thread and hands each answer back on the loop."""

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
        # Called with a handler's name and the locale that it left, which has been set back.
        self.locale_restored = on_locale
        # Since when jobs wait while every thread is held; `_has_said` when that is in the journal.
        self._full_since: float | None = None
        self._has_reported = False

    def submit(self, done: Done, call: Callable[..., Any], *args: Any) -> None:
        """Have `call(*args)` made in a handler thread, then `done(answer, error)` on the loop. From the loop."""
        current = self._current or self._replace()
        self._outstanding += 1
        self.jobs.append((call, args, done))
        if current.is_waiting:
            current.wake()
        if not self._watching:
            self._watching = True
            self._loop.call_later(SLOW_AFTER, self._watch)

    def call(self, call: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """What `call(*args)` answers in a handler thread. From the loop."""
        future: asyncio.Future[Any] = self._loop.create_future()

        def done(result: Any, error: BaseException | None) -> None:
            if future.cancelled():
                return
            if error is not None:
                future.set_exception(error if isinstance(error, Exception) else RuntimeError(repr(error)))
            else:
                future.set_result(result)

        self.submit(done, call, *args)
        return future

    def finished(self, done: Done, result: Any, error: BaseException | None) -> None:
        """On the loop: one job is done."""
        self._outstanding -= 1
        done(result, error)

    def worker_ended(self, worker: _Worker) -> None:
        """On the loop: a thread has ended."""
        self._workers.discard(worker)

    def _watch(self) -> None:
        current = self._current
        since = current.busy_since if current is not None else None
        if since is None and not self.jobs:
            # Nobody waits, whatever the replaced threads are still doing; the next job watches again.
            self._watching = self._has_reported = False
            self._full_since = None
            return
        now = time.monotonic()
        if current is not None and current.is_slow(now) and len(self._workers) < MOST_THREADS:
            with contextlib.suppress(RuntimeError):  # the system gives no thread now; it is asked again
                self._replace()
                self._add_helpers(now)
        self._report_if_full(now)
        self._loop.call_later(_TICK, self._watch)

    def _report_if_full(self, now: float) -> None:
        """Tell once, for as long as it lasts, that calls wait because every thread is held, and by whom."""
        if not self.jobs or len(self._workers) < MOST_THREADS:
            self._full_since, self._has_reported = None, False
        elif self._full_since is None:
            self._full_since = now
        elif now - self._full_since > _REPORT_AFTER and not self._has_reported:
            self._has_reported = True
            running = Counter(_name_of(job) for worker in tuple(self._workers) if (job := worker.job) is not None)
            names = ", ".join(f"{name} ({count})" for name, count in running.most_common(10))
            self._on_full(
                f"{len(self.jobs)} calls of handlers wait for a thread: all {MOST_THREADS} are held by {names}; "
                "one that waits for something needs none as async def"
            )

    def _replace(self) -> _Worker:
        old, self._current = self._current, self._start(_Worker(self))
        if old is not None:
            old.replaced = True
            old.wake()  # it may have finished at this very moment, and wait
        return self._current

    def _add_helpers(self, now: float) -> None:
        """Where many calls are slow, those that wait may be so, too: to be met by several, not one by one."""
        slow = sum([worker.is_slow(now) for worker in self._workers])
        for _ in range(min(4 * slow - 1, len(self.jobs) - 1, MOST_THREADS - len(self._workers))):
            self._start(_Worker(self, replaced=True))

    def _start(self, worker: _Worker) -> _Worker:
        worker.start()
        self._workers.add(worker)
        return worker

    @property
    def is_idle(self) -> bool:
        """Whether every answer has been brought back."""
        return self._outstanding == 0

    @property
    def threads(self) -> int:
        """How many threads run handlers now."""
        return len(self._workers)

    def close(self) -> None:
        """Let the threads end; what they are doing is not waited for."""
        self.jobs.extend([None] * len(self._workers))
        if self._current is not None:
            self._current.wake()


def _name_of(job: Job) -> str:
    """What a job is called: by its handler, or by the handler that the actor whose job it is has found."""
    call, args, _ = job
    for part in (call, *args):
        if isinstance(part, ZefFunction):
            return name_of(part)
        handler = getattr(part.__self__, "_handler", None) if inspect.ismethod(part) else None
        if handler is not None:
            return name_of(handler)
    return name_of(call)


def in_handler_thread() -> bool:
    """Whether the caller is a handler's thread."""
    return isinstance(threading.current_thread(), _Worker)
