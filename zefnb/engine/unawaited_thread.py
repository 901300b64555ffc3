"""Unawaited threads: the loop starts them without waiting until they run.

A new thread may run a finalizer before `start` returns. A finalizer that performs an effect waits for the loop, so that
the loop must not wait for the thread.
"""

from __future__ import annotations

import threading
from typing import Any


class _NotAwaited(threading.Event):
    """The event by which `threading.Thread.start` waits for the new thread."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


class UnawaitedThread(threading.Thread):
    """A daemon thread whose `start` does not wait. It cannot be joined before it runs."""

    def __init__(self, **options: Any) -> None:
        super().__init__(daemon=True, **options)
        self._started = _NotAwaited()
