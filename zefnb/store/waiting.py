"""Waiting for the result of work that another thread does."""

from __future__ import annotations

import threading
from typing import Any

_SLICE = 0.1


class Waiting:
    """The result of work that a thread waits for."""

    __slots__ = ("_done", "_error", "_result")

    def __init__(self) -> None:
        self._done = threading.Lock()
        self._done.acquire()
        self._result: Any = None
        self._error: BaseException | None = None

    def done(self, result: Any, error: BaseException | None) -> None:
        """Set the result, or the error, once. In any thread."""
        self._result, self._error = result, error
        self._done.release()

    def result(self) -> Any:
        """Wait for the result, at intervals, so that Ctrl-C interrupts the wait on Windows, too."""
        while not self._done.acquire(timeout=_SLICE):
            pass
        if self._error is not None:
            raise self._error
        return self._result
