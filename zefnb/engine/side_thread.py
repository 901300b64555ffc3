"""Side threads: calls that may block are made in a separate thread, in order, and the loop does not wait for them.

A logging handler holds a lock while it handles a record. If it runs an effect, it waits for the loop and still holds
that lock, so a loop that logged by itself could wait for it for ever. A write to a stream blocks while its pipe is
full, or while another thread holds its lock.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import time
from collections.abc import Callable

from zefnb.engine.unawaited_thread import UnawaitedThread

# The most calls that wait. Callers refuse more, or drop and count them.
MOST_WAITING = 10_000
_POLL = 0.002
# Seconds without a call after which the thread ends.
_IDLE_TIMEOUT = 0.2


class SideThread:
    """A thread that makes calls in order; they must not raise. It ends when there has been no call for a while.

    A finalizer or a signal handler may interrupt any line here and put a call, so no line waits for a lock.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._at_work = threading.Lock()

    def put(self, call: Callable[[], None]) -> None:
        """Call `call` in the thread."""
        self._calls.put(call)
        self._begin()

    def off_loop(self, call: Callable[[], None]) -> bool:
        """Make `call`: here, or where a loop runs in this thread, in the side thread.

        Returns false, and makes no call, when `MOST_WAITING` calls wait there.
        """
        if asyncio._get_running_loop() is None:
            call()
        elif self.is_full:
            return False
        else:
            self.put(call)
        return True

    @property
    def waiting(self) -> int:
        """The number of calls that wait."""
        return self._calls.qsize()

    @property
    def is_full(self) -> bool:
        """Whether `MOST_WAITING` calls wait."""
        return self.waiting >= MOST_WAITING

    def _begin(self) -> None:
        """Start the thread, unless it is running."""
        if not self._at_work.acquire(blocking=False):
            return
        try:
            UnawaitedThread(target=self._work, name=self._name).start()
        except RuntimeError:  # no thread is available: the next call, or `flush`, tries again
            self._at_work.release()

    def _work(self) -> None:
        try:
            while True:
                self._calls.get(timeout=_IDLE_TIMEOUT)()
        except queue.Empty:
            pass
        finally:
            self._at_work.release()
        if not self._calls.empty():
            self._begin()

    def flush(self, end: float) -> None:
        """Wait until everything is done, until `end` (`time.monotonic`) at most. Not on the loop."""
        if not self._at_work.locked() and self._calls.empty():
            return
        done = threading.Event()
        self.put(done.set)
        while not done.wait(_POLL) and time.monotonic() < end:
            self._begin()

    def reset(self) -> None:
        """In a forked child: there is no thread."""
        self._at_work, self._calls = threading.Lock(), queue.SimpleQueue()


LOGGING = SideThread("zefnb-log")
PRINTING = SideThread("zefnb-print")
# Texts of values of the program for tables. Nothing waits for them, since a `__repr__` may take any time.
TEXTS = SideThread("zefnb-text")


def flush(timeout: float) -> None:
    """Wait until all calls have been made, for at most `timeout` seconds. Not on the loop."""
    end = time.monotonic() + timeout
    for thread in (LOGGING, PRINTING):
        thread.flush(end)


def _after_fork() -> None:
    for thread in (LOGGING, PRINTING, TEXTS):
        thread.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
