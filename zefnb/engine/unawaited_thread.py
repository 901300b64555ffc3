"""Unawaited threads: those that the loop starts, which does not wait until they run.

A new thread may run a finalizer before `start` learns that the thread runs. A finalizer that performs an effect waits
for the loop, which must not wait for the thread meanwhile.
"""

from __future__ import annotations

import threading
from typing import Any


class _NotAwaited(threading.Event):
    """The event by which `threading.Thread.start` waits for the new thread."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


class UnawaitedThread(threading.Thread):
    """A daemon thread whose `start` returns at once. It cannot be joined before it runs."""

    def __init__(self, **options: Any) -> None:
        super().__init__(daemon=True, **options)
        self._started = _NotAwaited()
