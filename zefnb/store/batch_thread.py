"""The batch thread: one thread that takes the waiting work as one batch, in the order of submission."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any

from zefnb.engine.worker_thread import WorkerThread
from zefnb.store.store import Done, Work

MOST_IN_BATCH = 1_000

Job = tuple[Work[Any], Done]
# The result of work, or its error.
Outcome = tuple[Any, BaseException | None]


class BatchThread:
    """Calls `perform(jobs)` in its thread with the waiting work, and `finish()` after the last batch.

    Work that is submitted after `close` fails with the error that `refusal` returns.
    """

    def __init__(
        self,
        name: str,
        perform: Callable[[list[Job]], None],
        refusal: Callable[[], Exception],
        finish: Callable[[], None] = lambda: None,
    ) -> None:
        self._perform = perform
        self._refusal = refusal
        self._finish = finish
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        # There is no lock, since a finalizer may interrupt any method, in the same thread, and call it, too.
        self._is_closed = self._has_ended = False
        self._thread = WorkerThread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Work[Any], done: Done) -> None:
        """Submit `work`; `done(result, error)` is called in the thread when it is complete."""
        if self._is_closed:
            raise self._refusal()
        self._jobs.put((work, done))
        if self._has_ended:
            self._refuse_rest()

    def close(self) -> None:
        """Complete the submitted work."""
        self._is_closed = True
        self._jobs.put(None)
        if threading.current_thread() is not self._thread:  # a finalizer may run in it
            self._thread.join()

    def _refuse_rest(self) -> None:
        """Report the refusal for work that was submitted while the thread was ending."""
        with contextlib.suppress(queue.Empty):
            while True:
                job = self._jobs.get_nowait()
                if job is not None:
                    job[1](None, self._refusal())

    def _run(self) -> None:
        is_open = True
        while is_open:
            batch = [self._jobs.get()]
            while len(batch) < MOST_IN_BATCH and batch[-1] is not None and not self._jobs.empty():
                batch.append(self._jobs.get())
            is_open = batch[-1] is not None
            if jobs := [job for job in batch if job is not None]:
                self._perform(jobs)
            del batch, jobs
        self._finish()
        # `submit` reads this after it has queued its work: earlier work is refused here, later work there.
        self._has_ended = True
        self._refuse_rest()
