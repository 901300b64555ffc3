"""A lock that a holder which waits for the loop lends to the loop.

A signal handler, a `__del__` or a trace function can run while its thread holds the lock, and wait for an effect. If
the effect needs the lock, the loop would wait for ever. Code in the same thread can enter a reentrant lock anyway. The
loop may enter it as well: the holder waits for it, and does nothing meanwhile.
"""

from __future__ import annotations

import sys
import threading
from types import FrameType

from zefnb.engine.runtime import is_waiting_for_loop

# Holders that do not wait for the loop usually release the lock within this time.
_WAIT_INTERVAL = 0.02


class LentLock:
    """A reentrant lock, used as `with lock:`.

    >>> lock = LentLock()
    >>> with lock, lock:
    ...     print('inside twice')
    inside twice
    """

    __slots__ = ("_borrowed", "_borrowers", "_holder", "_lock")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._holder = 0
        # Held by the thread that borrows the lock; the dict counts how often that thread has entered.
        self._borrowers = threading.RLock()
        self._borrowed: dict[int, int] = {}

    def __enter__(self) -> None:
        if self._lock.acquire(blocking=False) or self._wait():
            self._holder = threading.get_ident()

    def __exit__(self, *_: object) -> None:
        if self._borrowed and (this_thread := threading.get_ident()) in self._borrowed:
            self._borrowed[this_thread] -= 1
            if not self._borrowed[this_thread]:
                del self._borrowed[this_thread]
            self._borrowers.release()
        else:
            self._lock.release()

    def _wait(self) -> bool:
        """Wait for the lock. Returns false if it was lent instead."""
        while not self._lock.acquire(timeout=_WAIT_INTERVAL):
            if self._is_lent():
                this_thread = threading.get_ident()
                self._borrowers.acquire()
                self._borrowed[this_thread] = self._borrowed.get(this_thread, 0) + 1
                return False
        return True

    def _is_lent(self) -> bool:
        """Whether the holder waits for the loop; it may have been interrupted before it stored `_holder`."""
        for thread, frame in sys._current_frames().items():
            if is_waiting_for_loop(frame) and (thread == self._holder or self._is_used_by(frame)):
                return True
        return False

    def _is_used_by(self, frame: FrameType | None) -> bool:
        while frame is not None:
            if frame.f_code in _METHODS and frame.f_locals.get("self") is self:
                return True
            frame = frame.f_back
        return False


_METHODS = (LentLock.__enter__.__code__, LentLock.__exit__.__code__)
